import { addDays, readMoment } from "../core/time.js";

/** A shorter event is drawn as if it took this long, so that its title can be read. */
const MIN_SHOWN_MS = 30 * 60_000;

/**
 * @typedef {{ item: import("../core/types.js").Item, start: number, end: number, from: number, to: number, lane: number, lanes: number }} Placed
 *   An event of the day: its own times, what of them is drawn, and its place among those at the same time.
 * @typedef {{ allDay: import("../core/types.js").Item[], timed: Placed[], next: { item: import("../core/types.js").Item, at: number } | null }} Day
 */

/**
 * Lays out what touches a day; events at the same time stand side by side.
 *
 * An end is exclusive: a date's end of the 3rd means through the 2nd.
 *
 * @param {import("../core/types.js").Item[]} items
 * @param {number} today midnight
 * @returns {Day}
 */
export function layOutDay(items, today) {
  const tomorrow = addDays(today, 1);
  /** @type {Day} */
  const day = { allDay: [], timed: [], next: null };
  for (const item of items) {
    const start = readMoment(item.start);
    if (!start) continue;
    const end = readMoment(item.end);
    if (start.at >= tomorrow) {
      if (!day.next || start.at < day.next.at) day.next = { item, at: start.at };
    } else if (start.allDay) {
      const last = end && end.at > start.at ? end.at : addDays(start.at, 1);
      if (last > today) day.allDay.push(item);
    } else {
      const until = end && end.at > start.at ? end.at : start.at;
      if (until <= today && start.at < today) continue;
      if (start.at <= today && until >= tomorrow) day.allDay.push(item);
      else day.timed.push(place(item, start.at, until, today, tomorrow));
    }
  }
  day.timed.sort((a, b) => a.from - b.from || b.to - a.to);
  assignLanes(day.timed);
  return day;
}

/**
 * @param {import("../core/types.js").Item} item @param {number} start @param {number} end
 * @param {number} today @param {number} tomorrow
 * @returns {Placed}
 */
function place(item, start, end, today, tomorrow) {
  const from = Math.min(Math.max(start, today), tomorrow - MIN_SHOWN_MS);
  const to = Math.min(Math.max(end, from + MIN_SHOWN_MS), tomorrow);
  return { item, start, end, from, to, lane: 0, lanes: 1 };
}

/** Gives each event a lane among those that it overlaps with. @param {Placed[]} events in order of their start */
function assignLanes(events) {
  /** @type {Placed[]} */
  let cluster = [];
  /** @type {number[]} */
  let ends = [];
  let clusterEnd = -Infinity;
  const close = () => {
    for (const event of cluster) event.lanes = ends.length;
  };
  for (const event of events) {
    if (event.from >= clusterEnd) {
      close();
      cluster = [];
      ends = [];
      clusterEnd = -Infinity;
    }
    const free = ends.findIndex((end) => end <= event.from);
    event.lane = free === -1 ? ends.length : free;
    ends[event.lane] = event.to;
    cluster.push(event);
    clusterEnd = Math.max(clusterEnd, event.to);
  }
  close();
}
