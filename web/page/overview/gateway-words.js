import { duration } from "../core/time.js";

/**
 * What the metadata of a gateway says, apart from what its owner put there.
 *
 * @typedef {{ step: string, attempt: number, message: string | null, at: string }} RecoveryNote
 */

/** What the hub itself writes into the metadata; it is told in words. */
const OWN = new Set(["latency_ms", "error", "error_kind", "attempts", "flapping", "paused_by", "paused", "recovery"]);

/** @type {Record<string, string>} */
const STEPS = {
  requested: "recovery asked for", awaiting_approval: "recovery waits for approval", approved: "recovery approved", rejected: "recovery rejected",
  started: "recovery started", dry_run: "recovery told, not run", succeeded: "recovery succeeded", failed: "recovery attempt failed",
  gave_up: "recovery gave up", cancelled: "recovery cancelled",
};

/** After these an approval begins another recovery, where the gateway is still down. */
const ENDED = new Set(["gave_up", "rejected", "dry_run"]);
const DOWN = new Set(["UNHEALTHY", "DISCONNECTED"]);

/** Says a step of a recovery. @param {{ step: string, attempt?: number, message?: string | null }} step */
export function stepWords({ step, attempt, message }) {
  const words = Object.hasOwn(STEPS, step) ? STEPS[step] : `recovery ${step}`;
  return `${words}${attempt ? `, attempt ${attempt}` : ""}${message ? `: ${message}` : ""}`;
}

/** @param {import("../core/types.js").Gateway} gateway @returns {RecoveryNote | null} */
export function recoveryOf({ metadata }) {
  const note = /** @type {any} */ (metadata)?.recovery;
  return typeof note?.step === "string" ? note : null;
}

/** Whether an approval would begin another recovery. @param {import("../core/types.js").Gateway} gateway */
export const mayRecoverAgain = (gateway) => ENDED.has(recoveryOf(gateway)?.step ?? "") && DOWN.has(gateway.status);

/** Why a gateway is paused; null where it is not. @param {import("../core/types.js").Gateway} gateway */
export function pauseOf({ status, metadata }) {
  if (status !== "PAUSED") return null;
  const { paused_by: by, paused } = /** @type {Record<string, unknown>} */ (metadata ?? {});
  return by === "maintenance" && paused !== true ? "maintenance" : "operator";
}

/** What its owner put into the metadata. @param {unknown} metadata @returns {[string, unknown][]} */
export function ownFields(metadata) {
  const fields = Object.entries(metadata && typeof metadata === "object" ? metadata : {});
  return fields.filter(([name]) => !OWN.has(name));
}

/** Says how a gateway is asked. @param {any} probe @param {unknown} intervalMs */
export function probeWords(probe, intervalMs) {
  if (!probe || typeof probe !== "object") return "";
  const target = probe.url ?? probe.address ?? (Array.isArray(probe.command) ? probe.command.join(" ") : "");
  const every = typeof intervalMs === "number" ? `${probe.kind === "push" ? ", a report within" : ", every"} ${intervalMs < 1000 ? `${intervalMs} ms` : duration(intervalMs)}` : "";
  return `${probe.kind ?? ""} ${target}`.trim() + every;
}

/** Says when maintenance windows are. @param {unknown} windows */
export function windowWords(windows) {
  if (!Array.isArray(windows)) return "";
  return windows.map(({ days, from, to }) => `${Array.isArray(days) && days.length > 0 ? days.join(", ") : "every day"} ${from} to ${to}`).join("; ");
}
