import { html, useRef, useState } from "../../vendor/preact.js";
import { Icon } from "./icons.js";

const TOLD_MS = 1600;
/** Short words that a browser would break at their hyphen. */
const FLAG = /^\S{0,8}-\S{0,8}$/;

/** A button that copies a text. @param {{ text: string, label: string, short?: string }} props */
export function CopyButton({ text, label, short }) {
  const [told, setTold] = useState("");
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  async function copy() {
    const done = await writeClipboard(text);
    setTold(done ? "copied" : "not copied");
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setTold(""), TOLD_MS);
  }
  return html`<button type="button" class=${short ? "button small" : "button icon-only"} aria-label=${label} onClick=${copy}>
    <${Icon} name=${told === "copied" ? "check" : "copy"} />${short ? html`<span>${told || short}</span>` : null}
    <span class="sr" role="status">${told}</span>
  </button>`;
}

/** @param {string} text */
async function writeClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/**
 * Copies where the clipboard is closed to pages, as over plain http from another machine.
 *
 * @param {string} text
 */
function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "sr";
  const parent = document.querySelector("dialog[open]") ?? document.body;
  parent.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

/** A command line to copy. @param {{ text: string, label?: string }} props */
export function Snippet({ text, label = "Copy the command" }) {
  return html`<div class="snippet">
    <code>${text.split(" ").map((word, index) => html`${index > 0 ? " " : ""}${FLAG.test(word) ? html`<span class="flag">${word}</span>` : word}`)}</code>
    <${CopyButton} text=${text} label=${label} />
  </div>`;
}
