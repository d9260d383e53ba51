/**
 * Command lines that a reader can copy: they are right for the hub that this page came from.
 */

import { bearer } from "./access.js";

const ORIGIN = location.origin;
const DEFAULT_ORIGIN = "http://127.0.0.1:8000";
const DAY_MS = 86_400_000;

/**
 * Writes the command that puts one item.
 *
 * @param {"priorities" | "calendar" | "owe" | "owed"} list
 * @param {string} id
 * @param {object} fields
 */
export function putItem(list, id, fields) {
  return `curl -X PUT ${ORIGIN}/api/items/${list}/${id}${bearer()} -H 'Content-Type: application/json' -d '${JSON.stringify(fields)}'`;
}

/** Writes the command that has the hub watch itself. */
export function watchHub() {
  const fields = { gateway_type: "http", probe: { kind: "http", url: `${ORIGIN}/livez` } };
  return `curl -X PUT ${ORIGIN}/api/gateways/hub${bearer()} -H 'Content-Type: application/json' -d '${JSON.stringify(fields)}'`;
}

/** Writes the command that runs one of the hub's commands. @param {string} command */
export function runCommand(command) {
  const url = ORIGIN === DEFAULT_ORIGIN ? "" : ` --url ${ORIGIN}`;
  return `opshub command "${command}"${url}`;
}

/** Returns a date some days from now. @param {number} days */
export function dayFromNow(days) {
  return localDate(Date.now() + days * DAY_MS);
}

/** Returns the full hour, some hours from now, with the reader's offset. @param {number} hours */
export function hourFromNow(hours) {
  const at = new Date(Date.now() + hours * 3_600_000);
  const minutes = -at.getTimezoneOffset();
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  return `${localDate(at.getTime())}T${two(at.getHours())}:00:00${offset}`;
}

/** @param {number} at */
function localDate(at) {
  const date = new Date(at);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
