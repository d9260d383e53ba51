/** Topics at run time, against the real hub. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BOUND_MS, live, notice, TestHub } from "./helpers/hub.js";

const BOUNDED = { timeout: 4 * BOUND_MS };

/**
 * What a client wants, once it comes; later starts are counted.
 * @param {import("../types/index.js").Hub} hub
 * @param {import("../types/protocol.js").Topic[]} topics
 * @param {import("../types/index.js").ReceiveOptions} [options]
 */
function receive(hub, topics, options) {
  /** @type {(() => void)[]} */
  const waiting = [];
  let starts = 0;
  const end = hub.receive(topics, {
    ...options,
    started: () => {
      starts += 1;
      for (const go of waiting.splice(0)) go();
    },
  });
  /** @param {number} count */
  const started = async (count) => {
    while (starts < count) await /** @type {Promise<void>} */ (new Promise((resolve) => waiting.push(resolve)));
  };
  return { end, started };
}

test("log lines come by level and source while they are wanted, also after a restart", BOUNDED, async (t) => {
  const server = await TestHub.start(t);
  const hub = server.client(t);
  /** @type {import("../types/protocol.js").SystemLog[]} */
  const lines = [];
  hub.on("system_log", ({ data }) => lines.push(data));
  hub.on("system_log_batch", ({ data }) => lines.push(...data.lines));
  let changes = 0;
  hub.on("change", () => (changes += 1));
  await live(hub);
  const post = (/** @type {object[]} */ posted) => server.ask("POST", "/api/logs", posted);
  const came = async (/** @type {string} */ message) => {
    while (!lines.some((line) => line.message === message)) await notice(hub, "*", ({ type }) => type.startsWith("system_log"));
  };

  await post([{ level: "ERROR", source: "shop.web", message: "before" }]);
  const logs = receive(hub, ["logs"], { logLevel: "WARN", logSource: "shop." });
  await logs.started(1);
  await post([
    { level: "INFO", source: "shop.web", message: "too low" },
    { level: "ERROR", source: "other", message: "of another" },
    { level: "WARN", source: "shop.web", message: "wanted", metadata: { order: 7 } },
  ]);
  await came("wanted");
  assert.deepEqual(lines.map(({ level, source, message, metadata }) => ({ level, source, message, metadata })), [
    { level: "WARN", source: "shop.web", message: "wanted", metadata: { order: 7 } },
  ]);

  await server.kill();
  await server.start();
  await logs.started(2);
  await post([{ level: "ERROR", source: "shop.web", message: "after" }]);
  await came("after");

  const all = receive(hub, ["logs"], { logLevel: "DEBUG" });
  await all.started(1);
  await post([{ level: "DEBUG", source: "other", message: "all" }]);
  await came("all");
  all.end();
  logs.end();
  const { connections } = await server.ask("GET", "/api/connections");
  assert.equal(connections.length, 1);
  const [{ session_id: id }] = connections;
  // The hub reads in order: whatever comes of a later command came after it was told.
  await hub.command("refresh");
  await post([{ level: "ERROR", source: "shop.web", message: "unwanted" }]);
  const state = await server.ask("GET", "/api/connections");
  assert.deepEqual(state.connections.map((/** @type {any} */ one) => [one.session_id, one.topics.includes("logs")]), [[id, false]]);
  assert.equal(lines.some(({ message }) => message === "unwanted"), false);
  assert.equal(changes, 1, "the command's alone");
});

test("latencies of gateways come while they are wanted", BOUNDED, async (t) => {
  const server = await TestHub.start(t);
  const hub = server.client(t);
  await live(hub);
  const probe = { kind: "http", url: `${server.url}/livez` };
  await server.ask("PUT", "/api/gateways/self", { gateway_type: "hub", probe, interval_ms: 1000 });
  const { end, started } = receive(hub, ["latency"]);
  await started(1);
  const { data } = await notice(hub, "gateway_latency", ({ data }) => typeof data.latency_ms.self === "number");
  assert.ok(Number(data.latency_ms.self) > 0);
  end();
  await hub.command("refresh");
  const { connections } = await server.ask("GET", "/api/connections");
  assert.equal(connections[0].topics.includes("latency"), false);
});
