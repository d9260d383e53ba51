import { html, useLayoutEffect, useMemo, useRef } from "../../vendor/preact.js";
import { hourFromNow, putItem } from "../core/recipes.js";
import { oneLine, titleOf } from "../core/text.js";
import { addDays, clock, day as dayName, longDay } from "../core/time.js";
import { Empty } from "../parts/empty.js";
import { memo } from "../parts/memo.js";
import { Panel } from "../parts/panel.js";
import { layOutDay } from "./day-layout.js";

const HOUR_MS = 3_600_000;
/** The hours that are drawn at least. */
const FIRST_HOUR = 8;
const LAST_HOUR = 18;
/** One hour's height; the style sheet has the same figure. */
const HOUR_REM = 3;
/** So much of what was before stays in sight above now. */
const LOOK_BACK_HOURS = 1.25;
/** More events of one day are counted, not drawn. */
const TIMED_MAX = 200;
const ALL_DAY_MAX = 20;

/** Today as a line from morning to evening, with now on it. */
export const DayLine = memo(dayLine);

/** @param {{ items: import("../core/types.js").Item[], minute: number, today: number, live: boolean }} props */
function dayLine({ items, minute, today, live }) {
  const day = useMemo(() => layOutDay(items, today), [items, today]);
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  const { first, last } = hours(day.timed, today, minute);
  const origin = today + first * HOUR_MS;
  const rem = (/** @type {number} */ at) => ((at - origin) / HOUR_MS) * HOUR_REM;
  const nothing = day.timed.length === 0 && day.allDay.length === 0;

  useLayoutEffect(() => {
    const element = body.current;
    if (!element || nothing) return;
    const unit = parseFloat(getComputedStyle(document.documentElement).fontSize);
    element.scrollTop = Math.max(0, (rem(minute) - LOOK_BACK_HOURS * HOUR_REM) * unit);
  }, [today, nothing, live]);

  const note = html`<span class="day-name">${longDay(minute)}</span>`;
  return html`<${Panel} title="Today" area="day" note=${note} bodyRef=${body}>
    ${day.allDay.length > 0
      ? html`<ul class="all-day" aria-label="All day">
          ${day.allDay.slice(0, ALL_DAY_MAX).map((item) => html`<li key=${item.id}><span class="all-day-tag">all day</span><bdi>${titleOf(item)}</bdi></li>`)}
        </ul>`
      : null}
    ${nothing
      ? html`<${Empty} title="Nothing on the calendar today" text=${day.next ? `Next: ${titleOf(day.next.item)}, ${dayName(day.next.at)}` : undefined}
          command=${putItem("calendar", "E1", { title: "Stand-up", start: hourFromNow(1), end: hourFromNow(2) })} />`
      : html`<div class="day" style=${{ height: `${(last - first) * HOUR_REM}rem` }}>
          <div class="day-hours" aria-hidden="true">
            ${range(first, last).map((hour) => html`<span key=${hour} style=${{ top: `${(hour - first) * HOUR_REM}rem` }}>${String(hour % 24).padStart(2, "0")}</span>`)}
          </div>
          <ol class="day-events">
            ${day.timed.slice(0, TIMED_MAX).map((event) => html`<${Event} key=${event.item.id} event=${event} top=${rem(event.from)} height=${rem(event.to) - rem(event.from)}
              past=${event.end <= minute} current=${event.start <= minute && minute < event.end} />`)}
          </ol>
          <div class="day-now" style=${{ top: `${rem(minute)}rem` }}><span>${clock(minute)}</span></div>
        </div>`}
  </${Panel}>`;
}

const Event = memo(drawEvent);

/** @param {{ event: import("./day-layout.js").Placed, top: number, height: number, past: boolean, current: boolean }} props */
function drawEvent({ event, top, height, past, current }) {
  const { item, lane, lanes, start, end } = event;
  const place = typeof item.location === "string" ? oneLine(item.location, 60) : "";
  const times = end > start ? `${clock(start)} to ${clock(end)}` : clock(start);
  return html`<li class="day-event" data-past=${past} data-current=${current} data-short=${height < HOUR_REM * 0.8}
    style=${{ top: `${top}rem`, height: `calc(${height}rem - 2px)`, left: `${(100 * lane) / lanes}%`, width: `calc(${100 / lanes}% - 2px)` }}>
    <bdi class="day-title">${titleOf(item)}</bdi>
    <span class="day-time">${times}${place ? html` · <bdi>${place}</bdi>` : null}${current ? html`<span class="sr">, now</span>` : null}</span>
  </li>`;
}

/** @param {import("./day-layout.js").Placed[]} timed @param {number} today @param {number} minute */
function hours(timed, today, minute) {
  const hourOf = (/** @type {number} */ at) => (at - today) / HOUR_MS;
  const whole = (addDays(today, 1) - today) / HOUR_MS;
  let first = Math.min(FIRST_HOUR, Math.floor(hourOf(minute)));
  let last = Math.max(LAST_HOUR, Math.ceil(hourOf(minute) + 0.5));
  for (const { from, to } of timed) {
    first = Math.min(first, Math.floor(hourOf(from)));
    last = Math.max(last, Math.ceil(hourOf(to)));
  }
  return { first: Math.max(0, first), last: Math.min(whole, last) };
}

/** @param {number} from @param {number} to */
function range(from, to) {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
