/** Services are seen as tiles: how they are, since when, and how fast. */

/** @import { BrowserContext, Page } from "playwright-core" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BOUNDED, startDesk } from "./helpers/desk.js";
import { hours, scene } from "./helpers/scene.js";

const HOSTILE = `<img src=x onerror="globalThis.ran = 1">`;

/** Gateways as the hub writes them; nobody else may. */
function gateways() {
  return {
    ctp_main: { gateway_type: "ctp", status: "HEALTHY", since: hours(-3), message: null, metadata: { version: "6.7" } },
    mqtt: { gateway_type: "mqtt", status: "UNHEALTHY", since: hours(-0.04), message: "connection refused", metadata: {} },
    [HOSTILE]: { gateway_type: HOSTILE, status: "DEGRADED", since: "soon", message: `javascript:ran=1 ${"W".repeat(9000)}`, metadata: { [HOSTILE]: HOSTILE } },
    constructor: { gateway_type: "x", status: "__proto__", since: null, message: null, metadata: null },
  };
}

/**
 * Lets a person's pages see gateways, with latencies, as if the hub watched services.
 * @param {BrowserContext} context
 */
async function withGateways(context) {
  // Only a connection of the page's own passes through here.
  await context.addInitScript(() => Reflect.deleteProperty(globalThis, "SharedWorker"));
  /** @type {(frame: object) => void} */
  let send = () => {};
  await context.routeWebSocket(/\/ws/, (page) => {
    const server = page.connectToServer();
    send = (frame) => page.send(JSON.stringify(frame));
    server.onMessage((text) => {
      const frame = JSON.parse(String(text));
      if (frame.type === "state") frame.data.state.gateways = gateways();
      // Its hash is of the state without them.
      if (frame.type === "heartbeat") delete frame.data.state_hash;
      page.send(JSON.stringify(frame));
    });
  });
  const report = { origin: "configured", definition: { probe: { kind: HOSTILE, url: HOSTILE }, interval_ms: 1e9, maintenance: [{ days: [HOSTILE], from: HOSTILE, to: null }] },
    last_check: { at: "soon", ok: false, latency_ms: 1e300, message: HOSTILE, error_kind: HOSTILE } };
  // The hub itself does not know them.
  await context.route(/\/api\/gateways\//, (route) => route.fulfill({ json: route.request().url().endsWith("/history") ? { windows: { "1h": { uptime: null, checks: 1, failures: 0, latency: null } } } : report }));
  return (/** @type {string} */ id, /** @type {number | null} */ ms) => {
    const latency_ms = Object.fromEntries([[id, ms]]);
    send({ type: "gateway_latency", timestamp: new Date().toISOString(), data: { latency_ms } });
  };
}

/** A gateway's tile. @param {Page} page @param {string} name */
const tile = (page, name) => page.locator(".tile").filter({ has: page.getByRole("button", { name, exact: true }) });

test("tiles show status, since when and latency, those in trouble first, and open", BOUNDED, async (t) => {
  const { desk } = await startDesk(t, { state: scene() });
  const context = await desk.person();
  const latency = await withGateways(context);
  const page = await desk.open(context);
  await tile(page, "mqtt").waitFor();
  const names = await page.locator(".tile-name").allTextContents();
  assert.deepEqual(names, ["mqtt", HOSTILE, "ctp_main", "constructor"]);
  await tile(page, "mqtt").getByText("connection refused").waitFor();
  await tile(page, "mqtt").getByText("2 min ago").waitFor();
  await page.locator('.panel[data-area="gw"]').getByText("1 of 4 healthy").waitFor();

  for (const ms of [3, 4, null, 8, 3.4]) latency("ctp_main", ms);
  await tile(page, "ctp_main").getByText("3.4 ms").waitFor();
  await tile(page, "ctp_main").locator("svg path, svg polyline, canvas").first().waitFor();
  await page.getByRole("button", { name: "ctp_main" }).click();
  const dialog = page.getByRole("dialog", { name: "ctp_main" });
  await dialog.getByText("6.7").waitFor();
  await dialog.locator("canvas").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});

test("hostile gateways are text", BOUNDED, async (t) => {
  const { desk } = await startDesk(t, { state: scene() });
  for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
    const context = await desk.person({ viewport });
    const latency = await withGateways(context);
    const page = await desk.open(context);
    latency(HOSTILE, 1e300);
    latency("__proto__", 1);
    latency("constructor", -5);
    await page.getByRole("button", { name: HOSTILE }).click();
    await page.getByRole("dialog").waitFor();
    const found = await page.evaluate(() => ({
      ran: /** @type {any} */ (globalThis).ran,
      images: document.querySelectorAll("main img, dialog img").length,
      wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    }));
    assert.deepEqual(found, { ran: undefined, images: 0, wide: false });
  }
});
