import { nextFrame } from "../core/frame.js";

/** The day's line is looked after this often, so that now stays in sight. */
const EVERY_MS = 30_000;
/** The room that the number of those left out takes. */
const LEFT_REM = 1.75;
/** So much of the day that was stays in sight. */
const BEFORE_NOW_REM = 4;

/**
 * Shows whole rows only, and how many there are besides; keeps now in sight. A wall has nobody who scrolls.
 *
 * @param {HTMLElement} main
 * @returns {() => void} what ends it
 */
export function fitWall(main) {
  const soon = () => nextFrame(fit);
  const sizes = new ResizeObserver(soon);
  sizes.observe(main);
  const changes = new MutationObserver(soon);
  changes.observe(main, { subtree: true, childList: true, characterData: true });
  const timer = setInterval(soon, EVERY_MS);
  soon();

  /** Complete and repeatable: any call draws the whole truth. */
  function fit() {
    const unit = parseFloat(getComputedStyle(document.documentElement).fontSize);
    for (const body of /** @type {NodeListOf<HTMLElement>} */ (main.querySelectorAll(".overview .panel-body"))) {
      release(body);
      const now = /** @type {HTMLElement | null} */ (body.querySelector(".day-now"));
      if (now) body.scrollTop = now.offsetTop + (now.offsetParent === body ? 0 : (now.parentElement?.offsetTop ?? 0)) - BEFORE_NOW_REM * unit;
      else leaveOut(body, unit);
    }
  }

  return () => {
    sizes.disconnect();
    changes.disconnect();
    clearInterval(timer);
    main.querySelectorAll(".panel-body").forEach((body) => release(/** @type {HTMLElement} */ (body)));
  };
}

/** @param {HTMLElement} body @param {number} unit */
function leaveOut(body, unit) {
  const rows = [...body.querySelectorAll(":is(.rows, .latest, .tiles, .brief) > *")];
  const waiting = Number(body.querySelector(".more")?.getAttribute("data-left") ?? 0);
  const room = body.getBoundingClientRect().bottom;
  const bottoms = rows.map((row) => row.getBoundingClientRect().bottom);
  if (waiting === 0 && bottoms.every((bottom) => bottom <= room)) return;
  const out = rows.filter((_, index) => bottoms[index] > room - LEFT_REM * unit);
  for (const row of out) row.setAttribute("data-out", "");
  const counted = body.querySelector(".brief") ? "more to read" : `${out.length + waiting} more`;
  if (out.length + waiting > 0) body.setAttribute("data-left", counted);
}

/** @param {HTMLElement} body */
function release(body) {
  body.removeAttribute("data-left");
  for (const row of body.querySelectorAll("[data-out]")) row.removeAttribute("data-out");
}
