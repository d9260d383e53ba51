/** @import { BrowserContext, Page } from "playwright-core" */

/**
 * @typedef {object} Measured
 * @property {number} elapsedMs
 * @property {number} longTaskShare of the time, in tasks of more than 50 ms
 * @property {number} frames animation frames
 * @property {number} renders times that something in the document was altered
 * @property {number} busiestFrame the most renders within one animation frame
 */

/** Measures whatever the pages of a person do from their start on. @param {BrowserContext} context */
export async function installMeter(context) {
  await context.addInitScript(() => {
    const now = { startedAt: 0, longTaskMs: 0, frames: 0, renders: 0, inFrame: 0, busiestFrame: 0 };
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) now.longTaskMs += duration;
    }).observe({ type: "longtask" });
    const frame = () => {
      now.frames += 1;
      now.inFrame = 0;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    // Called once after each task that altered anything.
    new MutationObserver(() => {
      now.renders += 1;
      now.inFrame += 1;
      now.busiestFrame = Math.max(now.busiestFrame, now.inFrame);
    }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    Object.assign(globalThis, {
      meter: {
        start: () => Object.assign(now, { startedAt: performance.now(), longTaskMs: 0, frames: 0, renders: 0, busiestFrame: 0 }),
        stop: () => {
          const elapsedMs = performance.now() - now.startedAt;
          const { longTaskMs, frames, renders, busiestFrame } = now;
          return { elapsedMs, longTaskShare: longTaskMs / elapsedMs, frames, renders, busiestFrame };
        },
      },
    });
  });
}

/** Begins to measure. @param {Page} page */
export async function startMeter(page) {
  await page.evaluate("meter.start()");
}

/** What was measured. @param {Page} page @returns {Promise<Measured>} */
export function readMeter(page) {
  return page.evaluate("meter.stop()");
}
