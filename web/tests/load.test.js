/** Many changes a second leave the page at hand. */

/** @import { Page } from "playwright-core" */
/** @import { TestHub } from "../client/test/helpers/hub.js" */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import WebSocket from "ws";

import { BOUNDED, live, startDesk, until } from "./helpers/desk.js";
import { line, post, receiving } from "./helpers/logs.js";
import { installMeter, readMeter, startMeter } from "./helpers/meter.js";
import { scene } from "./helpers/scene.js";

const RATE = 500;
const SECONDS = 5;
const CONNECTIONS = 8;
/** A step of the feeder, in milliseconds. */
const STEP_MS = 20;
const NO_LIMIT = "limits:\n  messages_per_second: 100000\n  messages_burst: 100000\n";
/** Half is promised; a machine that does other things as well is not what is tested. */
const SHARE_MAX = 0.8;

/** Decides priorities, so many times a second; tells how many it were. @param {TestHub} hub */
async function feed(hub) {
  const sockets = Array.from({ length: CONNECTIONS }, () => new WebSocket(`${hub.url.replace("http", "ws")}/ws?topics=health`, "opshub.v1"));
  /** @type {Promise<void>} */
  const answered = new Promise((resolve, reject) => {
    let left = RATE * SECONDS;
    for (const socket of sockets) {
      socket.on("error", reject);
      socket.on("message", (text) => {
        left -= Number(JSON.parse(String(text)).type === "command_result");
        if (left === 0) resolve();
      });
    }
  });
  await Promise.all(sockets.map((socket) => once(socket, "open")));
  const began = performance.now();
  let sent = 0;
  while (sent < RATE * SECONDS) {
    const due = Math.min(RATE * SECONDS, Math.ceil(((performance.now() - began) / 1000) * RATE));
    for (; sent < due; sent += 1) {
      const verb = Math.floor(sent / 20) % 2 === 0 ? "approve" : "reject";
      sockets[sent % CONNECTIONS].send(JSON.stringify({ type: "command", data: { command: `${verb} B${sent % 20}` }, request_id: String(sent) }));
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  await answered;
  const seconds = (performance.now() - began) / 1000;
  for (const socket of sockets) socket.terminate();
  return sent / seconds;
}

for (const view of ["/#/", "/#/activity"]) {
  test(`${RATE} changes a second, ${view}`, BOUNDED, async (t) => {
    const state = scene();
    for (let index = 0; index < 20; index += 1) state.priorities.push({ id: `B${index}`, title: `Decision ${index}` });
    const { desk, hub } = await startDesk(t, { config: NO_LIMIT, state });
    const context = await desk.person();
    await installMeter(context);
    const page = await desk.open(context, view);
    await live(page);
    await startMeter(page);
    const rate = await feed(hub);
    const { seq } = await hub.ask("GET", "/api/state");
    await sawAll(page, seq);
    const { elapsedMs, longTaskShare, frames, renders, busiestFrame } = await readMeter(page);
    const changes = RATE * SECONDS;
    t.diagnostic(
      `${changes} changes at ${rate.toFixed(0)}/s: ${(100 * longTaskShare).toFixed(1)} % of ${elapsedMs.toFixed(0)} ms in long tasks, ` +
        `${renders} renders in ${frames} frames, at most ${busiestFrame} in one`,
    );
    assert.ok(longTaskShare < SHARE_MAX, `${longTaskShare} of the time in long tasks`);
    assert.ok(renders < changes / 3, `${renders} renders for ${changes} changes`);
    // The clock and what is measured after a render draw, too, but not for each change.
    assert.ok(renders <= 2 * frames, `${renders} renders in ${frames} frames`);
  });
}

/** Waits until the page shows the newest change. @param {Page} page @param {number} seq */
async function sawAll(page, seq) {
  await until(page, (newest) => document.querySelector(`.event[data-seq="${newest}"], .latest a[href$="seq=${newest}"]`) !== null, seq);
}

const LINES = 2_000;
const LINES_STEP_MS = 50;

test(`${LINES} log lines a second, /#/logs`, BOUNDED, async (t) => {
  const { desk, hub } = await startDesk(t);
  const context = await desk.person();
  await installMeter(context);
  const page = await desk.open(context, "/#/logs?source=load");
  await receiving(page);
  await startMeter(page);
  const began = performance.now();
  let sent = 0;
  while (sent < LINES * SECONDS) {
    const due = Math.min(LINES * SECONDS, Math.ceil(((performance.now() - began) / 1000) * LINES));
    const count = due - sent;
    await post(hub, Array.from({ length: count }, (_, index) => ({ source: `load.${index % 7}`, message: `line ${sent + index + 1}`, metadata: { index } })));
    sent = due;
    await new Promise((resolve) => setTimeout(resolve, LINES_STEP_MS));
  }
  const rate = sent / ((performance.now() - began) / 1000);
  await line(page, `line ${sent}`);
  const { elapsedMs, longTaskShare, frames, renders, busiestFrame } = await readMeter(page);
  t.diagnostic(
    `${sent} lines at ${rate.toFixed(0)}/s: ${(100 * longTaskShare).toFixed(1)} % of ${elapsedMs.toFixed(0)} ms in long tasks, ` +
      `${renders} renders in ${frames} frames, at most ${busiestFrame} in one, ${await page.getByTestId("line-count").textContent()} shown`,
  );
  assert.ok(longTaskShare < SHARE_MAX, `${longTaskShare} of the time in long tasks`);
  assert.ok(renders <= 2 * frames, `${renders} renders in ${frames} frames`);
});
