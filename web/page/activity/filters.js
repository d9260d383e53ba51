import { html, useEffect, useRef, useState } from "../../vendor/preact.js";
import { actorName, typeName } from "../core/describe.js";
import { memo } from "../parts/memo.js";

const TYPING_MS = 150;

/**
 * What is to be seen: by type, by actor, by text.
 *
 * @param {{ types: readonly string[], actors: readonly string[], type: string, actor: string, text: string, onFilter: (change: Record<string, string>) => void }} props
 */
export function Filters({ types, actors, type, actor, text, onFilter }) {
  const [typed, setTyped] = useState(text);
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  useEffect(() => setTyped(text), [text]);
  useEffect(() => () => clearTimeout(timer.current), []);
  /** @param {string} next */
  const typing = (next) => {
    setTyped(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onFilter({ text: next.trim() }), TYPING_MS);
  };
  return html`<form class="filters" role="search" aria-label="Filter the changes" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <input type="search" aria-label="Text" placeholder="Find a change" value=${typed} maxlength="200" onInput=${(/** @type {any} */ event) => typing(event.currentTarget.value)} />
    <${Choice} label="Type" all="Every type" value=${type} values=${types} name=${typeName} onChoose=${(/** @type {string} */ next) => onFilter({ type: next })} />
    <${Choice} label="Actor" all="Everybody" value=${actor} values=${actors} name=${actorName} onChoose=${(/** @type {string} */ next) => onFilter({ actor: next })} />
  </form>`;
}

const Choice = memo(drawChoice);

/** @param {{ label: string, all: string, value: string, values: readonly string[], name: (value: string) => string, onChoose: (value: string) => void }} props */
function drawChoice({ label, all, value, values, name, onChoose }) {
  const known = value === "" || values.includes(value) ? values : [value, ...values];
  return html`<select aria-label=${label} value=${value} onChange=${(/** @type {any} */ event) => onChoose(event.currentTarget.value)}>
    <option value="" selected=${value === ""}>${all}</option>
    ${known.map((one) => html`<option key=${one} value=${one} selected=${one === value}>${name(one)}</option>`)}
  </select>`;
}
