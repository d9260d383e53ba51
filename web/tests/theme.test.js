/** Light and dark as the reader wants it. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BOUNDED, startDesk, until } from "./helpers/desk.js";
import { scene } from "./helpers/scene.js";

/** How bright the page's ground is, from 0 to 255. @param {Page} page */
async function brightness(page) {
  const colour = await page.evaluate(() => {
    const grounds = [document.body, document.documentElement].map((element) => getComputedStyle(element).backgroundColor);
    return grounds.find((colour) => colour !== "rgba(0, 0, 0, 0)") ?? "none";
  });
  const [red, green, blue] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return (red + green + blue) / 3;
}

/** @param {Page} page */
async function assertDark(page) {
  const value = await brightness(page);
  assert.ok(value < 60, `the ground's brightness is ${value}`);
}

/** @param {Page} page */
async function assertLight(page) {
  const value = await brightness(page);
  assert.ok(value > 200, `the ground's brightness is ${value}`);
}

test("the page is as light or dark as the system, also when that changes", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: scene(), person: { colorScheme: "dark" } });
  await assertDark(page);
  await page.emulateMedia({ colorScheme: "light" });
  await assertLight(page);
});

test("a choice wins over the system, is remembered, and holds in every tab", BOUNDED, async (t) => {
  const { desk, context, page } = await startDesk(t, { state: scene(), person: { colorScheme: "light" } });
  const other = await desk.open(context, "/#/activity");
  await page.getByRole("button", { name: "Theme: system" }).click();
  await page.getByRole("button", { name: "Theme: light" }).click();
  await page.getByRole("button", { name: "Theme: dark" }).waitFor();
  await assertDark(page);
  await until(other, () => document.documentElement.dataset.theme === "dark", null);
  await assertDark(other);

  // Dark from the first frame on, before any module has run.
  await page.addInitScript(() => {
    requestAnimationFrame(() => Object.assign(globalThis, { firstTheme: document.documentElement.dataset.theme }));
  });
  await page.reload();
  await page.getByRole("button", { name: "Theme: dark" }).waitFor();
  assert.equal(await page.evaluate("firstTheme"), "dark");
  await assertDark(page);
  await page.getByRole("button", { name: "Theme: dark" }).click();
  await page.getByRole("button", { name: "Theme: system" }).waitFor();
  await assertLight(page);
});

test("whoever wants no motion sees none", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { state: scene(), person: { reducedMotion: "reduce" } });
  await hub.ask("POST", "/api/system/status", { status: "COLLECTING", progress: 70 });
  await page.getByText("70 %").waitFor();
  const moving = await page.evaluate(() => document.getAnimations().filter(({ playState, effect }) => {
    const { iterations, duration } = effect?.getTiming() ?? {};
    return playState === "running" && (iterations === Infinity || Number(duration) > 0);
  }).length);
  assert.equal(moving, 0);
});
