import { signal } from "../../vendor/preact.js";
import { getJson } from "../core/api.js";
import { messageOf } from "../core/text.js";

const EVERY_MS = 2000;
/** Where the answer takes long, this share of the time is spent on asking at most. */
const SHARE = 5;
const PATIENCE_MS = 10_000;

/**
 * @typedef {{ session_id: string, actor: string, address: string, user_agent: string | null, protocol: string, topics: string[],
 *   connected_at: string, seq: number, behind: number, queued_bytes: number, conflated: number, state: string }} ConnectionReport
 */

/** Asks who is connected, again and again while the page is seen; one question at a time. */
export function createPoll() {
  const answer = signal(/** @type {{ at: number, connections: ConnectionReport[] } | null} */ (null));
  const error = signal(/** @type {string | null} */ (null));

  let askNow = () => {};

  /** Begins; returns what ends it. */
  function start() {
    const ended = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    let busy = false;
    async function ask() {
      clearTimeout(timer);
      if (busy || document.hidden) return;
      busy = true;
      const began = performance.now();
      try {
        const { connections } = await getJson("/api/connections", { signal: AbortSignal.any([ended.signal, AbortSignal.timeout(PATIENCE_MS)]) });
        answer.value = { at: Date.now(), connections };
        error.value = null;
      } catch (problem) {
        if (ended.signal.aborted) return;
        error.value = /** @type {Error} */ (problem).name === "TimeoutError" ? "the hub does not answer" : messageOf(problem);
      } finally {
        busy = false;
      }
      timer = setTimeout(ask, Math.max(EVERY_MS, (performance.now() - began) * SHARE));
    }
    askNow = () => void ask();
    document.addEventListener("visibilitychange", askNow);
    askNow();
    return () => {
      ended.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", askNow);
      askNow = () => {};
    };
  }

  return { answer, error, start, ask: () => askNow() };
}
