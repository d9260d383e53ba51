import { html } from "../../vendor/preact.js";
import { memo } from "../parts/memo.js";
import { showMs } from "./gateways.js";

const WINDOWS = [["1h", "1 hour"], ["24h", "24 hours"], ["7d", "7 days"], ["30d", "30 days"]];

/** @typedef {{ uptime: number | null, checks: number, failures: number, latency: { p50: number, p95: number, p99: number } | null }} Summary */

/** How it was over four windows: the share of time that it was up, and how fast. */
export const History = memo(history);

/** @param {{ windows: Record<string, Summary> }} props */
function history({ windows }) {
  return html`<div class="scrolls" tabindex="0" role="group" aria-label="History"><table class="history">
    <thead><tr><th scope="col">Window</th><th scope="col">Up</th><th scope="col">Checks</th><th scope="col">Failed</th><th scope="col">p50</th><th scope="col">p95</th><th scope="col">p99</th></tr></thead>
    <tbody>${WINDOWS.map(([key, name]) => {
      const { uptime = null, checks = 0, failures = 0, latency = null } = windows[key] ?? {};
      return html`<tr key=${key}>
        <th scope="row">${name}</th>
        <td class="uptime">${uptime === null ? html`<span class="meta">not judged</span>` : html`<span class="share" aria-hidden="true"><i style=${{ width: `${(uptime * 100).toFixed(2)}%` }}></i></span>${share(uptime)}`}</td>
        <td>${checks.toLocaleString()}</td>
        <td data-some=${failures > 0}>${failures.toLocaleString()}</td>
        ${["p50", "p95", "p99"].map((name) => html`<td key=${name}>${latency ? showMs(latency[/** @type {"p50"} */ (name)]) : "–"}</td>`)}
      </tr>`;
    })}</tbody>
  </table></div>`;
}

/** A share in percent that says 100 only where nothing is missing. @param {number} value */
function share(value) {
  if (value === 1) return "100 %";
  return `${(Math.floor(value * 10_000) / 100).toFixed(2)} %`;
}
