import { html } from "../../vendor/preact.js";
import { send } from "../core/send.js";
import { Dialog } from "../parts/dialog.js";
import { PASSWORD, PASSWORD_HINT } from "./door.js";
import { Field } from "./field.js";
import { Form } from "./form.js";
import { tell } from "./sign.js";

/**
 * Changes one's own password.
 *
 * @param {{ email: string, onChanged: () => void, onClose: () => void }} props
 */
export function PasswordDialog({ email, onChanged, onClose }) {
  const change = async (/** @type {Record<string, string>} */ { current, next }) => {
    // All tabs have one session: it ends, and another one begins.
    tell("changing");
    try {
      await send("PUT", "/api/auth/password", { current, new: next }, { quiet: true });
    } finally {
      tell("in");
    }
    onChanged();
  };
  return html`<${Dialog} title="Change your password" class="narrow-dialog" onClose=${onClose}>
    <div class="dialog-body">
      <${Form} submit="Change it" wrong="current" onSubmit=${change} other=${html`<button type="button" class="button" onClick=${onClose}>Cancel</button>`}>
        <input class="sr" type="text" name="email" autocomplete="username" value=${email} readonly tabindex="-1" aria-hidden="true" />
        <${Field} label="Password so far" name="current" type="password" autocomplete="current-password" maxlength=${PASSWORD.maxlength} />
        <${Field} label="New password" name="next" type="password" autocomplete="new-password" hint=${PASSWORD_HINT} ...${PASSWORD} />
        <p class="field-hint">Everywhere else you are signed out.</p>
      </${Form}>
    </div>
  </${Dialog}>`;
}
