import { signal } from "../../vendor/preact.js";
import { getJson, query } from "../core/api.js";
import { nextFrame } from "../core/frame.js";
import { receiveWhileSeen } from "../core/seen.js";
import { messageOf } from "../core/text.js";
import { LEVELS, Lines } from "./lines.js";

/** The most lines that the page keeps; the hub keeps as many. */
export const LINES_MAX = 10_000;
const PAGE = 1_000;
const MISSING = "Some lines may be missing here";

/** @typedef {import("./lines.js").Line} Line */
/** @typedef {{ level: import("./lines.js").Level, source: string }} Filter */

/**
 * The newest log lines of a level and a source, live. Where they begin, and after each break, what the hub keeps is
 * read; lines that come meanwhile wait.
 */
export class LogFeed {
  /**
   * @param {import("../core/types.js").Hub} hub
   * @param {Filter} filter
   */
  constructor(hub, filter) {
    this.hub = hub;
    this.filter = filter;
    this.lines = new Lines(LINES_MAX);
    /** Counts up whenever lines came, once per animation frame. */
    this.version = signal(0);
    /** Whether the hub sends lines as they are written. */
    this.receiving = signal(false);
    this.loaded = signal(false);
    /** What went wrong with the reading, for the reader. */
    this.error = signal(/** @type {string | null} */ (null));
    /** @type {{ lines: Line[], dropped: number }[] | null} what came while the hub's lines are read */
    this.waiting = null;
    this.reading = new AbortController();
    this.tell = () => {
      this.version.value += 1;
    };
  }

  /** Begins; returns what ends it. */
  start() {
    const { hub, filter } = this;
    const started = () => {
      this.receiving.value = true;
      void this.read();
    };
    const ends = [
      hub.on("system_log", ({ data }) => this.take([data], 0)),
      hub.on("system_log_batch", ({ data }) => this.take(data.lines, data.dropped)),
      hub.on("status", ({ kind }) => {
        if (kind !== "live") this.receiving.value = false;
      }),
      receiveWhileSeen(hub, ["logs"], { logLevel: filter.level, logSource: filter.source, started }),
    ];
    const hidden = () => {
      if (document.hidden) this.receiving.value = false;
    };
    document.addEventListener("visibilitychange", hidden);
    return () => {
      for (const end of ends) end();
      document.removeEventListener("visibilitychange", hidden);
      this.reading.abort();
    };
  }

  /** Finds what has all words. @param {string} text */
  search(text) {
    this.lines.search(text.toLowerCase().split(/\s+/).filter(Boolean));
    nextFrame(this.tell);
  }

  /** Reads what the hub keeps after the newest line, or the newest lines. */
  async read() {
    this.reading.abort();
    const { signal: aborted } = (this.reading = new AbortController());
    this.waiting ??= [];
    try {
      await (this.lines.newest === null ? this.readNewest(aborted) : this.readMissed(this.lines.newest, aborted));
      this.error.value = null;
    } catch (error) {
      if (aborted.aborted) return;
      this.error.value = messageOf(error);
      if (this.lines.rows.length > 0) this.lines.note(MISSING);
    }
    const came = this.waiting;
    this.waiting = null;
    this.loaded.value = true;
    for (const { lines, dropped } of came ?? []) this.append(lines, dropped);
    nextFrame(this.tell);
  }

  /** @param {AbortSignal} aborted */
  async readNewest(aborted) {
    const page = await this.page(null, aborted);
    this.lines.add(page.lines);
  }

  /** @param {number} newest @param {AbortSignal} aborted */
  async readMissed(newest, aborted) {
    for (let since = newest; ; ) {
      const page = await this.page(since, aborted);
      // A log that ends before what is known is another one.
      if (page.last_id !== null && page.last_id < newest) {
        this.lines.newest = null;
        this.lines.note("The hub's log begins anew here");
        return this.readNewest(aborted);
      }
      if (page.first_id === null || page.first_id > since + 1) this.lines.note(MISSING);
      this.lines.add(page.lines);
      const next = this.waiting?.[0]?.lines[0]?.id;
      if (page.next === null || (next !== undefined && next <= page.next)) return undefined;
      since = page.next;
    }
  }

  /**
   * @param {number | null} since
   * @param {AbortSignal} aborted
   * @returns {Promise<{ lines: Line[], first_id: number | null, last_id: number | null, next: number | null }>}
   */
  page(since, aborted) {
    return getJson(`/api/logs${query({ ...this.filter, since, limit: PAGE })}`, { signal: aborted });
  }

  /** @param {Line[]} lines @param {number} dropped */
  take(lines, dropped) {
    if (this.waiting === null) {
      this.append(lines, dropped);
      nextFrame(this.tell);
      return;
    }
    this.waiting.push({ lines, dropped });
    // What the page could not keep anyway.
    if (this.waiting.length > LINES_MAX) this.waiting.shift();
  }

  /** @param {Line[]} lines @param {number} dropped */
  append(lines, dropped) {
    const { newest } = this.lines;
    const last = lines.at(-1)?.id;
    if (newest !== null && last !== undefined && last <= newest) return;
    if (dropped > 0) {
      this.lines.note(`${dropped.toLocaleString()} ${dropped === 1 ? "line was" : "lines were"} dropped here: more came than this connection takes`);
    }
    // Other parts of this browser may want more than this one.
    const { level, source } = this.filter;
    const least = LEVELS.indexOf(level);
    this.lines.add(lines.filter((line) => LEVELS.indexOf(line.level) >= least && line.source.startsWith(source)));
  }
}
