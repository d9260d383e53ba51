/** @import { StateDocument } from "../types/protocol.js" */

import { HubError, report } from "./error.js";
import { shallowEqual } from "./sharing.js";

/** Who wants to know which part of the state. */
export class Store {
  #read;
  /** @type {Set<{ update: (state: StateDocument) => void }>} */
  #watchers = new Set();
  /** @type {StateDocument | null} */
  #told = null;

  /** @param {() => StateDocument | null} read the newest state */
  constructor(read) {
    this.#read = read;
  }

  /**
   * Calls `handler` with a part of the state, now and whenever it changes. Returns what ends it.
   * @template T
   * @param {(state: StateDocument) => T} selector
   * @param {(value: T, previous: T | undefined) => void} handler
   */
  subscribe(selector, handler) {
    if (typeof selector !== "function" || typeof handler !== "function") {
      throw new TypeError("subscribe takes a selector and a handler");
    }
    /** @type {{ value: T } | null} */
    let last = null;
    /** @param {StateDocument} state */
    const update = (state) => {
      try {
        const value = selector(state);
        const previous = last?.value;
        if (last && shallowEqual(value, previous)) return;
        last = { value };
        handler(value, previous);
      } catch (error) {
        report(error);
      }
    };
    return this.#watch(update);
  }

  /**
   * Resolves with the first state for which `predicate` is true.
   * @param {(state: StateDocument) => unknown} predicate
   * @param {object} options
   * @param {AbortSignal} [options.signal]
   * @param {(end: () => void) => (() => void)} options.deadline begins to wait; returns what ends that
   * @param {(reject: (error: HubError) => void) => (() => void)} options.closed
   * @returns {Promise<StateDocument>}
   */
  waitFor(predicate, { signal, deadline, closed }) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      /** @type {(() => void)[]} */
      const ends = [];
      /** @param {() => void} settle */
      const settle = (settle) => {
        ends.splice(0).forEach((end) => end());
        settle();
      };
      const abort = () => settle(() => reject(signal?.reason));
      signal?.addEventListener("abort", abort, { once: true });
      ends.push(() => signal?.removeEventListener("abort", abort));
      const timeout = new HubError({ errorType: "timeout", message: "the state did not become as awaited" });
      ends.push(deadline(() => settle(() => reject(timeout))));
      ends.push(closed((error) => settle(() => reject(error))));
      let done = false;
      /** @param {StateDocument} state */
      const update = (state) => {
        if (done) return;
        try {
          if (!predicate(state)) return;
          done = true;
          settle(() => resolve(state));
        } catch (error) {
          done = true;
          settle(() => reject(error));
        }
      };
      const unwatch = this.#watch(update);
      if (done) unwatch();
      else ends.push(unwatch);
    });
  }

  /** Tells everybody whose part has changed. */
  update() {
    const state = this.#read();
    if (state === null || state === this.#told) return;
    this.#told = state;
    for (const watcher of [...this.#watchers]) {
      if (this.#watchers.has(watcher)) watcher.update(this.#read() ?? state);
    }
  }

  /** Takes everybody away. */
  clear() {
    this.#watchers.clear();
  }

  /** @param {(state: StateDocument) => void} update */
  #watch(update) {
    const watcher = { update };
    this.#watchers.add(watcher);
    const state = this.#read();
    if (state !== null) update(state);
    return () => void this.#watchers.delete(watcher);
  }
}
