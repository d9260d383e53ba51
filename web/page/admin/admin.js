import { html } from "../../vendor/preact.js";
import { isAdmin, me } from "../core/access.js";
import { href } from "../core/router.js";
import { Empty } from "../parts/empty.js";
import { Audit } from "./audit.js";
import { People } from "./people.js";
import { Sessions } from "./sessions.js";
import { Tokens } from "./tokens.js";

const PARTS = /** @type {const} */ ([["tokens", "Tokens", Tokens], ["people", "People", People], ["sessions", "Sessions", Sessions], ["audit", "Audit", Audit]]);

/**
 * Who may do what, and who did.
 *
 * @param {{ params: Record<string, string>, notify: import("../core/commands.js").Commands["notify"] }} props
 */
export function Admin({ params, notify }) {
  if (!isAdmin()) return html`<${Empty} title="This is for admins" text=${`Your role is ${me.identity?.role}: ask an admin for another one.`} />`;
  const [part, , View] = PARTS.find(([name]) => name === params.part) ?? PARTS[0];
  return html`<div class="admin">
    <nav class="admin-parts" aria-label="Admin">
      ${PARTS.map(([name, text]) => html`<a key=${name} class="button small" href=${href("admin", { part: name === "tokens" ? null : name })} aria-current=${name === part ? "page" : undefined}>${text}</a>`)}
    </nav>
    <${View} key=${part} params=${params} notify=${notify} />
  </div>`;
}
