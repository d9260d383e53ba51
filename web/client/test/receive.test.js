import assert from "node:assert/strict";
import { test } from "node:test";

import { union } from "../src/wishes.js";
import { fakeBrowser, settled } from "./helpers/browser.js";
import { EMPTY, fakeClient, progressTo, sentOf, stateFrame, welcome } from "./helpers/client.js";
import { logBatch, logLine } from "./helpers/logs.js";

/** @import { FakeSocket } from "./helpers/socket.js" */

/** What was asked about topics, without the ids. @param {FakeSocket} socket */
const asked = (socket) => socket.sent.filter(({ type }) => /subscribe$/.test(type)).map(({ type, data }) => ({ type, ...data }));

/**
 * Answers the newest request about topics.
 * @param {FakeSocket} socket
 * @param {{ topics?: string[], log_level?: string, log_source?: string }} [data]
 */
function confirm(socket, { topics = ["logs"], ...filter } = {}) {
  const { request_id } = socket.sent.filter(({ type }) => /subscribe$/.test(type)).at(-1);
  const all = ["state", "gateways", ...topics, "presence", "health"];
  socket.receive({ type: "subscribed", timestamp: "", data: { topics: all, ...filter }, request_id });
}

test("what is wanted is asked for once, and given back with the last who wanted it", async () => {
  const { hub, network } = fakeClient();
  const ends = [hub.receive(["latency"]), hub.receive(["latency"])];
  const socket = welcome(network);
  await settled();
  assert.deepEqual(asked(socket), [{ type: "subscribe", topics: ["latency"] }]);
  confirm(socket, { topics: ["latency"] });
  ends[0]();
  ends[0]();
  await settled();
  assert.equal(asked(socket).length, 1);
  ends[1]();
  await settled();
  assert.deepEqual(asked(socket).slice(1), [{ type: "unsubscribe", topics: ["latency"] }]);
});

test("the most verbose level and what all sources begin with satisfy every wish", async () => {
  assert.deepEqual(
    union([
      { topics: ["logs"], logLevel: "WARN", logSource: "collector.mail" },
      { topics: ["logs", "latency"], logLevel: "DEBUG", logSource: "collector.disk" },
      // Without the topic a filter counts for nothing.
      { topics: ["latency"], logLevel: "DEBUG", logSource: "" },
    ]),
    { topics: ["latency", "logs"], logLevel: "DEBUG", logSource: "collector." },
  );
  assert.equal(union([{ topics: ["logs"], logLevel: "INFO", logSource: "😀a" }, { topics: ["logs"], logLevel: "INFO", logSource: "😁a" }]).logSource, "");

  const { hub, network } = fakeClient();
  const socket = welcome(network);
  hub.receive(["logs"], { logLevel: "WARN", logSource: "a.b" });
  await settled();
  confirm(socket, { log_level: "WARN", log_source: "a.b" });
  const end = hub.receive(["logs"], { logLevel: "DEBUG", logSource: "a.c" });
  await settled();
  confirm(socket, { log_level: "DEBUG", log_source: "a." });
  end();
  await settled();
  assert.deepEqual(asked(socket), [
    { type: "subscribe", topics: ["logs"], log_level: "WARN", log_source: "a.b" },
    { type: "subscribe", topics: ["logs"], log_level: "DEBUG", log_source: "a." },
    { type: "subscribe", topics: ["logs"], log_level: "WARN", log_source: "a.b" },
  ]);
});

test("who ends one wish to make another is asked for once", async () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  const end = hub.receive(["logs"]);
  await settled();
  confirm(socket, { log_level: "INFO" });
  end();
  hub.receive(["logs"], { logLevel: "ERROR" });
  await settled();
  assert.deepEqual(asked(socket).slice(1), [{ type: "subscribe", topics: ["logs"], log_level: "ERROR", log_source: "" }]);
});

test("it is asked for again on each connection, and told when it comes", async () => {
  const { hub, network, clock } = fakeClient();
  let started = 0;
  hub.receive(["logs"], { started: () => (started += 1) });
  await settled();
  const first = welcome(network);
  assert.equal(started, 0, "not before the hub says so");
  confirm(first, { log_level: "INFO" });
  assert.equal(started, 1);
  let also = 0;
  hub.receive(["logs"], { started: () => (also += 1) });
  await settled();
  assert.deepEqual([started, also], [1, 1], "it comes already");
  first.end(1006);
  clock.advance(1_000);
  const second = welcome(network, { recovered: true });
  assert.deepEqual(asked(second), [{ type: "subscribe", topics: ["logs"], log_level: "INFO", log_source: "" }]);
  confirm(second, { log_level: "INFO" });
  assert.deepEqual([started, also], [2, 2]);
});

test("a request that is refused, dropped or misread is made again, not at once", async () => {
  const { hub, network, clock } = fakeClient();
  const told = /** @type {string[]} */ ([]);
  hub.on("*", ({ type }) => told.push(type));
  let started = 0;
  hub.receive(["logs"], { started: () => (started += 1) });
  await settled();
  const socket = welcome(network);
  const [{ request_id }] = sentOf(socket, "subscribe");
  socket.receive({ type: "error", timestamp: "", data: { error_type: "limit_exceeded", message: "" }, request_id });
  assert.equal(sentOf(socket, "subscribe").length, 1);
  clock.advance(5_000);
  assert.equal(sentOf(socket, "subscribe").length, 2, "after a refusal");
  clock.advance(5_000);
  assert.equal(sentOf(socket, "subscribe").length, 3, "without an answer");
  confirm(socket, { log_level: "ERROR" });
  assert.deepEqual([sentOf(socket, "subscribe").length, started], [3, 0], "what is in force is not what was asked for");
  clock.advance(5_000);
  confirm(socket, { log_level: "INFO" });
  assert.deepEqual([sentOf(socket, "subscribe").length, started], [4, 1]);
  clock.advance(5_000);
  assert.equal(sentOf(socket, "subscribe").length, 4);
  assert.ok(!told.includes("subscribed") && !told.includes("error"), "answers to own requests are nobody's business");
});

test("topics of the handshake stay, with the filter that they have", async () => {
  const { hub, network } = fakeClient({ topics: ["logs"] });
  const socket = network.last;
  socket.open();
  const data = { message: "", client_count: 1, session_id: "s", epoch: "e1", seq: 0, heartbeat_ms: 15_000, recovered: false };
  socket.receive({ type: "connected", timestamp: "", data });
  hub.receive(["logs"])();
  await settled();
  assert.deepEqual(asked(socket), []);
  const end = hub.receive(["logs"], { logLevel: "DEBUG", logSource: "a" });
  await settled();
  end();
  await settled();
  assert.deepEqual(asked(socket), [
    { type: "subscribe", topics: ["logs"], log_level: "DEBUG", log_source: "" },
    { type: "subscribe", topics: ["logs"], log_level: "INFO", log_source: "" },
  ]);
});

test("log lines and latencies are no changes, whatever their frames say", async () => {
  const { hub, network } = fakeClient();
  const told = /** @type {string[]} */ ([]);
  hub.on("change", ({ type }) => told.push(type));
  let lines = 0;
  hub.on("system_log", () => (lines += 1));
  hub.on("system_log_batch", ({ data }) => (lines += data.lines.length));
  const socket = welcome(network);
  socket.receive(logLine(1));
  socket.receive({ ...logBatch([2, 3]), seq: 7, patch: [{ op: "remove", path: "/system" }] });
  socket.receive({ type: "gateway_latency", seq: 9, timestamp: "", data: { latency_ms: { web: 3 } } });
  assert.deepEqual([lines, told, hub.seq, hub.state], [3, [], 0, EMPTY]);
  socket.receive(progressTo(1, 10));
  assert.deepEqual([told, hub.seq, hub.health.resyncs], [["state_change"], 1, 0]);
});

test("what cannot be wanted is refused at once, and a handler that throws breaks nothing", async (t) => {
  const { hub, network } = fakeClient();
  const logged = t.mock.method(console, "error", () => {});
  assert.throws(() => hub.receive(/** @type {any} */ ("logs")), TypeError);
  assert.throws(() => hub.receive(["logs"], { logLevel: /** @type {any} */ ("LOUD") }), TypeError);
  assert.throws(() => hub.receive(["logs"], { logSource: "ä".repeat(65) }), TypeError);
  let started = 0;
  hub.receive(["logs"], { started: () => assert.fail("as a handler may") });
  hub.receive(["logs"], { started: () => (started += 1) });
  await settled();
  confirm(welcome(network), { log_level: "INFO" });
  assert.deepEqual([started, logged.mock.callCount()], [1, 1]);
  hub.close();
  hub.receive(["latency"])();
  await settled();
});

test("the worker asks for what all tabs want, and sends it to those tabs alone", async () => {
  const browser = fakeBrowser();
  const [quiet, errors, all] = [browser.tab(), browser.tab(), browser.tab()];
  const lines = [quiet, errors, all].map(({ hub }) => {
    const got = { lines: 0, started: 0 };
    hub.on("system_log", () => (got.lines += 1));
    return got;
  });
  await settled();
  const socket = welcome(browser.network);
  const end = errors.hub.receive(["logs"], { logLevel: "ERROR", started: () => (lines[1].started += 1) });
  await settled();
  confirm(socket, { log_level: "ERROR" });
  await settled();
  assert.deepEqual(lines.map(({ started }) => started), [0, 1, 0]);
  all.hub.receive(["logs"], { logLevel: "DEBUG", started: () => (lines[2].started += 1) });
  await settled();
  confirm(socket, { log_level: "DEBUG" });
  socket.receive(logLine(1));
  await settled();
  assert.deepEqual(lines.map((got) => got.lines), [0, 1, 1]);
  assert.ok(lines[2].started > 0);
  end();
  await settled();
  socket.receive(logLine(2));
  await settled();
  assert.deepEqual(lines.map((got) => got.lines), [0, 1, 2]);
  all.crash();
  await settled();
  assert.deepEqual(asked(socket), [
    { type: "subscribe", topics: ["logs"], log_level: "ERROR", log_source: "" },
    { type: "subscribe", topics: ["logs"], log_level: "DEBUG", log_source: "" },
    { type: "unsubscribe", topics: ["logs"] },
  ]);
  assert.equal(quiet.hub.status.kind, "live");
});

test("a new worker asks for what the tabs want", async () => {
  const browser = fakeBrowser();
  const { hub } = browser.tab();
  let started = 0;
  hub.receive(["logs"], { started: () => (started += 1) });
  await settled();
  confirm(welcome(browser.network), { log_level: "INFO" });
  await settled();
  browser.killWorkers();
  await settled();
  const next = welcome(browser.network, { recovered: true });
  await settled();
  confirm(next, { log_level: "INFO" });
  await settled();
  assert.equal(started, 2);
});

test("a tab that was kept from lines is told, once it follows again", async () => {
  const browser = fakeBrowser();
  const slow = browser.tab();
  let [lines, started] = [0, 0];
  slow.hub.receive(["logs"], { started: () => (started += 1) });
  slow.hub.on("system_log", () => (lines += 1));
  await settled();
  const socket = welcome(browser.network);
  await settled();
  confirm(socket, { log_level: "INFO" });
  await settled();
  slow.freeze();
  for (let id = 1; id <= 30; id += 1) socket.receive(logLine(id, "x".repeat(100_000)));
  await settled();
  slow.thaw();
  await settled();
  assert.ok(lines < 30, `${lines} lines`);
  assert.equal(started, 2);
  socket.receive(stateFrame(0, EMPTY, "requested"));
  await settled();
  assert.equal(slow.hub.status.kind, "live");
});

test("without a worker a tab asks for itself", async () => {
  const browser = fakeBrowser();
  const { hub } = browser.tab({ shared: false });
  hub.receive(["latency"]);
  await settled();
  const socket = welcome(browser.network);
  assert.deepEqual(asked(socket), [{ type: "subscribe", topics: ["latency"] }]);
});
