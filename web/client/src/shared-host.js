/** @import { Clock, Token } from "../types/index.js" */
/** @import { ServerFrame } from "../types/protocol.js" */
/** @import { Hub } from "./hub.js" */
/** @import { Locks } from "./locks.js" */
/** @import { Copy } from "./mirror.js" */
/** @import { FromTab, FromWorker, Port, SharedOptions } from "./shared-messages.js" */
/** @import { Wanted } from "./wishes.js" */

import { HubError } from "./error.js";
import { isCommitted } from "./frame.js";
import { holdLock, randomId, watchLock } from "./locks.js";

/** What may be on its way to one tab, in characters; an idle tab takes any one message. */
const TAB_MAX_CHARS = 1024 * 1024;
/** Recent changes that are kept for tabs that come back, in characters. */
const RECENT_MAX_CHARS = 256 * 1024;
/** What a message that is no frame counts for. */
const MESSAGE_CHARS = 1024;
/** How often tabs without a lock are looked after, in milliseconds. */
const SWEEP_MS = 30_000;
/** How long such a tab may be silent: hidden tabs have timers that fire once a minute. */
const TAB_SILENCE_MS = 180_000;

/** Frames that only those tabs get that want them, and their topics. */
const WANTED = new Map([
  ["gateway_latency", "latency"],
  ["system_log", "logs"],
  ["system_log_batch", "logs"],
]);

/**
 * Opens the connection; `tap` gets every frame with its text.
 * @typedef {(options: Pick<SharedOptions, "url" | "topics" | "backoff"> & { token: Token | undefined }, copy: Copy | null, tap: (frame: ServerFrame, text: string) => void) => Hub} OpenHub
 */

/**
 * The worker's side of a shared connection: one hub, as long as there is a tab, and what each tab is sent.
 * A tab that does not keep up, or sleeps, is sent nothing more and later one snapshot in its place.
 */
export class SharedHost {
  #open;
  #clock;
  #locks;
  /** @type {Hub | null} */
  #hub = null;
  /** @type {Set<Tab>} */
  #tabs = new Set();
  #recent = new Recent();
  /** Takes the token that is asked for; of two questions the newer one counts. @type {(token: string | null) => void} */
  #given = () => {};
  /** Topics that every tab gets. @type {readonly string[]} */
  #common = [];
  /** @type {unknown} */
  #sweepTimer = null;
  /** The lock by which tabs see that this worker lives, once it is held. */
  #lock;

  /**
   * @param {object} parts
   * @param {OpenHub} parts.open
   * @param {Required<Clock>} parts.clock
   * @param {Locks | undefined} parts.locks
   */
  constructor({ open, clock, locks }) {
    this.#open = open;
    this.#clock = clock;
    this.#locks = locks;
    this.#lock = holdLock(locks, `opshub-client/worker/${randomId()}`);
  }

  /** How many tabs there are. */
  get size() {
    return this.#tabs.size;
  }

  /**
   * Takes a tab's port.
   * @param {Port} port
   */
  accept(port) {
    /** @type {Tab | null} */
    let tab = null;
    port.onmessage = ({ data }) => {
      const message = /** @type {FromTab} */ (data);
      if (message.kind === "join") {
        const { tab: id, lock } = message;
        const joining = new Tab(id, port, lock !== null && this.#locks !== undefined, this.#clock.now());
        tab = joining;
        this.#lock.then((held) => this.#join(joining, message, held?.name ?? null));
      } else if (tab) {
        this.#handle(tab, message);
      }
    };
  }

  /**
   * @param {Tab} tab
   * @param {FromTab & { kind: "join" }} join
   * @param {string | null} held the worker's own lock
   */
  #join(tab, { lock, options, copy }, held) {
    if (tab.left.signal.aborted) return;
    for (const known of this.#tabs) if (known.id === tab.id) this.#remove(known);
    this.#tabs.add(tab);
    if (tab.hasLock) this.#awaitEnd(tab, String(lock));
    else this.#sweepTimer ??= this.#clock.setTimeout(() => this.#sweep(), SWEEP_MS);
    this.#hub ??= this.#start(options, copy);
    tab.port.postMessage(/** @satisfies {FromWorker} */ ({ kind: "joined", lock: held }));
    this.#catchUp(tab, this.#hub, copy);
    tab.send({ kind: "health", health: this.#hub.health, size: MESSAGE_CHARS });
    tab.send({ kind: "status", status: this.#hub.status, size: MESSAGE_CHARS });
  }

  /**
   * @param {SharedOptions} options
   * @param {Copy | null} copy
   */
  #start(options, copy) {
    const { url, topics, backoff, token, renews } = options;
    this.#common = topics ?? [];
    const shown = renews ? this.#tokens(token) : (token ?? undefined);
    const hub = this.#open({ url, topics, backoff, token: shown }, copy, (frame, text) => this.#frame(frame, text));
    hub.on("status", (status) => this.#tell({ kind: "status", status, size: MESSAGE_CHARS }));
    hub.on("health", (health) => this.#tell({ kind: "health", health, size: MESSAGE_CHARS }));
    return hub;
  }

  /**
   * Makes what gives tokens: the one that is known, then those that the tabs give.
   * @param {string | null} known
   * @returns {() => Promise<string>}
   */
  #tokens(known) {
    let next = known;
    return () => new Promise((resolve, reject) => {
      const token = next;
      next = null;
      if (token !== null) return resolve(token);
      this.#given = (given) => (given === null ? reject(new Error("no tab has a token")) : resolve(given));
      for (const tab of this.#tabs) tab.port.postMessage(/** @satisfies {FromWorker} */ ({ kind: "token" }));
    });
  }

  /**
   * @param {Tab} tab
   * @param {FromTab} message
   */
  #handle(tab, message) {
    if (message.kind === "leave") return this.#remove(tab);
    const hub = this.#hub;
    if (!hub || !this.#tabs.has(tab)) return;
    tab.heardAt = this.#clock.now();
    switch (message.kind) {
      case "ack":
        if (tab.ack(message.size)) this.#snapshot(tab, hub, "lagging");
        break;
      case "snapshot":
        this.#snapshot(tab, hub, "requested");
        break;
      case "want":
        this.#want(tab, hub, message.wanted);
        break;
      case "command":
        this.#run(tab, hub, message.request);
        break;
      case "token":
        this.#given(message.token);
        break;
      case "forget":
        tab.commands.get(message.id)?.abort();
        break;
      case "ping":
        tab.port.postMessage(/** @satisfies {FromWorker} */ ({ kind: "pong", id: message.id }));
        break;
      case "reconnect":
        hub.reconnect();
        break;
      case "wake":
        hub.wake();
        break;
    }
  }

  /**
   * @param {ServerFrame} frame
   * @param {string} text
   */
  #frame(frame, text) {
    this.#recent.push(frame, text);
    const topic = WANTED.get(frame.type);
    const all = topic === undefined || this.#common.includes(topic);
    for (const tab of this.#tabs) {
      if (all || tab.wants(topic)) tab.send({ kind: "frame", text, size: text.length });
    }
  }

  /**
   * Wants of the hub what a tab wants.
   * @param {Tab} tab
   * @param {Hub} hub
   * @param {Wanted} wanted
   */
  #want(tab, hub, wanted) {
    const before = tab.unwant;
    const { topics, logLevel, logSource } = wanted;
    const started = () => tab.send({ kind: "started", size: MESSAGE_CHARS });
    tab.topics = topics;
    tab.unwant = topics.length > 0 ? hub.receive(topics, { logLevel, logSource, started }) : () => {};
    before();
  }

  /** @param {FromWorker & { size: number }} message */
  #tell(message) {
    for (const tab of this.#tabs) tab.send(message);
  }

  /**
   * Sends a tab what it has missed, or a snapshot where that is no longer known.
   * @param {Tab} tab
   * @param {Hub} hub
   * @param {Copy | null} copy what the tab has
   */
  #catchUp(tab, hub, copy) {
    const now = hub.copy();
    if (now.state === null && now.position === null) return;
    const follows = copy !== null && !copy.broken && !now.broken && copy.epoch === now.epoch;
    // A tab that is ahead has seen what this worker, begun by another tab, is yet to be told.
    if (follows && Number(copy.position) >= Number(now.position)) return;
    const missed = follows ? this.#recent.between(copy.position, now.position) : null;
    if (missed === null) this.#snapshot(tab, hub, "connected");
    else for (const text of missed) tab.send({ kind: "frame", text, size: text.length });
  }

  /**
   * @param {Tab} tab
   * @param {Hub} hub
   * @param {"connected" | "requested" | "lagging"} reason
   */
  #snapshot(tab, hub, reason) {
    tab.send({ kind: "snapshot", reason, copy: hub.copy(), size: MESSAGE_CHARS });
    if (reason !== "lagging") return;
    // What it wants was kept from it as well, and is not in the snapshot.
    if (tab.topics.length > 0) tab.send({ kind: "started", size: MESSAGE_CHARS });
    tab.send({ kind: "health", health: hub.health, size: MESSAGE_CHARS });
    tab.send({ kind: "status", status: hub.status, size: MESSAGE_CHARS });
  }

  /**
   * Runs a command. It is carried out also when its tab goes meanwhile.
   * @param {Tab} tab
   * @param {Hub} hub
   * @param {import("./commands.js").Request} request
   */
  async #run(tab, hub, { id, text, idempotencyKey, dryRun }) {
    const abort = new AbortController();
    tab.commands.set(id, abort);
    try {
      const result = await hub.command(text, { idempotencyKey, dryRun, signal: abort.signal });
      tab.port.postMessage(/** @satisfies {FromWorker} */ ({ kind: "answer", id, result }));
    } catch (error) {
      if (!(error instanceof HubError)) return;
      const { errorType, message, statusCode, details, requestId } = error;
      const fields = { errorType, message, statusCode, details, requestId };
      tab.port.postMessage(/** @satisfies {FromWorker} */ ({ kind: "failure", id, error: fields }));
    } finally {
      if (tab.commands.get(id) === abort) tab.commands.delete(id);
    }
  }

  /**
   * A tab holds its lock for as long as it lives, and the browser frees it however it ends.
   * @param {Tab} tab
   * @param {string} lock
   */
  #awaitEnd(tab, lock) {
    watchLock(this.#locks, lock, tab.left.signal, () => this.#remove(tab));
  }

  #sweep() {
    const now = this.#clock.now();
    for (const tab of this.#tabs) {
      if (!tab.hasLock && now - tab.heardAt > TAB_SILENCE_MS) this.#remove(tab);
    }
    const others = [...this.#tabs].some((tab) => !tab.hasLock);
    this.#sweepTimer = others ? this.#clock.setTimeout(() => this.#sweep(), SWEEP_MS) : null;
  }

  /** @param {Tab} tab */
  #remove(tab) {
    tab.left.abort();
    tab.unwant();
    tab.port.close();
    if (!this.#tabs.delete(tab) || this.#tabs.size > 0) return;
    this.#clock.clearTimeout(this.#sweepTimer);
    this.#sweepTimer = null;
    this.#hub?.close();
    this.#hub = null;
    this.#recent = new Recent();
  }
}

/** One tab, and what is on its way to it. */
class Tab {
  /** Whether something was kept from it. */
  #lags = false;
  /** Characters that it was sent and has not acknowledged. */
  #underway = 0;
  /** @type {Map<string, AbortController>} */
  commands = new Map();
  left = new AbortController();
  /** What it wants besides what every tab gets. @type {readonly string[]} */
  topics = [];
  /** Ends what the hub sends for it alone. */
  unwant = () => {};

  /**
   * @param {string} id
   * @param {Port} port
   * @param {boolean} hasLock
   * @param {number} heardAt
   */
  constructor(id, port, hasLock, heardAt) {
    this.id = id;
    this.port = port;
    this.hasLock = hasLock;
    this.heardAt = heardAt;
  }

  /** @param {string} topic */
  wants(topic) {
    return this.topics.includes(topic);
  }

  /** @param {FromWorker & { size: number }} message */
  send(message) {
    this.#lags ||= this.#underway > 0 && this.#underway + message.size > TAB_MAX_CHARS;
    if (this.#lags) return;
    this.#underway += message.size;
    this.port.postMessage(message);
  }

  /**
   * Takes note of what has arrived. Returns whether something was kept from the tab that can follow now.
   * @param {number} size
   */
  ack(size) {
    this.#underway = Math.max(0, this.#underway - size);
    if (!this.#lags || this.#underway > 0) return false;
    this.#lags = false;
    return true;
  }
}

/** The newest changes, as far as they are bounded. */
class Recent {
  /** @type {{ seq: number, text: string }[]} */
  #frames = [];
  #chars = 0;

  /**
   * @param {ServerFrame} frame
   * @param {string} text
   */
  push(frame, text) {
    // Whole documents and connections begin a new account.
    if (frame.type === "state" || (frame.type === "connected" && !frame.data.recovered)) this.#clear();
    else if (isCommitted(frame)) this.#add(frame.seq, text);
  }

  /**
   * The texts of all changes after one up to another; null where they are no longer, or not all, known.
   * @param {number | null} after
   * @param {number | null} through
   */
  between(after, through) {
    if (after === null || through === null) return null;
    const first = this.#frames.findIndex(({ seq }) => seq > after);
    if (first < 0) return null;
    const reachesBack = first > 0 || this.#frames[0].seq === after + 1;
    return reachesBack ? this.#frames.slice(first).map(({ text }) => text) : null;
  }

  /**
   * @param {number} seq
   * @param {string} text
   */
  #add(seq, text) {
    this.#frames.push({ seq, text });
    this.#chars += text.length;
    while (this.#chars > RECENT_MAX_CHARS) this.#chars -= this.#frames.shift()?.text.length ?? 0;
  }

  #clear() {
    this.#frames = [];
    this.#chars = 0;
  }
}
