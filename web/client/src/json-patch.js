import { deepEqual, share } from "./sharing.js";

/**
 * JSON Patch (RFC 6902) on immutable documents: the document stays as it is, the result shares with it
 * whatever the patch did not touch.
 *
 * Only own members are ever looked at, and a pointer through `__proto__` is refused, so that a patch
 * reaches nothing but the document.
 */

/** A patch that does not fit the document, or is none. */
export class PatchError extends Error {
  /**
   * @param {number} index
   * @param {string} message
   */
  constructor(index, message) {
    super(`operation ${index}: ${message}`);
    this.name = "PatchError";
    this.index = index;
  }
}

/**
 * Applies a patch: all of it, or none.
 * @template T
 * @param {T} document
 * @param {readonly object[]} patch
 * @returns {T}
 * @throws {PatchError} when an operation is malformed or does not fit
 */
export function applyPatch(document, patch) {
  const draft = new Draft(document);
  patch.forEach((operation, index) => {
    try {
      apply(draft, operation);
    } catch (error) {
      throw error instanceof Misfit ? new PatchError(index, error.message) : error;
    }
  });
  return /** @type {T} */ (draft.root);
}

class Misfit extends Error {}

/** A document being patched: containers are copied once, when they first change. */
class Draft {
  /** @type {Set<object>} Containers that this patch made, and nobody else has seen. */
  #own = new Set();

  /** @param {unknown} root */
  constructor(root) {
    this.root = root;
  }

  /**
   * What stands at a place.
   * @param {string[]} path
   */
  get(path) {
    return path.reduce((value, key) => member(value, key), this.root);
  }

  /**
   * Copies whatever leads to a place, and returns the container that it is in.
   * @param {string[]} path at least one key
   */
  #open(path) {
    this.root = this.#mine(this.root);
    let container = this.root;
    for (const key of path.slice(0, -1)) {
      const next = this.#mine(member(container, key));
      put(container, key, next);
      container = next;
    }
    if (!isContainer(container)) throw new Misfit("a member of what is no object and no array");
    return container;
  }

  /**
   * @param {unknown} value
   * @returns {unknown}
   */
  #mine(value) {
    if (!isContainer(value) || this.#own.has(value)) return value;
    const copy = Array.isArray(value) ? value.slice() : { ...value };
    this.#own.add(copy);
    return copy;
  }

  /**
   * @param {string[]} path
   * @param {unknown} value
   */
  add(path, value) {
    if (path.length === 0) {
      this.root = value;
      return;
    }
    const container = this.#open(path);
    const key = path[path.length - 1];
    if (Array.isArray(container)) container.splice(indexIn(container, key, container.length), 0, value);
    else put(container, key, value);
  }

  /** @param {string[]} path */
  remove(path) {
    if (path.length === 0) throw new Misfit("the document itself cannot be removed");
    const container = this.#open(path);
    const key = path[path.length - 1];
    const value = member(container, key);
    if (Array.isArray(container)) container.splice(Number(key), 1);
    else delete (/** @type {Record<string, unknown>} */ (container)[key]);
    return value;
  }

  /**
   * @param {string[]} path
   * @param {unknown} value
   */
  replace(path, value) {
    const shared = share(this.get(path), value);
    if (path.length === 0) this.root = shared;
    else put(this.#open(path), path[path.length - 1], shared);
  }

  /** From here on what was copied may stand in two places, and is copied anew before it changes. */
  disown() {
    this.#own.clear();
  }
}

/**
 * @param {Draft} draft
 * @param {unknown} operation
 */
function apply(draft, operation) {
  if (!isContainer(operation) || Array.isArray(operation)) throw new Misfit("an operation is an object");
  const fields = /** @type {Record<string, unknown>} */ (operation);
  const path = parsePointer(own(fields, "path"), "path");
  switch (own(fields, "op")) {
    case "add":
      return draft.add(path, own(fields, "value"));
    case "remove":
      return draft.remove(path);
    case "replace":
      return draft.replace(path, own(fields, "value"));
    case "test":
      if (!deepEqual(draft.get(path), own(fields, "value"))) throw new Misfit("the test failed");
      return undefined;
    case "copy": {
      const value = draft.get(parsePointer(own(fields, "from"), "from"));
      draft.disown();
      return draft.add(path, value);
    }
    case "move": {
      const from = parsePointer(own(fields, "from"), "from");
      if (path.length > from.length && from.every((key, depth) => key === path[depth])) {
        throw new Misfit("nothing can be moved into itself");
      }
      if (from.length === path.length && from.every((key, depth) => key === path[depth])) {
        return void draft.get(from);
      }
      return draft.add(path, draft.remove(from));
    }
    default:
      throw new Misfit("op must be one of add, remove, replace, move, copy, test");
  }
}

/**
 * @param {Record<string, unknown>} fields
 * @param {string} name
 */
function own(fields, name) {
  if (!Object.hasOwn(fields, name)) throw new Misfit(`${name} is missing`);
  return fields[name];
}

/**
 * Reads a JSON pointer (RFC 6901).
 * @param {unknown} pointer
 * @param {string} name
 * @returns {string[]}
 */
function parsePointer(pointer, name) {
  if (typeof pointer !== "string") throw new Misfit(`${name} must be a string`);
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) throw new Misfit(`${name} must be empty or begin with /`);
  if (/~(?![01])/.test(pointer)) throw new Misfit(`${name} has a ~ that is neither ~0 nor ~1`);
  const keys = pointer.slice(1).split("/");
  if (keys.includes("__proto__")) throw new Misfit(`${name} leads through __proto__`);
  return pointer.includes("~") ? keys.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~")) : keys;
}

/**
 * @param {unknown} container
 * @param {string} key
 * @returns {unknown}
 */
function member(container, key) {
  if (Array.isArray(container)) return container[indexIn(container, key, container.length - 1)];
  if (isContainer(container) && Object.hasOwn(container, key)) {
    return /** @type {Record<string, unknown>} */ (container)[key];
  }
  throw new Misfit(`nothing is at ${JSON.stringify(key)}`);
}

/**
 * @param {unknown} container
 * @param {string} key
 * @param {unknown} value
 */
function put(container, key, value) {
  if (Array.isArray(container)) container[indexIn(container, key, container.length - 1)] = value;
  else /** @type {Record<string, unknown>} */ (container)[key] = value;
}

/**
 * @param {readonly unknown[]} list
 * @param {string} key
 * @param {number} last
 */
function indexIn(list, key, last) {
  if (key === "-" && last === list.length) return last;
  if (!/^(0|[1-9][0-9]*)$/.test(key)) throw new Misfit(`${JSON.stringify(key)} is no index`);
  const index = Number(key);
  if (index > last) throw new Misfit(`index ${key} is beyond the end`);
  return index;
}

/**
 * @param {unknown} value
 * @returns {value is object}
 */
function isContainer(value) {
  return typeof value === "object" && value !== null;
}
