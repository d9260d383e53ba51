import { report } from "./error.js";

/**
 * Handlers by name. Every notice reaches the handlers that were there when it came, in the order in which
 * they were added; notices that arise within a handler come after the one that is being told.
 */
export class Emitter {
  /** @type {Map<string, Set<{ handler: (notice: any) => void }>>} */
  #handlers = new Map();
  /** @type {{ names: string[], notice: unknown }[]} */
  #queue = [];
  #telling = false;

  /**
   * Adds a handler. Returns what takes it away.
   * @param {string} name
   * @param {(notice: any) => void} handler
   */
  on(name, handler) {
    if (typeof handler !== "function") throw new TypeError("a handler must be a function");
    const entry = { handler };
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(entry));
    return () => {
      handlers.delete(entry);
      if (handlers.size === 0 && this.#handlers.get(name) === handlers) this.#handlers.delete(name);
    };
  }

  /**
   * Tells the handlers of each of `names` about `notice`. One that throws is reported and breaks no other.
   * @param {string[]} names
   * @param {unknown} notice
   */
  emit(names, notice) {
    this.#queue.push({ names, notice });
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      for (const name of next.names) this.#tell(name, next.notice);
    }
    this.#telling = false;
  }

  /** Takes all handlers away. */
  clear() {
    this.#handlers.clear();
    this.#queue.length = 0;
  }

  /**
   * @param {string} name
   * @param {unknown} notice
   */
  #tell(name, notice) {
    const handlers = this.#handlers.get(name);
    if (!handlers) return;
    for (const entry of [...handlers]) {
      if (!handlers.has(entry)) continue;
      try {
        entry.handler(notice);
      } catch (error) {
        report(error);
      }
    }
  }
}
