import { html } from "../../vendor/preact.js";
import { readMoment } from "../core/time.js";
import { Ago } from "../parts/ago.js";
import { Badge } from "../parts/badge.js";
import { Chart } from "../parts/chart.js";
import { Dialog } from "../parts/dialog.js";
import { Line, Prose } from "../parts/text.js";

/**
 * All that is known of one gateway.
 *
 * @param {{ id: string, gateway: import("../core/types.js").Gateway, latencies: import("../core/live.js").Latencies | null,
 *   from: number | null, onClose: () => void }} props
 */
export function GatewayDialog({ id, gateway, latencies, from, onClose }) {
  const since = readMoment(gateway.since);
  const metadata = Object.entries(gateway.metadata && typeof gateway.metadata === "object" ? gateway.metadata : {});
  return html`<${Dialog} title=${id} onClose=${onClose}>
    <div class="dialog-body">
      <dl class="fields">
        <div><dt>Status</dt><dd><${Badge} status=${gateway.status} /></dd></div>
        ${gateway.gateway_type ? html`<div><dt>Type</dt><dd><${Line} value=${gateway.gateway_type} /></dd></div>` : null}
        ${since ? html`<div><dt>Since</dt><dd><${Ago} at=${since.at} from=${from} /></dd></div>` : null}
        ${gateway.message ? html`<div><dt>Message</dt><dd><${Prose} value=${String(gateway.message)} most=${1200} /></dd></div>` : null}
        ${metadata.slice(0, 50).map(([name, value]) => html`<div key=${name}><dt><${Line} value=${name} most=${40} /></dt><dd><${Line} value=${value} most=${400} /></dd></div>`)}
      </dl>
      ${latencies && latencies.at.length > 1
        ? html`<h3>Latency</h3><${Chart} label=${`Latency of ${id}`} unit="ms" at=${latencies.at} values=${latencies.ms} />`
        : null}
    </div>
  </${Dialog}>`;
}
