/** @import { Clock, Token } from "../types/index.js" */
/** @import { Connection } from "./connection.js" */
/** @import { ServerFrame } from "../types/protocol.js" */

import { errorFields } from "./error.js";

const REQUEST = "auth-";
/** The close codes that the hub would end a connection with for the same reason. */
const CODES = new Map([["not_authenticated", 4401], ["forbidden", 4403]]);
/** How long before its end a token is renewed at most, in milliseconds; one that ends soon has a quarter of its time. */
const LEAD_MAX_MS = 60_000;
/** The shortest time between two tries to renew, in milliseconds. */
const AGAIN_MS = 5_000;
/** The longest time that a timer is set for, in milliseconds: beyond 24 days browsers fire at once. */
const TIMER_MAX_MS = 86_400_000;

/**
 * Says who the client is, on one connection after another, and goes on with another token before one ends.
 * Only clients with a token load this.
 */
export class Admission {
  #token;
  #clock;
  #connection;
  #shown = "";
  #requests = 0;
  /** Whether the hub has let this connection in. */
  #isIn = false;
  /** Counts connections, so that a token for an older one is not shown. */
  #count = 0;
  /** @type {unknown} */
  #timer = null;

  /**
   * @param {Token} token
   * @param {Required<Clock>} clock
   * @param {Pick<Connection, "send" | "refuse" | "fail">} connection
   */
  constructor(token, clock, connection) {
    this.#token = token;
    this.#clock = clock;
    this.#connection = connection;
  }

  /** Gets the token for the next connection. */
  async prepare() {
    this.#shown = await giveToken(this.#token);
  }

  /** A connection is open: nothing comes before it was said who this is. */
  opened() {
    this.#show();
  }

  /** The hub let this connection in. */
  welcomed() {
    this.#isIn = true;
    // Only the answer to a second one tells when the token ends.
    if (typeof this.#token === "function") this.#show();
  }

  /** There is no connection any more. */
  lost() {
    this.#clock.clearTimeout(this.#timer);
    this.#isIn = false;
    this.#count += 1;
  }

  /**
   * Takes the answer to a token. Returns whether it was one.
   * @param {ServerFrame} frame
   */
  answered(frame) {
    const { request_id: id } = /** @type {{ request_id?: unknown }} */ (frame);
    if (typeof id !== "string" || !id.startsWith(REQUEST)) return false;
    if (frame.type === "authenticated") this.#endsAt(Date.parse(frame.data.expires_at ?? "") - Date.parse(frame.timestamp));
    else if (frame.type === "error") this.#refused(errorFields(frame.data));
    return true;
  }

  /** @param {import("../types/index.js").HubErrorFields} error */
  #refused({ errorType, message }) {
    const code = CODES.get(errorType);
    // Who was let in without it, as by an open hub, stays so; what they were let in by may hold for a while yet.
    if (this.#isIn) return;
    if (code === undefined) this.#connection.fail(message);
    else this.#connection.refuse(message, code);
  }

  #show() {
    this.#requests += 1;
    const message = { type: "auth", data: { token: this.#shown }, request_id: `${REQUEST}${this.#requests}` };
    this.#connection.send(JSON.stringify(message));
  }

  /** @param {number} leftMs until the token ends; NaN where it does not */
  #endsAt(leftMs) {
    if (Number.isNaN(leftMs) || typeof this.#token !== "function") return;
    this.#renewIn(Math.max(leftMs - Math.min(LEAD_MAX_MS, leftMs / 4), Math.min(AGAIN_MS, leftMs / 2)));
  }

  /** @param {number} ms */
  #renewIn(ms) {
    this.#clock.clearTimeout(this.#timer);
    const now = Math.min(ms, TIMER_MAX_MS);
    this.#timer = this.#clock.setTimeout(() => (ms > now ? this.#renewIn(ms - now) : void this.#renew()), now);
  }

  async #renew() {
    const count = this.#count;
    try {
      const token = await giveToken(this.#token);
      if (count !== this.#count) return;
      this.#shown = token;
      this.#show();
    } catch {
      if (count === this.#count) this.#renewIn(AGAIN_MS);
    }
  }
}

/**
 * Gets a token from whoever gives it.
 * @param {Token} token
 * @returns {Promise<string>}
 */
export async function giveToken(token) {
  const given = typeof token === "function" ? await token() : token;
  if (typeof given === "string" && given !== "") return given;
  throw new TypeError("there is no token");
}

/**
 * A short name for a token, from which nobody learns it: what it is not is told apart by it.
 * @param {string} token
 */
export function nameOfToken(token) {
  let [one, other] = [0xdeadbeef, 0x41c6ce57];
  for (let place = 0; place < token.length; place += 1) {
    const unit = token.charCodeAt(place);
    one = Math.imul(one ^ unit, 2_654_435_761);
    other = Math.imul(other ^ unit, 1_597_334_677);
  }
  return ((one ^ (other >>> 16)) >>> 0).toString(36) + ((other ^ (one >>> 13)) >>> 0).toString(36);
}
