import { html } from "../../vendor/preact.js";
import { now } from "../core/clock.js";
import { ago, moment } from "../core/time.js";

/**
 * How long ago something was; ticks.
 *
 * @param {{ at: number, from?: number | null }} props `from` stands for now where the past is shown
 */
export function Ago({ at, from = null }) {
  const seen = from ?? now.value;
  return html`<time datetime=${new Date(at).toISOString()} title=${moment(at, seen)}>${ago(at, seen)}</time>`;
}
