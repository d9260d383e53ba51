/** Everything is done without a mouse. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { PASSWORD } from "../client/test/helpers/admin.js";
import { BOUNDED, command, shown, startDesk, until } from "./helpers/desk.js";
import { atDoor, startGuarded } from "./helpers/door.js";
import { counts, post } from "./helpers/logs.js";
import { scene } from "./helpers/scene.js";

const VIEWS = ["/#/", "/#/activity", "/#/logs", "/#/connections", "/#/admin", "/#/admin?part=audit"];
/** More stops than any view has. */
const STOPS_MAX = 300;

/** What has the keyboard: its name, and whether it is seen to have it. @param {Page} page */
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (!(element instanceof HTMLElement) || element === document.body) return null;
    const style = getComputedStyle(element);
    // A slider may show it on its thumb's track instead.
    const marked = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
    element.dataset.reached ??= "yes";
    return { name: element.getAttribute("aria-label") ?? element.textContent?.trim() ?? element.tagName, marked, inDialog: element.closest("dialog") !== null };
  });
}

/** Presses Tab until the thing of that name has the keyboard. @param {Page} page @param {RegExp} name */
async function tabTo(page, name) {
  for (let stops = 0; stops < STOPS_MAX; stops += 1) {
    await page.keyboard.press("Tab");
    const at = await focused(page);
    if (at && name.test(at.name)) return;
  }
  assert.fail(`the keyboard does not reach ${name}`);
}

test("every control of every view is reached by Tab, and seen when it is", BOUNDED, async (t) => {
  const { desk, hub, page } = await startDesk(t, { state: scene() });
  await command(hub, "brief P7");
  for (const view of VIEWS) {
    await page.goto(desk.url + view);
    await page.reload();
    await shown(page);
    const unmarked = new Set();
    for (let stops = 0; stops < STOPS_MAX; stops += 1) {
      await page.keyboard.press("Tab");
      const at = await focused(page);
      if (at === null) break;
      if (!at.marked) unmarked.add(at.name);
    }
    const missed = await page.evaluate(() => {
      const controls = [...document.querySelectorAll("a[href], button:not(:disabled), input:not(:disabled), select, [tabindex='0']")];
      return controls.filter((one) => one.checkVisibility() && !(/** @type {HTMLElement} */ (one).dataset.reached)).map((one) => one.outerHTML.slice(0, 160));
    });
    assert.deepEqual(missed, [], `${view}: not reached`);
    assert.deepEqual([...unmarked], [], `${view}: not seen to have the keyboard`);
  }
});

test("the first stop skips to the content", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: scene() });
  await page.keyboard.press("Tab");
  assert.equal((await focused(page))?.name, "Skip to content");
  const box = await page.getByRole("link", { name: "Skip to content" }).boundingBox();
  assert.ok(box && box.y >= 0 && box.height > 10, "it is in sight while it has the keyboard");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement?.closest("main") !== null));
});

test("a priority is approved by keys alone", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: scene() });
  await tabTo(page, /^Approve P7$/);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Done P7" }).waitFor();
  assert.notEqual(await page.evaluate(() => document.activeElement), null);
  await tabTo(page, /^Done P7$/);
  await page.keyboard.press("Space");
  await page.locator('[data-status="done"]').filter({ hasText: "P7" }).waitFor();
});

test("dialogs hold the keyboard, end with Escape and give it back", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: scene() });
  await tabTo(page, /^Keyboard shortcuts$/);
  await page.keyboard.press("Enter");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await help.waitFor();
  for (let stops = 0; stops < 8; stops += 1) {
    await page.keyboard.press("Tab");
    const at = await focused(page);
    assert.ok(at === null || at.inDialog, `${at?.name} is behind the dialog`);
  }
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "detached" });
  assert.equal((await focused(page))?.name, "Keyboard shortcuts", "back where it was");

  await tabTo(page, /^Theme: system$/);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).waitFor();
  for (let stops = 0; stops < 5; stops += 1) {
    await page.keyboard.press("Shift+Tab");
    const at = await focused(page);
    assert.ok(at === null || at.inDialog, `${at?.name} is behind the palette`);
  }
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal((await focused(page))?.name, "Theme: system");
});

test("single keys go where they say, never while somebody types, and can be turned off", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: scene() });
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.getByRole("listbox", { name: /Changes/ }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("l");
  await page.getByRole("listbox", { name: /Log lines/ }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("c");
  await page.getByRole("searchbox", { name: "Find a connection" }).focus();
  await page.keyboard.type("g a?w");
  assert.equal(await page.getByRole("searchbox", { name: "Find a connection" }).inputValue(), "g a?w");
  assert.equal(await page.getByRole("dialog").count(), 0);
  await page.locator("main").focus();
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await page.locator(".overview").waitFor();

  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await help.getByRole("checkbox", { name: "Single keys are shortcuts" }).uncheck();
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "detached" });
  await page.keyboard.press("w");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).waitFor();
  assert.equal(await page.locator(".wall-clock").count(), 0);
});

test("the activity is read by arrows, and Enter shows the change", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { state: scene() });
  for (const id of ["P7", "P8", "P9"]) await command(hub, `done ${id}`);
  await page.goto(`${hub.url}/#/activity`);
  await page.locator('.event[data-seq="4"]').waitFor();
  await tabTo(page, /^Changes, newest first$|^#4/);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  const active = () => page.getByTestId("events").getAttribute("aria-activedescendant");
  assert.equal(await page.locator(`#${await active()}`).getAttribute("data-seq"), "3");
  await page.keyboard.press("Enter");
  const detail = page.getByRole("complementary", { name: "Change 3" });
  await detail.waitFor();
  await tabTo(page, /^Close the change$/);
  await page.keyboard.press("Escape");
  await detail.waitFor({ state: "detached" });
  await until(page, () => document.activeElement?.getAttribute("data-testid") === "events", null);
});

test("log lines are read by arrows, and Enter shows the whole line", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t);
  await post(hub, [1, 2, 3].map((number) => ({ source: "shop", message: `line ${number}` })));
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).fill("logs");
  await page.getByRole("option", { name: "Go to Logs" }).click();
  await tabTo(page, /^Source$/);
  await page.keyboard.type("shop");
  await counts(page, 3);
  await tabTo(page, /^Log lines, newest last$/);
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowUp");
  const active = await page.getByTestId("lines").getAttribute("aria-activedescendant");
  assert.match((await page.locator(`#${active}`).textContent()) ?? "", /line 2/);
  await page.keyboard.press("Enter");
  const detail = page.getByRole("complementary", { name: /^Log line/ });
  await detail.getByText("line 2").waitFor();
  await tabTo(page, /^Close the line$/);
  await page.keyboard.press("Escape");
  await detail.waitFor({ state: "detached" });
  await until(page, () => document.activeElement?.getAttribute("data-testid") === "lines", null);
});

test("somebody signs in, makes a token and signs out by keys alone", BOUNDED, async (t) => {
  const { desk, page } = await startGuarded(t);
  await page.goto(desk.url);
  await atDoor(page);
  await page.keyboard.type("ana@example.com");
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await shown(page);
  await tabTo(page, /^Admin$/);
  await page.keyboard.press("Enter");
  await page.getByText("No tokens yet").waitFor();
  await tabTo(page, /^New token$/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "New token" }).waitFor();
  await page.keyboard.type("bot");
  await page.keyboard.press("Enter");
  await page.getByTestId("token-made").waitFor();
  await tabTo(page, /^I have it$/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.notEqual((await focused(page))?.name, undefined, "the keyboard is not lost");

  const account = page.getByTestId("account");
  await account.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Sign out" }).waitFor({ state: "hidden" });
  assert.match((await focused(page))?.name ?? "", /^Account/);
  await page.keyboard.press("Enter");
  await tabTo(page, /^Sign out$/);
  await page.keyboard.press("Enter");
  await page.getByText("You signed out.").waitFor();
});
