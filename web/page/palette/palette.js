import { html, useLayoutEffect, useMemo, useRef, useState } from "../../vendor/preact.js";
import { cut, oneLine, plain } from "../core/text.js";
import { Dialog } from "../parts/dialog.js";
import { Icon } from "../parts/icons.js";
import { suggest } from "./suggest.js";
import { reads, VERBS } from "./verbs.js";

const LINE_MAX_CHARS = 1000;

/** @typedef {import("../core/commands.js").Outcome} Outcome */

/**
 * A line for commands, with what it may become below it.
 *
 * @param {{ state: import("../core/types.js").State | null, history: readonly string[], actions: readonly import("./suggest.js").PageAction[],
 *   blocked: string | null, mayNot?: string, onRun: (text: string) => Promise<Outcome>, onClose: () => void }} props
 *   `blocked` says why commands are off now, `mayNot` why those are that change something
 */
export function Palette({ state, history, actions, blocked, mayNot, onRun, onClose }) {
  const [line, setLine] = useState("");
  const [active, setActive] = useState(-1);
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState(/** @type {{ command: string, outcome: Outcome } | null} */ (null));
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const groups = useMemo(() => suggest(line, state, history, actions), [line, state, history, actions]);
  const all = groups.flatMap(({ suggestions }) => suggestions);
  const chosen = active >= 0 ? all[Math.min(active, all.length - 1)] : undefined;

  useLayoutEffect(() => input.current?.focus(), []);
  useLayoutEffect(() => {
    if (chosen) list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  /** @param {string} text */
  function write(text) {
    setLine(text);
    setActive(-1);
    input.current?.focus();
  }

  /** @param {string} text */
  async function run(text) {
    const command = text.trim();
    if (!command || busy) return;
    const off = blocked ?? (mayNot && !reads(command) ? `${mayNot}, except status and help` : null);
    if (off) {
      setTold({ command, outcome: { ok: false, applied: false, message: off, seq: null } });
      return;
    }
    setBusy(true);
    const outcome = await onRun(command);
    setBusy(false);
    setTold({ command, outcome });
    if (outcome.ok) write("");
    else input.current?.select();
  }

  /** @param {import("./suggest.js").Suggestion} suggestion */
  function choose(suggestion) {
    if (suggestion.action) {
      onClose();
      suggestion.action();
    } else if (suggestion.run) {
      void run(suggestion.insert);
    } else {
      write(suggestion.insert);
    }
  }

  /** Enter runs what is written, never a guess; an unfinished verb is finished first. */
  function enter() {
    if (chosen) return choose(chosen);
    const word = line.trim().toLowerCase();
    const verb = VERBS.find(({ name }) => name === word);
    const needs = verb?.target === "priority";
    const first = all.find(({ key }) => key.startsWith("v:"));
    if (word && first && (needs || !verb)) return choose(first);
    const action = all.find((suggestion) => suggestion.action && suggestion.text.toLowerCase() === word);
    return action ? choose(action) : void run(line);
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.isComposing) return;
    const last = all.length - 1;
    if (event.key === "ArrowDown") setActive(active >= last ? 0 : active + 1);
    else if (event.key === "ArrowUp") setActive(active <= 0 ? last : active - 1);
    else if (event.key === "Enter") enter();
    else if (event.key === "Tab" && !event.shiftKey && all.length > 0 && line.trim() !== "") write((chosen ?? all[0]).insert);
    else return;
    event.preventDefault();
  }

  let index = -1;
  return html`<${Dialog} title="Run a command" class="palette" bare onClose=${onClose}>
    <div class="palette-line" data-busy=${busy}>
      <${Icon} name="prompt" />
      <input ref=${input} type="text" role="combobox" aria-label="Command" aria-expanded=${all.length > 0} aria-controls="palette-list"
        aria-activedescendant=${chosen ? `palette-${Math.min(active, all.length - 1)}` : undefined} aria-autocomplete="list" autocomplete="off" autocapitalize="off"
        spellcheck=${false} maxlength=${LINE_MAX_CHARS} placeholder="A command, or a title" value=${line}
        onInput=${(/** @type {any} */ event) => { setLine(event.currentTarget.value); setActive(-1); }} onKeyDown=${onKey} />
      <kbd>esc</kbd>
    </div>
    <div role="status" class="palette-told" data-testid="command-result">
      ${busy ? html`<p class="told" data-kind="busy">Running</p>` : told ? html`<${Told} ...${told} />` : null}
    </div>
    ${mayNot ? html`<p class="palette-note" data-testid="may-not">${mayNot}, except status and help.</p>` : null}
    <div id="palette-list" class="palette-list" role="listbox" aria-label="Suggestions" ref=${list}>
      ${groups.map(({ name, suggestions }) => html`<div role="group" aria-label=${name} key=${name}>
        <div class="palette-group" role="presentation" aria-hidden="true">${name}</div>
        ${suggestions.map((suggestion) => {
          index += 1;
          const selected = chosen === suggestion;
          return html`<div key=${suggestion.key} id=${`palette-${index}`} role="option" aria-selected=${selected} aria-disabled=${(mayNot && !suggestion.action && !reads(suggestion.insert)) || undefined} class="palette-option" onClick=${() => choose(suggestion)}>
            <bdi class="palette-text">${suggestion.text}</bdi><bdi class="palette-hint">${suggestion.hint}</bdi>
          </div>`;
        })}
      </div>`)}
    </div>
    <p class="palette-foot"><kbd>↑</kbd><kbd>↓</kbd> choose <kbd>tab</kbd> complete <kbd>enter</kbd> run</p>
  </${Dialog}>`;
}

/** What the hub said, where it was asked. @param {{ command: string, outcome: Outcome }} props */
function Told({ command, outcome }) {
  const kind = outcome.ok ? (outcome.applied || outcome.seq === null ? "done" : "nothing") : "error";
  return html`<div class="told" data-kind=${kind}>
    <${Icon} name=${outcome.ok ? "check" : "cross"} />
    <div>
      <code><bdi>${oneLine(command, 160)}</bdi></code>
      <p class="told-message"><bdi>${plain(cut(outcome.message, 4000))}</bdi>${outcome.seq === null ? null : html` <span class="seq">#${outcome.seq}</span>`}</p>
    </div>
  </div>`;
}
