import { ApiError, told } from "./api.js";

/** Why the hub did not do what it was asked for. */
export class Refusal extends ApiError {
  /** @param {string} type @param {number} status @param {string} message @param {number} waitS @param {{ field: string, message: string }[]} details */
  constructor(type, status, message, waitS, details) {
    super(type, status, message);
    /** How long to wait before the next try, in seconds; 0 where that is not told. */
    this.waitS = waitS;
    this.details = details;
  }
}

/**
 * Has the hub do something.
 *
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {{ quiet?: boolean }} [options] `quiet`: a refusal says nothing about the session, as when somebody signs in
 * @returns {Promise<any>} null where the answer is empty
 * @throws {Refusal}
 */
export async function send(method, path, body, { quiet = false } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method, cache: "no-store", headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refusal("unreachable", 0, "the hub cannot be reached", 0, []);
  }
  const text = await response.text().catch(() => "");
  const answer = parse(text);
  if (response.ok) return answer;
  const error = answer?.error;
  const message = error?.message ?? `the hub answered ${response.status}`;
  if (!quiet) told(response.status, message);
  const waitS = Number(response.headers.get("retry-after")) || 0;
  throw new Refusal(error?.error_type ?? "unexpected", response.status, message, waitS, error?.details ?? []);
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
