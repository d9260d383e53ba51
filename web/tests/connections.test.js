/** Operators see who is connected, and who is slow. */

/** @import { Page } from "playwright-core" */
/** @import { Desk } from "./helpers/desk.js" */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import WebSocket from "ws";

import { BOUNDED, HUB_IS_AWAY, live, patch, startDesk } from "./helpers/desk.js";
import { scene } from "./helpers/scene.js";

/** A small outbox is soon full. */
const SMALL = "session:\n  outbox_bytes: 4096\n";

/**
 * Connects somebody.
 * @param {Desk} desk
 * @param {string} name
 * @param {{ protocol?: string, from?: string }} [options]
 */
async function somebody(desk, name, { protocol = "opshub.v1", from } = {}) {
  const socket = new WebSocket(`${desk.url.replace("http", "ws")}/ws`, protocol ? [protocol] : [], { headers: { "user-agent": name }, localAddress: from });
  desk.after(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

/** The row of a connection. @param {Page} page @param {string} text */
const row = (page, text) => page.locator("tbody tr").filter({ hasText: text });

test("everybody who is connected is listed, and this page knows itself", BOUNDED, async (t) => {
  const { desk, page } = await startDesk(t, { state: scene() });
  await live(page);
  await somebody(desk, "backup-bot/2");
  const guest = await somebody(desk, "old-wall/1", { protocol: "", from: "127.0.0.3" });
  await page.getByRole("link", { name: "Connections" }).click();
  await row(page, "backup-bot/2").getByText("opshub.v1").waitFor();
  await row(page, "old-wall/1").getByText("127.0.0.3", { exact: false }).first().waitFor();
  assert.equal(await page.locator("tbody tr").count(), 3);
  assert.match((await row(page, "this page").textContent()) ?? "", /Chrome \d+/);
  for (const name of ["State", "Who", "From", "Behind", "Queued", "Conflated"]) await page.getByRole("columnheader", { name }).waitFor();

  await page.getByRole("searchbox", { name: "Find a connection" }).fill("old-wall");
  await row(page, "backup-bot/2").waitFor({ state: "detached" });
  assert.equal(await page.locator("tbody tr").count(), 1);
  guest.close();
  await page.getByText("No connection matches").waitFor();
});

test("who takes nothing is told apart, with how far behind it is", BOUNDED, async (t) => {
  const { desk, hub, page } = await startDesk(t, { config: SMALL, state: scene() });
  const slow = await somebody(desk, "sleepy/1");
  // Reads nothing any more: what the hub sends stays with the hub.
  slow.pause();
  await page.getByRole("link", { name: "Connections" }).click();
  await row(page, "sleepy/1").waitFor();
  let sent = true;
  const filler = "x".repeat(200_000);
  const feeding = (async () => {
    for (let count = 0; sent; count += 1) await hub.ask("PUT", "/api/items/owe/C3", { title: `change ${count}`, filler: filler + count });
  })();
  const listed = page.locator('tbody tr:not([data-state="live"])').filter({ hasText: "sleepy/1" });
  await listed.waitFor();
  sent = false;
  await feeding;
  const behind = Number(await listed.locator('[data-label="Behind"]').textContent());
  const queued = await listed.locator('[data-label="Queued"]').textContent();
  assert.ok(behind > 0 || /[1-9]/.test(queued ?? ""), `behind by ${behind}, ${queued} queued`);
  assert.match((await page.locator("tbody tr").first().textContent()) ?? "", /sleepy/, "those in trouble come first");
  await page.locator('.panel[data-area="connections"] .panel-note').getByText("1 slow").waitFor();
});

test("an answer that is old does not look new", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { state: scene(), expects: HUB_IS_AWAY });
  await page.getByRole("link", { name: "Connections" }).click();
  await row(page, "this page").waitFor();
  await hub.kill();
  await page.getByText(/Not up to date: the hub cannot be reached\. As of/).waitFor();
  await hub.start();
  await page.getByText(/Not up to date/).waitFor({ state: "detached" });
  await patch(hub, { system: { progress: 1 } });
  await row(page, "this page").waitFor();
});
