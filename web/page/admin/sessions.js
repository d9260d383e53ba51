import { html, useState } from "../../vendor/preact.js";
import { send } from "../core/send.js";
import { oneLine } from "../core/text.js";
import { agentName } from "../parts/agent.js";
import { Empty } from "../parts/empty.js";
import { useSteps } from "../parts/more.js";
import { Panel } from "../parts/panel.js";
import { Confirm } from "./confirm.js";
import { Failed, useList } from "./list.js";
import { When } from "./when.js";

/** @typedef {{ id: string, email: string, created_at: string, seen_at: string, expires_at: string, address: string, user_agent: string | null }} SignIn */

/** Where people are signed in, the newest first. @param {{ notify: import("../core/commands.js").Commands["notify"] }} props */
export function Sessions({ notify }) {
  const { list, error, ask } = useList("/api/sessions", ({ sessions }) => newestFirst(sessions));
  const [ending, setEnding] = useState(/** @type {SignIn | null} */ (null));
  const { shown, rest } = useSteps(list ?? []);
  const close = () => setEnding(null);
  const end = async (/** @type {SignIn} */ { id, email }) => {
    await send("DELETE", `/api/sessions/${encodeURIComponent(id)}`);
    close();
    notify("done", `A session of ${email} is over.`);
    await ask();
  };
  return html`<${Panel} title="Sessions" area="sessions" note=${list && list.length > 0 ? list.length : null}>
    <${Failed} error=${error} onRetry=${ask} />
    ${list === null ? null : list.length === 0
      ? html`<${Empty} title="Nobody is signed in" />`
      : html`<table class="table">
          <thead><tr><th scope="col">Who</th><th scope="col">From</th><th scope="col">With</th><th scope="col">Signed in</th><th scope="col">Last seen</th><th scope="col">Ends</th><th scope="col"><span class="sr">What can be done</span></th></tr></thead>
          <tbody>${shown.map((one) => html`<tr key=${one.id} data-testid="session">
            <th scope="row" data-label="Who"><bdi>${oneLine(one.email, 254)}</bdi></th>
            <td data-label="From"><bdi>${oneLine(one.address, 60)}</bdi></td>
            <td data-label="With" title=${oneLine(one.user_agent ?? "", 200)}>${agentName(one.user_agent)}</td>
            <td data-label="Signed in"><${When} at=${one.created_at} none="" /></td>
            <td data-label="Last seen"><${When} at=${one.seen_at} none="" /></td>
            <td data-label="Ends"><${When} at=${one.expires_at} none="" /></td>
            <td class="table-actions"><button type="button" class="button small no" aria-label=${`End the session of ${one.email} from ${one.address}`} onClick=${() => setEnding(one)}>End</button></td>
          </tr>`)}</tbody>
        </table>`}
    ${rest}
    ${ending ? html`<${Confirm} title="End this session?" action="End it" onClose=${close} onConfirm=${() => end(ending)}
        text=${`${oneLine(ending.email, 80)} has to sign in again on ${agentName(ending.user_agent)} at ${oneLine(ending.address, 60)}.`} />` : null}
  </${Panel}>`;
}

/** @param {SignIn[]} sessions */
function newestFirst(sessions) {
  return [...sessions].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
}
