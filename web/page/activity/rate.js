import { html, useRef } from "../../vendor/preact.js";
import { now } from "../core/clock.js";

const SECONDS = 5;

/**
 * How many changes a second there are, over the last seconds.
 *
 * @param {{ live: import("../core/live.js").Live }} props
 */
export function Rate({ live }) {
  const samples = useRef(/** @type {{ at: number, seq: number }[]} */ ([]));
  const at = now.value;
  const seq = live.seq.peek();
  const kept = samples.current;
  // What came with a whole state did not happen now.
  if (seq === null || !live.fresh.value) kept.length = 0;
  else if (kept.at(-1)?.at !== at) kept.push({ at, seq });
  while (kept.length > SECONDS + 1 || (kept.length > 0 && kept[0].seq > (seq ?? 0))) kept.shift();
  const first = kept[0];
  const rate = first && at > first.at ? (((seq ?? 0) - first.seq) * 1000) / (at - first.at) : 0;
  return html`<span class="rate">${rate < 0.05 ? "quiet" : `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`}</span>`;
}
