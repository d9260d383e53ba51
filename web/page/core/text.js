/** The most characters of a string from outside that one line of the page takes. */
export const LINE_MAX_CHARS = 240;

const SPACES = /\s+/g;
/** What turns the text around it, or is no text at all: control characters and explicit embeddings and overrides. */
const TRICKS = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Cuts a string after `most` characters, never inside one.
 *
 * @param {string} text
 * @param {number} [most]
 */
export function cut(text, most = LINE_MAX_CHARS) {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  const end = last >= 0xd800 && last <= 0xdbff ? most - 1 : most;
  return `${text.slice(0, end)}…`;
}

/**
 * Takes out what would show other words, or in another order, than were written.
 *
 * @param {string} text
 */
export function plain(text) {
  return text.replace(TRICKS, "");
}

/**
 * Makes one short line of whatever a feeder sent.
 *
 * @param {unknown} value
 * @param {number} [most]
 */
export function oneLine(value, most = LINE_MAX_CHARS) {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  // Cut before the expression runs, so that a huge string costs no more than a short one.
  return cut(plain(text.slice(0, most * 4)).replace(SPACES, " ").trim(), most);
}

/**
 * Returns how an item is called: its title, or else its id.
 *
 * @param {import("./types.js").Item} item
 */
export function titleOf(item) {
  const title = typeof item.title === "string" ? oneLine(item.title) : "";
  return title || item.id;
}

/**
 * Returns the address when it is safe to make a link of it, else null.
 *
 * @param {unknown} value
 */
export function webAddress(value) {
  if (typeof value !== "string" || value.length > 2048) return null;
  if (!/^https?:\/\//i.test(value)) return null;
  try {
    const url = new URL(value);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * Splits a text into strings and web addresses.
 *
 * @param {string} text
 * @returns {{ text: string, href: string | null }[]}
 */
export function splitLinks(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'()[\]{}]{1,2000}/gi)) {
    const found = match[0].replace(/[.,;:!?]+$/, "");
    const href = webAddress(found);
    if (!href) continue;
    if (match.index > from) parts.push({ text: text.slice(from, match.index), href: null });
    parts.push({ text: found, href });
    from = match.index + found.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), href: null });
  return parts;
}

/** Says what went wrong. @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
