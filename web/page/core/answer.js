import { signal } from "../../vendor/preact.js";
import { getJson } from "./api.js";
import { messageOf } from "./text.js";

const PATIENCE_MS = 10_000;

/**
 * Asks the hub again and again while the page is seen, one question at a time; returns what is known, what asks at
 * once, and what ends it. What was known stays where asking fails.
 *
 * @template T
 * @param {string} path
 * @param {number} everyMs
 */
export function keepAsking(path, everyMs) {
  const answer = signal(/** @type {{ at: number, value: T } | null} */ (null));
  const error = signal(/** @type {string | null} */ (null));
  const ended = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let [busy, again] = [false, false];

  async function ask() {
    clearTimeout(timer);
    if (document.hidden || ended.signal.aborted) return;
    again = busy;
    if (busy) return;
    busy = true;
    try {
      const value = await getJson(path, { signal: AbortSignal.any([ended.signal, AbortSignal.timeout(PATIENCE_MS)]) });
      answer.value = { at: Date.now(), value };
      error.value = null;
    } catch (problem) {
      if (ended.signal.aborted) return;
      error.value = /** @type {Error} */ (problem).name === "TimeoutError" ? "the hub does not answer" : messageOf(problem);
    } finally {
      busy = false;
    }
    timer = setTimeout(ask, again ? 0 : everyMs);
  }
  const askNow = () => void ask();
  document.addEventListener("visibilitychange", askNow);
  askNow();
  return {
    answer,
    error,
    ask: askNow,
    end: () => {
      ended.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", askNow);
    },
  };
}
