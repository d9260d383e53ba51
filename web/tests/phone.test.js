/** A phone shows everything that a desk shows. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { PASSWORD } from "../client/test/helpers/admin.js";
import { BOUNDED, command, shown, startDesk } from "./helpers/desk.js";
import { atDoor, fillIn, startGuarded } from "./helpers/door.js";
import { post } from "./helpers/logs.js";
import { scene } from "./helpers/scene.js";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const VIEWS = ["/#/", "/#/activity", "/#/logs", "/#/connections", "/#/admin", "/#/admin?part=audit"];
/** What a finger hits (WCAG 2.2, 2.5.8), in CSS pixels. */
const TARGET_MIN_PX = 24;

/** What is wider than the screen, and where it stands out. @param {Page} page */
function overflow(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const scrolls = document.documentElement.scrollWidth;
    if (scrolls <= width) return [];
    const wide = [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > width + 1);
    return [`${scrolls} of ${width}`, ...wide.slice(0, 5).map((element) => `${element.tagName}.${element.className}`)];
  });
}

/** Controls that are too small to hit, of a dialog where one is open. @param {Page} page */
function small(page) {
  return page.evaluate((least) => {
    // A link in a line of text may be as low as the line.
    const top = document.querySelector("dialog[open]") ?? document;
    const controls = [...top.querySelectorAll("button, select, input, .tabs a")].filter((one) => one.checkVisibility() && !one.closest(".sr"));
    const boxes = controls.map((one) => ({ name: one.getAttribute("aria-label") ?? one.textContent, box: one.getBoundingClientRect() }));
    return boxes.filter(({ box }) => box.width < least || box.height < least).map(({ name, box }) => `${name}: ${box.width} x ${box.height}`);
  }, TARGET_MIN_PX);
}

test("no view is wider than a phone, from 320 pixels on", BOUNDED, async (t) => {
  const { desk, hub, page } = await startDesk(t, { state: scene(), person: PHONE });
  await command(hub, "brief P7");
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 844 });
    for (const view of VIEWS) {
      await page.goto(desk.url + view);
      await shown(page);
      assert.deepEqual(await overflow(page), [], `${view} at ${width}`);
    }
  }
});

test("what can be touched is large enough", BOUNDED, async (t) => {
  const { desk, page } = await startDesk(t, { state: scene(), person: PHONE });
  for (const view of VIEWS) {
    await page.goto(desk.url + view);
    await shown(page);
    assert.deepEqual(await small(page), [], view);
  }
});

test("a phone approves, reads a change and travels in time", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: scene(), person: PHONE });
  await page.getByRole("button", { name: "Approve P7" }).tap();
  await page.getByRole("button", { name: "Done P7" }).waitFor();
  await page.getByRole("button", { name: "One change back" }).tap();
  await page.getByTestId("past").waitFor();
  assert.deepEqual(await overflow(page), [], "the past");
  await page.getByTestId("past").getByRole("button", { name: "Back to live" }).tap();

  await page.getByRole("link", { name: "Activity", exact: true }).tap();
  await page.locator('.event[data-seq="2"]').tap();
  const dialog = page.getByRole("dialog", { name: "Change #2" });
  await dialog.locator(".diff").waitFor();
  assert.deepEqual(await overflow(page), [], "a change");
  await dialog.getByRole("button", { name: "Close" }).tap();
  await dialog.waitFor({ state: "detached" });

  await page.getByRole("button", { name: /command/i }).tap();
  await page.getByRole("combobox", { name: "Command" }).fill("help");
  await page.keyboard.press("Enter");
  await page.getByTestId("command-result").locator('[data-kind="done"]').waitFor();
  assert.deepEqual(await overflow(page), [], "the palette");
});

test("a phone reads a log line, and what became of a gateway", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { person: PHONE });
  const message = `payment of order 4213 declined ${"W".repeat(300)}`;
  await post(hub, [{ level: "ERROR", source: "shop.orders.of.a.long.name", message, metadata: { [`key${"W".repeat(60)}`]: "W".repeat(400) } }]);
  await hub.ask("PUT", "/api/gateways/hub", { gateway_type: "http", probe: { kind: "http", url: `${hub.url}/livez` }, interval_ms: 500 });
  await page.getByRole("button", { name: "hub", exact: true }).tap();
  const gateway = page.getByRole("dialog", { name: "hub" });
  await gateway.locator(".history").waitFor();
  await gateway.locator(".story li").first().waitFor();
  assert.deepEqual([await overflow(page), await small(page)], [[], []], "a gateway");
  await gateway.getByRole("button", { name: "Close" }).tap();

  await page.getByRole("link", { name: "Logs", exact: true }).tap();
  await page.locator('.log[data-level="ERROR"]').tap();
  const line = page.getByRole("dialog", { name: "Log line" });
  await line.locator(".log-fields").waitFor();
  assert.deepEqual([await overflow(page), await small(page)], [[], []], "a line");
  await line.getByRole("button", { name: "Close" }).tap();
  await line.waitFor({ state: "detached" });
});

test("the connection is in sight on a phone, in every view", BOUNDED, async (t) => {
  const { desk, page } = await startDesk(t, { state: scene(), person: PHONE });
  for (const view of VIEWS) {
    await page.goto(desk.url + view);
    await shown(page);
    const box = await page.getByTestId("connection").boundingBox();
    assert.ok(box && box.x >= 0 && box.x + box.width <= 390 && box.y >= 0 && box.y < 844, JSON.stringify(box));
  }
});

test("a phone signs in, and does what admins do", BOUNDED, async (t) => {
  const { desk, page, admin } = await startGuarded(t, { person: PHONE });
  const email = `${"somebody.with.a.long.name.".repeat(2)}too@${"example.".repeat(6)}com`;
  await admin.add(email, "viewer");
  await admin.ask("POST", "/api/tokens", { name: "W".repeat(64), role: "operator", topics: ["state", "gateways", "latency", "presence", "health", "logs"] });
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 844 });
    await page.goto(desk.url);
    await page.reload();
    if (width === 390) {
      await atDoor(page);
      assert.deepEqual([await overflow(page), await small(page)], [[], []], "the door");
      await fillIn(page, "ana@example.com", PASSWORD);
    }
    await shown(page);
    await page.getByTestId("account").tap();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    assert.deepEqual([await overflow(page), await small(page)], [[], []], `the account at ${width}`);
    await page.getByTestId("account").tap();
    await page.getByRole("link", { name: "Admin", exact: true }).tap();
    for (const part of ["People", "Sessions", "Audit", "Tokens"]) {
      await page.getByRole("link", { name: part, exact: true }).tap();
      await page.locator("tbody tr").first().waitFor();
      assert.deepEqual([await overflow(page), await small(page)], [[], []], `${part} at ${width}`);
    }
    await page.getByRole("button", { name: "New token" }).tap();
    await page.getByRole("dialog").getByLabel("Name").fill(`phone-${width}`);
    assert.deepEqual([await overflow(page), await small(page)], [[], []], `a form at ${width}`);
    await page.getByRole("button", { name: "Make the token" }).tap();
    await page.getByTestId("token-made").waitFor();
    assert.deepEqual([await overflow(page), await small(page)], [[], []], `a token at ${width}`);
    await page.getByRole("button", { name: "I have it" }).tap();
  }
});
