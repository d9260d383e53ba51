/** @import { Health, Status } from "../types/index.js" */
/** @import { Commands, Request } from "./commands.js" */
/** @import { Locks } from "./locks.js" */
/** @import { Mirror } from "./mirror.js" */
/** @import { SessionOptions } from "./options.js" */
/** @import { FromTab, FromWorker, Port } from "./shared-messages.js" */
/** @import { Sink, Source } from "./source.js" */
/** @import { Wanted } from "./wishes.js" */

import { decodeFrame } from "./frame.js";
import { Liveness } from "./liveness.js";
import { holdLock, randomId, watchLock } from "./locks.js";
import { Session } from "./session.js";
import { UNKNOWN_HEALTH } from "./vitals.js";
import { NOTHING } from "./wishes.js";

/** Goes up whenever the messages change, so that tabs of two releases do not share a worker. */
const SHARED_VERSION = 3;
/** What both ends take for the interval of their pings, in milliseconds. */
const SHARED_HEARTBEAT_MS = 6_000;
/** How long a worker may take to answer a tab that joins, in milliseconds. */
const JOIN_TIMEOUT_MS = 3_000;
/** How often in a row joining may fail before the tab opens a connection of its own. */
const JOINS_MAX = 2;
/** The shortest time between two requests for a copy, in milliseconds. */
const SNAPSHOT_MIN_MS = 1_000;

/**
 * Opens the way to the shared worker; `failed` is called where there is none.
 * @typedef {(name: string, failed: () => void) => Port} OpenPort
 */

/**
 * A tab's side of a connection that all tabs of a browser share. It keeps the tab's own mirror by the
 * frames that the worker passes on, joins anew when the worker is gone, and where there is none opens a
 * connection of its own, which goes on where the shared one was.
 * @implements {Source}
 */
export class SharedSource {
  #options;
  /** @type {{ mirror: Mirror, commands: Commands, sink: Sink }} */
  #parts;
  #openPort;
  #locks;
  #id = randomId();
  #liveness;
  /** @type {Port | null} */
  #port = null;
  #joined = false;
  /** Tries to join in a row, and all of them. */
  #joins = 0;
  #generation = 0;
  /** @type {unknown} The end of patience with a worker that does not answer. */
  #timer = null;
  /** @type {() => void} */
  #unwatch = () => {};
  /** @type {{ name: string, release: () => void } | null} Tells the worker that this tab lives. */
  #lock = null;
  /** Ends with the port. */
  #left = new AbortController();
  #askedAt = -Infinity;
  /** The token that this tab began with. */
  #token = "";
  /** @type {Session | null} This tab's own connection, once sharing has failed. */
  #own = null;
  /** @type {Status} What the worker said last. */
  #shared = Object.freeze({ kind: "connecting" });
  /** @type {Status} */
  #status = this.#shared;
  /** @type {Health} */
  #health = Object.freeze({ ...UNKNOWN_HEALTH, shared: true });
  /** @type {Wanted} */
  #wanted = NOTHING;

  /**
   * @param {SessionOptions} options
   * @param {{ mirror: Mirror, commands: Commands, sink: Sink }} parts
   * @param {{ openPort: OpenPort, locks: Locks | undefined }} browser
   */
  constructor(options, parts, { openPort, locks }) {
    this.#options = options;
    this.#parts = parts;
    this.#openPort = openPort;
    this.#locks = locks;
    this.#liveness = new Liveness(options.clock, {
      ping: (id) => this.#post({ kind: "ping", id }),
      suspect: () => this.#setStatus(this.#searching()),
      trust: () => this.#setStatus(this.#shared),
      dead: () => void this.#join(),
    });
  }

  get status() {
    return this.#own?.status ?? this.#status;
  }

  get health() {
    return this.#own?.health ?? this.#health;
  }

  /** Joins the worker. */
  start() {
    this.#unwatch = this.#options.environment.watch({
      online: () => this.wake(),
      // The worker sees that for itself.
      offline: () => {},
      wake: () => this.wake(),
      hide: () => this.#leave(),
      show: () => this.#join(),
    });
    this.#join();
  }

  /** @param {Request} request */
  transmit(request) {
    if (this.#own) return this.#own.transmit(request);
    if (!this.#joined) return false;
    this.#post({ kind: "command", request });
    return true;
  }

  /** @param {string} id */
  forget(id) {
    if (this.#joined) this.#post({ kind: "forget", id });
  }

  /** @param {Wanted} wanted */
  want(wanted) {
    this.#wanted = wanted;
    if (this.#own) this.#own.want(wanted);
    else if (this.#joined) this.#post({ kind: "want", wanted });
  }

  reconnect() {
    if (this.#own) this.#own.reconnect();
    else if (this.#liveness.isSuspect) this.#join();
    else this.#post({ kind: "reconnect" });
  }

  wake() {
    if (this.#own) return;
    this.#post({ kind: "wake" });
    this.#liveness.probe("the shared connection does not answer");
  }

  close() {
    this.#unwatch();
    this.#leave();
    if (this.#own) this.#own.close();
    else this.#setStatus(Object.freeze({ kind: "closed" }));
  }

  /** Asks the worker, a new one where the old one is gone, to be told everything. */
  #join() {
    this.#leave();
    if (this.#joins >= JOINS_MAX) return this.#goAlone();
    this.#joins += 1;
    if (this.#status.kind !== "connecting") this.#setStatus(this.#searching());
    const { token } = this.#options;
    if (token === undefined) return void this.#enter("");
    const mine = this.#generation;
    // Without a token there is nobody to share with; alone the tab asks for it again and again.
    const alone = () => void (mine === this.#generation && this.#goAlone());
    return void import("./admission.js").then(async ({ giveToken, nameOfToken }) => {
      const given = await giveToken(token);
      if (mine !== this.#generation) return;
      this.#token = given;
      await this.#enter(nameOfToken(given));
    }).catch(alone);
  }

  /** @param {string} who stands for the token, in the worker's name */
  async #enter(who) {
    /** @type {Port} */
    let port;
    try {
      port = this.#openPort(this.#name(who), () => {
        if (this.#port === port && !this.#joined) this.#goAlone();
      });
    } catch {
      return this.#goAlone();
    }
    this.#port = port;
    port.onmessage = ({ data }) => {
      if (this.#port === port) this.#receive(/** @type {FromWorker} */ (data));
    };
    this.#timer = this.#options.clock.setTimeout(() => this.#join(), JOIN_TIMEOUT_MS);
    const lock = await holdLock(this.#locks, `opshub-client/tab/${this.#id}/${this.#generation}`);
    if (this.#port !== port) return lock?.release();
    this.#lock = lock;
    const { url, topics, backoff, token } = this.#options;
    const { copy } = this.#parts.mirror;
    const options = { url: url.href, topics, backoff, token: this.#token || null, renews: typeof token === "function" };
    const known = copy.position === null ? null : copy;
    return this.#post({ kind: "join", tab: this.#id, lock: lock?.name ?? null, options, copy: known });
  }

  /** Workers are known by their names: what is not the same connection has another. @param {string} who */
  #name(who) {
    const { url, topics } = this.#options;
    return `opshub-client/${SHARED_VERSION} ${url.href} ${topics?.join(",") ?? ""} ${who}`;
  }

  /** Parts with the worker, without a word about it to the page. */
  #leave() {
    this.#generation += 1;
    this.#options.clock.clearTimeout(this.#timer);
    this.#liveness.stop();
    this.#post({ kind: "leave" });
    this.#port?.close();
    this.#lock?.release();
    this.#left.abort();
    this.#left = new AbortController();
    this.#port = this.#lock = null;
    this.#joined = false;
  }

  /** Opens a connection of this tab's own. */
  #goAlone() {
    this.#leave();
    this.#unwatch();
    const { mirror, commands, sink } = this.#parts;
    this.#own = new Session(this.#options, { mirror, commands, sink });
    this.#own.want(this.#wanted);
    this.#own.start();
  }

  /** @param {FromWorker} message */
  #receive(message) {
    this.#liveness.heard();
    switch (message.kind) {
      case "joined":
        this.#welcome(message.lock);
        break;
      case "snapshot":
        this.#restore(message);
        break;
      case "frame":
        this.#take(message.text);
        break;
      case "status":
        this.#heard(message.status);
        break;
      case "health":
        this.#health = Object.freeze({ ...message.health, shared: true });
        this.#parts.sink.health(this.#health);
        break;
      case "token":
        void this.#give();
        break;
      case "started":
        this.#parts.sink.started(true);
        break;
      case "answer":
        this.#parts.commands.succeed(message.id, message.result);
        break;
      case "failure":
        this.#parts.commands.fail(message.id, message.error);
        break;
      case "pong":
        this.#liveness.pong(message.id);
        break;
    }
    if ("size" in message) this.#post({ kind: "ack", size: message.size });
    this.#parts.sink.settled();
  }

  /** Gives the worker a token. */
  async #give() {
    const { token } = this.#options;
    const given = typeof token === "function" ? await Promise.resolve().then(token).catch(() => null) : null;
    this.#post({ kind: "token", token: given });
  }

  /** @param {string | null} lock held by the worker */
  #welcome(lock) {
    this.#options.clock.clearTimeout(this.#timer);
    this.#joins = 0;
    this.#joined = true;
    this.#liveness.start(SHARED_HEARTBEAT_MS);
    if (lock !== null) watchLock(this.#locks, lock, this.#left.signal, () => this.#join());
    this.#parts.commands.connected();
    if (this.#wanted.topics.length > 0) this.#post({ kind: "want", wanted: this.#wanted });
  }

  /** @param {Status} status */
  #heard(status) {
    // A new worker begins; the tab does not.
    const begun = status.kind === "connecting" && this.#status.kind !== "connecting";
    this.#shared = begun ? this.#searching() : Object.freeze(status);
    if (!this.#liveness.isSuspect) this.#setStatus(this.#shared);
  }

  /** @param {FromWorker & { kind: "snapshot" }} snapshot */
  #restore({ reason, copy }) {
    const { mirror, sink } = this.#parts;
    mirror.restore(copy);
    const { state, seq } = mirror;
    if (state === null || seq === null || copy.broken) return;
    const timestamp = new Date(this.#options.clock.now()).toISOString();
    sink.frame({ type: "state", seq, timestamp, data: { reason, state } }, "");
  }

  /** @param {string} text */
  #take(text) {
    const { mirror, sink } = this.#parts;
    const frame = decodeFrame(text);
    if (frame.type === "connected") mirror.welcome(frame.data);
    const { news, fault } = mirror.apply(frame);
    if (news) sink.frame(frame, text);
    const now = this.#options.clock.now();
    if (!fault || now - this.#askedAt < SNAPSHOT_MIN_MS) return;
    this.#askedAt = now;
    this.#post({ kind: "snapshot" });
  }

  /** @param {FromTab} message */
  #post(message) {
    this.#port?.postMessage(message);
  }

  /** @returns {Status} */
  #searching() {
    const retryAt = this.#options.clock.now();
    const reason = "the shared connection does not answer";
    return Object.freeze({ kind: "reconnecting", attempt: 0, retryAt, trying: true, reason });
  }

  /** @param {Status} status */
  #setStatus(status) {
    if (status === this.#status) return;
    this.#status = status;
    this.#parts.sink.status(status);
  }
}

/** @type {OpenPort} */
export function openSharedWorker(name, failed) {
  // Bundlers know this form, and take the worker along.
  const worker = new SharedWorker(new URL("./shared-worker.js", import.meta.url), { type: "module", name });
  worker.onerror = failed;
  return worker.port;
}
