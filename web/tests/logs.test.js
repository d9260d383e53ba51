/** Log lines are seen as they are written, and whatever is missing is said where it is missing. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BOUNDED, HUB_IS_AWAY, live, notLive, startDesk, until } from "./helpers/desk.js";
import { counts, line, messages, post, receiving } from "./helpers/logs.js";

/** A desk at the lines of a source, so that the hub's own do not count. @param {import("node:test").TestContext} t */
async function startAtLogs(t, params = "source=shop", options = {}) {
  const started = await startDesk(t, options);
  const { hub, page } = started;
  await post(hub, [
    { level: "DEBUG", source: "shop.web", message: "cache warm" },
    { level: "INFO", source: "shop.web", message: "GET /orders 200" },
    { level: "WARN", source: "shop.mail", message: "mailbox is slow", metadata: { ms: 4213 } },
    { level: "ERROR", source: "shop.orders", message: "payment declined", metadata: { order: 7, card: { brand: "visa" } } },
    { level: "ERROR", source: "other", message: "not of the shop" },
  ]);
  await page.goto(`${hub.url}/#/logs?${params}`);
  await receiving(page);
  return started;
}

/** Many lines, numbered. @param {number} from @param {number} to */
const numbered = (from, to, width = 0) => Array.from({ length: to - from + 1 }, (_, index) => ({ source: "shop", message: `line ${from + index}${" ".repeat(width && 1)}${"x".repeat(width)}` }));

/** What all rows say, also those that are not in sight. @param {Page} page @returns {Promise<string[]>} */
function allRows(page) {
  return page.getByTestId("lines").evaluate(async (list) => {
    /** @type {string[]} */
    const texts = [];
    const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    for (list.scrollTop = 0; ; list.scrollTop += list.clientHeight / 2) {
      await drawn();
      for (const row of list.querySelectorAll(".log")) texts[Number(row.getAttribute("aria-posinset")) - 1] = row.textContent ?? "";
      if (list.scrollTop + list.clientHeight >= list.scrollHeight - 2) return texts;
    }
  });
}

/** How far the list is from its end, in pixels. @param {Page} page */
const fromEnd = (page) => page.getByTestId("lines").evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight);

test("what the hub keeps is there at once, and new lines come as they are written", BOUNDED, async (t) => {
  const { hub, page } = await startAtLogs(t);
  await counts(page, 3);
  assert.deepEqual(await messages(page), ["GET /orders 200", "mailbox is slow", "payment declined"]);
  await post(hub, [{ source: "shop.web", message: "GET /cart 200" }]);
  await counts(page, 4);
  assert.equal((await messages(page)).at(-1), "GET /cart 200", "the newest is last");
  assert.equal(await page.title(), "Logs · opshub");
});

test("level and source are asked of the hub, a text is found in what is here, and the address has them all", BOUNDED, async (t) => {
  const { hub, page } = await startAtLogs(t);
  const topics = async () => {
    const { connections } = await hub.ask("GET", "/api/connections");
    return connections.map((/** @type {{ topics: string[] }} */ one) => one.topics.includes("logs"));
  };
  await page.getByRole("combobox", { name: "Level" }).selectOption("DEBUG");
  await counts(page, 4);
  await until(page, () => location.hash === "#/logs?level=DEBUG&source=shop", null);
  await page.getByRole("searchbox", { name: "Source" }).fill("shop.w");
  await counts(page, 2);
  await receiving(page);
  await post(hub, [{ source: "shop.mail", message: "of another source" }, { level: "DEBUG", source: "shop.web", message: "cache cold" }]);
  await line(page, "cache cold");
  assert.deepEqual(await messages(page), ["cache warm", "GET /orders 200", "cache cold"]);
  await page.getByRole("searchbox", { name: "Text" }).fill("cache WEB");
  await counts(page, 2);
  await post(hub, [{ source: "shop.web", message: "GET / 200" }, { source: "shop.web", message: "cache gone" }]);
  await counts(page, 3);
  await until(page, () => location.hash === "#/logs?level=DEBUG&source=shop.w&text=cache%20WEB", null);

  await page.reload();
  await counts(page, 3);
  await page.getByRole("searchbox", { name: "Text" }).fill("nothing of the kind");
  await page.getByText("No line matches").waitFor();
  await page.getByRole("button", { name: "Clear the search" }).click();
  await counts(page, 5);
  assert.deepEqual(await topics(), [true]);
  await page.getByRole("link", { name: "Overview" }).click();
  await page.locator(".overview").waitFor();
  while ((await topics())[0]);
});

test("a pause holds the lines still, counts what comes, and jumps back to live", BOUNDED, async (t) => {
  const { hub, page } = await startAtLogs(t);
  await counts(page, 3);
  await page.getByRole("button", { name: "Pause" }).click();
  const before = await messages(page);
  await post(hub, numbered(1, 4));
  const jump = page.getByRole("button", { name: "4 new, jump to live" });
  await jump.waitFor();
  assert.deepEqual(await messages(page), before);
  await page.getByRole("button", { name: "Resume" }).click();
  await line(page, "line 4");
  await jump.waitFor({ state: "detached" });
  await counts(page, 7);
});

test("the newest line is followed until the reader scrolls away, and again from the end on", BOUNDED, async (t) => {
  const { hub, page } = await startAtLogs(t);
  await post(hub, numbered(1, 200));
  await line(page, "line 200");
  assert.ok((await fromEnd(page)) <= 2);
  await page.getByTestId("lines").hover();
  await page.mouse.wheel(0, -600);
  await page.getByRole("button", { name: "Jump to live" }).waitFor();
  const inSight = await messages(page);
  await post(hub, numbered(201, 300));
  const jump = page.getByRole("button", { name: "100 new, jump to live" });
  await jump.waitFor();
  assert.deepEqual((await messages(page)).slice(8, -8), inSight.slice(8, -8), "what is read does not move");
  await page.getByTestId("lines").hover();
  await page.mouse.wheel(0, 100_000);
  await jump.waitFor({ state: "detached" });
  await line(page, "line 300");
  await post(hub, numbered(301, 301));
  await line(page, "line 301");
  assert.ok((await fromEnd(page)) <= 2);
});

test("lines that the hub drops are counted where they are missing", BOUNDED, async (t) => {
  const { hub, page } = await startAtLogs(t);
  await counts(page, 3);
  await post(hub, numbered(1, 1_000, 600));
  await page.locator(".log-message").getByText(/^line 1000 x/).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  const rows = await allRows(page);
  const numbers = rows.map((text) => Number(/^.*line (\d+) x/.exec(text)?.[1] ?? 0));
  let dropped = 0;
  rows.forEach((text, index) => {
    const told = /^([\d,]+) lines? w\w+ dropped here/.exec(text)?.[1];
    if (told === undefined) return;
    const count = Number(told.replaceAll(",", ""));
    assert.equal(numbers[index + 1] - numbers[index - 1] - 1, count, "where they are missing");
    dropped += count;
  });
  assert.ok(dropped > 0, "more than the hub takes into one frame");
  assert.equal(numbers.filter((number) => number > 0).length + dropped, 1_000);
});

test("after an outage what was missed is read, without a repeat and without a word about what is not missing", BOUNDED, async (t) => {
  const { hub, page, context } = await startAtLogs(t, "source=shop", { expects: HUB_IS_AWAY });
  await counts(page, 3);
  await context.setOffline(true);
  await page.evaluate(() => window.dispatchEvent(new Event("offline")));
  await post(hub, numbered(1, 5));
  await context.setOffline(false);
  await receiving(page);
  await line(page, "line 5");
  await counts(page, 8);
  assert.equal(await page.locator(".log-note").count(), 0);

  await hub.kill();
  await notLive(page);
  await page.getByText("New lines do not come at the moment").waitFor();
  assert.equal(await page.locator('.logs[data-receiving="false"]').count(), 1);
  await hub.start();
  await post(hub, numbered(6, 7));
  await receiving(page);
  await live(page);
  await line(page, "line 7");
  await counts(page, 10);
  assert.deepEqual((await messages(page)).slice(-7), [1, 2, 3, 4, 5, 6, 7].map((n) => `line ${n}`));
  // What the old process wrote last nobody knows.
  assert.deepEqual(await page.locator(".log-note").allTextContents(), ["Some lines may be missing here"]);
});

test("a tab that was not seen reads what it missed", BOUNDED, async (t) => {
  const { hub, page } = await startAtLogs(t);
  await counts(page, 3);
  const hide = (/** @type {boolean} */ hidden) => page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await hide(true);
  for (let listening = true; listening; ) {
    const { connections } = await hub.ask("GET", "/api/connections");
    listening = connections[0].topics.includes("logs");
  }
  await post(hub, numbered(1, 1_500));
  await hide(false);
  await line(page, "line 1500");
  await counts(page, 1_503);
  assert.equal(await page.locator(".log-note").count(), 0);
});

test("no more than ten thousand lines are kept", BOUNDED, async (t) => {
  const { hub, page } = await startAtLogs(t);
  await counts(page, 3);
  for (let from = 1; from <= 10_400; from += 400) {
    await post(hub, numbered(from, from + 399));
    await line(page, `line ${from + 399}`);
  }
  await counts(page, 10_000);
  assert.ok((await page.locator("[data-testid=lines] .log").count()) < 100, "only what is seen is in the document");
});

test("a click shows the whole line with what belongs to it", BOUNDED, async (t) => {
  const { page } = await startAtLogs(t);
  await page.locator('.log[data-level="ERROR"]').click();
  const detail = page.getByRole("complementary", { name: /^Log line \d+$/ });
  await detail.getByText("payment declined").waitFor();
  assert.match((await detail.locator(".log-fields").textContent()) ?? "", /order7/);
  assert.match((await detail.locator(".log-fields").textContent()) ?? "", /"brand": "visa"/);
  await detail.getByRole("button", { name: "Only this source" }).click();
  await until(page, () => location.hash.includes("source=shop.orders"), null);
  await counts(page, 1);
  await detail.getByRole("button", { name: "Close the line" }).click();
  await detail.waitFor({ state: "detached" });
});

test("hostile lines and addresses are text", BOUNDED, async (t) => {
  const evil = `<img src=x onerror="globalThis.ran = 1">`;
  const { hub, page } = await startAtLogs(t);
  await post(hub, [{ source: `shop${evil}`, message: `${evil}\u202e${"W".repeat(5_000)}`, metadata: { [evil]: evil, __proto__x: { a: [evil] } } }]);
  await page.locator(".log").last().click();
  await page.getByRole("complementary").waitFor();
  await page.goto(`${hub.url}/#/logs?level=${encodeURIComponent(evil)}&source=${encodeURIComponent(`x';touch /tmp/ran;'${"ä".repeat(200)}`)}`);
  await page.locator(".snippet").waitFor();
  const found = await page.evaluate(() => ({
    ran: /** @type {any} */ (globalThis).ran,
    images: document.querySelectorAll("main img").length,
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    quoted: document.querySelector(".snippet code")?.textContent?.includes(`x'\\'';touch`),
  }));
  assert.deepEqual(found, { ran: undefined, images: 0, wide: false, quoted: true });
});
