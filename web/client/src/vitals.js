/** @import { Clock, Health } from "../types/index.js" */

import { shallowEqual } from "./sharing.js";

/** How often `behind` alone is worth a notice, in milliseconds. */
const BEHIND_EVERY_MS = 500;

/** @type {Health} What is known before there is a connection. */
export const UNKNOWN_HEALTH = Object.freeze({
  latencyMs: null,
  verified: "unknown",
  mismatches: 0,
  resyncs: 0,
  malformed: 0,
  behind: 0,
  asOf: null,
  hubTime: null,
  sessionId: null,
  clientCount: null,
  shared: false,
});

/** Keeps what is known about the copy and the connection, and tells when that has changed. */
export class Vitals {
  /** What was told last. */
  health = UNKNOWN_HEALTH;

  #clock;
  #tell;
  /** @type {{ -readonly [Field in keyof Health]: Health[Field] }} */
  #now = { ...UNKNOWN_HEALTH };
  #toldAt = 0;

  /**
   * @param {Required<Clock>} clock
   * @param {(health: Health) => void} tell
   */
  constructor(clock, tell) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** What is known now, told or not. */
  get newest() {
    return this.#now;
  }

  /** @param {Partial<Health>} fields */
  update(fields) {
    Object.assign(this.#now, fields);
  }

  /**
   * The copy is known to be true for a moment.
   * @param {number} at
   */
  trueAt(at) {
    this.#now.asOf = Math.max(this.#now.asOf ?? at, at);
  }

  /**
   * Tells what has changed. While a copy catches up, how far it is is told now and then.
   * @param {number} behind
   */
  publish(behind) {
    const told = this.health;
    const onlyProgress = behind > 0 && told.behind > 0;
    const now = this.#clock.now();
    if (onlyProgress && now - this.#toldAt < BEHIND_EVERY_MS) this.#now.behind = told.behind;
    else this.#now.behind = behind;
    if (shallowEqual(this.#now, told)) return;
    this.#toldAt = now;
    this.health = Object.freeze({ ...this.#now });
    this.#tell(this.health);
  }
}
