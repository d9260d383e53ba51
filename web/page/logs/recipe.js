import { bearer } from "../core/access.js";

/**
 * Writes the command that posts a log line.
 *
 * @param {string} level
 * @param {string} source
 */
export function postLine(level, source) {
  return `curl -X POST ${location.origin}/api/logs${bearer()} -H 'Content-Type: application/json' -d ${quote(JSON.stringify({ level, source: source || "demo", message: "Hello from a service" }))}`;
}

/** A word of a shell's line; what stands in an address must not become a command. @param {string} text */
function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
