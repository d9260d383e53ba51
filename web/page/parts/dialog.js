import { html, useId, useLayoutEffect, useRef } from "../../vendor/preact.js";
import { Icon } from "./icons.js";

/**
 * A modal dialog while it is there; `onClose` when the reader leaves it; one that `stays` not by a click beside it.
 *
 * @param {{ title: string, class?: string, bare?: boolean, stays?: boolean, onClose: () => void, children?: unknown }} props
 */
export function Dialog({ title, class: name, bare, stays, onClose, children }) {
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useLayoutEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  /** @param {MouseEvent} event */
  const outside = (event) => {
    if (event.target === ref.current && !stays) onClose();
  };
  return html`<dialog ref=${ref} class=${`dialog ${name ?? ""}`} aria-labelledby=${id} onMouseDown=${outside}
    onCancel=${(/** @type {Event} */ event) => (event.preventDefault(), onClose())}>
    <div class="dialog-box">
      <header class=${bare ? "sr" : "dialog-head"}>
        <h2 id=${id}>${title}</h2>
        ${bare ? null : html`<button type="button" class="button icon-only" aria-label="Close" onClick=${onClose}><${Icon} name="cross" /></button>`}
      </header>
      ${children}
    </div>
  </dialog>`;
}
