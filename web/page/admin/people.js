import { html, useState } from "../../vendor/preact.js";
import { ROLES } from "../access/account.js";
import { PASSWORD, PASSWORD_HINT } from "../access/door.js";
import { Choice, Field } from "../access/field.js";
import { Form } from "../access/form.js";
import { me } from "../core/access.js";
import { send } from "../core/send.js";
import { oneLine } from "../core/text.js";
import { Dialog } from "../parts/dialog.js";
import { Empty } from "../parts/empty.js";
import { useSteps } from "../parts/more.js";
import { Panel } from "../parts/panel.js";
import { Confirm } from "./confirm.js";
import { Failed, useList } from "./list.js";
import { ROLE_CHOICES } from "./token-form.js";
import { When } from "./when.js";

/** @typedef {{ email: string, role: import("../core/access.js").Role, created_at: string, created_by: string }} Person */
/** @typedef {{ do: "add" } | { do: "role" | "password" | "remove", person: Person }} Doing */

const NOT_ONESELF = "Another admin has to do that: you could lock yourself out";

/** Who can sign in. @param {{ notify: import("../core/commands.js").Commands["notify"] }} props */
export function People({ notify }) {
  const { list, error, ask } = useList("/api/users", ({ users }) => /** @type {Person[]} */ (users));
  const [doing, setDoing] = useState(/** @type {Doing | null} */ (null));
  const { shown, rest } = useSteps(list ?? []);
  const close = () => setDoing(null);
  /** @param {string} method @param {string} path @param {object | undefined} body @param {string} done */
  const change = async (method, path, body, done) => {
    await send(method, path, body);
    close();
    notify("done", done);
    await ask();
  };
  const add = html`<button type="button" class="button small primary panel-action" onClick=${() => setDoing({ do: "add" })}>Add somebody</button>`;
  return html`<${Panel} title="People" area="people" note=${list && list.length > 0 ? list.length : null} action=${add}>
    <${Failed} error=${error} onRetry=${ask} />
    ${list === null ? null : list.length === 0
      ? html`<${Empty} title="Nobody yet" text=${me.mode === "open" ? "This hub asks nobody who they are. People that you add can sign in once auth.mode is required." : "Add who is to sign in."} />`
      : html`<table class="table">
          <thead><tr><th scope="col">E-mail address</th><th scope="col">Role</th><th scope="col">Added</th><th scope="col"><span class="sr">What can be done</span></th></tr></thead>
          <tbody>${shown.map((person) => html`<${Row} key=${person.email} person=${person} onDo=${setDoing} />`)}</tbody>
        </table>`}
    ${rest}
    ${doing === null ? null : doing.do === "add" ? html`<${Add} onChange=${change} onClose=${close} />`
      : doing.do === "role" ? html`<${ChangeRole} person=${doing.person} onChange=${change} onClose=${close} />`
      : doing.do === "password" ? html`<${SetPassword} person=${doing.person} onChange=${change} onClose=${close} />`
      : html`<${Confirm} title=${`Remove ${oneLine(doing.person.email, 80)}?`} action="Remove" text="They cannot sign in any more, and are signed out everywhere at once." onClose=${close}
          onConfirm=${() => change("DELETE", pathOf(doing.person), undefined, `${doing.person.email} is removed.`)} />`}
  </${Panel}>`;
}

/** @param {{ person: Person, onDo: (doing: Doing) => void }} props */
function Row({ person, onDo }) {
  const { email, role, created_at, created_by } = person;
  const own = me.identity?.name === email;
  /** @param {"role" | "password" | "remove"} what @param {string} text @param {string} label @param {string} name */
  const button = (what, text, label, name = "") => {
    const why = own ? (what === "password" ? "Change your own from the menu above" : NOT_ONESELF) : undefined;
    return html`<button type="button" class=${`button small ${name}`} aria-label=${`${label} ${email}`} disabled=${own} title=${why} onClick=${() => onDo({ do: what, person })}>${text}</button>`;
  };
  return html`<tr data-testid="person">
    <th scope="row" data-label="E-mail address"><bdi>${oneLine(email, 254)}</bdi>${own ? html` <span class="own">you</span>` : null}</th>
    <td data-label="Role"><span class="role" data-role=${role}>${role}</span></td>
    <td data-label="Added"><span><${When} at=${created_at} none="" /> by <bdi>${oneLine(created_by, 80)}</bdi></span></td>
    <td class="table-actions">${button("role", "Role", "Change the role of")}${button("password", "Password", "Set the password of")}${button("remove", "Remove", "Remove", "no")}</td>
  </tr>`;
}

/** @typedef {{ onChange: (method: string, path: string, body: object | undefined, done: string) => Promise<void>, onClose: () => void }} Changing */

/** @param {Changing} props */
function Add({ onChange, onClose }) {
  const [role, setRole] = useState("viewer");
  const add = (/** @type {Record<string, string>} */ { email, password }) => onChange("POST", "/api/users", { email, role, password }, `${email} can sign in.`);
  return html`<${Framed} title="Add somebody" submit="Add" onSubmit=${add} onClose=${onClose}>
    <${Field} label="E-mail address" name="email" type="email" autocomplete="off" maxlength="254" />
    <${Roles} role=${role} onRole=${setRole} />
    <${Field} label="A password to begin with" name="password" type="password" autocomplete="new-password" hint=${`${PASSWORD_HINT} They can change it.`} ...${PASSWORD} />
  </${Framed}>`;
}

/** @param {{ person: Person } & Changing} props */
function ChangeRole({ person, onChange, onClose }) {
  const [role, setRole] = useState(/** @type {string} */ (person.role));
  const change = () => onChange("PATCH", pathOf(person), { role }, `${person.email} is ${role} now.`);
  return html`<${Framed} title=${`Role of ${oneLine(person.email, 80)}`} submit="Change it" onSubmit=${change} onClose=${onClose}>
    <${Roles} role=${role} onRole=${setRole} />
  </${Framed}>`;
}

/** @param {{ person: Person } & Changing} props */
function SetPassword({ person, onChange, onClose }) {
  const change = (/** @type {Record<string, string>} */ { password }) => onChange("PATCH", pathOf(person), { password }, `${person.email} has a new password, and is signed out.`);
  return html`<${Framed} title=${`Password of ${oneLine(person.email, 80)}`} submit="Set it" onSubmit=${change} onClose=${onClose}>
    <${Field} label="New password" name="password" type="password" autocomplete="new-password" hint=${PASSWORD_HINT} ...${PASSWORD} />
    <p class="field-hint">They are signed out everywhere.</p>
  </${Framed}>`;
}

/** @param {{ role: string, onRole: (role: string) => void }} props */
function Roles({ role, onRole }) {
  return html`<${Choice} label="Role" name="role" value=${role} options=${ROLE_CHOICES} hint=${ROLES[/** @type {keyof typeof ROLES} */ (role)]} onChange=${onRole} />`;
}

/** @param {{ title: string, submit: string, onSubmit: (values: Record<string, string>) => Promise<void>, onClose: () => void, children?: unknown }} props */
function Framed({ title, submit, onSubmit, onClose, children }) {
  return html`<${Dialog} title=${title} class="narrow-dialog" stays onClose=${onClose}>
    <div class="dialog-body">
      <${Form} submit=${submit} onSubmit=${onSubmit} other=${html`<button type="button" class="button" onClick=${onClose}>Cancel</button>`}>${children}</${Form}>
    </div>
  </${Dialog}>`;
}

/** @param {Person} person */
const pathOf = ({ email }) => `/api/users/${encodeURIComponent(email)}`;
