import { html, useEffect, useMemo } from "../../vendor/preact.js";
import { whyNot } from "../core/access.js";
import { keepAsking } from "../core/answer.js";
import { href } from "../core/router.js";
import { oneLine } from "../core/text.js";
import { readMoment } from "../core/time.js";
import { Ago } from "../parts/ago.js";
import { Badge } from "../parts/badge.js";
import { Chart } from "../parts/chart.js";
import { Dialog } from "../parts/dialog.js";
import { Icon } from "../parts/icons.js";
import { Line, Prose } from "../parts/text.js";
import { History } from "./gateway-history.js";
import { Story } from "./gateway-story.js";
import { mayRecoverAgain, ownFields, pauseOf, probeWords, recoveryOf, stepWords, windowWords } from "./gateway-words.js";
import { awaitsApproval, showMs } from "./gateways.js";

const REPORT_MS = 2_000;
const HISTORY_MS = 15_000;
const FIELDS_MAX = 50;

/**
 * @typedef {import("../core/types.js").Gateway} Gateway
 * @typedef {{ at: string, ok: boolean, latency_ms: number, message: string | null, error_kind: string | null }} LastCheck
 * @typedef {{ origin: string, definition: any, last_check: LastCheck | null }} Report
 * @typedef {{ canAct: boolean, pending: ReadonlySet<string>, onCommand: (text: string) => void }} Acting
 */

/**
 * All that is known of one gateway, and what can be done about it.
 *
 * @param {{ id: string, gateway: Gateway, latencies: import("../core/live.js").Latencies | null, from: number | null,
 *   hub: import("../core/types.js").Hub, onClose: () => void } & Acting} props
 *   `from` is the moment that is shown where it is of the past: then nothing is asked and nothing can be done
 */
export function GatewayDialog({ id, gateway, latencies, from, hub, canAct, pending, onCommand, onClose }) {
  return html`<${Dialog} title=${id} class="gateway-dialog" onClose=${onClose}>
    <div class="dialog-body" tabindex="0" role="group" aria-label="Gateway">
      <${Facts} gateway=${gateway} from=${from} />
      ${from === null ? html`<${Actions} id=${id} gateway=${gateway} canAct=${canAct} pending=${pending} onCommand=${onCommand} />` : null}
      ${from === null ? html`<${Asked} id=${id} gateway=${gateway} />` : null}
      ${latencies && latencies.at.length > 1
        ? html`<section><h3>Latency</h3><${Chart} label=${`Latency of ${id}`} unit="ms" at=${latencies.at} values=${latencies.ms} /></section>`
        : null}
      ${from === null ? html`<section><h3>What became of it</h3><${Story} hub=${hub} id=${id} /></section>` : null}
    </div>
  </${Dialog}>`;
}

/** @param {{ gateway: Gateway, from: number | null }} props */
function Facts({ gateway, from }) {
  const since = readMoment(gateway.since);
  const metadata = /** @type {Record<string, unknown>} */ (gateway.metadata ?? {});
  const recovery = recoveryOf(gateway);
  const recoveryAt = readMoment(recovery?.at);
  const attempts = Number(metadata.attempts);
  return html`<dl class="fields">
    <div><dt>Status</dt><dd><${Badge} status=${gateway.status} />${since ? html` <span class="meta"><${Ago} at=${since.at} from=${from} /></span>` : null}${metadata.flapping === true ? html` <span class="meta">flapping</span>` : null}</dd></div>
    ${gateway.gateway_type ? html`<div><dt>Type</dt><dd><${Line} value=${gateway.gateway_type} /></dd></div>` : null}
    ${gateway.message ? html`<div><dt>Message</dt><dd><${Prose} value=${String(gateway.message)} most=${1200} /></dd></div>` : null}
    ${attempts > 0 ? html`<div><dt>Failures</dt><dd>${attempts.toLocaleString()} in a row</dd></div>` : null}
    ${recovery ? html`<div><dt>Recovery</dt><dd><${Line} value=${stepWords(recovery)} most=${400} />${recoveryAt ? html` <span class="meta"><${Ago} at=${recoveryAt.at} from=${from} /></span>` : null}</dd></div>` : null}
    ${ownFields(gateway.metadata).slice(0, FIELDS_MAX).map(([name, value]) => html`<div key=${`m:${name}`}><dt><${Line} value=${name} most=${40} /></dt><dd><${Line} value=${value} most=${400} /></dd></div>`)}
  </dl>`;
}

/** @param {{ id: string, gateway: Gateway } & Acting} props */
function Actions({ id, gateway, canAct, pending, onCommand }) {
  const pause = pauseOf(gateway);
  /** @param {string} verb @param {string} text @param {string} name @param {import("../parts/icons.js").IconName} icon */
  const button = (verb, text, name, icon) => {
    const command = `${verb} ${id}`;
    const busy = pending.has(command);
    return html`<button key=${text} type="button" class=${`button ${name}`} title=${whyNot()} disabled=${!canAct} aria-disabled=${busy || undefined} onClick=${() => busy || onCommand(command)}>
      <${Icon} name=${icon} /><span>${text}</span>
    </button>`;
  };
  return html`<section class="gateway-actions">
    ${awaitsApproval(gateway) ? html`<p class="gateway-ask" role="status">Its recovery waits for somebody to approve it.</p>` : null}
    ${pause === "maintenance" ? html`<p class="gateway-ask">A maintenance window is open: it is not judged until the window ends.</p>` : null}
    ${pause === "operator" ? html`<p class="gateway-ask">Somebody paused it: it is not judged until it is resumed.</p>` : null}
    ${whyNot() ? html`<p class="meta">${whyNot()}.</p>` : null}
    <div class="gateway-buttons">
      ${awaitsApproval(gateway) ? [button("approve", "Approve the recovery", "primary", "check"), button("reject", "Reject", "no", "cross")] : null}
      ${mayRecoverAgain(gateway) ? button("approve", "Recover again", "", "refresh") : null}
      ${pause === "operator" ? button("resume", "Resume", "", "play") : button("pause", "Pause", "", "pause")}
      <a class="button" href=${href("logs", { source: id, level: "DEBUG" })}><${Icon} name="prompt" /><span>Its log lines</span></a>
    </div>
  </section>`;
}

/** What only the hub's own answers tell: the newest check, how it is watched, how it was. @param {{ id: string, gateway: Gateway }} props */
function Asked({ id, gateway }) {
  const path = `/api/gateways/${encodeURIComponent(id)}`;
  const report = useMemo(() => keepAsking(path, REPORT_MS), [path]);
  const history = useMemo(() => keepAsking(`${path}/history`, HISTORY_MS), [path]);
  useEffect(() => report.end, [report]);
  useEffect(() => history.end, [history]);
  useEffect(() => {
    report.ask();
    history.ask();
  }, [gateway.status]);
  const known = /** @type {Report | undefined} */ (report.answer.value?.value);
  const windows = /** @type {{ windows: Record<string, any> } | undefined} */ (history.answer.value?.value)?.windows;
  const error = report.error.value ?? history.error.value;
  const maintenance = windowWords(known?.definition?.maintenance);
  return html`
    ${known ? html`<dl class="fields">
      <div><dt>Last check</dt><dd data-testid="last-check">${known.last_check ? html`<${Check} check=${known.last_check} />` : html`<span class="meta">none yet</span>`}</dd></div>
      <div><dt>Asked by</dt><dd><${Line} value=${probeWords(known.definition?.probe, known.definition?.interval_ms)} most=${400} /></dd></div>
      ${maintenance ? html`<div><dt>Maintenance</dt><dd><${Line} value=${maintenance} most=${400} /></dd></div>` : null}
      <div><dt>Stands in</dt><dd>${known.origin === "configured" ? "the configuration file" : "the hub, registered over HTTP"}</dd></div>
    </dl>` : null}
    ${windows ? html`<section><h3>History</h3><${History} windows=${windows} /></section>` : null}
    ${error ? html`<p class="meta" data-tone="warn" role="status">Not up to date: ${error}.</p>` : null}
  `;
}

/** @param {{ check: LastCheck }} props */
function Check({ check: { at, ok, latency_ms, message, error_kind } }) {
  const when = readMoment(at);
  return html`<span class="check-word" data-tone=${ok ? "ok" : "bad"}><${Icon} name=${ok ? "check" : "cross"} />${ok ? "right" : `wrong${error_kind ? ` (${oneLine(error_kind, 40).replaceAll("_", " ")})` : ""}`}</span>${" "}after ${showMs(latency_ms)}${when ? html`, <${Ago} at=${when.at} />` : null}${message ? html`: <${Line} value=${message} most=${400} />` : null}`;
}
