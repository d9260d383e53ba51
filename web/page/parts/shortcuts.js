import { html } from "../../vendor/preact.js";
import { Dialog } from "./dialog.js";

const KEYS = [
  ["Ctrl K or ⌘ K", "run a command", false],
  ["/", "run a command", true],
  ["g then o, a, l, c", "go to overview, activity, logs, connections", true],
  ["[ and ]", "one change back, one change on", true],
  ["p", "play the past, or pause", true],
  ["l", "back to live", true],
  ["w", "wall mode", true],
  ["t", "theme", true],
  ["?", "this list", true],
  ["Escape", "close what is open, leave the wall mode, back to live", false],
  ["↑ ↓ Home End", "move in the activity and the logs, Enter shows the whole", false],
];

/**
 * The shortcuts, and whether single keys are some.
 *
 * @param {{ singleKeys: boolean, onSingleKeys: (on: boolean) => void, onClose: () => void }} props
 */
export function Shortcuts({ singleKeys, onSingleKeys, onClose }) {
  return html`<${Dialog} title="Keyboard shortcuts" class="shortcuts" onClose=${onClose}>
    <div class="dialog-body">
      <dl class="keys">
        ${KEYS.map(([keys, text, single]) => html`<div key=${keys} data-off=${single && !singleKeys}><dt><kbd>${keys}</kbd></dt><dd>${text}</dd></div>`)}
      </dl>
      <label class="check">
        <input type="checkbox" checked=${singleKeys} onChange=${(/** @type {any} */ event) => onSingleKeys(event.currentTarget.checked)} />
        Single keys are shortcuts
      </label>
    </div>
  </${Dialog}>`;
}
