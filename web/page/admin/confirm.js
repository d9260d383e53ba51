import { html } from "../../vendor/preact.js";
import { Form } from "../access/form.js";
import { Dialog } from "../parts/dialog.js";

/**
 * Asks before something is taken away.
 *
 * @param {{ title: string, text: unknown, action: string, onConfirm: () => Promise<unknown>, onClose: () => void }} props
 */
export function Confirm({ title, text, action, onConfirm, onClose }) {
  return html`<${Dialog} title=${title} class="narrow-dialog" onClose=${onClose}>
    <div class="dialog-body">
      <p>${text}</p>
      <${Form} submit=${action} danger onSubmit=${onConfirm} other=${html`<button type="button" class="button" onClick=${onClose}>Cancel</button>`} />
    </div>
  </${Dialog}>`;
}
