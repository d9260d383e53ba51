import { signal } from "../../vendor/preact.js";
import { ApiError, getJson, query } from "./api.js";
import { toRecord } from "./describe.js";
import { nextFrame } from "./frame.js";
import { messageOf } from "./text.js";

/** The most events that the page keeps, as lines. */
export const EVENTS_MAX = 150_000;
const TRIM_STEP = 5_000;
const FIRST_PAGE = 200;
const PAGE = 1_000;
/** A gap of more pages is not filled: the log begins anew at the newest event. */
const GAP_MAX_PAGES = 10;
const PENDING_MAX = 20_000;
/** More different actors are not offered; they can be found by text. */
const OFFERED_MAX = 200;

/** @typedef {import("./types.js").EventRecord} EventRecord */
/** @typedef {{ append?(records: EventRecord[]): void, prepend?(records: EventRecord[]): void, reset?(): void }} Watcher */

/** The newest events without a gap, oldest first, fed by live frames and by the hub's log. */
export class EventLog {
  constructor() {
    /** @type {EventRecord[]} */
    this.records = [];
    /** Counts up whenever `records` changed, once per animation frame. */
    this.version = signal(0);
    /** The oldest event that the hub keeps. */
    this.first = signal(/** @type {number | null} */ (null));
    /** What went wrong last, for the reader. */
    this.error = signal(/** @type {string | null} */ (null));
    this.loaded = signal(false);
    /** Which types and actors were seen, for the filters to offer. */
    this.types = signal(/** @type {readonly string[]} */ ([]));
    this.actors = signal(/** @type {readonly string[]} */ ([]));
    this.loadingOlder = signal(false);
    /** @type {EventRecord[]} frames that wait for the ones before them */
    this.pending = [];
    /** @type {Set<Watcher>} */
    this.watchers = new Set();
    this.filling = false;
    this.generation = 0;
    this.tell = () => {
      this.version.value += 1;
    };
  }

  /** The number of the newest event here. */
  get newest() {
    return this.records.at(-1)?.seq ?? null;
  }

  /** Whether the page can go further back. */
  get more() {
    const oldest = this.records[0]?.seq;
    const first = this.first.value;
    return oldest !== undefined && first !== null && oldest > first && this.records.length < EVENTS_MAX;
  }

  /** Tells of whole records as they come; returns what ends it. @param {Watcher} watcher */
  watch(watcher) {
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  }

  /** Takes a committed frame. @param {import("./types.js").Frame} frame */
  add(frame) {
    if (typeof frame.seq !== "number") return;
    const newest = this.newest;
    if (this.loaded.peek() && newest !== null && frame.seq === newest + 1 && this.pending.length === 0) {
      this.append([toRecord(frame)]);
    } else if (newest === null || frame.seq > newest) {
      this.pending.push(toRecord(frame));
      if (this.pending.length > PENDING_MAX) this.reset();
      else void this.fill();
    }
  }

  /** Reads what is missing up to the newest change that the page shows. @param {number | null} seq */
  catchUp(seq) {
    if (seq !== null && !this.filling && (!this.loaded.peek() || seq > (this.newest ?? 0))) void this.fill();
  }

  /** Forgets everything, since the log is another one. */
  reset() {
    this.generation += 1;
    this.records = [];
    this.pending = [];
    this.loaded.value = false;
    this.filling = false;
    for (const watcher of this.watchers) watcher.reset?.();
    nextFrame(this.tell);
    void this.fill();
  }

  /** Reads one page of older events. */
  async older() {
    const oldest = this.records[0]?.seq;
    if (oldest === undefined || !this.more || this.loadingOlder.peek()) return;
    const generation = this.generation;
    this.loadingOlder.value = true;
    try {
      const page = await this.page({ before: oldest, order: "desc", limit: PAGE });
      if (generation !== this.generation) return;
      const records = page.events.map(toRecord).reverse();
      this.records = records.concat(this.records);
      this.note(records);
      for (const watcher of this.watchers) watcher.prepend?.(records);
      // Nothing before it although the hub says so: pruned meanwhile.
      if (records.length === 0) this.first.value = oldest;
      this.error.value = null;
      nextFrame(this.tell);
    } catch (error) {
      this.error.value = messageOf(error);
    } finally {
      if (generation === this.generation) this.loadingOlder.value = false;
    }
  }

  /** Closes the gap between what is here and what waits. */
  async fill() {
    if (this.filling) return;
    this.filling = true;
    const generation = this.generation;
    const same = () => generation === this.generation;
    try {
      if (this.newest === null) {
        const page = await this.page({ order: "desc", limit: FIRST_PAGE });
        if (!same()) return;
        this.append(page.events.map(toRecord).reverse());
        this.loaded.value = true;
      }
      for (let pages = 0; ; pages += 1) {
        this.drain();
        const newest = this.newest ?? 0;
        if (pages > 0 && this.pending.length === 0) break;
        const page = await this.page({ since: newest, limit: PAGE });
        if (!same()) return;
        this.append(page.events.map(toRecord).filter((record) => record.seq > (this.newest ?? 0)));
        this.drain();
        if (page.next === null && this.pending.length === 0) break;
        if (pages >= GAP_MAX_PAGES) throw new ApiError("history_pruned", 410, "too much was missed");
      }
      this.error.value = null;
    } catch (error) {
      if (!same()) return;
      if (error instanceof ApiError && error.type === "history_pruned") {
        this.filling = false;
        this.reset();
      } else {
        this.error.value = messageOf(error);
      }
    } finally {
      if (same()) this.filling = false;
    }
  }

  /** @param {Record<string, string | number>} values @returns {Promise<import("./types.js").EventsPage>} */
  async page(values) {
    const page = await getJson(`/api/events${query(values)}`);
    this.first.value = page.first_seq;
    return page;
  }

  /** Takes of what waits whatever follows on what is here. */
  drain() {
    const waiting = this.pending.sort((a, b) => a.seq - b.seq);
    let newest = this.newest ?? 0;
    const next = [];
    let used = 0;
    for (const record of waiting) {
      if (record.seq > newest + 1) break;
      used += 1;
      if (record.seq <= newest) continue;
      next.push(record);
      newest = record.seq;
    }
    this.pending = waiting.slice(used);
    this.append(next);
  }

  /** @param {EventRecord[]} records */
  note(records) {
    for (const { type, actor } of records) {
      offer(this.types, type);
      offer(this.actors, actor);
    }
  }

  /** @param {EventRecord[]} records */
  append(records) {
    if (records.length === 0) return;
    for (const record of records) this.records.push(record);
    this.note(records);
    if (this.records.length > EVENTS_MAX + TRIM_STEP) this.records.splice(0, this.records.length - EVENTS_MAX);
    for (const watcher of this.watchers) watcher.append?.(records);
    nextFrame(this.tell);
  }
}

/** @param {import("../../vendor/preact.js").Signal<readonly string[]>} offered @param {string} name */
function offer(offered, name) {
  const known = offered.peek();
  if (known.length < OFFERED_MAX && !known.includes(name)) offered.value = [...known, name].sort();
}
