/** A hub that watches a real service: its trouble is seen, decided about and told. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

import { BOUNDED, startDesk, until } from "./helpers/desk.js";
import { line, post, receiving } from "./helpers/logs.js";
import { Service } from "./helpers/service.js";

const run = promisify(execFile);

/** A gateway's tile. @param {Page} page @param {string} name */
const tile = (page, name) => page.locator(".tile").filter({ has: page.getByRole("button", { name, exact: true }) });

/** Opens what is known of a gateway. @param {Page} page @param {string} name */
async function open(page, name) {
  await tile(page, name).getByRole("button", { name, exact: true }).click();
  const dialog = page.getByRole("dialog", { name });
  await dialog.waitFor();
  return dialog;
}

/**
 * A desk whose hub watches a service; its recovery, once it is approved, starts the service again.
 * @param {import("node:test").TestContext} t
 */
async function startWatching(t) {
  const service = await Service.start(t);
  const healer = await Service.start(t);
  healer.asked = () => void service.run();
  const config = `
gateways:
  - id: shop
    gateway_type: http
    probe: { kind: http, url: "${service.url}" }
    interval_ms: 500
    timeout_ms: 500
    unhealthy_after: 2
    healthy_after: 1
    maintenance: [{ days: [mon], from: "02:00", to: "02:01" }]
    metadata: { team: orders }
    recovery: { command: ["curl", "-s", "${healer.url}"], attempts: 2, backoff_ms: 10000, require_approval: true }
`;
  const started = await startDesk(t, { config });
  await tile(started.page, "shop").locator('.badge[data-status="HEALTHY"]').waitFor();
  return { ...started, service };
}

test("a service that goes down is seen to, once somebody approves, and the dialog tells the story", BOUNDED, async (t) => {
  const { page, service } = await startWatching(t);
  await service.stop();
  await tile(page, "shop").locator('.badge[data-status="DISCONNECTED"], .badge[data-status="UNHEALTHY"]').waitFor();
  await tile(page, "shop").getByText("Its recovery waits for approval").waitFor();
  const dialog = await open(page, "shop");
  await dialog.getByText("Its recovery waits for somebody to approve it.").waitFor();
  await dialog.getByTestId("last-check").getByText(/wrong \(/).waitFor();
  await dialog.getByText("2:00 to 02:01").waitFor();
  await dialog.getByText("orders", { exact: true }).waitFor();
  await dialog.getByRole("button", { name: "Approve the recovery" }).click();
  await dialog.locator(".fields .badge[data-status='HEALTHY']").first().waitFor();
  await dialog.locator(".story li").first().getByText(/recovery succeeded|healthy/i).waitFor();
  await dialog.getByTestId("last-check").getByText("right").waitFor();
  const story = (await dialog.locator(".story li .story-text").allTextContents()).reverse().map((text) => text.trim());
  const steps = ["recovery asked for", "recovery waits for approval", "recovery approved", "recovery started, attempt 1", "recovery succeeded, attempt 1"];
  assert.deepEqual(story.filter((text) => text.startsWith("recovery")), steps);
  assert.match((await dialog.locator(".story li").filter({ hasText: "recovery approved" }).textContent()) ?? "", /127\.0\.0\.1/, "who approved it");
  const statuses = story.filter((text) => !text.startsWith("recovery")).map((text) => text.split(" ")[0]);
  assert.deepEqual(statuses.slice(0, 2), ["UNKNOWN", "HEALTHY"]);
  assert.match(statuses[2], /^(UNHEALTHY|DISCONNECTED)$/);
  assert.deepEqual([statuses.includes("RECOVERING"), statuses.at(-1)], [true, "HEALTHY"]);
});

test("a recovery that is rejected does not run, and may be asked for again", BOUNDED, async (t) => {
  const { page, service } = await startWatching(t);
  await service.stop();
  const dialog = await open(page, "shop");
  await dialog.getByRole("button", { name: "Reject" }).click();
  await dialog.locator(".story").getByText("recovery rejected").waitFor();
  await dialog.getByRole("button", { name: "Recover again" }).click();
  await dialog.locator(".fields .badge[data-status='HEALTHY']").first().waitFor();
});

test("a pause is made and ended where the gateway is shown", BOUNDED, async (t) => {
  const { page } = await startWatching(t);
  const dialog = await open(page, "shop");
  await dialog.getByRole("button", { name: "Pause" }).click();
  await dialog.getByText("Somebody paused it").waitFor();
  await dialog.locator(".fields .badge[data-status='PAUSED']").first().waitFor();
  await dialog.getByRole("button", { name: "Resume" }).click();
  await dialog.locator(".fields .badge[data-status='HEALTHY']").first().waitFor();
  assert.equal(await dialog.getByText("Somebody paused it").count(), 0);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).fill("pause ");
  await page.getByRole("option", { name: /pause shop/ }).waitFor();
});

test("latencies are drawn while they are seen, and asked for only then", BOUNDED, async (t) => {
  const { hub, page } = await startWatching(t);
  const points = () => tile(page, "shop").locator(".sparkline path").getAttribute("d");
  await tile(page, "shop").locator(".sparkline path").waitFor();
  const before = (await points())?.match(/[ML]/g)?.length ?? 0;
  await until(page, (known) => (document.querySelector(".tile .sparkline path")?.getAttribute("d")?.match(/[ML]/g)?.length ?? 0) > known, before);
  await tile(page, "shop").locator(".tile-ms").getByText(/\d ms$/).waitFor();
  const asks = async () => (await hub.ask("GET", "/api/connections")).connections[0].topics.includes("latency");
  assert.equal(await asks(), true);
  await page.getByRole("link", { name: "Connections" }).click();
  await page.locator(".connections .panel").waitFor();
  while (await asks());
});

test("its past is told over four windows", BOUNDED, async (t) => {
  const { page } = await startWatching(t);
  const dialog = await open(page, "shop");
  const rows = dialog.locator(".history tbody tr");
  await rows.first().waitFor();
  assert.deepEqual(await rows.locator("th").allTextContents(), ["1 hour", "24 hours", "7 days", "30 days"]);
  const cells = await rows.first().locator("td").allTextContents();
  assert.match(cells[0], /^[\d.]+ %$/);
  // A machine that is slow enough fails a check now and then.
  assert.ok(Number(cells[1]) > Number(cells[2]), "checks and failures");
  for (const cell of cells.slice(3)) assert.match(cell, /^[\d,.]+ ms$/);
});

test("the lines of a service are one click from its gateway", BOUNDED, async (t) => {
  const { hub, page } = await startWatching(t);
  await post(hub, [{ level: "DEBUG", source: "shop.web", message: "of the shop" }, { source: "other", message: "of another" }]);
  const dialog = await open(page, "shop");
  await dialog.getByRole("link", { name: "Its log lines" }).click();
  await receiving(page);
  await line(page, "of the shop");
  assert.equal(await page.locator(".log-message").count(), 1);
  assert.equal(await page.getByRole("searchbox", { name: "Source" }).inputValue(), "shop");
});

test("without gateways the panel offers a command that registers one", BOUNDED, async (t) => {
  const { page } = await startDesk(t);
  const panel = page.locator('.panel[data-area="gw"]');
  const command = await panel.locator(".snippet code").textContent();
  assert.ok(command);
  await run("sh", ["-c", command]);
  await tile(page, "hub").locator('.badge[data-status="HEALTHY"]').waitFor();
  await panel.getByText("1 of 1 healthy").waitFor();
});
