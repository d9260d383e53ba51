import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../../vendor/preact.js";
import { now } from "../core/clock.js";
import { Feed } from "../core/feed.js";
import { navigate } from "../core/router.js";
import { runCommand } from "../core/recipes.js";
import { startOfDay } from "../core/time.js";
import { Empty } from "../parts/empty.js";
import { Icon } from "../parts/icons.js";
import { VirtualList } from "../parts/virtual-list.js";
import { Detail } from "./detail.js";
import { EventRow } from "./event-row.js";
import { Filters } from "./filters.js";
import { Rate } from "./rate.js";

/** The height of a row; the style sheet has the same figure. */
const ROW_REM = 2.75;

/**
 * Every change, newest first, as it happens.
 *
 * @param {{ live: import("../core/live.js").Live, log: import("../core/events.js").EventLog, params: Record<string, string> }} props
 */
export function Activity({ live, log, params }) {
  const { type = "", actor = "", text = "", seq = "" } = params;
  const feed = useMemo(() => new Feed(log, { type, actor, text }), [log, type, actor, text]);
  useEffect(() => feed.end, [feed]);
  /** The newest event in sight while the list stands still; null follows. */
  const [frozen, setFrozen] = useState(/** @type {number | null} */ (null));
  const [paused, setPaused] = useState(false);
  const [active, setActive] = useState(/** @type {number | null} */ (null));
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const opened = /^\d{1,15}$/.test(seq) ? Number(seq) : null;

  const today = startOfDay(now.value);
  const version = feed.version.value;
  const total = feed.records.length;
  const count = feed.countUpTo(frozen);
  const fresh = total - count;
  const activeIndex = useMemo(() => (active === null ? -1 : indexOf(feed, count, active)), [active, feed, count, version]);

  useLayoutEffect(() => {
    if (scroller.current) scroller.current.scrollTop = 0;
    setFrozen(null);
    setPaused(false);
    setActive(null);
  }, [feed]);

  const at = (/** @type {number} */ index) => feed.records[count - 1 - index];
  const hold = () => setFrozen((known) => known ?? feed.records.at(-1)?.seq ?? 0);

  function jump() {
    setPaused(false);
    setFrozen(null);
    if (scroller.current) scroller.current.scrollTop = 0;
  }

  /** @param {Record<string, string>} change */
  const filter = (change) => {
    const next = { type, actor, text, ...change };
    navigate("activity", { type: next.type || null, actor: next.actor || null, text: next.text || null }, { replace: true });
  };
  /** @param {number | null} next */
  const open = (next) => {
    if (next !== null) setActive(next);
    navigate("activity", { type: type || null, actor: actor || null, text: text || null, seq: next }, { replace: true });
  };

  const filtered = type !== "" || actor !== "" || text !== "";
  const empty = filtered
    ? html`<${Empty} title="No change matches" text=${!feed.more ? "None in the log that the hub keeps." : feed.eager ? "Looking further back." : `None since #${feed.reach}.`}>
        <button type="button" class="button" onClick=${() => filter({ type: "", actor: "", text: "" })}>Clear the filter</button>
      </${Empty}>`
    : log.loaded.value
      ? html`<${Empty} title="Nothing happened yet" text="Every change shows here as it is made." command=${runCommand("brief")} />`
      : null;
  const loading = feed.loading.value || log.loadingOlder.value;
  const searched = feed.words.length > 0 && feed.more && !feed.eager;
  const error = feed.error.value ?? log.error.value;
  return html`<div class="activity" data-open=${opened !== null}>
    <div class="activity-list panel">
      <div class="activity-bar">
        <${Filters} types=${log.types.value} actors=${log.actors.value} type=${type} actor=${actor} text=${text} onFilter=${filter} />
        <div class="activity-state">
          <span class="count" data-testid="event-count">${total.toLocaleString()}${feed.more ? "+" : ""} ${total === 1 ? "change" : "changes"}</span>
          <${Rate} live=${live} />
          <button type="button" class="button small" aria-pressed=${paused} onClick=${() => (paused ? jump() : (setPaused(true), hold()))}>
            <${Icon} name=${paused ? "play" : "pause"} /><span>${paused ? "Resume" : "Pause"}</span>
          </button>
        </div>
      </div>
      <div class="activity-rows">
        <${VirtualList} count=${count} more=${feed.eager} read=${feed.pages} rowRem=${ROW_REM} label="Changes, newest first" active=${activeIndex} empty=${empty} scroller=${scroller}
          row=${(/** @type {number} */ index) => {
            const record = at(index);
            return html`<${EventRow} key=${record.seq} record=${record} today=${today} index=${index} count=${count} active=${index === activeIndex} opened=${record.seq === opened} onOpen=${open} />`;
          }}
          onActive=${(/** @type {number} */ index) => { hold(); setActive(at(index).seq); }}
          onOpen=${(/** @type {number} */ index) => open(at(index).seq)}
          onScrolled=${(/** @type {boolean} */ top) => { if (!top) hold(); else if (!paused) setFrozen(null); }}
          onNearEnd=${() => void feed.older()} />
        ${frozen === null ? null : html`<button type="button" class="button primary jump" onClick=${jump}>
          <${Icon} name="up" /><span>${fresh > 0 ? `${fresh.toLocaleString()} new, jump to live` : "Jump to live"}</span>
        </button>`}
      </div>
      ${searched
        ? html`<p class="activity-foot"><span>Searched back to #${feed.reach}</span>
            <button type="button" class="button small" disabled=${loading} onClick=${() => void feed.further()}>Look further back</button></p>`
        : null}
      ${error ? html`<p class="activity-foot" data-tone="warn" role="status">Older changes cannot be read: ${error} <button type="button" class="button small" onClick=${() => void feed.older()}>Try again</button></p>` : null}
    </div>
    ${opened === null ? null : html`<${Detail} seq=${opened} live=${live} onClose=${() => { open(null); scroller.current?.focus(); }} />`}
  </div>`;
}

/**
 * Finds where an event is, newest first.
 *
 * @param {Feed} feed @param {number} count @param {number} seq
 */
function indexOf(feed, count, seq) {
  const upTo = feed.countUpTo(seq);
  return feed.records[upTo - 1]?.seq === seq ? count - upTo : -1;
}

