/**
 * Takes a picture of each view, light and dark, at a desk, on a phone and on a wall, of a hub that the demo feeds.
 *
 *   npm run shots -- FOLDER
 *
 * The hub is `OPSHUB_BIN`, the demo `DEMO_BIN`; by default those of a debug build.
 */

/** @import { Browser, Page } from "playwright-core" */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { Admin, PASSWORD, REQUIRED } from "../client/test/helpers/admin.js";
import { TestHub } from "../client/test/helpers/hub.js";
import { launch } from "./helpers/browser.js";
import { post } from "./helpers/logs.js";
import { Service } from "./helpers/service.js";
import { noonZone } from "./helpers/zone.js";

const DEMO = process.env.DEMO_BIN ?? fileURLToPath(new URL("../../target/debug/examples/demo", import.meta.url));
/** So many steps of the demo make a day that looks lived in. */
const STEPS = 60;

const DESK = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const WALL = { viewport: { width: 1920, height: 1080 } };

/** @type {{ name: string, hash: string, screens: Record<string, object>, prepare?: (page: Page) => Promise<unknown> }[]} */
const SHOTS = [
  { name: "overview", hash: "#/", screens: { desk: DESK, phone: PHONE, tablet: { viewport: { width: 820, height: 1180 } } } },
  { name: "activity", hash: "#/activity", screens: { desk: DESK, phone: PHONE }, prepare: (page) => page.locator(".event").first().waitFor() },
  { name: "change", hash: "#/activity", screens: { desk: DESK, phone: PHONE }, prepare: openChange },
  { name: "logs", hash: "#/logs", screens: { desk: DESK, phone: PHONE }, prepare: (page) => page.locator(".log").first().waitFor() },
  { name: "line", hash: "#/logs", screens: { desk: DESK, phone: PHONE }, prepare: openLine },
  { name: "no-lines", hash: "#/logs?source=nobody", screens: { desk: DESK, phone: PHONE }, prepare: (page) => page.locator(".snippet").first().waitFor() },
  { name: "gateway", hash: "#/", screens: { desk: DESK, phone: PHONE }, prepare: openGateway },
  { name: "connections", hash: "#/connections", screens: { desk: DESK, phone: PHONE }, prepare: (page) => page.locator("tbody tr").first().waitFor() },
  { name: "past", hash: "#/?at=40", screens: { desk: DESK, phone: PHONE }, prepare: (page) => page.getByTestId("past").getByText(/State after/).waitFor() },
  { name: "palette", hash: "#/", screens: { desk: DESK, phone: PHONE }, prepare: openPalette },
  { name: "wall", hash: "#/?wall", screens: { wall: WALL } },
];

const folder = process.argv[2];
if (!folder) {
  console.error("name the folder that the pictures go to: npm run shots -- FOLDER");
  process.exit(2);
}
/** @param {string} folder */
async function main(folder) {
  await mkdir(folder, { recursive: true });
  /** @type {(() => unknown)[]} */
  const endings = [];
  const owner = /** @type {any} */ ({ after: (/** @type {() => unknown} */ ending) => endings.unshift(ending) });
  try {
    const service = await Service.start(owner);
    const hub = await TestHub.start(owner, gateways(service.url));
    await service.stop();
    await liveADay(hub.url);
    await post(hub, LINES);
    const browser = await launch();
    endings.unshift(() => browser.close());
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      for (const shot of SHOTS) {
        for (const [screen, options] of Object.entries(shot.screens)) {
          const path = join(folder, `${shot.name}-${screen}-${colorScheme}.png`);
          await take(browser, `${hub.url}/${shot.hash}`, { ...options, colorScheme }, path, shot.prepare);
          console.log(path);
        }
      }
    }
    const empty = await TestHub.start(owner);
    for (const [screen, options] of Object.entries({ desk: DESK, phone: PHONE })) {
      const path = join(folder, `empty-${screen}-light.png`);
      await take(browser, empty.url, options, path, (page) => page.locator(".empty").first().waitFor());
      console.log(path);
    }
    await takeGuarded(owner, browser, folder);
    const path = join(folder, "stale-desk-light.png");
    await take(browser, hub.url, DESK, path, async (page) => {
      await hub.kill();
      await page.getByTestId("stale").waitFor();
    });
    console.log(path);
  } finally {
    for (const ending of endings) await ending();
  }
}

/**
 * Takes the pictures of a hub that wants to know everybody.
 * @param {any} owner
 * @param {Browser} browser
 * @param {string} folder
 */
async function takeGuarded(owner, browser, folder) {
  const hub = await TestHub.start(owner, "", REQUIRED);
  const setUp = hub.setupLink;
  for (const [screen, options] of Object.entries({ desk: DESK, phone: PHONE })) {
    const page = await (await browser.newContext({ ...options, locale: "en-GB", reducedMotion: "reduce" })).newPage();
    const shoot = async (/** @type {string} */ name) => {
      const path = join(folder, `${name}-${screen}-light.png`);
      await page.screenshot({ path });
      console.log(path);
    };
    await page.goto(setUp);
    await page.getByTestId("door").waitFor();
    await shoot(screen === "desk" ? "set-up" : "sign-in");
    const admin = await (screen === "desk" ? Admin.first(hub) : Admin.signIn(hub, "ana@example.com"));
    if (screen === "desk") {
      await admin.add("vi@example.com", "viewer");
      await admin.ask("POST", "/api/tokens", { name: "slack-bot", role: "operator", topics: ["state", "gateways"] });
    }
    await page.reload();
    await page.getByLabel("E-mail address").fill("ana@example.com");
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByTestId("account").click();
    await shoot("account");
    for (const part of ["tokens", "people", "sessions", "audit"]) {
      await page.goto(`${hub.url}/#/admin?part=${part}`);
      await page.locator("tbody tr").first().waitFor();
      await shoot(`admin-${part}`);
    }
    await page.context().close();
  }
}

/** Services in every condition; the one that was at `url` is down, and its recovery waits. @param {string} url */
const gateways = (url) => `
gateways:
  - { id: hub, gateway_type: http, probe: { kind: tcp, address: "127.0.0.1:1" }, interval_ms: 60000, unhealthy_after: 3 }
  - id: shop
    gateway_type: http
    probe: { kind: http, url: "${url}" }
    interval_ms: 500
    recovery: { command: ["/bin/true"], require_approval: true }
    metadata: { team: orders }
  - { id: disk, gateway_type: host, probe: { kind: command, command: ["/bin/sh", "-c", "echo 43 % used"] }, interval_ms: 500 }
  - { id: slow, gateway_type: host, probe: { kind: command, command: ["/bin/sh", "-c", "sleep 0.05"] }, interval_ms: 500, degraded_over_ms: 20 }
  - { id: mail, gateway_type: smtp, probe: { kind: push }, interval_ms: 600000, maintenance: [{ from: "00:00", to: "24:00" }] }
`;

const WORDS = ["GET /orders 200 in 12 ms", "order taken", "mailbox read", "disk is 91 % full", "payment declined, trying again"];
const LINES = Array.from({ length: 200 }, (_, index) => ({
  level: ["INFO", "INFO", "DEBUG", "WARN", "ERROR"][(index * 7) % 5], source: ["shop.web", "shop.orders", "collector.mail", "cron"][(index * 3) % 4],
  message: WORDS[(index * 7) % 5], metadata: index % 3 === 0 ? {} : { order: 4200 + index, customer: `c-${index % 17}` },
}));

/** Lets the demo live a day. @param {string} url */
async function liveADay(url) {
  const args = ["--hub", url, "--speed", "1000", "--steps", String(STEPS)];
  const demo = spawn(DEMO, args, { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, TZ: noonZone() } });
  const [code] = await once(demo, "exit");
  if (code !== 0) throw new Error(`the demo ended with ${code}`);
}

/**
 * Takes one picture.
 * @param {Browser} browser
 * @param {string} url
 * @param {object} options
 * @param {string} path
 * @param {((page: Page) => Promise<unknown>) | undefined} prepare
 */
async function take(browser, url, options, path, prepare) {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: noonZone(), reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator('[data-testid="connection"][data-kind="live"]').waitFor();
  await page.locator("main > *").nth(1).waitFor();
  await prepare?.(page);
  await page.screenshot({ path });
  await context.close();
}

/** @param {Page} page */
async function openChange(page) {
  await page.locator(".event").nth(3).click();
  await page.locator(".detail-body dl").first().waitFor();
}

/** @param {Page} page */
async function openLine(page) {
  await page.locator('.log[data-level="ERROR"]').last().click();
  await page.locator(".log-fields, .detail-body .meta").first().waitFor();
}

/** @param {Page} page */
async function openGateway(page) {
  await page.getByRole("button", { name: "shop", exact: true }).click();
  await page.locator(".gateway-dialog .history").waitFor();
  await page.locator(".gateway-dialog .story li").first().waitFor();
}

/** @param {Page} page */
async function openPalette(page) {
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).fill("brief ");
}

await main(resolve(folder));
