import assert from "node:assert/strict";
import { test } from "node:test";

import { answerPings, fakeClient, sentOf, welcome } from "./helpers/client.js";

const RESULT = { action: "approve", target: "P7", success: true, applied: true, message: "m", seq: 1 };

/**
 * Answers the commands that were sent over a socket, and forgets them.
 * @param {import("./helpers/socket.js").FakeSocket} socket
 */
function answer(socket) {
  const commands = sentOf(socket, "command");
  socket.sent.length = 0;
  for (const { request_id } of commands) {
    socket.receive({ type: "command_result", timestamp: "", data: RESULT, request_id });
  }
  return commands.map(({ data }) => data);
}

/**
 * @param {string | undefined} requestId
 * @param {string} errorType
 */
function errorFrame(requestId, errorType, status = 400) {
  const data = { status_code: status, error_type: errorType, message: "no", timestamp: "", request_id: requestId ?? "r" };
  return { type: "error", timestamp: "", data, request_id: requestId };
}

test("a command is answered with what the hub says", async () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  const result = hub.command("approve P7");
  const [sent] = answer(socket);
  assert.equal(sent.command, "approve P7");
  assert.match(sent.idempotency_key, /^[0-9a-f]{32}$/);
  assert.deepEqual(await result, RESULT);
});

test("each call has a key of its own, or the one that it was given", async () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  const results = [hub.command("a"), hub.command("a"), hub.command("a", { idempotencyKey: "mine" })];
  const keys = answer(socket).map(({ idempotency_key }) => idempotency_key);
  assert.equal(new Set(keys).size, 3);
  assert.equal(keys[2], "mine");
  await Promise.all(results);
});

test("a dry run says that it is one", () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  hub.command("refresh", { dryRun: true });
  assert.equal(sentOf(socket, "command")[0].data.dry_run, true);
});

test("an error of the hub is a HubError with all that it told", async () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  const result = hub.command("dance");
  const [{ request_id }] = sentOf(socket, "command");
  const frame = errorFrame(request_id, "unknown_command");
  socket.receive({ ...frame, data: { ...frame.data, details: [{ field: "command", message: "m" }] } });
  await assert.rejects(result, {
    name: "HubError",
    errorType: "unknown_command",
    statusCode: 400,
    message: "no",
    details: [{ field: "command", message: "m" }],
    requestId: request_id,
  });
});

test("a malformed error still ends its command", async () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  const result = hub.command("dance");
  socket.receive({ type: "error", timestamp: "", data: { details: 3 }, request_id: sentOf(socket, "command")[0].request_id });
  await assert.rejects(result, { errorType: "internal", statusCode: 0, details: [] });
});

test("a command waits for a connection, and is repeated with its key when the answer was lost with one", async () => {
  const { clock, hub, network } = fakeClient();
  const results = [hub.command("one"), hub.command("two")];
  const first = welcome(network);
  const sent = sentOf(first, "command").map(({ data }) => data);
  assert.deepEqual(sent.map(({ command }) => command), ["one", "two"]);
  first.end(1006);
  results.push(hub.command("three"));
  clock.advance(250);
  const second = welcome(network, { recovered: true });
  const again = answer(second);
  assert.deepEqual(again.slice(0, 2), sent);
  assert.equal(again[2].command, "three");
  await Promise.all(results);
  second.end(1006);
  clock.advance(1_000);
  assert.equal(sentOf(welcome(network, { recovered: true }), "command").length, 0, "what is answered is not repeated");
});

test("a hub that is about to end does not fail a command: the next connection repeats it", async () => {
  const { clock, hub, network } = fakeClient();
  const socket = welcome(network);
  const result = hub.command("one");
  const [{ request_id, data }] = sentOf(socket, "command");
  socket.receive(errorFrame(request_id, "shutting_down", 503));
  socket.end(1001);
  clock.advance(250);
  assert.deepEqual(answer(welcome(network, { recovered: true })), [data]);
  await result;
});

test("an answer to nothing is no fault, and is passed on", () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  /** @type {string[]} */
  const told = [];
  hub.on("*", ({ type }) => told.push(type));
  for (const request_id of [undefined, "command-99", "ping-99", 7]) {
    socket.receive({ type: "command_result", timestamp: "", data: RESULT, request_id });
    socket.receive({ ...errorFrame(undefined, "invalid_value"), request_id });
    socket.receive({ type: "pong", timestamp: "", data: {}, request_id });
  }
  assert.deepEqual(new Set(told), new Set(["command_result", "error", "pong"]));
  assert.equal(hub.health.malformed, 0);
});

test("only so many commands wait, and only so many are on their way", async () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  const results = Array.from({ length: 100 }, (_, index) => hub.command(`c${index}`));
  await assert.rejects(hub.command("one more"), { errorType: "too_many_pending", statusCode: 0 });
  assert.equal(sentOf(socket, "command").length, 16);
  hub.close();
  for (const result of results) await assert.rejects(result, { errorType: "closed" });
});

test("commands go out no faster than a hub takes them, all of them and in order", async () => {
  const { clock, hub, network } = fakeClient();
  const socket = welcome(network);
  const started = clock.now();
  const wanted = Array.from({ length: 300 }, (_, index) => `c${index}`);
  /** @type {string[]} */
  const sent = [];
  /** @type {number[]} */
  const times = [];
  let answered = 0;
  for (let next = 0; answered < 300; clock.advance(20)) {
    while (next < wanted.length && next - answered < 100) hub.command(wanted[next++]).then(() => {});
    for (let got = answer(socket); got.length > 0; got = answer(socket)) {
      answered += got.length;
      for (const { command } of got) {
        sent.push(command);
        times.push(clock.now());
      }
    }
    assert.ok(clock.now() - started < 20_000);
  }
  assert.deepEqual(sent, wanted);
  const worst = Math.max(...times.map((time) => times.filter((other) => other >= time && other < time + 1_000).length));
  assert.ok(worst <= 100, `${worst} in a second`);
});

test("when the hub drops messages, what has no answer is sent again after a pause", async () => {
  const { clock, hub, network } = fakeClient();
  const socket = welcome(network);
  const results = [hub.command("one"), hub.command("two")];
  const sent = sentOf(socket, "command").map(({ data }) => data);
  socket.sent.length = 0;
  socket.receive(errorFrame(undefined, "rate_limited", 429));
  clock.advance(1_499);
  assert.equal(sentOf(socket, "command").length, 0);
  clock.advance(1);
  assert.deepEqual(answer(socket), sent);
  await Promise.all(results);
});

test("a command that was dropped without a word is sent again once a later ping is answered", async () => {
  const { clock, hub, network } = fakeClient();
  const socket = welcome(network);
  answerPings(socket);
  clock.advance(4_000);
  const early = hub.command("early");
  const [{ data }] = sentOf(socket, "command");
  socket.sent.length = 0;
  clock.advance(1_000);
  const late = hub.command("late");
  answerPings(socket);
  const commands = sentOf(socket, "command").map((message) => message.data);
  assert.deepEqual(commands.map(({ command }) => command), ["late", "early"], "what came after the ping may be on its way");
  assert.deepEqual(commands[1], data);
  answer(socket);
  await Promise.all([early, late]);
});

test("a signal gives a command up, before and after it was sent", async () => {
  const { clock, hub, network } = fakeClient();
  const early = new AbortController();
  const result = hub.command("never", { signal: early.signal });
  early.abort(new Error("changed my mind"));
  await assert.rejects(result, { message: "changed my mind" });
  const socket = welcome(network);
  assert.equal(sentOf(socket, "command").length, 0);
  const late = new AbortController();
  const sent = hub.command("sent", { signal: late.signal });
  const [{ request_id }] = sentOf(socket, "command");
  late.abort();
  await assert.rejects(sent, { name: "AbortError" });
  socket.receive({ type: "command_result", timestamp: "", data: RESULT, request_id });
  socket.end(1006);
  clock.advance(250);
  assert.equal(sentOf(welcome(network, { recovered: true }), "command").length, 0);
  await assert.rejects(hub.command("x", { signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("a refused client fails its commands at once", async () => {
  const { hub, network } = fakeClient();
  const waiting = hub.command("one");
  network.last.end(4403, "not for you");
  await assert.rejects(waiting, { errorType: "refused", message: "not for you" });
  await assert.rejects(hub.command("two"), { errorType: "refused" });
});

test("what the hub cannot read is not sent", async () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  await assert.rejects(hub.command(/** @type {any} */ (7)), TypeError);
  await assert.rejects(hub.command("x".repeat(20_001)), { errorType: "too_large" });
  await assert.rejects(hub.command("\u{1}".repeat(4_000)), { errorType: "too_large" });
  assert.equal(sentOf(socket, "command").length, 0);
  hub.command("half an emoji \ud83d");
  assert.equal(sentOf(socket, "command")[0].data.command, "half an emoji \ufffd");
});

test("a command over which the hub closes is not repeated", async () => {
  const { clock, hub, network } = fakeClient();
  const socket = welcome(network);
  const short = hub.command("short");
  const long = hub.command("long ".repeat(100));
  socket.end(1009);
  await assert.rejects(long, { errorType: "too_large" });
  clock.advance(250);
  answer(welcome(network, { recovered: true }));
  await short;
});

test("a command that was sent is not repeated after its key may be forgotten", async () => {
  const { clock, hub, network } = fakeClient();
  const socket = welcome(network);
  const sent = hub.command("sent");
  socket.end(1006);
  const waiting = hub.command("never sent");
  clock.sleepUnseen(24 * 3_600_000);
  clock.advance(0);
  const next = welcome(network, { recovered: true });
  await assert.rejects(sent, { errorType: "expired" });
  assert.deepEqual(answer(next).map(({ command }) => command), ["never sent"]);
  await waiting;
});
