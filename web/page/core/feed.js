import { signal } from "../../vendor/preact.js";
import { getJson, query } from "./api.js";
import { toRecord } from "./describe.js";
import { EVENTS_MAX } from "./events.js";
import { nextFrame } from "./frame.js";
import { messageOf } from "./text.js";

const PAGE = 1_000;
const TRIM_STEP = 5_000;
/** So many pages are searched for a text before the reader is asked whether to go on. */
const SEARCH_PAGES = 10;

/** @typedef {import("./types.js").EventRecord} EventRecord */
/** @typedef {{ type: string, actor: string, text: string }} Filter */

/**
 * The events that pass a filter, oldest first.
 *
 * What the hub can filter by (type, actor) is asked of the hub once what is here ends, so that rare events are found
 * without reading the whole log; text is looked for in what is here and, step by step, in what was before.
 */
export class Feed {
  /**
   * @param {import("./events.js").EventLog} log
   * @param {Filter} filter
   */
  constructor(log, filter) {
    this.log = log;
    this.filter = filter;
    this.words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
    this.byHub = filter.type !== "" || filter.actor !== "";
    this.all = !this.byHub && this.words.length === 0;
    /** @type {EventRecord[]} */
    this.own = [];
    this.cursor = /** @type {number | null} */ (null);
    this.exhausted = false;
    /** Pages read so far, and how many may be without asking. */
    this.pages = 0;
    this.allowed = SEARCH_PAGES;
    this.version = signal(0);
    this.loading = signal(false);
    this.error = signal(/** @type {string | null} */ (null));
    this.tell = () => {
      this.version.value += 1;
    };
    this.seed();
    this.end = log.watch({
      append: (records) => {
        if (!this.all) {
          for (const record of records) if (this.passes(record)) this.own.push(record);
          if (this.own.length > EVENTS_MAX + TRIM_STEP) this.own.splice(0, this.own.length - EVENTS_MAX);
        }
        nextFrame(this.tell);
      },
      prepend: (records) => {
        if (!this.all && !this.byHub) this.own = records.filter((record) => this.passes(record)).concat(this.own);
        nextFrame(this.tell);
      },
      reset: () => {
        this.seed();
        nextFrame(this.tell);
      },
    });
  }

  /** The events, oldest first. */
  get records() {
    return this.all ? this.log.records : this.own;
  }

  /** Whether there may be older ones. */
  get more() {
    if (!this.byHub) return this.log.more;
    return !this.exhausted && this.log.loaded.value && this.own.length < EVENTS_MAX;
  }

  /** Whether older ones are to be read as soon as there is room for them. */
  get eager() {
    return this.more && (this.words.length === 0 || this.pages < this.allowed);
  }

  /** The number of the oldest event that was looked at. */
  get reach() {
    return this.cursor ?? this.log.records[0]?.seq ?? null;
  }

  /** Searches on, as far again as without asking. */
  further() {
    this.allowed = this.pages + SEARCH_PAGES;
    return this.older();
  }

  /** Reads one page of older ones. */
  async older() {
    if (!this.byHub) {
      await this.log.older();
      this.error.value = this.log.error.peek();
      if (this.error.peek() === null) this.pages += 1;
      return;
    }
    if (this.loading.peek() || !this.more) return;
    this.loading.value = true;
    try {
      const { type, actor } = this.filter;
      const before = this.reach;
      const page = await getJson(`/api/events${query({ before, type, actor, order: "desc", limit: PAGE })}`);
      const records = page.events.map(toRecord).reverse();
      this.cursor = page.next ?? records[0]?.seq ?? before;
      this.pages += 1;
      this.exhausted = page.next === null;
      this.own = records.filter((/** @type {EventRecord} */ record) => this.passes(record)).concat(this.own);
      this.error.value = null;
      nextFrame(this.tell);
    } catch (error) {
      this.error.value = messageOf(error);
    } finally {
      this.loading.value = false;
    }
  }

  /** How many of the events are not newer than `seq`. @param {number | null} seq */
  countUpTo(seq) {
    const records = this.records;
    if (seq === null) return records.length;
    let low = 0;
    let high = records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (records[middle].seq <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  seed() {
    this.own = this.all ? [] : this.log.records.filter((record) => this.passes(record));
    // Without the hub's help nothing but the log's own end counts.
    this.cursor = this.byHub ? (this.log.records[0]?.seq ?? null) : null;
    this.exhausted = false;
    this.pages = 0;
  }

  /** @param {EventRecord} record */
  passes(record) {
    const { type, actor } = this.filter;
    if (type && record.type !== type) return false;
    if (actor && record.actor !== actor) return false;
    return this.words.every((word) => record.needle.includes(word));
  }
}
