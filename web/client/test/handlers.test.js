import assert from "node:assert/strict";
import { test } from "node:test";

import { change, EMPTY, fakeClient, progressTo, stateFrame, welcome } from "./helpers/client.js";

/**
 * Collects what handlers' faults are reported to.
 * @param {import("node:test").TestContext} t
 */
function reports(t) {
  /** @type {string[]} */
  const reported = [];
  t.mock.method(console, "error", (/** @type {Error} */ error) => reported.push(error.message));
  return reported;
}

test("a handler that throws is reported and breaks no other", (t) => {
  const reported = reports(t);
  const { hub, network } = fakeClient();
  /** @type {string[]} */
  const told = [];
  const fail = (/** @type {string} */ name) => () => {
    throw new Error(name);
  };
  hub.on("status", fail("status"));
  hub.on("status", ({ kind }) => told.push(kind));
  hub.on("change", fail("change"));
  hub.on("change", ({ seq }) => told.push(`change ${seq}`));
  hub.subscribe(fail("selector"), () => told.push("never"));
  hub.subscribe((state) => state.system, fail("handler"));
  hub.subscribe((state) => state.system.progress, (progress) => told.push(`progress ${progress}`));
  const socket = welcome(network);
  socket.receive(progressTo(1, 10));
  socket.receive(progressTo(2, 20));
  assert.deepEqual(told, ["live", "progress 0", "change 1", "progress 10", "change 2", "progress 20"]);
  assert.deepEqual(reported, ["status", "selector", "handler", "change", "selector", "handler", "change", "selector", "handler"]);
  assert.equal(hub.status.kind, "live");
});

test("a subscription tells what is there, and then what differs", () => {
  const { hub, network } = fakeClient();
  /** @type {unknown[][]} */
  const told = [];
  hub.subscribe((state) => [state.system, state.calendar], (value, previous) => told.push([value, previous]));
  assert.equal(told.length, 0, "there is no state yet");
  const socket = welcome(network);
  socket.receive(change(1, [{ op: "add", path: "/priorities/-", value: { id: "P1", status: "done" } }]));
  assert.equal(told.length, 1, "nothing that it takes has changed");
  socket.receive(progressTo(2, 5));
  assert.equal(told.length, 2);
  assert.deepEqual(told[0], [[EMPTY.system, []], undefined]);
  assert.equal(told[1][1], told[0][0]);
  hub.subscribe((state) => state.priorities.length, (length) => told.push([length]));
  assert.deepEqual(told.at(-1), [1], "at once, where there is a state");
});

test("what was ended is told nothing more, also when it ends within a notice", () => {
  const { hub, network } = fakeClient();
  /** @type {string[]} */
  const told = [];
  const offs = [
    hub.on("change", () => {
      told.push("first");
      offs.forEach((off) => off());
    }),
    hub.on("change", () => told.push("second")),
    hub.subscribe((state) => state.system.progress, () => told.push("third")),
  ];
  const socket = welcome(network);
  socket.receive(progressTo(1, 10));
  socket.receive(progressTo(2, 20));
  assert.deepEqual(told, ["third", "first"]);
  offs.forEach((off) => off());
});

test("the same handler twice is told twice, and ended one by one", () => {
  const { hub, network } = fakeClient();
  let count = 0;
  const handler = () => (count += 1);
  const off = hub.on("change", handler);
  hub.on("change", handler);
  const socket = welcome(network);
  socket.receive(progressTo(1, 1));
  assert.equal(count, 2);
  off();
  socket.receive(progressTo(2, 2));
  assert.equal(count, 3);
});

test("a handler may close the client, and nothing comes after that", () => {
  for (const [type, frame] of /** @type {[string, object][]} */ ([
    ["status", {}],
    ["connected", {}],
    ["state", {}],
    ["change", progressTo(1, 1)],
  ])) {
    const { hub, network, clock } = fakeClient();
    /** @type {string[]} */
    const told = [];
    hub.on(type, () => hub.close());
    hub.on("*", () => told.push(hub.status.kind));
    const socket = welcome(network);
    socket.receive(frame);
    socket.receive(progressTo(2, 2));
    assert.ok(!told.includes("closed"), type);
    assert.equal(clock.timers, 0, type);
  }
});

test("notices that arise within a notice come after it", () => {
  const { hub, network } = fakeClient();
  /** @type {string[]} */
  const told = [];
  hub.on("status", ({ kind }) => {
    told.push(`a ${kind}`);
    if (kind === "reconnecting" && hub.status.kind === "reconnecting" && !hub.status.trying) hub.reconnect();
  });
  hub.on("status", (status) => told.push(`b ${status.kind} ${status.kind === "reconnecting" && status.trying}`));
  welcome(network).end(1006);
  assert.deepEqual(told, [
    "a live",
    "b live false",
    "a reconnecting",
    "b reconnecting false",
    "a reconnecting",
    "b reconnecting true",
  ]);
});

test("every frame is told under its type and under *, changes as such", () => {
  const { hub, network } = fakeClient();
  /** @type {string[]} */
  const told = [];
  for (const type of ["connected", "state", "state_change", "change", "*"]) {
    hub.on(type, (frame) => told.push(`${type}: ${frame.type}`));
  }
  const socket = welcome(network);
  socket.receive(progressTo(1, 1));
  assert.deepEqual(told, [
    "connected: connected",
    "*: connected",
    "state: state",
    "*: state",
    "state_change: state_change",
    "change: state_change",
    "*: state_change",
  ]);
});

test("a state that is awaited may be there already, may come, or not come in time", async () => {
  const { clock, hub, network } = fakeClient();
  const some = hub.waitFor(() => true);
  const late = hub.waitFor((state) => state.system.progress === 2);
  const never = hub.waitFor((state) => state.system.progress === 3, { timeoutMs: 1_000 });
  const socket = welcome(network);
  assert.deepEqual(await some, EMPTY);
  assert.equal(await hub.waitFor(() => true), hub.state);
  socket.receive(progressTo(1, 1));
  socket.receive(progressTo(2, 2));
  assert.equal((await late).system.progress, 2);
  clock.advance(1_000);
  await assert.rejects(never, { errorType: "timeout" });
  socket.receive(progressTo(3, 3));
});

test("waiting ends with its signal, its fault or the client, and leaves nothing behind", async () => {
  const { clock, hub, network } = fakeClient();
  const abort = new AbortController();
  const aborted = hub.waitFor(() => false, { signal: abort.signal, timeoutMs: 9_999_999 });
  abort.abort();
  await assert.rejects(aborted, { name: "AbortError" });
  await assert.rejects(hub.waitFor(() => false, { signal: abort.signal }), { name: "AbortError" });
  const faulty = hub.waitFor(() => {
    throw new Error("predicate");
  });
  const closed = hub.waitFor(() => false, { timeoutMs: 9_999_999 });
  welcome(network).receive(stateFrame(1, EMPTY));
  await assert.rejects(faulty, { message: "predicate" });
  hub.close();
  await assert.rejects(closed, { errorType: "closed" });
  assert.equal(clock.timers, 0);
});

test("a handler must be one", () => {
  const { hub } = fakeClient();
  assert.throws(() => hub.on("change", /** @type {any} */ (undefined)), TypeError);
  assert.throws(() => hub.subscribe((state) => state, /** @type {any} */ ("x")), TypeError);
});
