import { html, useCallback, useEffect, useRef, useState } from "../../vendor/preact.js";
import { getJson } from "../core/api.js";
import { messageOf } from "../core/text.js";

/**
 * Asks the hub for a list, once and whenever it was altered here, and when somebody comes back to the page.
 *
 * @template T
 * @param {string} path
 * @param {(answer: any) => T[]} read
 * @returns {{ list: T[] | null, error: string, ask: () => Promise<void> }}
 */
export function useList(path, read) {
  const [list, setList] = useState(/** @type {T[] | null} */ (null));
  const [error, setError] = useState("");
  const asked = useRef(0);
  const ask = useCallback(async () => {
    asked.current += 1;
    const mine = asked.current;
    try {
      const answer = read(await getJson(path));
      if (mine !== asked.current) return;
      setList(answer);
      setError("");
    } catch (problem) {
      if (mine === asked.current) setError(messageOf(problem));
    }
  }, [path]);
  useEffect(() => {
    const again = () => document.hidden || void ask();
    again();
    document.addEventListener("visibilitychange", again);
    return () => {
      asked.current += 1;
      document.removeEventListener("visibilitychange", again);
    };
  }, [ask]);
  return { list, error, ask };
}

/** Says that what is shown may be old. @param {{ error: string, onRetry: () => unknown }} props */
export function Failed({ error, onRetry }) {
  if (!error) return null;
  return html`<p class="admin-failed" role="alert">Not up to date: ${error}. <button type="button" class="button small" onClick=${() => void onRetry()}>Try again</button></p>`;
}
