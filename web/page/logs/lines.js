import { oneLine } from "../core/text.js";

/** The levels, the lowest first. */
export const LEVELS = /** @type {const} */ (["DEBUG", "INFO", "WARN", "ERROR"]);

/**
 * @typedef {typeof LEVELS[number]} Level
 * @typedef {import("../../client/types/protocol.js").SystemLog} Line
 * @typedef {{ order: number, line: Line | null, note: string, needle: string }} Row
 *   A line, or a note about lines that are not there; `order` rises from row to row.
 */

const BESIDE_MAX = 6;

/**
 * The newest lines in the order of their ids, with notes where some are missing, as many as are kept at most; and
 * those among them that have all words of a search.
 */
export class Lines {
  /** @param {number} most */
  constructor(most) {
    this.most = most;
    /** @type {Row[]} */
    this.rows = [];
    /** @type {string[]} */
    this.words = [];
    /** @type {Row[]} The rows that pass, the same as `rows` without words. */
    this.shown = this.rows;
    /** How many lines have passed so far, also those that are no longer kept. */
    this.passed = 0;
    /** How many of the rows are lines, and how many of those that are shown. */
    this.count = 0;
    this.found = 0;
    /** @type {number | null} The newest line. */
    this.newest = null;
    this.order = 0;
  }

  /** Adds lines that are newer than all; what is known is left out. @param {readonly Line[]} lines */
  add(lines) {
    for (const line of lines) {
      if (this.newest !== null && line.id <= this.newest) continue;
      this.newest = line.id;
      this.push(line, "");
    }
    this.trim();
  }

  /** Says that something is missing before whatever comes next. @param {string} text */
  note(text) {
    const last = this.rows.at(-1);
    if (last && last.note === text) return;
    this.push(null, text);
    this.trim();
  }

  /** @param {readonly string[]} words in lower case */
  search(words) {
    this.words = [...words];
    this.shown = words.length === 0 ? this.rows : this.rows.filter((row) => this.passes(row));
    this.found = words.length === 0 ? this.count : this.shown.length;
  }

  /** @param {Line | null} line @param {string} note */
  push(line, note) {
    /** @type {Row} */
    const row = { order: (this.order += 1), line, note, needle: "" };
    this.rows.push(row);
    if (line) this.count += 1;
    if (this.shown !== this.rows && !this.passes(row)) return;
    if (this.shown !== this.rows) this.shown.push(row);
    if (line) {
      this.found += 1;
      this.passed += 1;
    }
  }

  trim() {
    const surplus = this.rows.length - this.most;
    if (surplus <= 0) return;
    const gone = this.rows.splice(0, surplus);
    const lines = gone.filter(({ line }) => line !== null).length;
    this.count -= lines;
    if (this.shown === this.rows) {
      this.found -= lines;
    } else {
      const first = this.rows[0].order;
      const kept = this.shown.findIndex(({ order }) => order >= first);
      this.found -= this.shown.splice(0, kept < 0 ? this.shown.length : kept).length;
    }
  }

  /** A search finds lines alone: a note between two of them would claim that what is missing matches. @param {Row} row */
  passes(row) {
    const { line } = row;
    if (line === null) return false;
    row.needle ||= `${line.message} ${line.source} ${line.level} ${hasFields(line) ? JSON.stringify(line.metadata) : ""}`.toLowerCase();
    return this.words.every((word) => row.needle.includes(word));
  }
}

/** Whether something belongs to a line. @param {Line} line */
export function hasFields(line) {
  for (const _ in line.metadata) return true;
  return false;
}

/** What belongs to a line, in a few words. @param {Line} line */
export function beside({ metadata }) {
  const fields = Object.entries(metadata ?? {});
  const told = fields.slice(0, BESIDE_MAX).map(([name, value]) => `${oneLine(name, 24)}=${oneLine(value, 40)}`).join("  ");
  return fields.length > BESIDE_MAX ? `${told}  …` : told;
}
