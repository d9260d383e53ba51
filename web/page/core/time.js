const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clockForm = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exactForm = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayForm = new Intl.DateTimeFormat([], { weekday: "short", day: "numeric", month: "short" });
const briefForm = new Intl.DateTimeFormat([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dateForm = new Intl.DateTimeFormat([], { day: "numeric", month: "short", year: "numeric" });
const weekdayForm = new Intl.DateTimeFormat([], { weekday: "short" });
const longDayForm = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });

/** Shows a time of day as 10:02. @param {number} at */
export const clock = (at) => clockForm.format(at);

/** Shows a time of day as 10:02:14. @param {number} at */
export const exact = (at) => exactForm.format(at);

/** Shows a day as Fri, 21 Nov, in the reader's own order. @param {number} at */
export const day = (at) => dayForm.format(at);

/** Shows a day in full. @param {number} at */
export const longDay = (at) => longDayForm.format(at);

/** Shows a moment: the time of day, and the day when it is another one than `now`'s. @param {number} at @param {number} now */
export const moment = (at, now) => (startOfDay(at) === startOfDay(now) ? exact(at) : `${day(at)}, ${exact(at)}`);

/** Shows a moment in little room: 10:02:14, or 21 Nov, 10:02 on another day than `today`'s. @param {number} at @param {number} today midnight */
export const brief = (at, today) => (at >= today && at < addDays(today, 1) ? exact(at) : briefForm.format(at));

/** Returns midnight of the day, in the reader's time zone. @param {number} at */
export function startOfDay(at) {
  return new Date(at).setHours(0, 0, 0, 0);
}

/** Returns midnight `days` days later, also across a change of the clocks. @param {number} at @param {number} days */
export function addDays(at, days) {
  const date = new Date(at);
  return date.setDate(date.getDate() + days);
}

/**
 * Reads a time or a date of an item.
 *
 * @param {unknown} value
 * @returns {{ at: number, allDay: boolean } | null}
 */
export function readMoment(value) {
  if (typeof value !== "string" || value.length > 40) return null;
  const date = /^(\d{4})-(\d\d)-(\d\d)$/.exec(value);
  if (date) {
    // The constructor would take the years up to 99 for those of the last century.
    const midnight = new Date(2000, 0, 1);
    return { at: midnight.setFullYear(Number(date[1]), Number(date[2]) - 1, Number(date[3])), allDay: true };
  }
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : { at, allDay: false };
}

/**
 * Says how long something takes or took, in one unit.
 *
 * @param {number} ms
 */
export function duration(ms) {
  const span = Math.max(0, ms);
  if (span < MINUTE) return `${Math.floor(span / 1000)} s`;
  if (span < HOUR) return `${Math.floor(span / MINUTE)} min`;
  if (span < 2 * DAY) return `${Math.floor(span / HOUR)} h`;
  return `${Math.floor(span / DAY)} d`;
}

/**
 * Says how long ago something was.
 *
 * @param {number} at
 * @param {number} now
 */
export function ago(at, now) {
  const span = now - at;
  if (span < -5000) return `in ${duration(-span)}`;
  return span < 5000 ? "just now" : `${duration(span)} ago`;
}

/**
 * Says when something is due, seen from `now`.
 *
 * @param {{ at: number, allDay: boolean }} due
 * @param {number} now
 * @returns {{ text: string, kind: "overdue" | "today" | "later" }}
 */
export function dueText(due, now) {
  const days = Math.round((startOfDay(due.at) - startOfDay(now)) / DAY);
  const time = due.allDay ? "" : ` ${clock(due.at)}`;
  if (days < 0 || (!due.allDay && due.at < now)) {
    const text = days === 0 ? `overdue since ${clock(due.at)}` : days === -1 ? "overdue since yesterday" : `overdue ${-days} days`;
    return { text, kind: "overdue" };
  }
  if (days === 0) return { text: `today${time}`, kind: "today" };
  if (days === 1) return { text: `tomorrow${time}`, kind: "later" };
  if (days < 7) return { text: `${weekdayForm.format(due.at)}${time}`, kind: "later" };
  const sameYear = new Date(due.at).getFullYear() === new Date(now).getFullYear();
  return { text: sameYear ? day(due.at) : dateForm.format(due.at), kind: "later" };
}
