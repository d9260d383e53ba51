/**
 * Lets a new JSON value keep the identity of those parts of an old one that are equal, so that whoever
 * compares by identity sees what changed and nothing else. Neither value is altered.
 *
 * Elements of arrays are matched by their `id` where they have one, else by their place.
 * @param {unknown} previous
 * @param {unknown} next
 * @returns {unknown}
 */
export function share(previous, next) {
  if (Object.is(previous, next) || !isObject(previous) || !isObject(next)) return next;
  if (Array.isArray(previous)) return Array.isArray(next) ? shareArray(previous, next) : next;
  return Array.isArray(next) ? next : shareObject(previous, next);
}

/**
 * Compares JSON values.
 * @param {unknown} one
 * @param {unknown} other
 * @returns {boolean}
 */
export function deepEqual(one, other) {
  if (one === other) return true;
  if (!isObject(one) || !isObject(other) || Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) => Object.hasOwn(other, key) && deepEqual(one[key], other[key]));
}

/**
 * Compares values by identity, and the members of arrays and plain objects likewise.
 * @param {unknown} one
 * @param {unknown} other
 * @returns {boolean}
 */
export function shallowEqual(one, other) {
  if (Object.is(one, other)) return true;
  if (!isObject(one) || !isObject(other)) return false;
  const prototype = Object.getPrototypeOf(one);
  if (prototype !== Object.getPrototypeOf(other)) return false;
  if (prototype !== Array.prototype && prototype !== Object.prototype && prototype !== null) return false;
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) => Object.hasOwn(other, key) && Object.is(one[key], other[key]));
}

/**
 * @param {unknown[]} previous
 * @param {unknown[]} next
 */
function shareArray(previous, next) {
  /** @type {Map<unknown, unknown>} */
  const byId = new Map();
  for (const item of previous) if (isObject(item) && typeof item.id === "string") byId.set(item.id, item);
  const shared = next.map((item, index) => {
    const twin = isObject(item) && typeof item.id === "string" ? byId.get(item.id) : previous[index];
    return share(twin, item);
  });
  const same = previous.length === next.length && shared.every((item, index) => item === previous[index]);
  return same ? previous : shared;
}

/**
 * @param {Record<string, unknown>} previous
 * @param {Record<string, unknown>} next
 */
function shareObject(previous, next) {
  const keys = Object.keys(next);
  let same = keys.length === Object.keys(previous).length;
  const entries = keys.map((key) => {
    const known = Object.hasOwn(previous, key);
    const value = known ? share(previous[key], next[key]) : next[key];
    same &&= known && value === previous[key];
    return [key, value];
  });
  return same ? previous : Object.fromEntries(entries);
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === "object" && value !== null;
}
