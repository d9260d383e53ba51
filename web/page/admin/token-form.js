import { html, useState } from "../../vendor/preact.js";
import { ROLES } from "../access/account.js";
import { Choice, Field } from "../access/field.js";
import { Form } from "../access/form.js";
import { send } from "../core/send.js";
import { Snippet } from "../parts/copy.js";
import { Dialog } from "../parts/dialog.js";

const DAY_MS = 86_400_000;
const NEVER = "never";
const ON = "on";
/** Days until the end. */
const ENDS = /** @type {const} */ ([["1", "in a day"], ["7", "in a week"], ["30", "in 30 days"], ["90", "in 90 days"], ["365", "in a year"], [ON, "on a day"], [NEVER, "never"]]);
const TOPICS = ["state", "gateways", "latency", "presence", "health", "logs"];

/** The roles as choices. */
export const ROLE_CHOICES = Object.keys(ROLES).map((role) => /** @type {const} */ ([role, role]));

/**
 * Makes a token.
 *
 * @param {{ onMade: (made: { token: string, name: string }) => void, onClose: () => void }} props
 */
export function TokenForm({ onMade, onClose }) {
  const [role, setRole] = useState("viewer");
  const [ends, setEnds] = useState("90");
  const [topics, setTopics] = useState(/** @type {readonly string[]} */ ([]));
  const make = async (/** @type {Record<string, string>} */ { name, day }) => {
    const expires_at = ends === NEVER ? undefined : ends === ON ? endOf(day) : new Date(Date.now() + Number(ends) * DAY_MS).toISOString();
    const made = await send("POST", "/api/tokens", { name, role, expires_at, topics: topics.length > 0 ? topics : undefined });
    onMade({ token: made.token, name: made.name });
  };
  const toggle = (/** @type {string} */ topic) => setTopics(topics.includes(topic) ? topics.filter((one) => one !== topic) : [...topics, topic]);
  return html`<${Dialog} title="New token" class="narrow-dialog" stays onClose=${onClose}>
    <div class="dialog-body">
      <${Form} submit="Make the token" wrong="name" onSubmit=${make} other=${html`<button type="button" class="button" onClick=${onClose}>Cancel</button>`}>
        <${Field} label="Name" name="name" autocomplete="off" maxlength="64" pattern="[A-Za-z0-9._\\-]+" hint="What it does is told under this name. Letters, digits, - _ and ." />
        <${Choice} label="Role" name="role" value=${role} options=${ROLE_CHOICES} hint=${ROLES[/** @type {keyof typeof ROLES} */ (role)]} onChange=${setRole} />
        <${Choice} label="Ends" name="ends" value=${ends} options=${ENDS} onChange=${setEnds} />
        ${ends === ON ? html`<${Field} label="At the end of" name="day" type="date" min=${tomorrow()} />` : null}
        ${role === "collector" ? null : html`<fieldset class="field">
          <legend>May receive</legend>
          <div class="checks">${TOPICS.map((topic) => html`<label class="check" key=${topic}><input type="checkbox" checked=${topics.includes(topic)} onChange=${() => toggle(topic)} />${topic}</label>`)}</div>
          <p class="field-hint">${topics.length === 0 ? "Every topic, also those to come." : "These topics alone."}</p>
        </fieldset>`}
      </${Form}>
    </div>
  </${Dialog}>`;
}

/**
 * Shows a new token, once.
 *
 * @param {{ token: string, name: string, onClose: () => void }} props
 */
export function TokenMade({ token, name, onClose }) {
  return html`<${Dialog} title=${`The token ${name}`} class="narrow-dialog" stays onClose=${onClose}>
    <div class="dialog-body" data-testid="token-made">
      <p><strong>Copy it now: it will not be shown again.</strong> The hub keeps no copy from which it could be read.</p>
      <${Snippet} text=${token} label="Copy the token" />
      <p class="field-hint">Programs show it as <code>Authorization: Bearer …</code>, clients of the live connection in their first frame.</p>
      <div class="form-buttons"><button type="button" class="button primary" onClick=${onClose}>I have it</button></div>
    </div>
  </${Dialog}>`;
}

/** The last moment of a day, where the reader is. @param {string} day */
function endOf(day) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date, 23, 59, 59).toISOString();
}

function tomorrow() {
  const at = new Date(Date.now() + DAY_MS);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}
