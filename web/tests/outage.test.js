/** A page never looks live when it is not, and catches up by itself. */

/** @import { Page } from "playwright-core" */
/** @import { TestHub } from "../client/test/helpers/hub.js" */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";

import { BOUNDED, HUB_IS_AWAY, live, notLive, patch, shown, startDesk, until } from "./helpers/desk.js";
import { Link } from "./helpers/link.js";
import { scene } from "./helpers/scene.js";

/** A hub that is gone is told at once, not when somebody wonders. */
const AT_ONCE = { timeout: 5_000 };

/** Changes items without a pause, whether or not there is a hub to take it. @param {TestHub} hub */
function feed(hub) {
  let running = true;
  let changes = 0;
  /** @param {number} feeder */
  const run = async (feeder) => {
    while (running) {
      const title = `change ${changes}`;
      try {
        await hub.ask("PUT", `/api/items/owe/C${feeder}-${changes % 9}`, { title });
        changes += 1;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        // Nobody is there: the next try finds out when somebody is.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const feeders = [1, 2].map(run);
  return {
    /** Waits for so many more changes. @param {number} more */
    async flow(more) {
      const goal = changes + more;
      while (changes < goal) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    async stop() {
      running = false;
      await Promise.all(feeders);
    },
  };
}

/** Writes down everything that a page says about its connection from now on. @param {Page} page */
async function record(page) {
  await page.evaluate(() => {
    /** @type {string[]} */
    const said = [];
    const note = () => {
      const kind = document.querySelector('[data-testid="connection"]')?.getAttribute("data-kind");
      const looks = document.querySelector("main")?.getAttribute("data-stale") === "true" ? "greyed" : "current";
      if (said.at(-1) !== `${kind}, ${looks}`) said.push(`${kind}, ${looks}`);
    };
    note();
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
    Object.assign(globalThis, { said });
  });
}

/** What it said. @param {Page} page @returns {Promise<string[]>} */
const said = (page) => page.evaluate("said");

/** Waits until the activity counts every change up to the newest. @param {TestHub} hub @param {Page} page */
async function caughtUp(hub, page) {
  const { seq, state } = await hub.ask("GET", "/api/state");
  const count = page.getByTestId("event-count").getByText(`${seq.toLocaleString("en-GB")} changes`, { exact: true });
  await count.waitFor();
  assert.match((await page.locator(".event").first().textContent()) ?? "", new RegExp(`^#${seq}`));
  return state;
}

test("a hub that is killed while changes flow is missed by both tabs, and both catch up with nothing missed", BOUNDED, async (t) => {
  const { desk, hub, context, page: overview } = await startDesk(t, { state: scene(), expects: HUB_IS_AWAY });
  const activity = await desk.open(context, "/#/activity");
  const tabs = [overview, activity];
  await Promise.all(tabs.map(live));
  const feeder = feed(hub);
  for (let cycle = 1; cycle <= 2; cycle += 1) {
    await feeder.flow(40);
    await hub.kill();
    const killedAt = Date.now();
    await Promise.all(tabs.map((tab) => tab.getByTestId("stale").waitFor(AT_ONCE)));
    for (const tab of tabs) {
      const banner = tab.getByTestId("stale");
      const at = Date.parse((await banner.locator("time").getAttribute("datetime")) ?? "");
      assert.ok(Math.abs(at - killedAt) < 5_000, "it says since when");
      assert.match((await banner.textContent()) ?? "", /Not live\. What you see was true at \d\d:\d\d:\d\d/);
      assert.match((await tab.getByTestId("connection").textContent()) ?? "", /reconnecting/);
      assert.equal(await tab.locator("main").getAttribute("data-stale"), "true");
      await record(tab);
    }
    for (const name of ["Approve P7", "Collect now"]) assert.ok(await overview.getByRole("button", { name }).isDisabled(), `${name} is off`);
    // Long enough for several tries.
    await until(overview, () => /reconnecting in [2-9] s/.test(document.querySelector(".connection-text")?.textContent ?? ""), null);
    for (const tab of tabs) {
      const wrong = (await said(tab)).filter((words) => words.startsWith("live") || words.endsWith("current"));
      assert.deepEqual(wrong, [], "it never looks live while it is not");
    }
    await hub.start();
    await Promise.all(tabs.map(live));
    for (const tab of tabs) await tab.getByTestId("stale").waitFor({ state: "detached" });
  }
  await feeder.flow(20);
  await feeder.stop();
  const state = await caughtUp(hub, activity);
  const titles = state.commitments.owe.map((/** @type {any} */ { title }) => title).sort();
  await until(overview, (wanted) => {
    const shown = [...document.querySelectorAll('[data-area="owe"] .title')].map((title) => title.textContent);
    return JSON.stringify(shown.sort()) === wanted;
  }, JSON.stringify(titles));
  assert.ok(await overview.getByRole("button", { name: "Approve P7" }).isEnabled());
});

test("a hub that ends in good order is missed as well, and found again", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { state: scene(), expects: HUB_IS_AWAY });
  await live(page);
  await hub.stop();
  await page.getByTestId("stale").waitFor(AT_ONCE);
  await hub.start();
  await patch(hub, { system: { progress: 33 } });
  await live(page);
  await page.getByText("33 %").waitFor();
});

test("the now button tries at once", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { state: scene(), expects: HUB_IS_AWAY });
  await live(page);
  const { port } = new URL(hub.url);
  await hub.kill();
  await until(page, () => Number(/reconnecting in (\d+) s/.exec(document.querySelector(".connection-text")?.textContent ?? "")?.[1]) >= 5, null);
  const ear = createServer((socket) => socket.destroy());
  ear.listen(Number(port), "127.0.0.1");
  await once(ear, "listening");
  const tried = once(ear, "connection", { signal: AbortSignal.timeout(3_000) });
  await page.getByRole("button", { name: "Reconnect now" }).click();
  await tried;
  await new Promise((resolve) => ear.close(resolve));
  await hub.start();
  await live(page);
});

test("a link that falls silent without a word is noticed, and what it kept back is caught up", BOUNDED, async (t) => {
  const link = await Link.start();
  t.after(() => link.end());
  const config = `session:\n  heartbeat_ms: 500\nserver:\n  cors_origins: ["${link.url}"]\n`;
  const { hub, context } = await startDesk(t, { config, state: scene(), expects: HUB_IS_AWAY });
  link.lead(hub.url);
  const page = await context.newPage();
  await page.goto(link.url);
  await shown(page);
  await live(page);
  link.silence();
  await patch(hub, { system: { progress: 77 } });
  await notLive(page);
  assert.notEqual(await page.getByTestId("connection").getAttribute("data-kind"), "live");
  assert.equal(await page.getByText("62 %").count(), 1, "what it knew stays in sight");
  link.restore();
  await page.getByText("77 %").waitFor();
  await live(page);
});

test("a page whose hub is away from the start says so, makes nothing up, and shows the state once it is there", BOUNDED, async (t) => {
  const { desk, hub } = await startDesk(t, { state: scene(), expects: HUB_IS_AWAY });
  const context = await desk.person();
  // Only a connection of the page's own passes through here.
  await context.addInitScript(() => Reflect.deleteProperty(globalThis, "SharedWorker"));
  let away = true;
  await context.routeWebSocket(/\/ws/, (socket) => void (away ? socket.close({ code: 1011 }) : socket.connectToServer()));
  const page = await context.newPage();
  await page.goto(hub.url);
  await notLive(page);
  assert.notEqual(await page.getByTestId("connection").getAttribute("data-kind"), "live");
  assert.equal(await page.locator(".overview .row, .overview .percent").count(), 0);
  away = false;
  // The page may have tried by itself by then, and the button be gone.
  await page.getByRole("button", { name: "Try now" }).click({ timeout: 2_000 }).catch(() => {});
  await live(page);
  await page.getByText("Ship the beta").first().waitFor();
});

test("commands that the hub cannot take are refused where they are typed", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { state: scene(), expects: HUB_IS_AWAY });
  await live(page);
  await hub.kill();
  await notLive(page);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).waitFor();
  await page.keyboard.type("approve P7");
  await page.keyboard.press("Enter");
  const told = page.getByTestId("command-result").locator(".told");
  await told.waitFor();
  await hub.start();
  await told.and(page.locator('[data-kind="done"], [data-kind="error"]')).waitFor();
  const outcome = await told.getAttribute("data-kind");
  const { state } = await hub.ask("GET", "/api/state");
  assert.equal(state.priorities[0].status === "approved", outcome === "done", "what it says is what happened");
});
