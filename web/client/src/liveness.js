/** @import { Clock } from "../types/index.js" */

/** The bounds of a heartbeat interval that is believed, in milliseconds. */
const HEARTBEAT_MS = { min: 100, default: 15_000, max: 300_000 };
/** The longest time between two pings, in milliseconds. */
const PING_MAX_MS = 10_000;
/** How long a connection may take to prove itself after the machine slept, in milliseconds. */
export const PROBE_MS = 3_000;
/** Pings whose answers are still of interest. */
const PINGS_MAX = 16;

/**
 * Whom {@link Liveness} tells.
 * @typedef {object} LivenessEvents
 * @property {(id: string) => void} ping sends a ping
 * @property {(reason: string) => void} suspect the connection may be dead, and must not look alive
 * @property {() => void} trust it has answered after all
 * @property {(reason: string) => void} dead it has not
 */

/**
 * Watches over one connection. A third of the heartbeat's interval after the last ping the next one goes
 * out; two intervals of silence make the connection suspect, a heartbeat and a ping missed make it dead.
 *
 * Timers that fire late tell of sleep or throttling: then silence proves nothing yet, and the connection
 * gets a short time to answer. Only the answer to a ping proves that it lives, since frames may have
 * waited in a buffer for as long as the machine slept.
 */
export class Liveness {
  /** @type {Required<Clock>} */
  #clock;
  /** @type {LivenessEvents} */
  #events;
  #pingMs = 0;
  #intervalMs = 0;
  #patience = 1;
  #running = false;
  #heardAt = 0;
  #tickAt = 0;
  #count = 0;
  /** @type {Map<string, { number: number, at: number, started: number }>} */
  #pings = new Map();
  /** @type {unknown} */
  #tickTimer = null;
  /** How often something was heard. */
  #heard = 0;
  /** @type {{ timer: unknown, after: number, heard: number, ms: number, reason: string } | null} */
  #probe = null;
  /** @type {{ after: number } | null} The first ping whose answer ends the suspicion. */
  #suspicion = null;

  /**
   * @param {Required<Clock>} clock
   * @param {LivenessEvents} events
   */
  constructor(clock, events) {
    this.#clock = clock;
    this.#events = events;
  }

  /** Whether the connection is under suspicion. */
  get isSuspect() {
    return this.#suspicion !== null;
  }

  /**
   * Begins to watch, with a ping.
   * @param {unknown} heartbeatMs the interval that the hub announced
   * @param {number} [patience] how many intervals may be missed
   */
  start(heartbeatMs, patience = 1) {
    this.stop();
    const announced = typeof heartbeatMs === "number" && heartbeatMs > 0 ? heartbeatMs : HEARTBEAT_MS.default;
    const interval = Math.min(Math.max(announced, HEARTBEAT_MS.min), HEARTBEAT_MS.max);
    this.#pingMs = Math.min(interval / 3, PING_MAX_MS);
    this.#intervalMs = interval;
    this.#patience = patience;
    this.#running = true;
    this.#heardAt = this.#clock.now();
    this.#ping();
    this.#arm();
  }

  /** From now on no more than one interval may be missed. */
  tighten() {
    this.#patience = 1;
  }

  /** Ends the watch. */
  stop() {
    this.#running = false;
    this.#clock.clearTimeout(this.#tickTimer);
    if (this.#probe) this.#clock.clearTimeout(this.#probe.timer);
    this.#probe = this.#suspicion = this.#tickTimer = null;
    this.#pings.clear();
  }

  /** Takes note that something was heard. */
  heard() {
    if (!this.#running) return;
    const silent = this.#silence();
    this.#heardAt = this.#clock.now();
    this.#heard += 1;
    if (silent > this.#silenceMs) this.suspect(`nothing was heard for ${seconds(silent)}`, PROBE_MS);
  }

  /**
   * Takes the answer to a ping. Returns how long it took and when it was sent; null where the id is none
   * of ours.
   * @param {unknown} id
   * @returns {{ latencyMs: number, sentAt: number } | null}
   */
  pong(id) {
    const ping = typeof id === "string" ? this.#pings.get(id) : undefined;
    if (!ping) return null;
    // Answers come in order: what was sent before is answered, or lost.
    for (const [known, { number }] of this.#pings) if (number <= ping.number) this.#pings.delete(known);
    if (this.#probe && ping.number >= this.#probe.after) {
      this.#clock.clearTimeout(this.#probe.timer);
      this.#probe = null;
    }
    if (this.#suspicion && ping.number >= this.#suspicion.after) {
      this.#suspicion = null;
      this.#events.trust();
    }
    return { latencyMs: Math.max(0, this.#clock.monotonic() - ping.started), sentAt: ping.at };
  }

  /** Whether an id looks like that of a ping of ours. @param {unknown} id */
  isPing(id) {
    return typeof id === "string" && /^ping-\d+$/.test(id);
  }

  /**
   * Asks for a sign of life within `ms`; the connection is not suspect for it.
   * @param {string} reason
   */
  probe(reason, ms = PROBE_MS) {
    if (!this.#running) return;
    const silent = this.#silence();
    if (silent > this.#silenceMs) return this.suspect(`nothing was heard for ${seconds(silent)}`, ms);
    this.#expect(reason, ms);
  }

  /**
   * Holds the connection for dead unless it answers within `ms`.
   * @param {string} reason
   * @param {number} ms
   */
  suspect(reason, ms) {
    if (!this.#running || this.#suspicion) return;
    this.#suspicion = { after: this.#count + 1 };
    this.#events.suspect(reason);
    this.#expect(reason, ms);
  }

  /**
   * @param {string} reason
   * @param {number} ms
   */
  #expect(reason, ms) {
    if (!this.#running) return;
    if (this.#probe) this.#clock.clearTimeout(this.#probe.timer);
    const timer = this.#clock.setTimeout(() => this.#judge(), ms);
    this.#probe = { timer, after: this.#count + 1, heard: this.#heard, ms, reason };
    this.#ping();
  }

  #judge() {
    const probe = this.#probe;
    if (!probe) return;
    this.#probe = null;
    // What still arrives may be ahead of the answer, as in a long replay on a slow line.
    if (this.#heard > probe.heard) this.#expect(probe.reason, probe.ms);
    else this.#events.dead(probe.reason);
  }

  #tick() {
    const now = this.#clock.now();
    const isLate = now - this.#tickAt > this.#pingMs;
    const silent = this.#silence();
    if (isLate && silent > this.#silenceMs) {
      this.suspect(`nothing was heard for ${seconds(silent)}`, PROBE_MS);
    } else if (!isLate && silent >= 2 * this.#pingMs * this.#patience && !this.#probe) {
      const left = Math.max(this.#silenceMs - silent, this.#pingMs);
      this.suspect(`nothing was heard for ${seconds(silent)}`, left);
    } else {
      this.#ping();
    }
    if (this.#running) this.#arm();
  }

  #arm() {
    this.#tickAt = this.#clock.now() + this.#pingMs;
    this.#tickTimer = this.#clock.setTimeout(() => this.#tick(), this.#pingMs);
  }

  /** How long a silence may be. */
  get #silenceMs() {
    return this.#intervalMs * this.#patience + this.#pingMs;
  }

  /** For how long nothing was heard; a clock that was set back begins anew. */
  #silence() {
    const now = this.#clock.now();
    if (now < this.#heardAt) this.#heardAt = now;
    return now - this.#heardAt;
  }

  #ping() {
    this.#count += 1;
    const id = `ping-${this.#count}`;
    this.#pings.set(id, { number: this.#count, at: this.#clock.now(), started: this.#clock.monotonic() });
    const [oldest] = this.#pings.keys();
    if (this.#pings.size > PINGS_MAX) this.#pings.delete(oldest);
    this.#events.ping(id);
  }
}

/** @param {number} ms */
function seconds(ms) {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}
