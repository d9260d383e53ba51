/** axe-core finds nothing, whatever is shown. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { accessible } from "./helpers/axe.js";
import { BOUNDED, command, HUB_IS_AWAY, live, notLive, patch, shown, startDesk } from "./helpers/desk.js";
import { atDoor, fillIn, signIn, startGuarded } from "./helpers/door.js";
import { post, receiving } from "./helpers/logs.js";
import { scene } from "./helpers/scene.js";

const DESK = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const SIZES = /** @type {const} */ ([["desk", DESK], ["phone", PHONE]]);
const LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"];
const THEMES = /** @type {const} */ (["light", "dark"]);
const VIEWS = ["/#/", "/#/activity", "/#/activity?seq=2", "/#/logs?level=DEBUG", "/#/connections", "/#/admin", "/#/admin?part=people"];
const LINES = LEVELS.flatMap((level) => [0, 1, 2].map((order) => ({ level, source: "shop.web", message: `order ${order} came`, metadata: order === 0 ? {} : { order } })));

/** A gateway in each condition. */
const GATEWAYS = `
gateways:
  - { id: well, gateway_type: test, probe: { kind: command, command: ["true"] }, interval_ms: 300 }
  - { id: slow, gateway_type: test, probe: { kind: command, command: ["sleep", "0.05"] }, interval_ms: 300, degraded_over_ms: 10 }
  - { id: shop, gateway_type: test, probe: { kind: command, command: ["false"] }, interval_ms: 300, unhealthy_after: 1, recovery: { command: ["true"], require_approval: true } }
  - { id: ill, gateway_type: test, probe: { kind: command, command: ["false"] }, interval_ms: 300, unhealthy_after: 1, recovery: { command: ["true"], backoff_ms: 3600000 } }
  - { id: nowhere, gateway_type: test, probe: { kind: http, url: "http://nowhere.invalid/" }, interval_ms: 300, unhealthy_after: 1 }
  - { id: mail, gateway_type: test, probe: { kind: push }, interval_ms: 600000, maintenance: [{ from: "00:00", to: "24:00" }] }
  - { id: new, gateway_type: test, probe: { kind: push }, interval_ms: 600000 }
`;

for (const [size, person] of SIZES) {
  for (const colorScheme of THEMES) {
    test(`every view, ${size}, ${colorScheme}`, BOUNDED, async (t) => {
      const { desk, hub, page } = await startDesk(t, { state: scene(), person: { ...person, colorScheme } });
      await post(hub, LINES);
      for (const text of ["brief P7", "approve P7", "reject P8", "help"]) await command(hub, text);
      let passed = 0;
      for (const view of VIEWS) {
        await page.goto(desk.url + view);
        await page.reload();
        await shown(page);
        await live(page);
        if (view.includes("seq")) await page.locator(".diff").waitFor();
        passed += await accessible(page, `${view} ${size} ${colorScheme}`);
      }
      t.diagnostic(`no violation, ${passed} rules passed over ${VIEWS.length} views`);
    });

    test(`log lines and gateways in every condition, ${size}, ${colorScheme}`, BOUNDED, async (t) => {
      const { desk, hub, page } = await startDesk(t, { config: GATEWAYS, person: { ...person, colorScheme } });
      for (const [id, status] of [["slow", "DEGRADED"], ["shop", "UNHEALTHY"], ["mail", "PAUSED"], ["new", "UNKNOWN"], ["well", "HEALTHY"], ["nowhere", "DISCONNECTED"], ["ill", "RECOVERING"]]) {
        await page.locator(".tile").filter({ has: page.getByRole("button", { name: id, exact: true }) }).locator(`[data-status="${status}"]`).waitFor();
      }
      await page.locator(".sparkline path").first().waitFor();
      await accessible(page, "gateways");
      for (const id of ["shop", "mail", "ill", "well"]) {
        await page.getByRole("button", { name: id, exact: true }).click();
        await page.locator(".gateway-dialog .history").waitFor();
        await page.locator(".gateway-dialog .story li").first().waitFor();
        await accessible(page, `the gateway ${id}`);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
      }
      await post(hub, LINES);
      await page.goto(`${desk.url}/#/logs?source=shop&level=DEBUG`);
      await receiving(page);
      for (const level of LEVELS) {
        await page.locator(`.log[data-level="${level}"]`).last().click();
        await page.locator(".detail-body").waitFor();
        await accessible(page, `a line of ${level}`);
        await page.getByRole("button", { name: /^Close/ }).click();
      }
      await page.goto(`${desk.url}/#/logs?source=nobody`);
      await page.locator(".snippet").waitFor();
      await accessible(page, "no lines");
    });

    test(`the door, the account and the admins' view, ${size}, ${colorScheme}`, BOUNDED, async (t) => {
      const { desk, page, admin } = await startGuarded(t, { person: { ...person, colorScheme } });
      await admin.add("vi@example.com", "viewer");
      await admin.ask("POST", "/api/tokens", { name: "bot", role: "operator", topics: ["state"] });
      await page.goto(desk.url);
      await atDoor(page);
      await accessible(page, "the door");
      await fillIn(page, "vi@example.com", "wrong horse battery");
      await page.getByTestId("form-error").getByText(/wrong/).waitFor();
      await accessible(page, "the door after a mistake");
      await signIn(desk, page, "vi@example.com");
      await live(page);
      await accessible(page, "what a viewer sees");
      await openPalette(page);
      await page.getByTestId("may-not").waitFor();
      await accessible(page, "a viewer's palette");
      await page.keyboard.press("Escape");
      await page.getByTestId("account").click();
      await accessible(page, "the account");
      await page.getByRole("button", { name: "Sign out" }).click();
      await atDoor(page);
      await signIn(desk, page, "ana@example.com", "/#/admin");
      for (const part of ["Tokens", "People", "Sessions", "Audit"]) {
        await page.getByRole("link", { name: part, exact: true }).click();
        await page.locator("tbody tr").first().waitFor();
        await accessible(page, part);
      }
      for (const [part, button] of [["People", "Add somebody"], ["People", "Change the role of vi@example.com"], ["Tokens", "Revoke bot"], ["Tokens", "New token"]]) {
        await page.getByRole("link", { name: part, exact: true }).click();
        await page.getByRole("button", { name: button, exact: true }).click();
        await page.getByRole("dialog").waitFor();
        await accessible(page, button);
        if (button === "New token") break;
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
      }
      await page.getByRole("dialog").getByLabel("Name").fill("screen");
      await page.keyboard.press("Enter");
      await page.getByTestId("token-made").waitFor();
      await accessible(page, "a new token");
    });

    test(`dialogs, the past and notices, ${size}, ${colorScheme}`, BOUNDED, async (t) => {
      const { hub, page } = await startDesk(t, { state: scene(), person: { ...person, colorScheme } });
      await page.getByRole("button", { name: "Approve P7" }).click();
      await page.locator(".notice").waitFor();
      await accessible(page, "a notice");
      await openPalette(page);
      await accessible(page, "the palette");
      await page.keyboard.type("dance");
      await page.keyboard.press("Enter");
      await page.locator('.told[data-kind="error"]').waitFor();
      await page.keyboard.press("ControlOrMeta+a");
      await page.keyboard.type("approve ");
      await page.keyboard.press("ArrowDown");
      await accessible(page, "the palette with an error and a choice");
      await page.keyboard.press("Escape");
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      await accessible(page, "the shortcuts");
      await page.keyboard.press("Escape");
      await patch(hub, { system: { status: "ERROR" } });
      await page.locator(".panel.system").getByText("ERROR").waitFor();
      await page.keyboard.press("[");
      await page.getByTestId("past").getByText(/#\d+/).waitFor();
      await accessible(page, "the past");
    });
  }

  test(`a hub with nothing in it, and one that is away, ${size}`, BOUNDED, async (t) => {
    const { desk, hub, page } = await startDesk(t, { person, expects: HUB_IS_AWAY });
    for (const view of ["/#/", "/#/activity"]) {
      await page.goto(desk.url + view);
      await shown(page);
      await page.locator(".empty").first().waitFor();
      await accessible(page, `nothing in ${view}`);
    }
    await patch(hub, scene());
    await page.goto(`${desk.url}/#/`);
    await page.getByText("Ship the beta").first().waitFor();
    await hub.kill();
    await notLive(page);
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      await accessible(page, `stale, ${colorScheme}`);
    }
  });
}

test("a wall, light and dark", BOUNDED, async (t) => {
  const { desk, page } = await startDesk(t, { state: scene(), person: { viewport: { width: 1920, height: 1080 } } });
  await page.goto(`${desk.url}/#/?wall`);
  await page.locator(".wall-clock").waitFor();
  for (const colorScheme of THEMES) {
    await page.emulateMedia({ colorScheme });
    await accessible(page, `the wall, ${colorScheme}`);
  }
});

test("each view has one main heading, a title and landmarks", BOUNDED, async (t) => {
  const { desk, page } = await startDesk(t, { state: scene() });
  for (const [view, title] of [["/#/", "Overview"], ["/#/activity", "Activity"], ["/#/logs", "Logs"], ["/#/connections", "Connections"], ["/#/admin", "Admin"]]) {
    await page.goto(desk.url + view);
    await shown(page);
    assert.deepEqual(await page.getByRole("heading", { level: 1 }).allTextContents(), [title]);
    assert.equal(await page.title(), `${title} · opshub`);
    assert.equal(await page.getByRole("link", { name: title, exact: true }).getAttribute("aria-current"), "page");
    assert.equal(await page.getByRole("main").count(), 1);
    assert.equal(await page.getByRole("banner").count(), 1);
  }
});

/** Opens the palette. @param {Page} page */
async function openPalette(page) {
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).waitFor();
}
