import { html } from "../../vendor/preact.js";
import { whyNot } from "../core/access.js";
import { Ago } from "../parts/ago.js";
import { Badge } from "../parts/badge.js";
import { Icon } from "../parts/icons.js";
import { memo } from "../parts/memo.js";

/** What the system does, how far it is, when it last succeeded. */
export const SystemStrip = memo(systemStrip);

/**
 * @param {{ system: import("../core/types.js").System, from: number | null, canAct: boolean,
 *   pending: ReadonlySet<string>, onCommand: (text: string) => void }} props
 */
function systemStrip({ system, from, canAct, pending, onCommand }) {
  const busy = system.status === "COLLECTING" || system.status === "PROCESSING";
  const waits = pending.has("refresh");
  const lastSync = system.last_sync ? Date.parse(system.last_sync) : null;
  return html`<section class="panel system" data-area="system" aria-label="System">
    <${Badge} status=${system.status} />
    <div class="meter" data-busy=${busy} data-tone=${system.status === "ERROR" ? "bad" : undefined} role="progressbar" aria-label="Progress"
      aria-valuemin="0" aria-valuemax="100" aria-valuenow=${system.progress}>
      <div class="meter-fill" style=${{ transform: `scaleX(${system.progress / 100})` }}></div>
    </div>
    <span class="percent">${system.progress} %</span>
    <span class="sync">${lastSync === null ? "never synced" : html`last sync <${Ago} at=${lastSync} from=${from} />`}</span>
    ${whyNot() ? html`<span class="meta" data-testid="why-not">${whyNot()}</span>` : null}
    <button type="button" class="button primary" title=${whyNot()} disabled=${!canAct} aria-disabled=${waits || undefined} onClick=${() => waits || onCommand("refresh")}>
      <${Icon} name="refresh" /><span>Collect now</span>
    </button>
  </section>`;
}
