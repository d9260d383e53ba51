import { html } from "../../vendor/preact.js";
import { actorName } from "../core/describe.js";
import { oneLine } from "../core/text.js";
import { agentName } from "../parts/agent.js";
import { Ago } from "../parts/ago.js";
import { Badge } from "../parts/badge.js";
import { memo } from "../parts/memo.js";
import { useSteps } from "../parts/more.js";

/** @typedef {import("./poll.js").ConnectionReport} ConnectionReport */

/** Those in trouble first, then as the hub lists them. */
const ORDER = ["stalled", "lagging", "live"];

/** Connections as a table; as cards where there is no room. */
export const ConnectionTable = memo(connectionTable);

/** @param {{ connections: ConnectionReport[], own: string | null }} props */
function connectionTable({ connections, own }) {
  const sorted = [...connections].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  const { shown, rest } = useSteps(sorted);
  return html`<table class="table">
      <thead>
        <tr>
          <th scope="col">State</th><th scope="col">Who</th><th scope="col">From</th><th scope="col">Client</th><th scope="col">Protocol</th>
          <th scope="col">Connected</th><th scope="col" class="number">Change</th><th scope="col" class="number">Behind</th><th scope="col" class="number">Queued</th><th scope="col" class="number">Conflated</th>
        </tr>
      </thead>
      <tbody>${shown.map((one) => html`<${Row} key=${one.session_id} one=${one} own=${one.session_id === own} />`)}</tbody>
    </table>
    ${rest}`;
}

/** @param {{ one: ConnectionReport, own: boolean }} props */
function Row({ one, own }) {
  return html`<tr data-state=${one.state}>
    <td data-label="State"><${Badge} status=${one.state} /></td>
    <th scope="row" data-label="Who"><bdi>${actorName(oneLine(one.actor, 80))}</bdi>${own ? html` <span class="own">this page</span>` : null}
      <span class="session">${oneLine(one.session_id, 13)}</span></th>
    <td data-label="From"><bdi>${oneLine(one.address, 60)}</bdi></td>
    <td data-label="Client" title=${oneLine(one.user_agent ?? "", 200)}>${agentName(one.user_agent)}</td>
    <td data-label="Protocol">${oneLine(one.protocol, 20)}</td>
    <td data-label="Connected"><${Ago} at=${Date.parse(one.connected_at)} /></td>
    <td data-label="Change" class="number">#${one.seq}</td>
    <td data-label="Behind" class="number" data-some=${one.behind > 0}>${one.behind}</td>
    <td data-label="Queued" class="number" data-some=${one.queued_bytes > 0}>${bytes(one.queued_bytes)}</td>
    <td data-label="Conflated" class="number" data-some=${one.conflated > 0}>${one.conflated}</td>
  </tr>`;
}

/** @param {number} count */
function bytes(count) {
  if (count < 1024) return `${count} B`;
  return count < 1024 * 1024 ? `${(count / 1024).toFixed(1)} KiB` : `${(count / 1024 / 1024).toFixed(1)} MiB`;
}
