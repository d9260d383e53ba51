/** The past is shown as it was, and never looks like the present. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BOUNDED, command, HUB_IS_AWAY, live, notLive, patch, startDesk, until } from "./helpers/desk.js";
import { scene } from "./helpers/scene.js";

/** A hub whose progress rose change by change: after change n + 1 it is n. @param {import("node:test").TestContext} t @param {number} changes @param {RegExp} [expects] */
async function startWithPast(t, changes, expects) {
  const started = await startDesk(t, { expects, state: { ...scene(), system: { progress: 0 } } });
  for (let progress = 1; progress <= changes; progress += 1) await patch(started.hub, { system: { progress } });
  await percent(started.page, changes);
  return started;
}

/** Waits until a page shows so much progress. @param {Page} page @param {number} progress */
const percent = (page, progress) => page.locator(".percent").getByText(`${progress} %`, { exact: true }).waitFor();

/** The slider. @param {Page} page */
const slider = (page) => page.getByRole("slider", { name: "Moment in the log" });

/** Moves the slider as a drag does. @param {Page} page @param {number} seq */
async function slide(page, seq) {
  await slider(page).evaluate((/** @type {HTMLInputElement} */ input, value) => {
    input.value = String(value);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }, seq);
}

test("the slider shows the state as it was, marked as the past, with every action off", BOUNDED, async (t) => {
  const { hub, page } = await startWithPast(t, 20);
  await command(hub, "approve P7");
  await page.getByRole("button", { name: "Done P7" }).waitFor();
  await slide(page, 6);
  await percent(page, 5);
  const banner = page.getByTestId("past");
  assert.match((await banner.textContent()) ?? "", /The past\. *State after change #6, /);
  assert.equal(await page.locator("main").getAttribute("data-past"), "true");
  await page.getByRole("button", { name: "Approve P7" }).waitFor();
  const actions = page.locator("main button:not(.tile-name, [aria-label^='Copy'])");
  for (const action of await actions.all()) assert.ok(await action.isDisabled(), `${await action.textContent()} is off`);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).waitFor();
  await page.keyboard.type("approve P7");
  await page.keyboard.press("Enter");
  await page.getByTestId("command-result").getByText(/past/).waitFor();
  await page.keyboard.press("Escape");

  await patch(hub, { system: { progress: 99 } });
  await command(hub, "status");
  assert.equal(await page.locator(".percent").textContent(), "5 %", "what happens now does not show in the past");
  await banner.getByRole("button", { name: "Back to live" }).click();
  await percent(page, 99);
  await banner.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Done P7" }).waitFor();
});

test("the past that is shown is the hub's own, change for change", BOUNDED, async (t) => {
  const { hub, page } = await startWithPast(t, 12);
  await slide(page, 9);
  await percent(page, 8);
  for (const [key, progress] of /** @type {[string, number][]} */ ([["[", 7], ["[", 6], ["]", 7]])) {
    await page.keyboard.press(key);
    await percent(page, progress);
    const { state } = await hub.ask("GET", `/api/state?at=${progress + 1}`);
    assert.equal(state.system.progress, progress);
  }
  await page.getByRole("button", { name: "One change back" }).click();
  await percent(page, 6);
  await slider(page).focus();
  await page.keyboard.press("ArrowRight");
  await percent(page, 7);
  await page.keyboard.press("Home");
  await percent(page, 0);
  await page.keyboard.press("End");
  await page.getByTestId("past").waitFor({ state: "detached" });
});

test("a link to a moment shows that moment to whoever follows it", BOUNDED, async (t) => {
  const { desk, page, context } = await startWithPast(t, 15);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await slide(page, 4);
  await percent(page, 3);
  await until(page, () => location.hash === "#/?at=4", null);
  await page.getByRole("button", { name: "Copy link to this moment" }).click();
  await page.getByTestId("past").getByText("copied").first().waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(link, page.url());

  const other = await (await desk.person()).newPage();
  await other.goto(link);
  await percent(other, 3);
  await other.getByTestId("past").waitFor();
  await other.getByRole("link", { name: "Overview" }).click();
  assert.equal(await other.getByTestId("past").count(), 1, "looking around keeps the moment");
  await other.keyboard.press("l");
  await percent(other, 15);
  await until(other, () => !location.hash.includes("at="), null);

  const byTime = await (await desk.person()).newPage();
  const { events } = await desk.hub.ask("GET", "/api/events?since=6&limit=1");
  await byTime.goto(`${desk.url}/#/?at=${encodeURIComponent(events[0].timestamp)}`);
  await byTime.getByTestId("past").getByText(/#\d+/).waitFor();
  const { seq } = await desk.hub.ask("GET", `/api/state?at=${encodeURIComponent(events[0].timestamp)}`);
  await percent(byTime, seq - 1);
});

test("a link to what cannot be shown says so", BOUNDED, async (t) => {
  const { desk } = await startWithPast(t, 3, /status of 400/);
  const page = await (await desk.person()).newPage();
  await page.goto(`${desk.url}/#/?at=2199-01-01T00:00:00Z`);
  await percent(page, 3);
  await page.getByText(/ahead|future|cannot be shown/i).first().waitFor();
});

test("the past plays at the chosen speed, until it is now", BOUNDED, async (t) => {
  const { page } = await startWithPast(t, 40);
  await slide(page, 2);
  await percent(page, 1);
  await page.getByRole("combobox", { name: "Speed" }).selectOption("16");
  await page.evaluate(() => {
    const cell = document.querySelector(".percent");
    const seen = [parseInt(cell?.textContent ?? "")];
    if (cell) new MutationObserver(() => seen.push(parseInt(cell.textContent ?? ""))).observe(cell, { subtree: true, childList: true, characterData: true });
    Object.assign(globalThis, { seen });
  });
  await page.getByRole("button", { name: "Play the log" }).click();
  await page.locator(".timeline").getByRole("button", { name: "Pause" }).waitFor();
  await page.getByTestId("past").waitFor({ state: "detached" });
  await percent(page, 40);
  const seen = /** @type {number[]} */ (await page.evaluate("seen"));
  assert.deepEqual(seen, [...seen].sort((a, b) => a - b), "always onwards");
  assert.ok(new Set(seen).size > 8, `in steps: ${seen}`);

  await page.keyboard.press("p");
  await page.getByTestId("past").waitFor();
  await page.keyboard.press("p");
  await page.getByRole("button", { name: "Play the log" }).waitFor();
  assert.equal(await page.getByTestId("past").count(), 1, "a pause stays where it is");
  await page.keyboard.press("Escape");
  await page.getByTestId("past").waitFor({ state: "detached" });
});

test("whoever is in the past still learns when the hub is away", BOUNDED, async (t) => {
  const { hub, page } = await startWithPast(t, 3, HUB_IS_AWAY);
  await slide(page, 2);
  await percent(page, 1);
  await live(page);
  await hub.kill();
  await page.locator('[data-testid="connection"][data-kind="reconnecting"]').waitFor();
  await percent(page, 1);
  await page.getByTestId("past").getByRole("button", { name: "Back to live" }).click();
  await notLive(page);
});
