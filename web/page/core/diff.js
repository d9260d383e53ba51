import { applyPatch } from "../../client/src/index.js";

/**
 * @typedef {{ kind: "added" | "removed" | "changed", place: string[], before: unknown, after: unknown }} Difference
 *   One alteration: where, as words, and what stood there before and after.
 */

/** The most operations of one change that are laid out. */
export const DIFFERENCES_MAX = 200;

/**
 * Turns a patch into what a person reads, given the document that it was made for.
 *
 * @param {unknown} document
 * @param {import("./types.js").Operation[]} patch
 * @returns {Difference[]}
 */
export function differences(document, patch) {
  const found = [];
  let state = document;
  for (const operation of patch.slice(0, DIFFERENCES_MAX)) {
    if (operation.op === "test") continue;
    const next = applyPatch(state, [operation]);
    const before = operation.op === "add" && isInsert(state, operation.path) ? undefined : read(state, operation.path);
    const after = operation.op === "remove" ? undefined : read(next, operation.path);
    // Names are read where the thing is: before when it goes, after when it comes.
    const named = operation.op === "remove" ? state : next;
    if (operation.op === "move" && operation.from !== undefined) {
      found.push(difference(places(state, operation.from), read(state, operation.from), undefined));
    }
    const place = places(named, operation.path);
    if (isPlain(before) && isPlain(after)) found.push(...fields(place, before, after));
    else found.push(difference(place, before, after));
    state = next;
  }
  return found;
}

/** @param {string[]} place @param {unknown} before @param {unknown} after @returns {Difference} */
function difference(place, before, after) {
  const kind = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  return { kind, place, before, after };
}

/** @param {string[]} place @param {Record<string, unknown>} before @param {Record<string, unknown>} after */
function fields(place, before, after) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const altered = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  return altered.map((name) => difference([...place, name], before[name], after[name]));
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isPlain(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {unknown} document @param {string} path */
function isInsert(document, path) {
  return Array.isArray(read(document, path.slice(0, path.lastIndexOf("/"))));
}

/** @param {string} path */
function tokens(path) {
  return path.split("/").slice(1).map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** @param {any} value @param {string} token */
function child(value, token) {
  if (Array.isArray(value)) return value[token === "-" ? value.length - 1 : Number(token)];
  return isPlain(value) && Object.hasOwn(value, token) ? value[token] : undefined;
}

/** @param {unknown} document @param {string} path */
function read(document, path) {
  return tokens(path).reduce((value, token) => child(value, token), document);
}

/**
 * Names each step of a path; an element of a list by its id.
 *
 * @param {unknown} document
 * @param {string} path
 */
function places(document, path) {
  const words = [];
  let value = document;
  for (const token of tokens(path)) {
    const list = Array.isArray(value);
    value = child(value, token);
    words.push(list && isPlain(value) && typeof value.id === "string" ? value.id : list ? `item ${token}` : token);
  }
  return words;
}
