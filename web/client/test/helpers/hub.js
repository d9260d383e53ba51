/** @import { ChildProcess } from "node:child_process" */
/** @import { TestContext } from "node:test" */
/** @import { ConnectOptions, Hub } from "../../types/index.js" */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import WebSocket from "ws";

import { connect } from "../../src/index.js";

const BINARY = process.env.OPSHUB_BIN ?? fileURLToPath(new URL("../../../../target/debug/opshub", import.meta.url));
/** How long a test waits for what must come, in milliseconds. */
export const BOUND_MS = 30_000;

/** A real hub on a port of its own, with a database of its own; it can be killed and started again. */
export class TestHub {
  /** @type {ChildProcess | null} */
  #process = null;
  #port = 0;
  /** Whether it was told once where the first admin is made. */
  #isSetUp = false;
  #log = "";
  /** Where the first admin is made, as it was told when it was last started. */
  setupLink = "";

  /**
   * @param {string} folder
   * @param {Record<string, string>} environment
   */
  constructor(folder, environment) {
    this.folder = folder;
    this.environment = environment;
  }

  /**
   * Starts a hub that ends with the test.
   * @param {TestContext} t
   * @param {string} [config] YAML
   * @param {Record<string, string>} [environment]
   */
  static async start(t, config = "", environment = {}) {
    assert.ok(existsSync(BINARY), `${BINARY} is missing: build it, or name another in OPSHUB_BIN`);
    const folder = await mkdtemp(join(tmpdir(), "opshub-client-"));
    const hub = new TestHub(folder, environment);
    t.after(async () => {
      await hub.kill();
      await rm(folder, { recursive: true, force: true });
    });
    await writeFile(join(folder, "config.yaml"), config || "{}\n");
    await hub.start();
    return hub;
  }

  /** Where it answers. */
  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts it, on the port that it had. */
  async start() {
    const { folder } = this;
    const args = ["serve", "--port", String(this.#port), "--data-dir", folder, "--config", join(folder, "config.yaml")];
    const env = { PATH: process.env.PATH, ...this.environment };
    const child = spawn(BINARY, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    child.stderr.on("data", (text) => (this.#log = (this.#log + text).slice(-10_000)));
    const exited = once(child, "exit").then(() => {
      throw new Error(`the hub did not start: ${this.#log}`);
    });
    exited.catch(() => {});
    const lines = createInterface({ input: child.stdout });
    const wantsSetup = this.environment.OPSHUB_AUTH__MODE === "required" && !this.#isSetUp;
    /** @type {Promise<number>} */
    const listening = new Promise((resolve, reject) => {
      let port = 0;
      lines.on("line", (line) => {
        port = Number(/^listening on http:\/\/[^:]+:(\d+)/.exec(line)?.[1] ?? port);
        this.setupLink = /http:\S+setup\?key=\S+/.exec(line)?.[0] ?? this.setupLink;
        if (port > 0 && (this.setupLink !== "" || !wantsSetup)) resolve(port);
      });
      lines.on("close", () => reject(new Error(`the hub said nothing: ${this.#log}`)));
    });
    this.#port = await Promise.race([listening, exited]);
    this.#isSetUp ||= wantsSetup;
  }

  /** Ends it as a power cut would. */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** Asks it to end. */
  async stop() {
    await this.#end("SIGTERM");
  }

  /** @param {NodeJS.Signals} signal */
  async #end(signal) {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  /**
   * Asks it over HTTP; the answer must be a success.
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async ask(method, path, body) {
    const headers = { "content-type": "application/json" };
    const response = await fetch(this.url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const answer = await response.json();
    assert.ok(response.ok, `${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Everything in its log, oldest first. @returns {Promise<any[]>} */
  async events() {
    const events = [];
    for (let since = 0; ; ) {
      const page = await this.ask("GET", `/api/events?since=${since}&limit=1000`);
      events.push(...page.events);
      if (page.next === null) return events;
      since = page.next;
    }
  }

  /**
   * A client of this hub that ends with the test.
   * @param {TestContext} t
   * @param {ConnectOptions} [options]
   */
  client(t, options = {}) {
    const constructor = /** @type {import("../../types/index.js").WebSocketConstructor} */ (/** @type {unknown} */ (WebSocket));
    const hub = connect({ url: this.url, WebSocket: constructor, backoff: { initialMs: 20, maxMs: 200 }, ...options });
    t.after(() => hub.close());
    return hub;
  }
}

/**
 * Waits for a notice.
 * @template {keyof import("../../types/index.js").Notices} K
 * @param {Hub} hub
 * @param {K} type
 * @param {(notice: import("../../types/index.js").Notices[K]) => unknown} [wanted]
 * @returns {Promise<import("../../types/index.js").Notices[K]>}
 */
export function notice(hub, type, wanted = () => true) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no such ${type} within ${BOUND_MS} ms`)), BOUND_MS);
    const off = hub.on(type, (notice) => {
      if (!wanted(notice)) return;
      clearTimeout(timer);
      off();
      resolve(notice);
    });
  });
}

/**
 * Waits until the client is live.
 * @param {Hub} hub
 */
export async function live(hub) {
  if (hub.status.kind !== "live") await notice(hub, "status", ({ kind }) => kind === "live");
}
