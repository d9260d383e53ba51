import { html, useState } from "../../vendor/preact.js";
import { send } from "../core/send.js";
import { oneLine } from "../core/text.js";
import { Empty } from "../parts/empty.js";
import { useSteps } from "../parts/more.js";
import { Panel } from "../parts/panel.js";
import { Confirm } from "./confirm.js";
import { Failed, useList } from "./list.js";
import { TokenForm, TokenMade } from "./token-form.js";
import { Ends, When } from "./when.js";

/**
 * @typedef {{ name: string, role: import("../core/access.js").Role, topics: string[] | null, created_at: string, created_by: string,
 *   expires_at: string | null, used_at: string | null, used_from: string | null }} Token
 */

/** What programs are let in by. @param {{ notify: import("../core/commands.js").Commands["notify"] }} props */
export function Tokens({ notify }) {
  const { list, error, ask } = useList("/api/tokens", ({ tokens }) => /** @type {Token[]} */ (tokens));
  const [open, setOpen] = useState(/** @type {"new" | { token: string, name: string } | { revoke: Token } | null} */ (null));
  const { shown, rest } = useSteps(list ?? []);
  const close = () => setOpen(null);
  const revoke = async (/** @type {string} */ name) => {
    await send("DELETE", `/api/tokens/${encodeURIComponent(name)}`);
    close();
    notify("done", `The token ${name} is revoked.`);
    await ask();
  };
  const create = html`<button type="button" class="button small primary panel-action" onClick=${() => setOpen("new")}>New token</button>`;
  return html`<${Panel} title="Tokens" area="tokens" note=${list && list.length > 0 ? list.length : null} action=${create}>
    <${Failed} error=${error} onRetry=${ask} />
    ${list === null ? null : list.length === 0
      ? html`<${Empty} title="No tokens yet" text="A token lets a program in: a feeder, a bot, a screen." />`
      : html`<table class="table">
          <thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Topics</th><th scope="col">Made</th><th scope="col">Ends</th><th scope="col">Last used</th><th scope="col"><span class="sr">What can be done</span></th></tr></thead>
          <tbody>${shown.map((token) => html`<tr key=${token.name} data-testid="token">
            <th scope="row" data-label="Name"><bdi>${oneLine(token.name, 64)}</bdi></th>
            <td data-label="Role"><span class="role" data-role=${token.role}>${token.role}</span></td>
            <td data-label="Topics">${token.topics?.join(", ") ?? html`<span class="meta">all</span>`}</td>
            <td data-label="Made"><span><${When} at=${token.created_at} none="" /> by <bdi>${oneLine(token.created_by, 80)}</bdi></span></td>
            <td data-label="Ends"><${Ends} at=${token.expires_at} /></td>
            <td data-label="Last used"><span><${When} at=${token.used_at} none="never" />${token.used_from ? html` from <bdi>${oneLine(token.used_from, 60)}</bdi>` : null}</span></td>
            <td class="table-actions"><button type="button" class="button small no" aria-label=${`Revoke ${token.name}`} onClick=${() => setOpen({ revoke: token })}>Revoke</button></td>
          </tr>`)}</tbody>
        </table>`}
    ${rest}
    ${open === "new" ? html`<${TokenForm} onClose=${close} onMade=${(/** @type {{ token: string, name: string }} */ made) => (setOpen(made), void ask())} />` : null}
    ${open !== null && typeof open === "object" && "token" in open ? html`<${TokenMade} ...${open} onClose=${close} />` : null}
    ${open !== null && typeof open === "object" && "revoke" in open
      ? html`<${Confirm} title=${`Revoke ${oneLine(open.revoke.name, 64)}?`} action="Revoke" onClose=${close} onConfirm=${() => revoke(open.revoke.name)}
          text="It lets nobody in any more, and what is connected with it is closed at once." />`
      : null}
  </${Panel}>`;
}
