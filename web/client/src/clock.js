/** @import { Clock } from "../types/index.js" */

/** @type {Required<Clock>} The clock of the machine. */
export const systemClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer),
};

/**
 * Fills in what a passed clock leaves out.
 * @param {Clock | undefined} clock
 * @returns {Required<Clock>}
 */
export function completeClock(clock) {
  if (!clock) return systemClock;
  return {
    now: () => clock.now(),
    monotonic: () => (clock.monotonic ? clock.monotonic() : clock.now()),
    setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
    clearTimeout: (timer) => clock.clearTimeout(timer),
  };
}
