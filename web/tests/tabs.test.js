/** Whoever looks sees a change at once. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BOUNDED, command, live, startDesk } from "./helpers/desk.js";
import { scene } from "./helpers/scene.js";

/** A priority's row. @param {Page} page @param {string} id */
const row = (page, id) => page.locator('[data-area="pri"] .row').filter({ has: page.getByText(id, { exact: true }) });

test("two tabs of one person and one of another see a change that a fourth makes", BOUNDED, async (t) => {
  const { desk, hub, context, page: one } = await startDesk(t, { state: scene() });
  const two = await desk.open(context);
  const other = await desk.open(await desk.person());
  const tabs = [one, two, other];
  await Promise.all(tabs.map(live));
  for (const tab of tabs) assert.equal(await row(tab, "P7").getAttribute("data-status"), "proposed");

  await command(hub, "approve P7");
  for (const tab of tabs) await row(tab, "P7").and(tab.locator('[data-status="approved"]')).waitFor();
  for (const tab of tabs) await tab.locator(".latest li").first().getByText("P7").waitFor();

  const { connections } = await hub.ask("GET", "/api/connections");
  assert.equal(connections.length, 2, "the tabs of one browser share a connection");
});

test("tabs that can share nothing are live, each by itself", BOUNDED, async (t) => {
  const { desk, hub, context } = await startDesk(t, { state: scene() });
  await context.addInitScript(() => Reflect.deleteProperty(globalThis, "SharedWorker"));
  const tabs = [await desk.open(context), await desk.open(context)];
  await Promise.all(tabs.map(live));
  const { connections } = await hub.ask("GET", "/api/connections");
  assert.equal(connections.length, 3);
  await command(hub, "done P8");
  for (const tab of tabs) await row(tab, "P8").and(tab.locator('[data-status="done"]')).waitFor();
});

test("what one person does in a tab shows in the other tab and at another person's", BOUNDED, async (t) => {
  const { desk, context, page: one } = await startDesk(t, { state: scene() });
  const two = await desk.open(context);
  const other = await desk.open(await desk.person());
  await one.getByRole("button", { name: "Reject P7" }).click();
  for (const tab of [one, two, other]) await row(tab, "P7").and(tab.locator('[data-status="rejected"]')).waitFor();
});

test("every part of the state is seen where it belongs", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { state: scene() });
  /** @param {string} area */
  const panel = (area) => page.locator(`.panel[data-area="${area}"]`);
  const meter = page.getByRole("progressbar", { name: "Progress" });
  assert.equal(await meter.getAttribute("aria-valuenow"), "62");
  await panel("system").getByText("COLLECTING").waitFor();
  await panel("system").getByText(/last sync 4 min ago/).waitFor();
  await panel("pri").getByText("Ship the beta").waitFor();
  await panel("day").getByText("Release review").waitFor();
  assert.equal(await panel("day").locator('[data-current="true"]').count(), 1, "what is now is marked");
  await panel("day").getByText("On call").waitFor();
  assert.equal(await panel("day").getByText("Board meeting").count(), 0, "tomorrow is not today");
  assert.deepEqual(await panel("owe").locator(".id").allTextContents(), ["C4", "C3"], "the most urgent first");
  await panel("owe").getByText(/overdue/).waitFor();
  await panel("owed").getByText("Keys to the lab").waitFor();

  await command(hub, "brief P7");
  await panel("brief").getByRole("heading", { name: /Ship the beta/ }).waitFor();
  await hub.ask("POST", "/api/system/status", { status: "PROCESSING", progress: 80 });
  await panel("system").getByText("PROCESSING").waitFor();
  const filled = await meter.locator(".meter-fill").evaluate((fill) => fill.getBoundingClientRect().width);
  const whole = await meter.evaluate((bar) => bar.getBoundingClientRect().width);
  assert.ok(Math.abs(filled / whole - 0.8) < 0.02, `the bar is filled to ${filled / whole}`);
});
