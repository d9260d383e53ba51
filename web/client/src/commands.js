/** @import { Clock, CommandOptions, HubErrorFields } from "../types/index.js" */
/** @import { CommandResult } from "../types/protocol.js" */

import { HubError } from "./error.js";
import { randomId } from "./locks.js";

/** Commands that may wait for their answer. */
const PENDING_MAX = 100;
/** Commands that may be on the way at a time. */
const IN_FLIGHT_MAX = 16;
/** The longest command, in characters of its encoded request; a hub takes messages of 64 KiB. */
const REQUEST_MAX_CHARS = 20_000;
/** For how long a command may be repeated: hubs keep idempotency keys for 24 hours. */
const REPEATABLE_MS = 23 * 3_600_000;
/** How long to hold back after the hub said that too many messages came; it forgives after a second. */
const PAUSE_MS = 1_500;
/** Messages a second, and at once; well below what a hub allows by default. */
const RATE = { perSecond: 50, burst: 50 };

/**
 * A command on its way.
 * @typedef {object} Request
 * @property {string} id
 * @property {string} text
 * @property {string} idempotencyKey
 * @property {boolean} dryRun
 */

/**
 * The commands that wait for their answer, oldest first. Each has an idempotency key of its own, with which
 * it is sent again on the next connection when this one was lost before the answer came: it is carried out
 * once, however often it is sent.
 */
export class Commands {
  #clock;
  #transmit;
  #forget;
  /** @type {Map<string, Pending>} */
  #pending = new Map();
  #count = 0;
  /** How many requests were sent, repeats included. */
  #sent = 0;
  #tokens = RATE.burst;
  #refilledAt = 0;
  #pausedUntil = 0;
  /** @type {unknown} */
  #timer = null;

  /**
   * @param {object} options
   * @param {Required<Clock>} options.clock
   * @param {(request: Request) => boolean} options.transmit sends a request now, if that is possible
   * @param {(id: string) => void} [options.forget] the answer of a request is no longer wanted
   */
  constructor({ clock, transmit, forget = () => {} }) {
    this.#clock = clock;
    this.#transmit = transmit;
    this.#forget = forget;
  }

  /** How many requests were sent, repeats included: a mark for {@link Commands.passed}. */
  get sent() {
    return this.#sent;
  }

  /**
   * Runs a command once.
   * @param {string} text
   * @param {CommandOptions} [options]
   * @returns {Promise<CommandResult>}
   */
  run(text, { signal, idempotencyKey = randomId(), dryRun = false } = {}) {
    return new Promise((resolve, reject) => {
      if (typeof text !== "string") throw new TypeError("a command must be a string");
      signal?.throwIfAborted();
      // Half a character is no Unicode, and the hub could not even read whose request it is.
      const request = { id: this.#nextId(), text: wellFormed(text), idempotencyKey, dryRun };
      if (JSON.stringify(request).length > REQUEST_MAX_CHARS) {
        throw new HubError({ errorType: "too_large", message: "the command is too long" });
      }
      if (this.#pending.size >= PENDING_MAX) {
        const message = `${PENDING_MAX} commands wait for the hub already`;
        throw new HubError({ errorType: "too_many_pending", message });
      }
      const abort = () => {
        this.#settle(request.id);
        this.#forget(request.id);
        reject(signal?.reason);
      };
      const pending = { request, resolve, reject, signal, abort, madeAt: this.#clock.now(), sent: null, tries: 0 };
      signal?.addEventListener("abort", abort, { once: true });
      this.#pending.set(request.id, pending);
      this.#send();
    });
  }

  /** A new connection takes requests: whatever has no answer is sent again. */
  connected() {
    const now = this.#clock.now();
    for (const { request, madeAt, reject, tries } of [...this.#pending.values()]) {
      if (tries === 0 || now - madeAt < REPEATABLE_MS) continue;
      this.#settle(request.id);
      const message = "the connection was lost for so long that the command may not be repeated";
      reject(new HubError({ errorType: "expired", message }));
    }
    this.#pausedUntil = 0;
    this.#sendAgain();
  }

  /**
   * Takes the result of a command. Returns whether it was one of ours.
   * @param {unknown} id
   * @param {CommandResult} result
   */
  succeed(id, result) {
    const pending = this.#settle(id);
    pending?.resolve(result);
    this.#send();
    return pending !== undefined;
  }

  /**
   * Takes the error of a command. Returns whether it was one of ours.
   * @param {unknown} id
   * @param {HubErrorFields} error
   */
  fail(id, error) {
    // A hub that is about to end has done nothing: the next connection repeats it.
    if (error.errorType === "shutting_down") return this.#pending.has(String(id));
    const pending = this.#settle(id);
    pending?.reject(new HubError(error));
    this.#send();
    return pending !== undefined;
  }

  /**
   * Whatever was sent before a mark should have its answer: a hub answers in order. What has none was
   * dropped on the way, and is sent again.
   * @param {number} mark
   */
  passed(mark) {
    for (const pending of this.#pending.values()) {
      if (pending.sent !== null && pending.sent <= mark) pending.sent = null;
    }
    this.#send();
  }

  /** The hub has dropped messages, nobody knows which. */
  slowDown() {
    this.#pausedUntil = this.#clock.now() + PAUSE_MS;
    this.#tokens = 0;
    this.#wait(PAUSE_MS, () => this.#sendAgain());
  }

  /** The hub ended the connection over a message that was too long. */
  tooLarge() {
    const sent = [...this.#pending.values()].filter((pending) => pending.sent !== null);
    const [longest] = sent.sort((one, other) => other.request.text.length - one.request.text.length);
    if (!longest) return;
    this.#settle(longest.request.id);
    longest.reject(new HubError({ errorType: "too_large", message: "the command is too long for the hub" }));
  }

  /**
   * Rejects everything.
   * @param {string} errorType
   * @param {string} message
   */
  rejectAll(errorType, message) {
    this.#clock.clearTimeout(this.#timer);
    for (const { request, reject } of [...this.#pending.values()]) {
      this.#settle(request.id);
      reject(new HubError({ errorType, message }));
    }
  }

  #sendAgain() {
    for (const pending of this.#pending.values()) pending.sent = null;
    this.#send();
  }

  /** Sends what may be sent now; the rest follows when there is room. */
  #send() {
    const now = this.#clock.now();
    if (now < this.#pausedUntil) return;
    this.#refill(now);
    let inFlight = 0;
    for (const pending of this.#pending.values()) {
      if (inFlight >= IN_FLIGHT_MAX) return;
      inFlight += 1;
      if (pending.sent !== null) continue;
      if (this.#tokens < 1) return this.#wait(1_000 / RATE.perSecond, () => this.#send());
      if (!this.#transmit(pending.request)) return;
      this.#sent += 1;
      pending.sent = this.#sent;
      pending.tries += 1;
      this.#tokens -= 1;
    }
  }

  /** @param {number} now */
  #refill(now) {
    const passed = Math.max(0, now - this.#refilledAt);
    this.#tokens = Math.min(RATE.burst, this.#tokens + (passed / 1_000) * RATE.perSecond);
    this.#refilledAt = now;
  }

  /**
   * @param {number} ms
   * @param {() => void} then
   */
  #wait(ms, then) {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(then, ms);
  }

  /** @param {unknown} id */
  #settle(id) {
    const pending = typeof id === "string" ? this.#pending.get(id) : undefined;
    if (!pending) return undefined;
    this.#pending.delete(pending.request.id);
    pending.signal?.removeEventListener("abort", pending.abort);
    return pending;
  }

  #nextId() {
    this.#count += 1;
    return `command-${this.#count}`;
  }
}

/**
 * @typedef {object} Pending
 * @property {Request} request
 * @property {(result: CommandResult) => void} resolve
 * @property {(error: unknown) => void} reject
 * @property {AbortSignal | undefined} signal
 * @property {() => void} abort
 * @property {number} madeAt
 * @property {number | null} sent its place among all that was sent; null where it is to be sent
 * @property {number} tries
 */

/** @param {string} text */
function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, "\u{fffd}");
}
