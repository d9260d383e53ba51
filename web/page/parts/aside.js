import { html, useEffect, useState } from "../../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";

/** Where there is no room beside a list, what is read is shown in a dialog. */
export const NARROW = "(max-width: 899px)";

/**
 * What is read beside a list; Escape and its button end it.
 *
 * @param {{ title: string, label: string, close: string, busy?: boolean, onClose: () => void, children?: unknown }} props
 */
export function Aside({ title, label, close, busy = false, onClose, children }) {
  const narrow = useMedia(NARROW);
  const body = html`<div class="detail-body" aria-busy=${busy}>${children}</div>`;
  if (narrow) return html`<${Dialog} title=${title} class="detail-dialog" onClose=${onClose}>${body}</${Dialog}>`;
  return html`<aside class="detail panel" aria-label=${label} onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === "Escape") { event.preventDefault(); onClose(); } }}>
    <header class="panel-head">
      <h2>${title}</h2>
      <button type="button" class="button icon-only ghost" aria-label=${close} onClick=${onClose}><${Icon} name="cross" /></button>
    </header>
    ${body}
  </aside>`;
}

/** Whether a media query matches. @param {string} text */
export function useMedia(text) {
  const [matches, setMatches] = useState(() => matchMedia(text).matches);
  useEffect(() => {
    const list = matchMedia(text);
    const follow = () => setMatches(list.matches);
    list.addEventListener("change", follow);
    return () => list.removeEventListener("change", follow);
  }, [text]);
  return matches;
}
