/** @import { Clock } from "../types/index.js" */
/** @import { ServerFrame, Topic } from "../types/protocol.js" */
/** @import { Wanted } from "./wishes.js" */

import { NOTHING, union } from "./wishes.js";

/** The topics of a connection that does not name any. @type {readonly Topic[]} */
const DEFAULT_TOPICS = ["state", "gateways", "presence", "health"];
/** How long an answer may take before what is wanted is asked for again, in milliseconds. */
const ANSWER_MS = 5_000;
const REQUEST = "topics-";

/**
 * Keeps what one connection after another receives as it is wanted. What the hub says that it sends is
 * believed, and nothing else.
 */
export class Subscription {
  #clock;
  #send;
  #started;
  /** What comes without being asked for. */
  #base;
  /** @type {Wanted} */
  #wanted = NOTHING;
  /** What the connection receives once the hub has read everything; null without a connection. @type {Wanted | null} */
  #sent = null;
  /** The newest request, while it has no answer. @type {string | null} */
  #asked = null;
  #requests = 0;
  /** Whether what is wanted came without a break since it was told. */
  #unbroken = false;
  /** @type {unknown} */
  #timer = null;

  /**
   * @param {readonly string[] | undefined} topics those of the handshake
   * @param {Required<Clock>} clock
   * @param {object} events
   * @param {(message: object) => boolean} events.send
   * @param {(anew: boolean) => void} events.started what is wanted comes from now on
   */
  constructor(topics, clock, { send, started }) {
    const base = /** @type {readonly Topic[]} */ (topics ?? DEFAULT_TOPICS);
    this.#base = Object.freeze({ topics: base, logLevel: /** @type {const} */ ("INFO"), logSource: "" });
    this.#clock = clock;
    this.#send = send;
    this.#started = started;
  }

  /** @param {Wanted} wanted */
  want(wanted) {
    this.#wanted = wanted;
    this.#update();
  }

  /** A connection begins. */
  connected() {
    this.#sent = union([this.#base]);
    this.#unbroken = false;
    this.#update();
  }

  /** There is no connection any more. */
  lost() {
    this.#clock.clearTimeout(this.#timer);
    this.#sent = this.#asked = null;
  }

  /**
   * Takes the answer to a request. Returns whether it was one of ours.
   * @param {ServerFrame} frame
   */
  answered(frame) {
    const { request_id: id } = /** @type {{ request_id?: unknown }} */ (frame);
    if (typeof id !== "string" || !id.startsWith(REQUEST)) return false;
    if (frame.type !== "subscribed" || id !== this.#asked) return frame.type === "subscribed" || frame.type === "error";
    const { topics, log_level: logLevel = "INFO", log_source: logSource = "" } = frame.data;
    this.#sent = union([{ topics, logLevel, logSource }]);
    // Where the hub keeps to something else it is asked again, though not at once.
    if (!this.#isSent()) return true;
    this.#clock.clearTimeout(this.#timer);
    this.#asked = null;
    this.#tell();
    return true;
  }

  #tell() {
    this.#started(!this.#unbroken);
    this.#unbroken = true;
  }

  #isSent() {
    const [sent, wanted] = [this.#sent, this.#all()];
    return sent !== null && sent.topics.join() === wanted.topics.join() && hasFilterOf(sent, wanted);
  }

  #all() {
    return union([this.#base, this.#wanted]);
  }

  #update() {
    const sent = this.#sent;
    if (sent === null) return;
    const wanted = this.#all();
    const gone = sent.topics.filter((topic) => !wanted.topics.includes(topic));
    const added = wanted.topics.filter((topic) => !sent.topics.includes(topic));
    const refined = !hasFilterOf(sent, wanted) && wanted.topics.includes("logs");
    if (gone.length > 0) this.#ask("unsubscribe", { topics: gone });
    if (refined && !added.includes("logs")) added.push("logs");
    if (added.length > 0) {
      const { logLevel, logSource } = wanted;
      const filter = added.includes("logs") ? { log_level: logLevel, log_source: logSource } : {};
      // Lines that the old filter took may be lost between the two.
      if (refined) this.#unbroken = false;
      this.#ask("subscribe", { topics: added, ...filter });
    }
    this.#sent = wanted;
    if (this.#asked === null) this.#tell();
  }

  /**
   * @param {"subscribe" | "unsubscribe"} type
   * @param {object} data
   */
  #ask(type, data) {
    this.#requests += 1;
    this.#asked = `${REQUEST}${this.#requests}`;
    this.#send({ type, data, request_id: this.#asked });
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.#again(), ANSWER_MS);
  }

  /** An answer that did not come, or another one than was wanted: everything is asked for again. */
  #again() {
    this.#asked = null;
    this.#unbroken = false;
    const { topics, logLevel, logSource } = this.#all();
    const extra = topics.filter((topic) => topic === "logs" || !this.#base.topics.includes(topic));
    const gone = (this.#sent ?? NOTHING).topics.filter((topic) => !topics.includes(topic));
    if (gone.length > 0) this.#ask("unsubscribe", { topics: gone });
    const filter = extra.includes("logs") ? { log_level: logLevel, log_source: logSource } : {};
    this.#ask("subscribe", { topics: extra, ...filter });
  }
}

/**
 * @param {Wanted} one
 * @param {Wanted} other
 */
function hasFilterOf(one, other) {
  return one.logLevel === other.logLevel && one.logSource === other.logSource;
}
