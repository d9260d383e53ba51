import assert from "node:assert/strict";
import { test } from "node:test";

import { Hub } from "../src/hub.js";
import { fakeBrowser, settled } from "./helpers/browser.js";
import { answerPings, change, EMPTY, progressTo, sentOf, stateFrame, welcome } from "./helpers/client.js";
import { FakeClock } from "./helpers/clock.js";
import { FakeEnvironment } from "./helpers/environment.js";
import { fakeSockets } from "./helpers/socket.js";

const RESULT = { action: "approve", target: "P7", success: true, applied: true, message: "m", seq: 1 };

/**
 * Collects the numbers of the changes that a tab is told.
 * @param {Hub} hub
 */
function changes(hub) {
  /** @type {number[]} */
  const told = [];
  hub.on("change", ({ seq }) => told.push(seq));
  return told;
}

/**
 * Lets time pass with a hub and a worker that answer.
 * @param {ReturnType<typeof fakeBrowser>} browser
 * @param {number} seconds
 */
async function live(browser, seconds) {
  const { network } = browser;
  for (let second = 0; second < seconds; second += 1) {
    browser.advance(1_000);
    await settled();
    if (network.last && !network.last.ended) answerPings(network.last);
    await settled();
  }
}

test("all tabs see every change over one connection, also those that come later", async () => {
  const browser = fakeBrowser();
  const first = browser.tab();
  const told = changes(first.hub);
  await settled();
  const socket = welcome(browser.network);
  socket.receive(progressTo(1, 10));
  await settled();
  assert.equal(first.hub.status.kind, "live");
  const second = browser.tab();
  const toldToo = changes(second.hub);
  await settled();
  socket.receive(progressTo(2, 20));
  await settled();
  for (const { hub } of [first, second]) {
    assert.deepEqual([hub.status.kind, hub.seq, hub.epoch, hub.state?.system.progress], ["live", 2, "e1", 20]);
    assert.ok(hub.health.shared);
    assert.equal(hub.health.sessionId, "s1");
  }
  assert.deepEqual([told, toldToo], [[1, 2], [2]]);
  assert.equal(browser.network.sockets.length, 1);
});

test("a tab is not live before it has the state", async () => {
  const browser = fakeBrowser();
  for (let count = 0; count < 2; count += 1) {
    const { hub } = browser.tab();
    hub.on("status", ({ kind }) => assert.ok(kind !== "live" || hub.state !== null));
    await settled();
    if (count === 0) welcome(browser.network);
    await settled();
    assert.equal(hub.status.kind, "live");
  }
});

test("what is not the same connection is not shared", async () => {
  const browser = fakeBrowser();
  browser.tab();
  browser.tab({ topics: ["state"] });
  browser.tab({ url: "ws://other.example/ws" });
  await settled();
  assert.equal(browser.network.sockets.length, 3);
});

test("a command is answered in its own tab alone", async () => {
  const browser = fakeBrowser();
  const [one, two] = [browser.tab(), browser.tab()];
  await settled();
  const socket = welcome(browser.network);
  await settled();
  const results = [one.hub.command("approve P7"), two.hub.command("dance")];
  const abort = new AbortController();
  const given = one.hub.command("give up", { signal: abort.signal });
  abort.abort();
  await assert.rejects(given, { name: "AbortError" });
  await settled();
  const [approve, dance] = sentOf(socket, "command");
  socket.receive({ type: "command_result", timestamp: "", data: RESULT, request_id: approve.request_id });
  const error = { status_code: 400, error_type: "unknown_command", message: "no", timestamp: "", request_id: "r" };
  socket.receive({ type: "error", timestamp: "", data: error, request_id: dance.request_id });
  assert.deepEqual(await results[0], RESULT);
  await assert.rejects(results[1], { name: "HubError", errorType: "unknown_command", statusCode: 400 });
});

test("the connection outlives the tab that began it, and ends with the last", async () => {
  const browser = fakeBrowser();
  const [first, second] = [browser.tab(), browser.tab()];
  await settled();
  const socket = welcome(browser.network);
  await settled();
  first.hub.close();
  await settled();
  socket.receive(progressTo(1, 10));
  await settled();
  assert.equal(second.hub.state?.system.progress, 10);
  second.hub.close();
  await settled();
  assert.ok(socket.ended);
  assert.equal(browser.clock.timers, 0);
  const third = browser.tab();
  await settled();
  assert.equal(browser.network.sockets.length, 2);
  welcome(browser.network, { seq: 1 });
  await settled();
  assert.equal(third.hub.status.kind, "live");
});

test("a tab that crashes is noticed by its lock", async () => {
  const browser = fakeBrowser();
  const [first, second] = [browser.tab(), browser.tab()];
  await settled();
  const [worker] = browser.workers.values();
  assert.equal(worker.host.size, 2);
  first.crash();
  await settled();
  assert.equal(worker.host.size, 1);
  second.crash();
  await settled();
  assert.equal(worker.host.size, 0);
  assert.ok(browser.network.last.ended);
});

test("without locks a tab that is silent for long is forgotten, and joins again when it wakes", async () => {
  const browser = fakeBrowser({ locks: false });
  const [sleeper, other] = [browser.tab(), browser.tab()];
  await settled();
  const socket = welcome(browser.network);
  await settled();
  const told = changes(sleeper.hub);
  const [worker] = browser.workers.values();
  sleeper.freeze();
  await live(browser, 170);
  assert.equal(worker.host.size, 2);
  await live(browser, 60);
  assert.equal(worker.host.size, 1);
  assert.equal(other.hub.status.kind, "live");
  socket.receive(progressTo(1, 10));
  await settled();
  sleeper.thaw();
  assert.equal(sleeper.hub.status.kind, "reconnecting", "it slept, and must not look live");
  // What waited for it proves nothing, but gives the line another three seconds.
  await live(browser, 7);
  assert.equal(worker.host.size, 2);
  assert.deepEqual([sleeper.hub.status.kind, sleeper.hub.state?.system.progress, told], ["live", 10, [1]]);
  assert.equal(browser.network.sockets.length, 1);
});

test("a tab that does not keep up is sent no more than fits, and then one state", async () => {
  const browser = fakeBrowser();
  const [slow, fast] = [browser.tab(), browser.tab()];
  await settled();
  const socket = welcome(browser.network);
  await settled();
  const [told, toldFast] = [changes(slow.hub), changes(fast.hub)];
  /** @type {string[]} */
  const reasons = [];
  slow.hub.on("state", ({ data }) => reasons.push(data.reason));
  slow.freeze();
  const title = "x".repeat(10_000);
  for (let seq = 1; seq <= 400; seq += 1) {
    socket.receive(change(seq, [{ op: "replace", path: "/priorities", value: [{ id: "P1", title: title + seq }] }]));
    if (seq % 20 === 0) await settled();
  }
  const waiting = JSON.stringify(slow.port.waiting).length;
  assert.ok(waiting < 1_200_000, `${waiting} characters wait`);
  assert.equal(toldFast.length, 400);
  slow.thaw();
  await settled();
  assert.deepEqual(reasons, ["lagging"]);
  assert.deepEqual([slow.hub.seq, slow.hub.state], [400, fast.hub.state]);
  socket.receive(progressTo(401, 1));
  await settled();
  assert.equal(told.at(-1), 401);
  assert.deepEqual(told, [...told].sort((one, other) => one - other));
  assert.equal(slow.hub.status.kind, "live");
});

test("when the worker dies another takes over, without a gap, a repeat or a lost command", async () => {
  const browser = fakeBrowser();
  const tabs = [browser.tab(), browser.tab(), browser.tab()];
  const told = tabs.map(({ hub }) => changes(hub));
  await settled();
  const socket = welcome(browser.network);
  socket.receive(progressTo(1, 10));
  await settled();
  const result = tabs[1].hub.command("approve P7");
  await settled();
  const [{ data }] = sentOf(socket, "command");
  browser.killWorkers();
  await settled();
  for (const { hub } of tabs) assert.equal(hub.status.kind, "reconnecting", "a tab must not look live");
  assert.equal(browser.network.sockets.length, 2, "one of them has noticed by the worker's lock");
  assert.equal(browser.network.last.url.search, "?since=1&epoch=e1");
  const next = welcome(browser.network, { seq: 3, recovered: true });
  next.receive(progressTo(2, 20));
  next.receive(progressTo(3, 30));
  await live(browser, 1);
  for (const [index, { hub }] of tabs.entries()) {
    assert.deepEqual([hub.status.kind, hub.seq, hub.state?.system.progress], ["live", 3, 30]);
    assert.deepEqual(told[index], [1, 2, 3]);
  }
  const again = sentOf(next, "command");
  assert.deepEqual(again.map((message) => message.data), [data], "the same command with the same key");
  next.receive({ type: "command_result", timestamp: "", data: RESULT, request_id: again[0].request_id });
  assert.deepEqual(await result, RESULT);
});

test("without locks a worker that dies is noticed by its silence", async () => {
  const browser = fakeBrowser({ locks: false });
  const { hub } = browser.tab();
  await settled();
  welcome(browser.network);
  await settled();
  browser.killWorkers();
  await live(browser, 5);
  assert.equal(hub.status.kind, "reconnecting", "a tab must not look live");
  await live(browser, 4);
  assert.equal(browser.network.sockets.length, 2);
  welcome(browser.network, { recovered: true });
  await settled();
  assert.equal(hub.status.kind, "live");
});

test("a tab that joins a new worker late is told what the others were told", async () => {
  const browser = fakeBrowser();
  const [first, late] = [browser.tab(), browser.tab()];
  await settled();
  welcome(browser.network).receive(progressTo(1, 10));
  await settled();
  const told = changes(late.hub);
  late.freeze();
  browser.killWorkers();
  await live(browser, 25);
  const next = welcome(browser.network, { seq: 3, recovered: true });
  next.receive(progressTo(2, 20));
  next.receive(progressTo(3, 30));
  await settled();
  assert.equal(first.hub.seq, 3);
  late.thaw();
  await live(browser, 5);
  assert.deepEqual([late.hub.status.kind, late.hub.state?.system.progress, told], ["live", 30, [2, 3]]);
});

test("a page that goes leaves, and joins again when it comes back", async () => {
  const browser = fakeBrowser();
  const [page, other] = [browser.tab(), browser.tab()];
  await settled();
  const socket = welcome(browser.network);
  await settled();
  const told = changes(page.hub);
  page.environment.tell("hide");
  await settled();
  const [worker] = browser.workers.values();
  assert.equal(worker.host.size, 1);
  socket.receive(progressTo(1, 10));
  await settled();
  assert.deepEqual(told, []);
  page.environment.tell("show");
  assert.equal(page.hub.status.kind, "reconnecting", "its state may be old");
  await settled();
  assert.deepEqual([page.hub.status.kind, page.hub.seq, told], ["live", 1, [1]]);
  assert.equal(other.hub.seq, 1);
});

test("the worker's trouble with the hub is every tab's", async () => {
  const browser = fakeBrowser();
  const [one, two] = [browser.tab(), browser.tab()];
  await settled();
  const socket = welcome(browser.network);
  await settled();
  socket.end(1006);
  await settled();
  for (const { hub } of [one, two]) assert.equal(hub.status.kind, "reconnecting");
  two.hub.reconnect();
  await settled();
  assert.equal(browser.network.sockets.length, 2);
  welcome(browser.network, { recovered: true }).end(1006);
  await settled();
  one.environment.tell("wake");
  await settled();
  assert.equal(browser.network.sockets.length, 3);
  browser.network.last.end(4403, "not for you");
  await settled();
  for (const { hub } of [one, two]) {
    assert.deepEqual(hub.status, { kind: "refused", reason: "not for you", code: 4403 });
    await assert.rejects(hub.command("x"), { errorType: "refused" });
  }
});

test("a copy that the worker cannot follow is mended in every tab at once", async () => {
  const browser = fakeBrowser();
  const [one, two] = [browser.tab(), browser.tab()];
  await settled();
  const socket = welcome(browser.network);
  await settled();
  socket.receive(progressTo(5, 5));
  await settled();
  const late = browser.tab();
  await settled();
  assert.equal(late.hub.status.kind, "live");
  socket.receive(progressTo(6, 6));
  await settled();
  socket.receive(stateFrame(7, { ...EMPTY, system: { ...EMPTY.system, progress: 7 } }, "requested"));
  socket.receive(progressTo(8, 8));
  await settled();
  for (const { hub } of [one, two, late]) {
    assert.deepEqual([hub.seq, hub.state?.system.progress, hub.health.resyncs], [8, 8, 1]);
  }
});

/**
 * A tab where there is no worker to share.
 * @param {import("../src/shared.js").OpenPort} openPort
 */
function lonely(openPort) {
  const clock = new FakeClock();
  const network = fakeSockets();
  const environment = new FakeEnvironment();
  const options = { url: "ws://hub.example/ws", shared: true, clock, random: () => 0.5, WebSocket: network.WebSocket };
  return { hub: new Hub(options, { openPort, environment }), clock, network, environment };
}

test("without a shared worker each tab has its own connection", async () => {
  /** @type {import("../src/shared.js").OpenPort[]} */
  const missing = [
    () => {
      throw new ReferenceError("SharedWorker is not defined");
    },
    (_, failed) => {
      queueMicrotask(failed);
      return { postMessage() {}, onmessage: null, close() {} };
    },
  ];
  for (const openPort of missing) {
    const { hub, network, environment, clock } = lonely(openPort);
    await settled();
    const socket = welcome(network);
    socket.receive(progressTo(1, 10));
    assert.deepEqual([hub.status.kind, hub.seq, hub.health.shared], ["live", 1, false]);
    socket.end(1006);
    environment.tell("wake");
    assert.equal(network.sockets.length, 2);
    hub.close();
    assert.equal(clock.timers, 0);
  }
});

test("a worker that never answers is not waited for long", async () => {
  let opened = 0;
  const { hub, clock, network } = lonely(() => {
    opened += 1;
    return { postMessage() {}, onmessage: null, close() {} };
  });
  const result = hub.command("approve P7");
  await settled();
  clock.advance(6_000);
  assert.deepEqual([opened, network.sockets.length], [2, 1]);
  const socket = welcome(network);
  assert.equal(hub.status.kind, "live");
  const [{ request_id }] = sentOf(socket, "command");
  socket.receive({ type: "command_result", timestamp: "", data: RESULT, request_id });
  assert.deepEqual(await result, RESULT);
});

test("a tab whose worker is gone for good goes on where it was, over its own connection", async () => {
  const browser = fakeBrowser();
  const { hub } = browser.tab();
  await settled();
  welcome(browser.network).receive(progressTo(1, 10));
  await settled();
  const told = changes(hub);
  browser.workers.get = () => /** @type {any} */ ({ host: { accept() {} }, ports: [] });
  browser.killWorkers();
  await live(browser, 7);
  assert.equal(browser.network.last.url.search, "?since=1&epoch=e1");
  welcome(browser.network, { seq: 2, recovered: true }).receive(progressTo(2, 20));
  assert.deepEqual([hub.status.kind, hub.state?.system.progress, told], ["live", 20, [2]]);
});
