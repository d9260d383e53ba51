const TIMESTAMP = "2026-01-02T03:04:05.678Z";

/**
 * A log line.
 * @param {number} id
 */
function line(id, message = `line ${id}`) {
  return { id, timestamp: TIMESTAMP, level: "INFO", message, source: "test", metadata: {} };
}

/**
 * The frame of one log line.
 * @param {number} id
 * @param {string} [message]
 */
export function logLine(id, message) {
  return { type: "system_log", timestamp: TIMESTAMP, data: line(id, message) };
}

/**
 * The frame of several log lines.
 * @param {number[]} ids
 */
export function logBatch(ids, dropped = 0) {
  return { type: "system_log_batch", timestamp: TIMESTAMP, data: { lines: ids.map((id) => line(id)), dropped } };
}
