import { oneLine } from "./text.js";

const SUMMARY_MAX_CHARS = 240;
/** Ids that nobody reads to their end, such as a collection's. */
const LONG_IDS = /\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;

/**
 * Keeps of an event what a line of the activity shows.
 *
 * @param {import("./types.js").Frame} frame
 * @returns {import("./types.js").EventRecord}
 */
export function toRecord(frame) {
  const whole = oneLine(summarize(frame), SUMMARY_MAX_CHARS);
  const actor = oneLine(frame.actor ?? "the hub", 120);
  return {
    seq: frame.seq ?? 0,
    at: Date.parse(frame.timestamp),
    type: frame.type,
    actor,
    summary: whole.replace(LONG_IDS, "$1"),
    needle: `#${frame.seq} ${whole} ${actor} ${frame.type}`.toLowerCase(),
  };
}

/**
 * Says in one sentence what an event was.
 *
 * @param {import("./types.js").Frame} frame
 * @returns {unknown}
 */
function summarize({ type, data }) {
  if (!data || typeof data !== "object") return typeName(type);
  if (type === "gateway_status_change") {
    return `${data.gateway_id}: ${data.previous_status ?? "new"} → ${data.current_status}`;
  }
  if (type === "gateway_recovery") return stepWords(data, data.gateway_id);
  if (type === "gateway_registered") return `${data.gateway_id}: registered`;
  if (type === "gateway_removed") return `${data.gateway_id}: watched no more`;
  return data.message ?? data.summary ?? data.command ?? typeName(type);
}

/** Says a step of a gateway's recovery. @param {any} data @param {unknown} id */
function stepWords({ step, attempt, message }, id) {
  const words = String(step).replaceAll("_", " ");
  return `${id}: recovery ${words}${attempt ? `, attempt ${attempt}` : ""}${message ? `: ${message}` : ""}`;
}

/** Says a frame's type in words. @param {string} type */
export function typeName(type) {
  return type.replaceAll("_", " ");
}

/** Says who did it, without what is the same for everybody. @param {string} actor */
export function actorName(actor) {
  return actor.replace(/^anonymous@/, "");
}
