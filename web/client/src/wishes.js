/** @import { ReceiveOptions } from "../types/index.js" */
/** @import { LogLevel, Topic } from "../types/protocol.js" */

import { report } from "./error.js";

/** The levels of log lines, the most verbose first. @type {readonly LogLevel[]} */
export const LOG_LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"];
/** The longest prefix of a source that a hub takes, in bytes. */
const SOURCE_MAX_BYTES = 128;

/**
 * What is wanted besides what comes anyway; the filter counts only with the topic `logs`.
 * @typedef {object} Wanted
 * @property {readonly Topic[]} topics
 * @property {LogLevel} logLevel
 * @property {string} logSource
 */

/** @type {Wanted} */
export const NOTHING = Object.freeze({ topics: Object.freeze([]), logLevel: "ERROR", logSource: "" });

/** The wishes of one client, each as often as it was made, and all of them as one. */
export class Wishes {
  /** @type {Set<{ wanted: Wanted, started: () => void, told: boolean }>} */
  #all = new Set();
  #changed;
  #scheduled = false;

  /** @param {(wanted: Wanted) => void} changed gets all wishes as one, once for what changes together */
  constructor(changed) {
    this.#changed = changed;
  }

  /**
   * Makes a wish. Returns what ends it.
   * @param {readonly Topic[]} topics
   * @param {ReceiveOptions} [options]
   */
  add(topics, { logLevel = "INFO", logSource = "", started = () => {} } = {}) {
    if (!Array.isArray(topics) || !topics.every((topic) => typeof topic === "string")) {
      throw new TypeError("topics must be a list of names");
    }
    if (!LOG_LEVELS.includes(logLevel)) throw new TypeError(`logLevel must be one of ${LOG_LEVELS.join(", ")}`);
    if (typeof logSource !== "string" || new TextEncoder().encode(logSource).length > SOURCE_MAX_BYTES) {
      throw new TypeError(`logSource must be a string of at most ${SOURCE_MAX_BYTES} bytes`);
    }
    const wanted = /** @type {Wanted} */ ({ topics: [...topics], logLevel, logSource });
    const wish = { wanted, started, told: false };
    this.#all.add(wish);
    this.#soon();
    return () => {
      if (this.#all.delete(wish)) this.#soon();
    };
  }

  /**
   * What is wanted comes from now on.
   * @param {boolean} anew whether that was interrupted, also for those who were told before
   */
  started(anew) {
    for (const wish of [...this.#all]) {
      if (wish.told && !anew) continue;
      wish.told = true;
      try {
        wish.started();
      } catch (error) {
        report(error);
      }
    }
  }

  clear() {
    this.#all.clear();
  }

  /** Whoever ends one wish to make another should not be seen to want nothing in between. */
  #soon() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#changed(union([...this.#all].map(({ wanted }) => wanted)));
    });
  }
}

/**
 * What satisfies every wish: all topics, the most verbose level, the prefix that all sources begin with.
 * @param {readonly Wanted[]} wishes
 * @returns {Wanted}
 */
export function union(wishes) {
  const topics = [...new Set(wishes.flatMap((wanted) => wanted.topics))].sort();
  const logs = wishes.filter((wanted) => wanted.topics.includes("logs"));
  if (logs.length === 0) return { ...NOTHING, topics };
  const levels = logs.map(({ logLevel }) => LOG_LEVELS.indexOf(logLevel));
  const logSource = logs.map((wanted) => wanted.logSource).reduce(commonPrefix);
  return { topics, logLevel: LOG_LEVELS[Math.min(...levels)], logSource };
}

/**
 * @param {string} one
 * @param {string} other
 */
function commonPrefix(one, other) {
  const [mine, theirs] = [[...one], [...other]];
  const differs = mine.findIndex((character, place) => character !== theirs[place]);
  return differs < 0 ? one : mine.slice(0, differs).join("");
}
