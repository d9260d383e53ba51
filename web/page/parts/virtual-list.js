import { html, useLayoutEffect, useRef, useState } from "../../vendor/preact.js";

/** Rows that are drawn above and below what is seen. */
const OVERSCAN = 8;
/** Less than this many rows to the end asks for more. */
const NEAR_END = 200;
/** Browsers round where they scroll to. */
const END_PX = 2;

/**
 * A list of any length of which only what is seen is in the document.
 *
 * @param {{ count: number, more: boolean, read: number, rowRem: number, label: string, active: number, empty: unknown,
 *   row: (index: number) => unknown, onActive: (index: number) => void, onOpen: (index: number) => void,
 *   onScrolled: (top: boolean, end: boolean) => void, onNearEnd: () => void, scroller: { current: HTMLElement | null }, pinned?: boolean, testid?: string }} props
 *   `pinned` keeps its end in sight until the reader scrolls away; `more` tells whether rows after the last one can be asked for, `read` counts the answers, `active` is the index of the row that the keyboard is at, or -1; rows have the id `row-<index>`
 */
export function VirtualList({ count, more, read, rowRem, label, active, empty, row, onActive, onOpen, onScrolled, onNearEnd, scroller, pinned = false, testid = "events" }) {
  const [view, setView] = useState({ top: 0, height: 800, unit: 16 });
  const scheduled = useRef(false);
  const rowPx = rowRem * view.unit;

  const measure = () => {
    const element = scroller.current;
    if (!element) return;
    const unit = parseFloat(getComputedStyle(document.documentElement).fontSize);
    setView((known) => {
      const same = known.top === element.scrollTop && known.height === element.clientHeight && known.unit === unit;
      return same ? known : { top: element.scrollTop, height: element.clientHeight, unit };
    });
  };

  useLayoutEffect(() => {
    const sizes = new ResizeObserver(measure);
    if (scroller.current) sizes.observe(scroller.current);
    return () => sizes.disconnect();
  }, []);

  // Where the end will be once it is drawn, so that it is drawn at once.
  const top = pinned ? Math.max(0, count * rowPx - view.height) : view.top;
  const first = Math.max(0, Math.floor(top / rowPx) - OVERSCAN);
  const last = Math.min(count, Math.ceil((top + view.height) / rowPx) + OVERSCAN);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (pinned && element) element.scrollTop = element.scrollHeight;
  });
  const near = count - last < NEAR_END;
  useLayoutEffect(() => {
    if (near && more) onNearEnd();
  }, [near, more, read, count]);

  function onScroll() {
    // At once: the next drawing would bring a reader back who has just begun to scroll away.
    if (pinned && !isAtEnd(scroller.current)) {
      measure();
      onScrolled(false, false);
    }
    if (scheduled.current) return;
    scheduled.current = true;
    requestAnimationFrame(() => {
      scheduled.current = false;
      measure();
      onScrolled((scroller.current?.scrollTop ?? 0) < rowPx / 2, isAtEnd(scroller.current));
    });
  }

  /** @param {number} index */
  function moveTo(index) {
    const next = Math.max(0, Math.min(count - 1, index));
    const element = scroller.current;
    if (element) {
      const top = next * rowPx;
      // Below the last row there may be room, for what floats above the list.
      if (next === count - 1) element.scrollTop = element.scrollHeight;
      else if (top < element.scrollTop) element.scrollTop = top;
      else if (top + rowPx > element.scrollTop + element.clientHeight) element.scrollTop = top + rowPx - element.clientHeight;
    }
    onActive(next);
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (count === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(view.height / rowPx) - 1);
    if (event.key === "ArrowDown") moveTo(active + 1);
    else if (event.key === "ArrowUp") moveTo(Math.max(0, active - 1));
    else if (event.key === "PageDown") moveTo(active + page);
    else if (event.key === "PageUp") moveTo(active - page);
    else if (event.key === "Home") moveTo(0);
    else if (event.key === "End") moveTo(count - 1);
    else if ((event.key === "Enter" || event.key === " ") && active >= 0) onOpen(active);
    else return;
    event.preventDefault();
  }

  const rows = [];
  for (let index = first; index < last; index += 1) rows.push(row(index));
  const seen = active >= first && active < last;
  return html`<div class="virtual" ref=${scroller} onScroll=${onScroll} onKeyDown=${onKey} tabindex="0" role=${count > 0 ? "listbox" : "group"} aria-label=${label}
    aria-activedescendant=${seen ? `row-${active}` : undefined} data-testid=${testid}>
    ${count === 0 ? empty : html`<div class="virtual-all" role="presentation" style=${{ height: `${count * rowRem}rem` }}>
      <div class="virtual-seen" role="presentation" style=${{ transform: `translateY(${first * rowRem}rem)` }}>${rows}</div>
    </div>`}
  </div>`;
}

/** @param {HTMLElement | null} element */
function isAtEnd(element) {
  return element === null || element.scrollHeight - element.scrollTop - element.clientHeight <= END_PX;
}
