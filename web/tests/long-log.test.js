/** A long log costs no more than a short one. */

/** @import { TestHub } from "../client/test/helpers/hub.js" */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import WebSocket from "ws";

import { BOUNDED, patch, startDesk, until } from "./helpers/desk.js";
import { scene } from "./helpers/scene.js";

const CHANGES = 3_000;
const CONNECTIONS = 8;
/** So many commands of each may be on their way to the hub at a time. */
const UNDER_WAY = 32;
/** The most elements that the activity may take; drawn in full it would take six for each event. */
const ELEMENTS_MAX = 1_200;
const NO_LIMIT = "limits:\n  messages_per_second: 1000000\n  messages_burst: 1000000\n";

/** Carries out commands on several connections, many under way at a time. @param {TestHub} hub @param {number} count */
async function flood(hub, count) {
  let left = count;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const socket = new WebSocket(`${hub.url.replace("http", "ws")}/ws?topics=health`, "opshub.v1");
    await once(socket, "open");
    let underWay = 0;
    /** @type {Promise<void>} */
    const done = new Promise((resolve, reject) => {
      const send = () => {
        for (; left > 0 && underWay < UNDER_WAY; left -= 1) {
          const verb = left % 2 === 0 ? "approve" : "reject";
          socket.send(JSON.stringify({ type: "command", data: { command: `${verb} P7` }, request_id: String(left) }));
          underWay += 1;
        }
        if (underWay === 0) resolve();
      };
      socket.on("message", (text) => {
        const { type, data } = JSON.parse(String(text));
        if (type === "error") reject(new Error(JSON.stringify(data)));
        if (type !== "command_result") return;
        underWay -= 1;
        send();
      });
      socket.on("error", reject);
      send();
    });
    await done;
    socket.close();
    await once(socket, "close");
  }));
}

test("thousands of events are read as the reader scrolls, and few are in the document", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { config: NO_LIMIT, state: scene() });
  const began = Date.now();
  await flood(hub, CHANGES);
  t.diagnostic(`${CHANGES} commands in ${Date.now() - began} ms`);
  /** @type {URL[]} */
  const asked = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.pathname === "/api/events") asked.push(url);
  });
  await page.goto(`${hub.url}/#/activity`);
  await page.reload();
  const list = page.getByTestId("events");
  await page.locator(`.event[data-seq="${CHANGES + 1}"]`).waitFor();
  assert.ok(asked.every(({ searchParams }) => Number(searchParams.get("limit")) <= 1_000));
  const first = Number((await page.getByTestId("event-count").textContent())?.replace(/\D/g, ""));
  assert.ok(first < CHANGES / 2, `${first} read before anybody scrolled`);

  // To the end, page by page, until nothing older is there.
  await list.focus();
  for (let seen = 0; ; ) {
    await page.keyboard.press("End");
    await until(page, (known) => {
      const rows = document.querySelectorAll(".event");
      const size = Number(rows[0]?.getAttribute("aria-setsize"));
      return size > known || rows[rows.length - 1]?.getAttribute("data-seq") === "1";
    }, seen);
    if ((await page.locator('.event[data-seq="1"]').count()) > 0) break;
    seen = Number(await page.locator(".event").first().getAttribute("aria-setsize"));
    const elements = await page.locator("main *").count();
    assert.ok(elements < ELEMENTS_MAX, `${elements} elements`);
  }
  await page.getByTestId("event-count").getByText(`${(CHANGES + 1).toLocaleString("en-GB")} changes`, { exact: true }).waitFor();
  const inSight = await page.locator(".event").evaluateAll((rows) => rows.map((row) => Number(row.getAttribute("data-seq"))));
  assert.deepEqual(inSight, inSight.map((_, index) => inSight[0] - index), "one after the other, without a gap");
  const elements = await page.locator("main *").count();
  t.diagnostic(`${elements} elements for ${CHANGES + 1} events`);
  assert.ok(elements < ELEMENTS_MAX, `${elements} elements`);

  // Whoever reads old events is not pushed about by new ones.
  const before = await page.locator(".event").evaluateAll((rows) => rows.map((row) => row.getAttribute("data-seq")));
  await patch(hub, { system: { progress: 10 } });
  await page.getByRole("button", { name: "1 new, jump to live" }).waitFor();
  const after = await page.locator(".event").evaluateAll((rows) => rows.map((row) => row.getAttribute("data-seq")));
  assert.deepEqual(after, before);
  await page.getByRole("button", { name: "1 new, jump to live" }).click();
  await page.locator(`.event[data-seq="${CHANGES + 2}"]`).waitFor();
});

test("a rare event far back is found by its type without reading the whole log", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { config: NO_LIMIT, state: scene() });
  await flood(hub, CHANGES);
  await page.goto(`${hub.url}/#/activity?type=state_change`);
  await page.reload();
  await page.locator('.event[data-seq="1"]').waitFor();
  assert.equal(await page.locator(".event").count(), 1);
});
