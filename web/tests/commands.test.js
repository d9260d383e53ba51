/** What people do, they do by click or by word, and are told what became of it where they did it. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BOUNDED, shown, startDesk } from "./helpers/desk.js";
import { scene } from "./helpers/scene.js";

/** A priority's row in a status. @param {Page} page @param {string} id @param {string} status */
const row = (page, id, status) => page.locator(`[data-area="pri"] .row[data-status="${status}"]`).filter({ hasText: id });

/** Opens the palette. @param {Page} page @param {string} [key] */
async function openPalette(page, key = "Control+k") {
  await page.keyboard.press(key);
  const input = page.getByRole("combobox", { name: "Command" });
  await input.waitFor();
  return { input, told: page.getByTestId("command-result"), options: page.getByRole("option") };
}

test("a click approves, and what the hub says is told", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { state: scene() });
  await page.getByRole("button", { name: "Approve P7" }).click();
  await row(page, "P7", "approved").waitFor();
  const { events } = await hub.ask("GET", "/api/events?type=command_executed");
  assert.deepEqual(events.map((/** @type {any} */ { data }) => [data.command, data.applied]), [["approve P7", true]]);
  const notice = page.locator(".notice");
  assert.ok((await notice.textContent())?.includes(events[0].data.message));
  await notice.getByRole("button", { name: "Dismiss" }).click();
  await notice.waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Done P7" }).click();
  await row(page, "P7", "done").waitFor();
  await page.getByRole("button", { name: "Brief C3" }).click();
  await page.locator('[data-area="brief"]').getByRole("heading", { name: "Draft of the plan" }).waitFor();
});

test("a double click is one command", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { state: scene() });
  await page.getByRole("button", { name: "Approve P7" }).evaluate((/** @type {HTMLElement} */ button) => {
    button.click();
    button.click();
  });
  await row(page, "P7", "approved").waitFor();
  const { events } = await hub.ask("GET", "/api/events?type=command_executed");
  assert.equal(events.length, 1);
});

test("approve P7 typed in the palette approves it, and the answer stands under it", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: scene() });
  const { input, told } = await openPalette(page);
  await page.keyboard.type("approve P7");
  await page.keyboard.press("Enter");
  await told.locator('[data-kind="done"]').getByText("approve P7").waitFor();
  await row(page, "P7", "approved").waitFor();
  assert.equal(await input.inputValue(), "", "ready for the next one");
  await page.keyboard.type("approve P7");
  await page.keyboard.press("Enter");
  await told.locator('[data-kind="nothing"]').waitFor();
});

test("the palette completes verbs, ids from the state and titles", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: scene() });
  const { input, options, told } = await openPalette(page, "/");
  await page.keyboard.type("app");
  await options.getByText("approve", { exact: true }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await input.inputValue(), "approve ");
  assert.deepEqual(await options.locator(".palette-text").allTextContents(), ["approve P7", "approve P9", "approve P10"]);
  await page.keyboard.type("beta");
  await page.keyboard.press("Tab");
  assert.equal(await input.inputValue(), "approve P7");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("keys to the lab");
  await options.getByText("brief C9").waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await told.locator('[data-kind="done"]').waitFor();
  await page.locator('[data-area="brief"]').getByRole("heading", { name: "Keys to the lab" }).waitFor();
});

test("the hub's error is shown where the command was typed", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { state: scene() });
  const { input, told } = await openPalette(page);
  await page.keyboard.type("dance P7");
  await page.keyboard.press("Enter");
  const error = told.locator('[data-kind="error"]');
  await error.waitFor();
  const refused = await fetch(`${hub.url}/api/command`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ command: "dance P7" }),
  });
  const { error: { message } } = /** @type {{ error: { message: string } }} */ (await refused.json());
  assert.ok((await error.textContent())?.includes(message), "in the hub's own words");
  assert.equal(await input.inputValue(), "dance P7", "what was typed stays, to be mended");
  assert.equal(await input.evaluate((field) => field === document.activeElement), true);
});

test("the palette remembers what was run, also after a reload, and runs the page's own actions", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: scene() });
  const { told } = await openPalette(page);
  await page.keyboard.type("status");
  await page.keyboard.press("Enter");
  await told.locator('[data-kind="done"]').waitFor();
  await page.reload();
  await shown(page);
  const again = await openPalette(page);
  await page.getByRole("group", { name: "Recent" }).getByRole("option", { name: "status" }).click();
  assert.equal(await again.input.inputValue(), "status");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("go to activity");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("listbox", { name: /Changes/ }).waitFor();
});

test("a collection is started by its button and shown as it runs", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t);
  await page.getByRole("button", { name: "Collect now" }).click();
  await page.locator(".notice").waitFor();
  const { events } = await hub.ask("GET", "/api/events?order=asc");
  assert.ok(events.some((/** @type {any} */ { data }) => data.command === "refresh" || data.action === "refresh"), "through the same commands");
});
