/** A tab that nobody sees does no work, and is up to date when it is seen. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BOUNDED, live, patch, startDesk } from "./helpers/desk.js";
import { installMeter, readMeter, startMeter } from "./helpers/meter.js";
import { scene } from "./helpers/scene.js";

/** Hides or shows a tab, as a browser without windows cannot. @param {Page} page @param {boolean} hidden */
async function hide(page, hidden) {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => (hidden ? "hidden" : "visible") });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

for (const view of ["/#/", "/#/activity"]) {
  test(`a hidden tab draws nothing, ${view}`, BOUNDED, async (t) => {
    const { desk, hub, page: seen } = await startDesk(t, { state: scene() });
    const context = await desk.person();
    await installMeter(context);
    const page = await desk.open(context, view);
    await live(page);
    await page.locator('.event[data-seq="1"], .latest li').first().waitFor();
    await hide(page, true);
    await startMeter(page);
    for (let progress = 1; progress <= 60; progress += 1) await patch(hub, { system: { progress } });
    await seen.getByText("60 %").waitFor();
    // Both have a second's tick of the clock behind them, which draws where it is seen.
    await seen.locator(".sync").evaluate(() => new Promise((resolve) => setTimeout(resolve, 1_200)));
    assert.equal((await readMeter(page)).renders, 0);
    await hide(page, false);
    await page.locator('.event[data-seq="61"], .latest a[href$="seq=61"]').waitFor();
    if (view === "/#/") await page.getByText("60 %").waitFor();
    await live(page);
  });
}
