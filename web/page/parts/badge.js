import { html } from "../../vendor/preact.js";
import { oneLine } from "../core/text.js";

/** @typedef {"ok" | "busy" | "warn" | "bad" | "none"} Tone */

/** @type {Record<string, Tone>} */
const TONES = {
  IDLE: "none", COLLECTING: "busy", PROCESSING: "busy", ERROR: "bad",
  proposed: "none", approved: "ok", rejected: "bad", done: "none",
  HEALTHY: "ok", DEGRADED: "warn", UNHEALTHY: "bad", RECOVERING: "busy", DISCONNECTED: "bad", PAUSED: "none", UNKNOWN: "none",
  live: "ok", lagging: "warn", stalled: "bad",
};

/** Returns the tone of a status. @param {string} status @returns {Tone} */
export function toneOf(status) {
  return Object.hasOwn(TONES, status) ? TONES[status] : "none";
}

/** A status in a word, with its tone. @param {{ status: string, tone?: Tone }} props */
export function Badge({ status, tone = toneOf(status) }) {
  return html`<span class="badge" data-tone=${tone} data-status=${status}><span class="dot" aria-hidden="true"></span><span>${oneLine(status, 24)}</span></span>`;
}
