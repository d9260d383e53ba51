/**
 * The hash by which two copies of a document are compared: SHA-256 of its RFC 8785 form (JSON
 * Canonicalization Scheme).
 */

/**
 * Writes a JSON value in its one canonical form: members in the order of their names' UTF-16 code units,
 * numbers and strings as ECMAScript writes them, no blanks.
 * @param {unknown} value
 * @returns {string}
 */
export function canonicalize(value) {
  if (typeof value !== "object" || value === null) {
    const text = typeof value === "number" && !Number.isFinite(value) ? undefined : JSON.stringify(value);
    if (text === undefined) throw new TypeError("only json values have a canonical form");
    return text;
  }
  if (Array.isArray(value)) return `[${value.map(canonicalize).join(",")}]`;
  const object = /** @type {Record<string, unknown>} */ (value);
  // Without a comparison function strings are sorted by code units, which is what RFC 8785 asks for.
  const members = Object.keys(object).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalize(object[key])}`).join(",")}}`;
}

/** Whether {@link stateHash} works here: browsers have `crypto.subtle` in secure contexts alone. */
export function canHash() {
  return typeof globalThis.crypto?.subtle?.digest === "function";
}

/**
 * SHA-256 of the canonical form, in lower-case hexadecimal digits.
 * @param {unknown} value
 * @returns {Promise<string>}
 */
export async function stateHash(value) {
  const bytes = new TextEncoder().encode(canonicalize(value));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
