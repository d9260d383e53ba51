/** @import { ConnectOptions } from "../../types/index.js" */

import { Hub } from "../../src/hub.js";
import { SharedHost } from "../../src/shared-host.js";
import { FakeClock } from "./clock.js";
import { FakeEnvironment } from "./environment.js";
import { fakeSockets } from "./socket.js";

/** One end of a channel: what is posted arrives at the other end, copied, in a later turn. */
class FakePort {
  /** @type {((event: any) => any) | null} */
  onmessage = null;
  /** @type {FakePort | null} */
  other = null;
  closed = false;
  /** Whether the tab at this end is frozen; what arrives meanwhile waits. */
  frozen = false;
  /** @type {unknown[]} */
  waiting = [];

  /** @param {unknown} message */
  postMessage(message) {
    const { other } = this;
    if (this.closed || !other) return;
    const copy = structuredClone(message);
    queueMicrotask(() => other.#arrive(copy));
  }

  close() {
    this.closed = true;
  }

  thaw() {
    this.frozen = false;
    for (const data of this.waiting.splice(0)) this.#arrive(data);
  }

  /** @param {unknown} data */
  #arrive(data) {
    if (this.closed) return;
    if (this.frozen) this.waiting.push(data);
    else this.onmessage?.({ data });
  }
}

/** Locks of one browser. */
class FakeLocks {
  /** @type {Map<string, (() => void)[]>} */
  #queues = new Map();

  /**
   * @param {string} name
   * @param {any} options
   * @param {any} [callback]
   * @returns {Promise<any>}
   */
  request(name, options, callback = options) {
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    return new Promise((resolve, reject) => {
      const run = async () => {
        resolve(await callback({ name }));
        if (queue[0] === run) queue.shift();
        queue[0]?.();
      };
      options.signal?.addEventListener("abort", () => {
        const place = queue.indexOf(run);
        if (place <= 0) return;
        queue.splice(place, 1);
        reject(options.signal.reason);
      });
      queue.push(run);
      if (queue.length === 1) run();
    });
  }

  /**
   * Frees whatever a tab or a worker holds, as when it crashes.
   * @param {string} holder
   */
  free(holder) {
    for (const [name, queue] of [...this.#queues]) {
      if (!name.includes(holder)) continue;
      queue.shift();
      queue[0]?.();
    }
  }
}

/**
 * A browser: tabs, the workers that they share, and what the network does.
 * @param {{ locks?: boolean }} [options]
 */
export function fakeBrowser({ locks: hasLocks = true } = {}) {
  const clock = new FakeClock();
  const network = fakeSockets();
  const environment = new FakeEnvironment();
  const locks = hasLocks ? new FakeLocks() : undefined;
  /** @type {Map<string, { host: SharedHost, ports: FakePort[], hub: Hub | null }>} */
  const workers = new Map();
  /** @type {Set<{ tick: (ms: number) => void }>} */
  const tabs = new Set();
  const common = { shared: false, random: () => 0.5, WebSocket: network.WebSocket };

  /** @param {string} name */
  function worker(name) {
    const known = workers.get(name);
    if (known) return known;
    /** @type {{ host: SharedHost, ports: FakePort[], hub: Hub | null }} */
    const made = {
      host: new SharedHost({
        clock,
        locks,
        open: (options, copy, tap) => {
          made.hub = new Hub({ ...options, ...common, clock }, { copy, tap, environment });
          return made.hub;
        },
      }),
      ports: [],
      hub: null,
    };
    workers.set(name, made);
    return made;
  }

  return {
    clock,
    network,
    environment,
    workers,

    /**
     * Opens a tab.
     * @param {Partial<ConnectOptions>} [options]
     */
    tab(options = {}) {
      /** @type {FakePort | null} */
      let port = null;
      let id = "";
      const tabEnvironment = new FakeEnvironment();
      const tabClock = new FakeClock();
      /** For how long it has been frozen; null while it is not. */
      let frozenMs = /** @type {number | null} */ (null);
      tabs.add({
        tick(ms) {
          if (frozenMs === null) tabClock.advance(ms);
          else frozenMs += ms;
        },
      });
      const hub = new Hub(
        { url: "ws://hub.example/ws", ...common, clock: tabClock, shared: true, ...options },
        {
          environment: tabEnvironment,
          locks,
          openPort: (name) => {
            const { host, ports } = worker(name);
            const [mine, theirs] = [new FakePort(), new FakePort()];
            [mine.other, theirs.other] = [theirs, mine];
            ports.push(theirs);
            host.accept(theirs);
            port = mine;
            const { postMessage } = mine;
            mine.postMessage = (/** @type {any} */ message) => {
              if (message.kind === "join") id = message.tab;
              postMessage.call(mine, message);
            };
            return mine;
          },
        },
      );
      return {
        hub,
        environment: tabEnvironment,
        /** The tab's end of its channel. */
        get port() {
          return /** @type {FakePort} */ (/** @type {unknown} */ (port));
        },
        /** Nothing runs in the tab any more, until it thaws. */
        freeze() {
          frozenMs = 0;
          if (port) port.frozen = true;
        },
        thaw() {
          tabClock.sleepUnseen(frozenMs ?? 0);
          frozenMs = null;
          port?.thaw();
          tabClock.advance(0);
        },
        /** The tab ends without a word. */
        crash() {
          if (port) port.onmessage = null;
          locks?.free(id);
        },
      };
    },

    /** Lets time pass, for the worker and for every tab that is not frozen. @param {number} ms */
    advance(ms) {
      clock.advance(ms);
      for (const tab of tabs) tab.tick(ms);
    },

    /** All workers end without a word, and so do their connections. */
    killWorkers() {
      for (const { ports, hub } of workers.values()) {
        for (const port of ports) port.closed = true;
        hub?.close();
      }
      workers.clear();
      locks?.free("/worker/");
    },
  };
}

/** Lets everything that was posted arrive, and be answered. */
export async function settled() {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}
