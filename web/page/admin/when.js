import { html } from "../../vendor/preact.js";
import { now } from "../core/clock.js";
import { Ago } from "../parts/ago.js";

/** A moment of an answer, or a word where there is none. @param {{ at: string | null, none: string }} props */
export function When({ at, none }) {
  return at === null ? html`<span class="meta">${none}</span>` : html`<${Ago} at=${Date.parse(at)} />`;
}

/** When something ends, and whether it has. @param {{ at: string | null }} props */
export function Ends({ at }) {
  if (at !== null && Date.parse(at) <= now.value) return html`<span class="ended">ended <${Ago} at=${Date.parse(at)} /></span>`;
  return html`<${When} at=${at} none="never" />`;
}
