import { html, useEffect, useRef, useState } from "../../vendor/preact.js";
import { LEVELS } from "./lines.js";

const TYPING_MS = 150;
/** The hub takes as much, in bytes. */
export const SOURCE_MAX = 128;

/** @type {Record<import("./lines.js").Level, string>} */
const NAMES = { DEBUG: "Every level", INFO: "INFO and up", WARN: "WARN and up", ERROR: "ERROR only" };

/**
 * Which lines are to be seen: by level and by source, which the hub sees to, and by text.
 *
 * @param {{ level: string, source: string, text: string, onFilter: (change: { level?: string, source?: string, text?: string }) => void }} props
 */
export function LogFilters({ level, source, text, onFilter }) {
  const typedText = useTyped(text, (next) => onFilter({ text: next }));
  const typedSource = useTyped(source, (next) => onFilter({ source: next }));
  return html`<form class="filters" role="search" aria-label="Filter the lines" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <input type="search" aria-label="Text" placeholder="Find in lines" maxlength="200" ...${typedText} />
    <select aria-label="Level" value=${level} onChange=${(/** @type {any} */ event) => onFilter({ level: event.currentTarget.value })}>
      ${LEVELS.map((one) => html`<option key=${one} value=${one} selected=${one === level}>${NAMES[one]}</option>`)}
    </select>
    <input type="search" class="filter-source" aria-label="Source" placeholder="Every source" title="What the source begins with" maxlength=${SOURCE_MAX} ...${typedSource} />
  </form>`;
}

/**
 * What is typed counts where it rests.
 *
 * @param {string} value
 * @param {(next: string) => void} onRest
 */
function useTyped(value, onRest) {
  const [typed, setTyped] = useState(value);
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  const newest = useRef(onRest);
  newest.current = onRest;
  useEffect(() => setTyped(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const onInput = (/** @type {any} */ event) => {
    const next = event.currentTarget.value;
    setTyped(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => newest.current(next.trim()), TYPING_MS);
  };
  return { value: typed, onInput };
}
