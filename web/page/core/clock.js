import { signal } from "../../vendor/preact.js";

const TICK_MS = 1000;

/** The time in ms since the epoch, told each second while the page is seen. */
export const now = signal(Date.now());

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

function tick() {
  clearTimeout(timer);
  if (document.hidden) return;
  now.value = Date.now();
  // On the full second, so that every relative time of the page changes at once.
  timer = setTimeout(tick, TICK_MS - (now.value % TICK_MS) + 5);
}

// Before the first frame after a sleep is drawn, so that nothing old is shown as if it were new.
document.addEventListener("visibilitychange", tick);
window.addEventListener("pageshow", tick);
tick();
