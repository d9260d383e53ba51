import { html, useEffect, useState } from "../../vendor/preact.js";
import { watchHub } from "../core/recipes.js";
import { readMoment } from "../core/time.js";
import { Ago } from "../parts/ago.js";
import { lazy } from "../parts/lazy.js";
import { Badge, toneOf } from "../parts/badge.js";
import { Empty } from "../parts/empty.js";
import { memo } from "../parts/memo.js";
import { useSteps } from "../parts/more.js";
import { Panel } from "../parts/panel.js";
import { Line } from "../parts/text.js";

/** @typedef {import("../core/types.js").Gateway} Gateway */
/** @typedef {import("../core/live.js").Latencies} Latencies */

/** All that is known of one gateway; few readers ask for it. */
export const GatewayDialog = lazy(async () => (await import("./gateway-dialog.js")).GatewayDialog, ["style/dialogs.css", "style/gateways.css"]);

const Sparkline = lazy(async () => (await import("../parts/sparkline.js")).Sparkline);
const ORDER = { bad: 0, warn: 1, busy: 2, none: 4, ok: 3 };

/** The services that matter, those in trouble first. */
export const Gateways = memo(drawGateways);

/**
 * @param {{ gateways: Record<string, Gateway>, latencies: ReadonlyMap<string, Latencies> | null, from: number | null, hub: import("../core/types.js").Hub,
 *   canAct: boolean, pending: ReadonlySet<string>, onCommand: (text: string) => void, onSeen: () => () => void }} props
 *   `onSeen` begins what is of use while they are seen, and returns what ends it
 */
function drawGateways({ gateways, latencies, from, hub, canAct, pending, onCommand, onSeen }) {
  const [opened, setOpened] = useState(/** @type {string | null} */ (null));
  const ids = sortIds(gateways);
  const some = ids.length > 0 && from === null;
  useEffect(() => (some ? onSeen() : undefined), [some]);
  const { shown, rest } = useSteps(ids);
  const well = ids.filter((id) => toneOf(gateways[id].status) === "ok").length;
  return html`<${Panel} title="Gateways" area="gw" note=${ids.length > 0 ? `${well} of ${ids.length} healthy` : null}>
    ${ids.length === 0
      ? html`<${Empty} title="No gateways" text="Services that matter are watched here. Let the hub watch itself:" command=${watchHub()} />`
      : html`<ul class="tiles">
          ${shown.map((id) => html`<${Tile} key=${id} id=${id} gateway=${gateways[id]} latencies=${latencies?.get(id) ?? null} from=${from} onOpen=${setOpened} />`)}
        </ul>`}
    ${rest}
    ${opened !== null && gateways[opened]
      ? html`<${GatewayDialog} id=${opened} gateway=${gateways[opened]} latencies=${latencies?.get(opened) ?? null} from=${from} hub=${hub}
          canAct=${canAct} pending=${pending} onCommand=${onCommand} onClose=${() => setOpened(null)} />`
      : null}
  </${Panel}>`;
}

const Tile = memo(drawTile);

/** @param {{ id: string, gateway: Gateway, latencies: Latencies | null, from: number | null, onOpen: (id: string) => void }} props */
function drawTile({ id, gateway, latencies, from, onOpen }) {
  const since = readMoment(gateway.since);
  const last = latencies?.ms.at(-1);
  return html`<li class="tile" data-tone=${toneOf(gateway.status)} data-status=${gateway.status}>
    <div class="tile-head">
      <button type="button" class="tile-name" onClick=${() => onOpen(id)}><${Line} value=${id} most=${60} /></button>
      ${typeof last === "number" ? html`<span class="tile-ms">${showMs(last)}</span>` : null}
    </div>
    <div class="tile-status">
      <${Badge} status=${gateway.status} />
      ${since ? html`<span class="meta"><${Ago} at=${since.at} from=${from} /></span>` : null}
    </div>
    ${awaitsApproval(gateway) ? html`<p class="tile-ask">Its recovery waits for approval</p>` : null}
    ${gateway.message ? html`<p class="tile-message"><${Line} value=${gateway.message} most=${160} /></p>` : null}
    ${latencies ? html`<${Sparkline} latencies=${latencies} />` : null}
  </li>`;
}

/** Whether somebody has to decide about a recovery. @param {Gateway} gateway */
export const awaitsApproval = ({ metadata }) => /** @type {any} */ (metadata)?.recovery?.step === "awaiting_approval";

/** Shows a latency. @param {number} ms */
export function showMs(ms) {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString()} ms`;
}

/** @type {WeakMap<object, string[]>} */
const sortedIds = new WeakMap();

/** @param {Record<string, Gateway>} gateways */
function sortIds(gateways) {
  let ids = sortedIds.get(gateways);
  if (!ids) {
    const rank = (/** @type {string} */ id) => ORDER[toneOf(gateways[id].status)];
    ids = Object.keys(gateways).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
    sortedIds.set(gateways, ids);
  }
  return ids;
}
