import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../../vendor/preact.js";
import { navigate } from "../core/router.js";
import { plain } from "../core/text.js";
import { NARROW, useMedia } from "../parts/aside.js";
import { Empty } from "../parts/empty.js";
import { Icon } from "../parts/icons.js";
import { VirtualList } from "../parts/virtual-list.js";
import { LogDetail } from "./detail.js";
import { LogFeed } from "./feed.js";
import { LogFilters, SOURCE_MAX } from "./filters.js";
import { LEVELS } from "./lines.js";
import { postLine } from "./recipe.js";
import { LogRow } from "./row.js";

/** The height of a row, beside and below each other; the style sheet has the same figures. */
const ROW_REM = 1.75;
const TALL_ROW_REM = 3;

/** Sources that the hub keeps for itself. */
const RESERVED = /^opshub(::|$)/;

/** @typedef {import("./lines.js").Row} Row */
/** @typedef {{ rows: readonly Row[], found: number, passed: number }} Still */

/**
 * The log lines of the hub and of services, newest last, as they are written.
 *
 * @param {{ app: import("../app.js").AppParts, params: Record<string, string> }} props
 */
export function Logs({ app: { hub, live }, params }) {
  const level = LEVELS.find((one) => one === params.level?.toUpperCase()) ?? "INFO";
  const source = withinBytes(plain(params.source ?? ""));
  const text = params.text ?? "";
  const epoch = live.epoch.value;
  const feed = useMemo(() => new LogFeed(hub, { level, source }), [hub, level, source, epoch]);
  useEffect(() => feed.start(), [feed]);
  useLayoutEffect(() => feed.search(text), [feed, text]);
  /** What is in sight while the list stands still; null follows. */
  const [still, setStill] = useState(/** @type {Still | null} */ (null));
  const [paused, setPaused] = useState(false);
  const [active, setActive] = useState(/** @type {number | null} */ (null));
  const [opened, setOpened] = useState(/** @type {Row | null} */ (null));
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const narrow = useMedia(NARROW);

  feed.version.value;
  const { lines } = feed;
  const rows = still?.rows ?? lines.shown;
  const found = still?.found ?? lines.found;
  const fresh = still === null ? 0 : lines.passed - still.passed;

  useLayoutEffect(() => {
    setStill(null);
    setPaused(false);
    setActive(null);
  }, [feed, text]);

  const hold = () => setStill((known) => known ?? { rows: [...lines.shown], found: lines.found, passed: lines.passed });
  function jump() {
    setPaused(false);
    setStill(null);
    setActive(null);
  }
  /** @param {{ level?: string, source?: string, text?: string }} change */
  const filter = (change) => {
    const next = { level, source, text, ...change };
    navigate("logs", { level: next.level === "INFO" ? null : next.level, source: next.source || null, text: next.text || null }, { replace: true });
  };
  /** @param {Row} row */
  const open = (row) => {
    hold();
    setActive(row.order);
    if (row.line) setOpened(row);
  };

  const empty = text !== ""
    ? html`<${Empty} title="No line matches" text=${lines.count > 0 ? `None of the ${lines.count.toLocaleString()} lines here.` : "There are no lines here."}>
        <button type="button" class="button" onClick=${() => filter({ text: "" })}>Clear the search</button>
      </${Empty}>`
    : feed.loaded.value
      ? html`<${Empty} title="No such lines yet" text="What the hub and services write shows here as it is written." command=${RESERVED.test(source) ? undefined : postLine(level, source)} />`
      : null;
  const activeIndex = active === null ? -1 : placeOf(rows, active);
  const receiving = feed.receiving.value && live.fresh.value;
  const error = feed.error.value;
  return html`<div class="activity logs" data-open=${opened !== null} data-receiving=${receiving} data-still=${still !== null}>
    <div class="activity-list panel">
      <div class="activity-bar">
        <${LogFilters} level=${level} source=${source} text=${text} onFilter=${filter} />
        <div class="activity-state">
          <span class="count" data-testid="line-count">${found.toLocaleString()} ${found === 1 ? "line" : "lines"}</span>
          <button type="button" class="button small" aria-pressed=${paused} onClick=${() => (paused ? jump() : (setPaused(true), hold()))}>
            <${Icon} name=${paused ? "play" : "pause"} /><span>${paused ? "Resume" : "Pause"}</span>
          </button>
        </div>
      </div>
      <div class="activity-rows">
        <${VirtualList} count=${rows.length} more=${false} read=${0} rowRem=${narrow ? TALL_ROW_REM : ROW_REM} label="Log lines, newest last" active=${activeIndex}
          empty=${empty} scroller=${scroller} pinned=${still === null} testid="lines"
          row=${(/** @type {number} */ index) => {
            const row = rows[index];
            return html`<${LogRow} key=${row.order} row=${row} index=${index} count=${rows.length} active=${index === activeIndex} opened=${row === opened} onOpen=${open} />`;
          }}
          onActive=${(/** @type {number} */ index) => { hold(); setActive(rows[index].order); }}
          onOpen=${(/** @type {number} */ index) => open(rows[index])}
          onScrolled=${(/** @type {boolean} */ _, /** @type {boolean} */ end) => { if (!end) hold(); else if (!paused && active === null) setStill(null); }}
          onNearEnd=${() => undefined} />
        ${still === null || rows.length === 0 ? null : html`<button type="button" class="button primary jump" onClick=${jump}>
          <${Icon} name="down" /><span>${fresh > 0 ? `${fresh.toLocaleString()} new, jump to live` : "Jump to live"}</span>
        </button>`}
      </div>
      ${feed.loaded.value && !receiving
        ? html`<p class="activity-foot" data-tone="warn" role="status">New lines do not come at the moment. What is missed is read from the hub once it is back, as far as it is kept.</p>`
        : null}
      ${error && receiving ? html`<p class="activity-foot" data-tone="warn" role="status">Earlier lines cannot be read: ${error} <button type="button" class="button small" onClick=${() => void feed.read()}>Try again</button></p>` : null}
    </div>
    ${opened?.line ? html`<${LogDetail} line=${opened.line} onSource=${(/** @type {string} */ next) => filter({ source: next })} onClose=${() => { setOpened(null); scroller.current?.focus(); }} />` : null}
  </div>`;
}

/**
 * Finds the row of an order; -1 where it is not there.
 *
 * @param {readonly Row[]} rows
 * @param {number} order
 */
function placeOf(rows, order) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].order < order) low = middle + 1;
    else high = middle;
  }
  return rows[low]?.order === order ? low : -1;
}

/** As much of a source as the hub takes. @param {string} text */
function withinBytes(text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= SOURCE_MAX) return text;
  // Half a character at the end is none.
  return new TextDecoder().decode(bytes.subarray(0, SOURCE_MAX)).replace(/\ufffd+$/, "");
}
