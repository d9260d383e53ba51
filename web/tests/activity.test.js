/** Everything that happens is to be found. */

/** @import { Page } from "playwright-core" */
/** @import { TestHub } from "../client/test/helpers/hub.js" */

import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { test } from "node:test";

import { BOUNDED, command, patch, startDesk, until } from "./helpers/desk.js";
import { scene } from "./helpers/scene.js";

const ROWS = "[data-testid=events] .event";

/** What the rows in sight say. @param {Page} page */
const texts = (page) => page.locator(`${ROWS} .event-text`).allTextContents();

/** Waits until the activity counts so many changes. @param {Page} page @param {number} count */
const counts = (page, count) => page.getByTestId("event-count").getByText(new RegExp(`^${count.toLocaleString("en-GB")} changes?$`)).waitFor();

/** Runs a command from another address, so as somebody else. @param {TestHub} hub @param {string} text */
async function asSomebodyElse(hub, text) {
  const asked = request(`${hub.url}/api/command`, { method: "POST", localAddress: "127.0.0.2", headers: { "content-type": "application/json" } });
  asked.end(JSON.stringify({ command: text }));
  const [response] = await once(asked, "response");
  response.resume();
  assert.equal(response.statusCode, 200);
}

/** A desk at the activity, with some changes of several kinds. @param {import("node:test").TestContext} t */
async function startAtActivity(t) {
  const started = await startDesk(t, { state: scene() });
  const { hub, page } = started;
  for (let progress = 1; progress <= 5; progress += 1) await patch(hub, { system: { progress } });
  await command(hub, "approve P7");
  await command(hub, "done P8");
  await asSomebodyElse(hub, "reject P9");
  await page.getByRole("link", { name: "Activity", exact: true }).click();
  await counts(page, 9);
  return started;
}

test("events are found by type, by actor and by text, and new ones that match come in", BOUNDED, async (t) => {
  const { hub, page } = await startAtActivity(t);
  const type = page.getByRole("combobox", { name: "Type" });
  const actor = page.getByRole("combobox", { name: "Actor" });
  const text = page.getByRole("searchbox", { name: "Text" });

  await type.selectOption("command_executed");
  await counts(page, 3);
  await actor.selectOption("anonymous@127.0.0.2");
  await counts(page, 1);
  assert.match((await texts(page))[0], /P9/);
  await actor.selectOption("");
  await text.fill("p7");
  await counts(page, 1);
  await command(hub, "done P7");
  await counts(page, 2);
  await command(hub, "brief C3");
  await patch(hub, { system: { progress: 50 } });
  await text.fill("");
  await counts(page, 5);
  await type.selectOption("");
  await counts(page, 12);

  await text.fill("no such words");
  await page.getByText("No change matches").waitFor();
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await counts(page, 12);
  assert.equal(await text.inputValue(), "");
});

test("a filter is part of the address", BOUNDED, async (t) => {
  const { desk, context, page } = await startAtActivity(t);
  await page.getByRole("combobox", { name: "Type" }).selectOption("command_executed");
  await page.getByRole("searchbox", { name: "Text" }).fill("P8");
  await counts(page, 1);
  await until(page, () => location.hash.includes("text=P8"), null);
  const other = await desk.open(context, new URL(page.url()).hash);
  await counts(other, 1);
  assert.equal(await other.getByRole("searchbox", { name: "Text" }).inputValue(), "P8");
});

test("a pause stands still while changes are counted, and jumps back to live", BOUNDED, async (t) => {
  const { hub, page } = await startAtActivity(t);
  await page.getByRole("button", { name: "Pause" }).click();
  const before = await texts(page);
  for (let progress = 60; progress < 64; progress += 1) await patch(hub, { system: { progress } });
  const jump = page.getByRole("button", { name: "4 new, jump to live" });
  await jump.waitFor();
  assert.deepEqual(await texts(page), before);
  await jump.click();
  await page.locator('.event[data-seq="13"]').waitFor();
  await jump.waitFor({ state: "detached" });
  await patch(hub, { system: { progress: 70 } });
  await page.locator('.event[data-seq="14"]').waitFor();
});

test("a click shows what a change altered", BOUNDED, async (t) => {
  const { hub, page } = await startAtActivity(t);
  await page.locator('.event[data-seq="7"]').click();
  const detail = page.getByRole("complementary", { name: "Change 7" });
  const place = detail.locator(".diff-place").filter({ hasText: "P7" });
  await place.waitFor();
  assert.match((await place.textContent()) ?? "", /priorities › P7 › status/);
  assert.match((await detail.locator('[data-side="before"]').first().textContent()) ?? "", /proposed/);
  assert.match((await detail.locator('[data-side="after"]').first().textContent()) ?? "", /approved/);
  await detail.getByText("approve P7", { exact: true }).waitFor();
  await until(page, () => location.hash.includes("seq=7"), null);

  const { seq } = await hub.ask("DELETE", "/api/items/owe/C4");
  await page.locator(`.event[data-seq="${seq}"]`).click();
  const removed = page.getByRole("complementary", { name: `Change ${seq}` });
  await removed.locator('[data-kind="removed"]').getByText("Numbers for the audit").waitFor();
  await removed.getByRole("link", { name: "Show everything at this moment" }).click();
  await page.getByTestId("past").getByText(`#${seq}`).waitFor();
});

test("an event's own address opens it, and closing it leaves the list", BOUNDED, async (t) => {
  const { desk, context } = await startAtActivity(t);
  const page = await desk.open(context, "/#/activity?seq=1");
  const detail = page.getByRole("complementary", { name: "Change 1" });
  await detail.locator(".diff").waitFor();
  await detail.getByRole("button", { name: "Close the change" }).click();
  await detail.waitFor({ state: "detached" });
  await until(page, () => !location.hash.includes("seq="), null);
  assert.equal(await page.locator(ROWS).count(), 9);
});

test("the newest changes of the overview lead to the activity", BOUNDED, async (t) => {
  const { page } = await startAtActivity(t);
  await page.getByRole("link", { name: "Overview" }).click();
  const newest = page.locator(".latest li a").first();
  assert.match((await newest.textContent()) ?? "", /P9.*127\.0\.0\.2/);
  await newest.click();
  await page.getByRole("complementary", { name: "Change 9" }).waitFor();
});

test("a quiet hub is called quiet, however much happened before", BOUNDED, async (t) => {
  const { desk } = await startAtActivity(t);
  const context = await desk.person();
  await context.addInitScript(() => {
    // Only a connection of the page's own passes through the route below.
    Reflect.deleteProperty(globalThis, "SharedWorker");
    const said = new Set();
    new MutationObserver(() => said.add(document.querySelector(".rate")?.textContent)).observe(document, { subtree: true, childList: true, characterData: true });
    Object.assign(globalThis, { said });
  });
  const page = await context.newPage();
  // The view is drawn before the state is there, as on a slow network.
  const drawn = page.locator(".rate").waitFor();
  await page.routeWebSocket(/\/ws/, async (socket) => {
    await drawn;
    socket.connectToServer();
  });
  await page.goto(`${desk.url}/#/activity`);
  await counts(page, 9);
  const shownAt = await page.evaluate(() => performance.now());
  // Several ticks of the clock.
  await until(page, (from) => performance.now() > from + 2_500, shownAt);
  const said = /** @type {string[]} */ (await page.evaluate("[...said].filter(Boolean)"));
  assert.deepEqual(said, ["quiet"]);
});
