import { html, useState } from "../../vendor/preact.js";

const STEP = 100;

/** How many rows a list begins with: few where it stands between others, on a phone. */
const FIRST = matchMedia("(max-width: 719px)").matches ? 8 : STEP;

/**
 * Shows a long list in steps, so that ten thousand items cost no more than a hundred.
 *
 * @template T
 * @param {readonly T[]} items
 * @returns {{ shown: readonly T[], rest: import("../../vendor/preact.js").Renderable }}
 */
export function useSteps(items) {
  const [most, setMost] = useState(FIRST);
  const left = items.length - most;
  if (left <= 0) return { shown: items, rest: null };
  const rest = html`<button type="button" class="button more" data-left=${left} onClick=${() => setMost(most + STEP)}>
    Show ${Math.min(STEP, left)} more of ${left}
  </button>`;
  return { shown: items.slice(0, most), rest };
}
