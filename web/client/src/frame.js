/** @import { ServerFrame } from "../types/protocol.js" */

/** A text that is no frame of `opshub.v1`. */
export class MalformedFrame extends Error {}

/**
 * Reads a message. What is checked here is what the client itself relies on; data of frames that it only
 * passes on is passed on as it came.
 * @param {unknown} text
 * @returns {ServerFrame}
 * @throws {MalformedFrame}
 */
export function decodeFrame(text) {
  if (typeof text !== "string") throw new MalformedFrame("a message was binary");
  /** @type {unknown} */
  let frame;
  try {
    frame = JSON.parse(text);
  } catch {
    throw new MalformedFrame("a message was no JSON");
  }
  if (!isObject(frame)) throw new MalformedFrame("a frame was no object");
  if (typeof frame.type !== "string") throw new MalformedFrame("a frame had no type");
  if (frame.seq !== undefined && !isSeq(frame.seq)) throw new MalformedFrame("a frame's seq was no number");
  if (frame.patch !== undefined && !(Array.isArray(frame.patch) && frame.seq !== undefined)) {
    throw new MalformedFrame("a frame's patch was no numbered list");
  }
  const check = Object.hasOwn(CHECKS, frame.type) ? CHECKS[frame.type] : undefined;
  if (check && !(isObject(frame.data) && check(frame.data, frame))) {
    throw new MalformedFrame(`the data of a ${frame.type} frame could not be understood`);
  }
  return /** @type {ServerFrame} */ (/** @type {unknown} */ (frame));
}

/** What is told and not committed, whatever else stands in its frame. */
const TOLD = new Set(["state", "system_log", "system_log_batch", "gateway_latency"]);

/**
 * Whether a frame is a committed change.
 * @param {ServerFrame} frame
 * @returns {frame is ServerFrame & { seq: number }}
 */
export function isCommitted(frame) {
  return "seq" in frame && !TOLD.has(frame.type);
}

/** @type {Record<string, (data: Record<string, unknown>, frame: Record<string, unknown>) => boolean>} */
const CHECKS = {
  connected: (data) =>
    typeof data.epoch === "string" && isSeq(data.seq) && typeof data.recovered === "boolean",
  state: (data, frame) => isSeq(frame.seq) && isObject(data.state) && !Array.isArray(data.state),
  heartbeat: (data) => isSeq(data.seq),
  error: () => true,
  closing: () => true,
  command_result: () => true,
  subscribed: (data) => Array.isArray(data.topics),
};

/**
 * @param {unknown} value
 * @returns {value is number}
 */
function isSeq(value) {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === "object" && value !== null;
}

/**
 * The hub's clock when it made a frame.
 * @param {{ timestamp: string }} frame
 */
export function timeOf({ timestamp }) {
  const at = Date.parse(timestamp);
  return Number.isNaN(at) ? null : at;
}
