/** What the hub, or the way to it, said against a request. */
export class ApiError extends Error {
  /** @param {string} type @param {number} status @param {string} message */
  constructor(type, status, message) {
    super(message);
    this.name = "ApiError";
    /** The hub's `error_type`, or `unreachable`. */
    this.type = type;
    this.status = status;
  }
}

/**
 * Reads JSON from the hub that this page came from.
 *
 * @param {string} path
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<any>}
 * @throws {ApiError} when the hub refuses or cannot be reached; an abort passes through
 */
export async function getJson(path, { signal } = {}) {
  let response;
  try {
    response = await fetch(path, { signal, headers: { Accept: "application/json" }, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("unreachable", 0, "the hub cannot be reached");
  }
  const body = await response.json().catch((error) => {
    if (signal?.aborted) throw error;
    return null;
  });
  if (response.ok && body !== null) return body;
  const message = body?.error?.message ?? `the hub answered ${response.status}`;
  told(response.status, message);
  throw new ApiError(body?.error?.error_type ?? "unexpected", response.status, message);
}

/** Lets the page know that who looks is not, or no longer, let in. @param {number} status @param {string} message */
export function told(status, message) {
  if (status === 401 || status === 403) dispatchEvent(new CustomEvent("opshub:refused", { detail: { status, message } }));
}

/**
 * Writes a query string; what is null or empty is left out.
 *
 * @param {Record<string, string | number | string[] | null | undefined>} values
 */
export function query(values) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value)) value.forEach((one) => params.append(name, one));
    else if (value !== null && value !== undefined && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text && `?${text}`;
}
