/** @import { Clock, Status, WebSocketConstructor, WebSocketLike } from "../types/index.js" */
/** @import { Environment } from "./environment.js" */

import { Backoff } from "./backoff.js";
import { isLoopback } from "./environment.js";

const SUBPROTOCOL = "opshub.v1";
/** How long opening may take, the hub's first frame included, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;
/** How long a connection must live for the failures before it to be forgotten, in milliseconds. */
const STABLE_MS = 5_000;
/** What may wait to be sent before nothing more is taken, in bytes. */
const SEND_BUFFER_MAX_BYTES = 256 * 1024;
/** The longest wait that a hub may ask for, in milliseconds. */
const RETRY_MAX_MS = 300_000;
/** Close codes after which trying again as before cannot succeed. */
const REFUSALS = new Map([
  [4401, "the hub asks for authentication"],
  [4403, "the hub does not let this client in"],
]);
/** Answers to a handshake after which trying again as before cannot succeed. */
const REFUSING_STATUSES = new Set([400, 401, 403, 404, 426]);

/**
 * Whom a {@link Connection} tells.
 * @typedef {object} ConnectionEvents
 * @property {() => void} opened the hub takes messages
 * @property {(text: unknown) => void} message what the hub sent
 * @property {(lost: { reason: string, code: number | null }) => void} lost there is no connection any more
 * @property {(status: Status) => void} status
 */

/**
 * One WebSocket at a time, opened again whenever it is lost. Whatever an old socket still says is ignored.
 */
export class Connection {
  /** @type {Status} */
  status = Object.freeze({ kind: "connecting" });

  #address;
  #WebSocket;
  /** @type {Required<Clock>} */
  #clock;
  /** @type {Backoff} */
  #backoff;
  /** @type {Environment} */
  #environment;
  /** @type {ConnectionEvents} */
  #events;
  /** @type {WebSocketLike | null} */
  #socket = null;
  /** @type {unknown} The next try, or the end of patience with this one. */
  #timer = null;
  /** @type {number | null} */
  #liveSince = null;
  /** What the newest try is for, once one has failed. */
  #reason = "";
  /** @type {number} */
  #retryMs = 0;
  #needsNetwork;
  #prepare;
  /** Counts tries, so that what was prepared for an older one is let go. */
  #tries = 0;
  #preparing = false;

  /**
   * @param {object} options
   * @param {() => URL} options.address where to connect, asked anew for each try
   * @param {() => Promise<void>} [options.prepare] what has to be done before each try
   * @param {WebSocketConstructor} options.WebSocket
   * @param {Required<Clock>} options.clock
   * @param {Backoff} options.backoff
   * @param {Environment} options.environment
   * @param {ConnectionEvents} options.events
   */
  constructor({ address, prepare, WebSocket, clock, backoff, environment, events }) {
    this.#address = address;
    this.#prepare = prepare;
    this.#WebSocket = WebSocket;
    this.#clock = clock;
    this.#backoff = backoff;
    this.#environment = environment;
    this.#events = events;
    this.#needsNetwork = !isLoopback(address().hostname);
  }

  /** Whether the browser says that the hub cannot be reached. */
  get isOffline() {
    return this.#needsNetwork && this.#environment.isOffline();
  }

  /** Opens a connection now, in the place of whatever there is. */
  open() {
    this.#abandon();
    if (this.#prepare) this.#prepared(this.#prepare());
    else if (!this.#dial()) return;
    const { kind } = this.status;
    if (kind === "connecting" || (kind === "offline" && this.isOffline)) return;
    this.#setStatus(this.#reconnecting(this.#clock.now(), true));
  }

  /** @param {Promise<void>} preparation */
  #prepared(preparation) {
    const mine = this.#tries;
    this.#preparing = true;
    this.#patience("what to connect with did not come");
    preparation.then(
      () => void (mine === this.#tries && this.#dial()),
      (error) => mine === this.#tries && this.fail(`no connection can be made: ${error?.message ?? error}`),
    );
  }

  /** Returns whether a connection is being opened. */
  #dial() {
    this.#preparing = false;
    let socket;
    try {
      socket = new this.#WebSocket(this.#address().href, [SUBPROTOCOL]);
    } catch (error) {
      this.refuse(`no connection can be made: ${/** @type {Error} */ (error).message}`, null);
      return false;
    }
    this.#socket = socket;
    this.#attach(socket);
    this.#patience("the hub did not answer");
    return true;
  }

  /** @param {string} reason */
  #patience(reason) {
    this.#clearTimer();
    const late = () => this.fail(`${reason} within ${CONNECT_TIMEOUT_MS / 1000} s`);
    this.#timer = this.#clock.setTimeout(late, CONNECT_TIMEOUT_MS);
  }

  /** Opens a connection now, where the next try is waited for. */
  hasten() {
    const waits = this.status.kind === "reconnecting" || this.status.kind === "offline";
    if (waits && this.#socket === null && !this.#preparing) this.open();
  }

  /** Opens a connection now, where there is none that lives or is being opened. */
  insist() {
    if (this.status.kind === "closed") return;
    if (this.#preparing) return;
    if (this.#socket === null || (this.#liveSince !== null && this.status.kind !== "live")) this.open();
  }

  /**
   * Sends a message. Returns whether it was taken.
   * @param {string} text
   */
  send(text) {
    const socket = this.#socket;
    if (socket?.readyState !== 1 || socket.bufferedAmount > SEND_BUFFER_MAX_BYTES) return false;
    socket.send(text);
    return true;
  }

  /** The hub has answered: the time for opening no longer runs. */
  welcomed() {
    this.#clearTimer();
  }

  /** The copy is the newest. */
  live() {
    this.#liveSince ??= this.#clock.now();
    this.#setStatus({ kind: "live", since: this.#liveSince });
  }

  /**
   * The connection may be dead.
   * @param {string} reason
   */
  suspect(reason) {
    const now = this.#clock.now();
    if (this.isOffline) this.#setStatus(this.#offline(now));
    else this.#setStatus({ kind: "reconnecting", attempt: 0, retryAt: now, trying: true, reason });
  }

  /** The browser says that there is no network: the next try waits for it, or for long. */
  offline() {
    if (this.status.kind !== "reconnecting" || this.#socket !== null || this.#preparing) return;
    this.#clearTimer();
    this.#timer = this.#clock.setTimeout(() => this.open(), this.#backoff.maxMs);
    this.#setStatus(this.#offline(this.#clock.now()));
  }

  /**
   * The hub is about to close the connection, and says when to come back. It gets a moment to do so.
   * @param {string} reason
   * @param {unknown} retryMs
   * @param {number} patienceMs
   */
  closing(reason, retryMs, patienceMs) {
    this.#reason = reason;
    this.#retryMs = Math.min(Math.max(Number(retryMs) || 0, 0), RETRY_MAX_MS);
    this.#clearTimer();
    this.#timer = this.#clock.setTimeout(() => this.fail(reason), patienceMs);
  }

  /**
   * Gives the connection up and tries again later.
   * @param {string} reason
   * @param {number | null} [code]
   */
  fail(reason, code = null) {
    const now = this.#clock.now();
    const retryMs = this.#retryMs;
    if (this.#liveSince !== null && now - this.#liveSince >= STABLE_MS) this.#backoff.reset();
    this.#abandon();
    this.#reason = reason;
    const delay = Math.max(this.#backoff.fail(), retryMs);
    const offline = this.isOffline;
    // A browser may be wrong about having no network, so that it is tried now and then all the same.
    const wait = offline ? this.#backoff.maxMs : delay;
    this.#timer = this.#clock.setTimeout(() => this.open(), wait);
    this.#events.lost({ reason, code });
    this.#setStatus(offline ? this.#offline(now) : this.#reconnecting(now + wait, false));
  }

  /**
   * Gives the connection up for good; only `open` ends that.
   * @param {string} reason
   * @param {number | null} code
   */
  refuse(reason, code) {
    this.#abandon();
    this.#reason = reason;
    this.#events.lost({ reason, code });
    this.#setStatus({ kind: "refused", reason, code });
  }

  /** Ends everything; a connection that lives is told. */
  close() {
    this.#abandon(this.status.kind === "live");
    this.#setStatus({ kind: "closed" });
  }

  /** @param {WebSocketLike} socket */
  #attach(socket) {
    let fault = "";
    const isCurrent = () => this.#socket === socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (!isCurrent()) return;
      if (socket.protocol === SUBPROTOCOL) this.#events.opened();
      else this.refuse(`the server does not speak ${SUBPROTOCOL}`, null);
    };
    socket.onmessage = ({ data }) => {
      if (isCurrent()) this.#events.message(data);
    };
    socket.onerror = (event) => {
      fault = String(event?.message ?? "");
    };
    socket.onclose = ({ code, reason }) => {
      if (isCurrent()) this.#closed(Number(code), String(reason ?? ""), fault);
    };
  }

  /**
   * @param {number} code
   * @param {string} reason
   * @param {string} fault what the socket's `error` event said, where it says anything
   */
  #closed(code, reason, fault) {
    const refusal = REFUSALS.get(code);
    if (refusal) return this.refuse(reason || refusal, code);
    // The package `ws` tells the status of a refused handshake, browsers do not.
    const status = Number(/unexpected server response: (\d+)/i.exec(fault)?.[1] ?? 0);
    if (REFUSING_STATUSES.has(status)) {
      return this.refuse(`the hub refused the connection with status ${status}`, status);
    }
    const opened = this.#liveSince !== null;
    const words = reason || fault || (opened ? "the connection was lost" : "the hub cannot be reached");
    return this.fail(words, code);
  }

  /** Parts with the socket, if there is one, before anything else is done. */
  #abandon(politely = false) {
    this.#clearTimer();
    const socket = this.#socket;
    this.#tries += 1;
    this.#preparing = false;
    this.#socket = null;
    this.#liveSince = null;
    this.#retryMs = 0;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // A socket that is closed while it opens tells an error, which nobody else may have to catch.
    socket.onerror = () => {};
    try {
      if (socket.terminate && !politely) socket.terminate();
      else socket.close(1000);
    } catch {
      // It is closed already.
    }
  }

  #clearTimer() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  /**
   * @param {number} retryAt
   * @param {boolean} trying
   * @returns {Status}
   */
  #reconnecting(retryAt, trying) {
    return { kind: "reconnecting", attempt: this.#backoff.failures, retryAt, trying, reason: this.#reason };
  }

  /**
   * @param {number} now
   * @returns {Status}
   */
  #offline(now) {
    return this.status.kind === "offline" ? this.status : { kind: "offline", since: now };
  }

  /** @param {Status} status */
  #setStatus(status) {
    const known = this.status;
    if (known === status || (known.kind === "live" && status.kind === "live")) return;
    this.status = Object.freeze(status);
    this.#events.status(this.status);
  }
}
