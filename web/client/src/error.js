/** @import { HubErrorFields } from "../types/index.js" */
/** @import { ErrorObject } from "../types/protocol.js" */

/** What went wrong with a command, as the hub told it or as the client found by itself. */
export class HubError extends Error {
  /** @param {HubErrorFields} fields */
  constructor({ errorType, message, statusCode = 0, details = [], requestId = null }) {
    super(message);
    this.name = "HubError";
    this.errorType = errorType;
    this.statusCode = statusCode;
    this.details = details;
    this.requestId = requestId;
  }
}

/**
 * Reads the data of an `error` frame.
 * @param {Partial<ErrorObject> | null | undefined} data
 * @returns {HubErrorFields}
 */
export function errorFields(data) {
  return {
    errorType: typeof data?.error_type === "string" ? data.error_type : "internal",
    message: typeof data?.message === "string" ? data.message : "the hub gave no reason",
    statusCode: Number.isSafeInteger(data?.status_code) ? data?.status_code : 0,
    details: Array.isArray(data?.details) ? data.details : [],
    requestId: typeof data?.request_id === "string" ? data.request_id : null,
  };
}

/**
 * Reports a handler's fault as an uncaught one would be, without ending anything.
 * @param {unknown} error
 */
export function report(error) {
  const { reportError } = /** @type {{ reportError?: (error: unknown) => void }} */ (globalThis);
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
