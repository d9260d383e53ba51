/** @import { EnvironmentEvents } from "../../src/environment.js" */

/** A browser that tells what a test says. */
export class FakeEnvironment {
  offline = false;
  /** @type {Set<EnvironmentEvents>} */
  #watchers = new Set();

  isOffline = () => this.offline;

  /** @param {EnvironmentEvents} events */
  watch = (events) => {
    this.#watchers.add(events);
    return () => void this.#watchers.delete(events);
  };

  /** How many watch it. */
  get size() {
    return this.#watchers.size;
  }

  /** @param {boolean} offline */
  setOffline(offline) {
    this.offline = offline;
    this.tell(offline ? "offline" : "online");
  }

  /** @param {keyof EnvironmentEvents} event */
  tell(event) {
    for (const watcher of this.#watchers) watcher[event]?.();
  }
}
