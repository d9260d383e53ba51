/** @import { CommandOptions, ConnectOptions, Hub as HubInterface, ReceiveOptions } from "../types/index.js" */
/** @import { ServerFrame, StateDocument, Topic } from "../types/protocol.js" */
/** @import { Environment } from "./environment.js" */
/** @import { Locks } from "./locks.js" */
/** @import { Copy } from "./mirror.js" */
/** @import { OpenPort } from "./shared.js" */
/** @import { Sink, Source } from "./source.js" */

import { Commands } from "./commands.js";
import { Emitter } from "./emitter.js";
import { HubError } from "./error.js";
import { Mirror } from "./mirror.js";
import { completeOptions } from "./options.js";
import { Session } from "./session.js";
import { openSharedWorker, SharedSource } from "./shared.js";
import { isCommitted } from "./frame.js";
import { Store } from "./store.js";
import { Wishes } from "./wishes.js";

/**
 * What the parts of this package, and its tests, may ask for besides.
 * @typedef {object} Internals
 * @property {Copy | null} [copy] what is known already
 * @property {(frame: ServerFrame, text: string) => void} [tap] gets every frame with its text
 * @property {Environment} [environment]
 * @property {OpenPort} [openPort]
 * @property {Locks} [locks]
 */

/**
 * A live copy of a hub's state, and the way to change it: see `types/index.d.ts`.
 * @implements {HubInterface}
 */
export class Hub {
  #clock;
  #mirror;
  #commands;
  #store;
  #tap;
  #emitter = new Emitter();
  #wishes = new Wishes((wanted) => this.#source.want(wanted));
  /** @type {Source} */
  #source;
  /** @type {Set<(error: HubError) => void>} */
  #waiting = new Set();

  /**
   * @param {ConnectOptions} options
   * @param {Internals} [internals]
   */
  constructor(options = {}, { copy, tap, environment, openPort = openSharedWorker, locks } = {}) {
    const { shared, ...complete } = completeOptions(options, environment);
    const { topics, clock } = complete;
    this.#clock = clock;
    this.#tap = tap;
    this.#mirror = new Mirror({ keepsState: topics?.includes("state") ?? true, gapless: !topics });
    if (copy) this.#mirror.restore(copy);
    this.#store = new Store(() => this.#mirror.state);
    this.#commands = new Commands({
      clock,
      transmit: (request) => this.#source.transmit(request),
      forget: (id) => this.#source.forget(id),
    });
    const parts = { mirror: this.#mirror, commands: this.#commands, sink: this.#sink() };
    const browser = { openPort, locks: locks ?? globalThis.navigator?.locks };
    this.#source = shared ? new SharedSource(complete, parts, browser) : new Session(complete, parts);
    this.#source.start();
  }

  get state() {
    return this.#mirror.state;
  }

  get seq() {
    return this.#mirror.seq;
  }

  get epoch() {
    return this.#mirror.epoch;
  }

  get status() {
    return this.#source.status;
  }

  get health() {
    return this.#source.health;
  }

  /**
   * @template T
   * @param {(state: StateDocument) => T} selector
   * @param {(value: T, previous: T | undefined) => void} handler
   */
  subscribe(selector, handler) {
    return this.#store.subscribe(selector, handler);
  }

  /**
   * @param {string} type
   * @param {(notice: any) => void} handler
   */
  on(type, handler) {
    return this.#emitter.on(type, handler);
  }

  /**
   * @param {readonly Topic[]} topics
   * @param {ReceiveOptions} [options]
   */
  receive(topics, options) {
    return this.#wishes.add(topics, options);
  }

  /**
   * @param {string} text
   * @param {CommandOptions} [options]
   */
  async command(text, options) {
    const { status } = this;
    if (status.kind === "closed") throw closedError();
    if (status.kind === "refused") throw new HubError({ errorType: "refused", message: status.reason });
    return this.#commands.run(text, options);
  }

  /**
   * @param {(state: StateDocument) => unknown} predicate
   * @param {{ signal?: AbortSignal, timeoutMs?: number }} [options]
   */
  async waitFor(predicate, { signal, timeoutMs } = {}) {
    if (this.status.kind === "closed") throw closedError();
    return this.#store.waitFor(predicate, {
      signal,
      deadline: (end) => {
        const timer = timeoutMs === undefined ? null : this.#clock.setTimeout(end, timeoutMs);
        return () => this.#clock.clearTimeout(timer);
      },
      closed: (reject) => {
        this.#waiting.add(reject);
        return () => void this.#waiting.delete(reject);
      },
    });
  }

  reconnect() {
    this.#source.reconnect();
  }

  /** Somebody looks: a silent connection has to prove itself, and no try is waited for. */
  wake() {
    this.#source.wake();
  }

  /** Everything that another mirror needs to go on from here. */
  copy() {
    return this.#mirror.copy;
  }

  close() {
    if (this.status.kind === "closed") return;
    this.#source.close();
    this.#commands.rejectAll("closed", "the client was closed");
    for (const reject of [...this.#waiting]) reject(closedError());
    this.#store.clear();
    this.#emitter.clear();
    this.#wishes.clear();
  }

  /** @returns {Sink} */
  #sink() {
    return {
      frame: (frame, text) => this.#frame(frame, text),
      settled: () => this.#store.update(),
      status: (status) => {
        this.#emitter.emit(["status"], status);
        if (status.kind === "refused") this.#commands.rejectAll("refused", status.reason);
      },
      health: (health) => this.#emitter.emit(["health"], health),
      started: (anew) => this.#wishes.started(anew),
    };
  }

  /**
   * @param {ServerFrame} frame
   * @param {string} text
   */
  #frame(frame, text) {
    this.#tap?.(frame, text);
    const { type } = frame;
    const names = isCommitted(frame) ? [type, "change", "*"] : [type, "*"];
    this.#emitter.emit(names.filter((name, place) => place > 0 || !RESERVED.has(name)), frame);
  }
}

/** Names of notices that are no frames; a frame that were called so is told to `*` alone. */
const RESERVED = new Set(["status", "health", "change", "*"]);

function closedError() {
  return new HubError({ errorType: "closed", message: "the client was closed" });
}
