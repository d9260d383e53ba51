/** A screen on a wall is read from afar. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BOUNDED, shown, startDesk, until } from "./helpers/desk.js";
import { scene } from "./helpers/scene.js";

const WALL = { viewport: { width: 1920, height: 1080 } };

/** How large a title is set. @param {Page} page */
const typeSize = (page) => page.locator('[data-area="pri"] .title').first().evaluate((title) => parseFloat(getComputedStyle(title).fontSize));

test("the wall mode sets everything large, has a clock, is remembered and left by Escape", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: scene(), person: WALL });
  const usual = await typeSize(page);
  await page.getByRole("button", { name: "Wall mode" }).click();
  await page.locator(".wall-clock").waitFor();
  const large = await typeSize(page);
  assert.ok(large > usual * 1.25, `${usual} px became ${large} px`);
  assert.match((await page.locator(".wall-clock").textContent()) ?? "", /^\d\d:\d\d$/);

  await page.reload();
  await shown(page);
  await page.locator(".wall-clock").waitFor();
  assert.equal(await typeSize(page), large);
  await page.keyboard.press("Escape");
  await page.locator(".wall-clock").waitFor({ state: "detached" });
  assert.equal(await typeSize(page), usual);
  await page.keyboard.press("w");
  await page.locator(".wall-clock").waitFor();
});

test("a wall's address sets it, without a hand on it", BOUNDED, async (t) => {
  const { desk } = await startDesk(t, { state: scene(), person: WALL });
  const wall = await desk.open(await desk.person(WALL), "/#/?wall");
  await wall.locator(".wall-clock").waitFor();
  const sides = await wall.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(sides[0] <= sides[1], "nothing stands out at the side");
  await wall.getByTestId("connection").waitFor();
  await wall.keyboard.press("Escape");
  await until(wall, () => !document.documentElement.hasAttribute("data-wall"), null);
});

test("a wall of 4K and one of 720 lines both show the priorities and the day at once", BOUNDED, async (t) => {
  const { desk } = await startDesk(t, { state: scene() });
  for (const viewport of [{ width: 3840, height: 2160 }, { width: 1280, height: 720 }]) {
    const wall = await desk.open(await desk.person({ viewport }), "/#/?wall");
    for (const area of ["system", "pri", "day"]) {
      const box = await wall.locator(`.panel[data-area="${area}"]`).boundingBox();
      assert.ok(box && box.y < viewport.height && box.x + box.width <= viewport.width + 1, `${area} at ${viewport.width}: ${JSON.stringify(box)}`);
    }
  }
});
