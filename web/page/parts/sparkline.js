import { html } from "../../vendor/preact.js";
import { memo } from "./memo.js";

const WIDTH = 96;
const HEIGHT = 24;
const POINTS = 60;

/** The last minutes of a latency as a line. */
export const Sparkline = memo(sparkline);

/** @param {{ latencies: import("../core/live.js").Latencies }} props */
function sparkline({ latencies }) {
  const points = latencies.ms.slice(-POINTS);
  const known = points.filter((ms) => ms !== null);
  if (known.length < 2) return null;
  const top = Math.max(...known) * 1.15 || 1;
  const left = WIDTH - (points.length - 1) * (WIDTH / (POINTS - 1));
  let line = "";
  let pen = "M";
  points.forEach((ms, index) => {
    if (ms === null) {
      pen = "M";
      return;
    }
    const x = left + index * (WIDTH / (POINTS - 1));
    line += `${pen}${x.toFixed(1)} ${(HEIGHT - 1.5 - (ms / top) * (HEIGHT - 3)).toFixed(1)}`;
    pen = "L";
  });
  return html`<svg class="sparkline" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true" focusable="false">
    <path d=${line} fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke" stroke-linejoin="round" />
  </svg>`;
}
