/** The client in real tabs of a real browser, against the real hub. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Admin, REQUIRED } from "./helpers/admin.js";
import { servePage, startBrowser } from "./helpers/chromium.js";
import { BOUND_MS, TestHub } from "./helpers/hub.js";

const BOUNDED = { timeout: 4 * BOUND_MS };

/**
 * A browser, a hub that lets its page in, and what opens tabs.
 * @param {import("node:test").TestContext} t
 * @param {{ workers?: string, host?: string, environment?: Record<string, string> }} [options]
 */
async function start(t, { workers, host = "127.0.0.1", environment } = {}) {
  const origin = (await servePage(t, workers)).replace("127.0.0.1", host);
  const server = await TestHub.start(t, "session:\n  heartbeat_ms: 500\n", { CORS_ORIGINS: origin, ...environment });
  const browser = await startBrowser(t);
  const context = await browser.newContext();
  context.setDefaultTimeout(BOUND_MS);
  /** @param {string} [token] */
  const tab = async (token) => {
    const page = await context.newPage();
    await page.goto(origin);
    await page.evaluate(async ({ url, token }) => {
      const { connect } = await import(/** @type {any} */ ("/src/index.js"));
      const shown = { token };
      // One that is given anew each time, as from a vault.
      const hub = connect({ url, token: token && (() => shown.token), backoff: { initialMs: 20, maxMs: 200 } });
      const told = /** @type {number[]} */ ([]);
      const statuses = /** @type {string[]} */ ([]);
      hub.on("change", (/** @type {{ seq: number }} */ { seq }) => told.push(seq));
      hub.on("status", (/** @type {{ kind: string }} */ { kind }) => statuses.push(kind));
      Object.assign(globalThis, { hub, told, statuses, shown });
    }, { url: server.url.replace("127.0.0.1", host), token });
    await until(page, "hub.status.kind === 'live'");
    return page;
  };
  return { server, context, tab };
}

/**
 * Waits until something is so in a page.
 * @param {Page} page
 * @param {string} expression over `hub`, `told` and `statuses`
 */
async function until(page, expression) {
  await page.waitForFunction(expression);
}

/** How many connections the hub has. @param {TestHub} server */
async function connections(server) {
  const { connections } = await server.ask("GET", "/api/connections");
  return connections.length;
}

/**
 * Waits until the hub has so many connections.
 * @param {TestHub} server
 * @param {number} wanted
 */
async function untilConnections(server, wanted) {
  const end = Date.now() + BOUND_MS;
  while ((await connections(server)) !== wanted) {
    assert.ok(Date.now() < end, `the hub has not ${wanted} connections`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** @param {TestHub} server @param {number} progress */
function setProgress(server, progress) {
  return server.ask("POST", "/api/system/status", { progress });
}

test("tabs share one connection, which outlives each of them and ends with the last", BOUNDED, async (t) => {
  const { server, tab } = await start(t);
  const [one, two] = [await tab(), await tab()];
  assert.equal(await connections(server), 1);
  await setProgress(server, 10);
  for (const page of [one, two]) await until(page, "hub.state.system.progress === 10");
  assert.ok(await two.evaluate("hub.health.shared"));
  await until(two, "hub.health.verified === 'verified'");
  const result = await two.evaluate("hub.command('approve P7')");
  assert.equal(/** @type {any} */ (result).target, "P7");
  await until(one, "told.length === 2");
  await one.close();
  await setProgress(server, 30);
  await until(two, "hub.state.system.progress === 30");
  assert.deepEqual(await two.evaluate("told"), [1, 2, 3]);
  assert.equal(await connections(server), 1);
  await two.close();
  await untilConnections(server, 0);
});

test("a tab that crashes takes no other with it", BOUNDED, async (t) => {
  const { server, context, tab } = await start(t);
  const [one, two] = [await tab(), await tab()];
  await setProgress(server, 10);
  await until(two, "hub.state.system.progress === 10");
  const crashed = one.waitForEvent("crash");
  const session = await context.newCDPSession(one);
  session.send("Page.crash").catch(() => {});
  await crashed;
  await setProgress(server, 20);
  await until(two, "hub.state.system.progress === 20 && hub.status.kind === 'live'");
  assert.deepEqual(await two.evaluate("told"), [1, 2]);
  await two.close();
  await untilConnections(server, 0);
});

test("when the worker is ended the tabs go on, and miss nothing", BOUNDED, async (t) => {
  const { server, context, tab } = await start(t);
  const [one, two] = [await tab(), await tab()];
  await setProgress(server, 10);
  for (const page of [one, two]) await until(page, "hub.state.system.progress === 10");
  const sessions = await Promise.all([one, two].map((page) => page.evaluate("hub.health.sessionId")));
  const browser = context.browser();
  assert.ok(browser);
  const session = await browser.newBrowserCDPSession();
  const { targetInfos } = await session.send("Target.getTargets");
  const worker = targetInfos.find(({ type }) => type === "shared_worker");
  assert.ok(worker, "there is a worker");
  await session.send("Target.closeTarget", { targetId: worker.targetId });
  for (let progress = 20; progress < 30; progress += 1) await setProgress(server, progress);
  for (const page of [one, two]) {
    await until(page, "hub.state.system.progress === 29 && hub.status.kind === 'live'");
    assert.deepEqual(await page.evaluate("told"), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert.ok(await page.evaluate("hub.health.shared"));
    assert.ok(!sessions.includes(await page.evaluate("hub.health.sessionId")), "it is another worker");
  }
  assert.equal(await connections(server), 1);
});

test("every tab sees the hub go, and come back with nothing missed", BOUNDED, async (t) => {
  const { server, tab } = await start(t);
  const [one, two] = [await tab(), await tab()];
  await setProgress(server, 10);
  await server.kill();
  for (const page of [one, two]) await until(page, "hub.status.kind === 'reconnecting'");
  const command = two.evaluate("hub.command('approve P7')");
  await server.start();
  await setProgress(server, 20);
  for (const page of [one, two]) {
    await until(page, "told.length === 3 && hub.status.kind === 'live'");
    assert.deepEqual(await page.evaluate("[told, hub.state.system.progress, hub.health.resyncs]"), [[1, 2, 3], 20, 0]);
  }
  await command;
});

test("a page that comes out of the back/forward cache, or is loaded again, is live", BOUNDED, async (t) => {
  const { server, tab } = await start(t);
  const page = await tab();
  await page.evaluate("globalThis.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))");
  await untilConnections(server, 0);
  await setProgress(server, 10);
  await page.evaluate("globalThis.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
  await until(page, "hub.state.system.progress === 10 && hub.status.kind === 'live'");
  assert.deepEqual(await page.evaluate("told"), [1]);
});

test("where the page's policy allows no worker each tab has its own connection", BOUNDED, async (t) => {
  const { server, tab } = await start(t, { workers: "'none'" });
  const [one, two] = [await tab(), await tab()];
  assert.equal(await connections(server), 2);
  await setProgress(server, 10);
  for (const page of [one, two]) {
    await until(page, "hub.state.system.progress === 10");
    assert.equal(await page.evaluate("hub.health.shared"), false);
  }
});

test("a tab that is stuck for a while is sent what fits, and then the state in place of the rest", BOUNDED, async (t) => {
  const { server, tab } = await start(t);
  const [one, two] = [await tab(), await tab()];
  await one.evaluate((url) => {
    // Nothing else runs in this tab until the hub has all changes.
    const stuck = () => {
      const request = new XMLHttpRequest();
      do {
        request.open("GET", `${url}/api/state`, false);
        request.send();
      } while (JSON.parse(request.responseText).seq < 60);
    };
    setTimeout(stuck, 0);
  }, server.url);
  const title = "x".repeat(100_000);
  for (let count = 1; count <= 60; count += 1) {
    await server.ask("PUT", "/api/items/priorities/P1", { id: "P1", title: title + count });
  }
  for (const page of [one, two]) await until(page, "hub.seq === 60 && hub.status.kind === 'live'");
  await setProgress(server, 10);
  for (const page of [one, two]) await until(page, "hub.state.system.progress === 10 && hub.seq === 61");
  const told = /** @type {number[]} */ (await one.evaluate("told"));
  t.diagnostic(`the stuck tab was told ${told.length} of 61 changes, and the state in place of the others`);
  assert.ok(told.length < 61);
  assert.deepEqual(told, [...new Set(told)].sort((a, b) => a - b));
});

test("a page that is no secure context has all but the check of its copy", BOUNDED, async (t) => {
  const { server, tab } = await start(t, { host: "hub.test" });
  const [one, two] = [await tab(), await tab()];
  assert.deepEqual(await one.evaluate("[isSecureContext, typeof navigator.locks, typeof crypto.subtle]"), [
    false,
    "undefined",
    "undefined",
  ]);
  assert.equal(await connections(server), 1);
  await one.evaluate("hub.command('approve P7')");
  await until(two, "told.length === 1");
  await until(two, "hub.health.asOf !== null && hub.health.verified === 'unknown'");
  await one.close();
  await setProgress(server, 10);
  await until(two, "hub.state.system.progress === 10");
  await two.close();
  await untilConnections(server, 0);
});

test("a browser that loses its network says so at once, and is back as soon as it has one", BOUNDED, async (t) => {
  const { context, tab } = await start(t, { host: "hub.test", workers: "'none'" });
  const page = await tab();
  await context.setOffline(true);
  await until(page, "statuses.at(1) === 'offline'");
  await context.setOffline(false);
  await until(page, "hub.status.kind === 'live'");
});

test("tabs with one token share a connection that a revoked token ends, and go on with another one", BOUNDED, async (t) => {
  const { server, tab } = await start(t, { environment: REQUIRED });
  const admin = await Admin.first(server);
  const made = (/** @type {string} */ name) => admin.ask("POST", "/api/tokens", { name, role: "operator" });
  const [one, two] = [await made("one"), await made("two")];
  const tabs = [await tab(one.token), await tab(one.token), await tab(two.token)];
  const actors = async () => (await admin.ask("GET", "/api/connections")).connections.map((/** @type {{ actor: string }} */ { actor }) => actor).sort();
  assert.deepEqual(await actors(), ["one", "two"]);
  for (const page of tabs) assert.ok(await page.evaluate("hub.health.shared"));
  await admin.ask("DELETE", "/api/tokens/one");
  for (const page of tabs.slice(0, 2)) await until(page, "hub.status.kind === 'refused' && hub.status.code === 4401");
  assert.equal(await tabs[2].evaluate("hub.status.kind"), "live");
  const { token } = await made("three");
  for (const page of tabs.slice(0, 2)) await page.evaluate((token) => void (/** @type {any} */ (globalThis).shown.token = token), token);
  await tabs[0].evaluate("hub.reconnect()");
  for (const page of tabs) await until(page, "hub.status.kind === 'live'");
  assert.deepEqual(await actors(), ["three", "two"]);
});
