import assert from "node:assert/strict";
import { test } from "node:test";

import { stateHash } from "../src/state-hash.js";
import { answerPings, change, EMPTY, fakeClient, progressTo, sentOf, stateFrame, welcome } from "./helpers/client.js";

/**
 * A heartbeat, by default with the true hash of a state.
 * @param {number} seq
 * @param {string} hash
 */
function heartbeat(seq, hash) {
  return { type: "heartbeat", timestamp: "2026-01-02T03:04:06.000Z", data: { seq, state_hash: hash } };
}

/**
 * Waits until the health is as wanted.
 * @param {import("../src/hub.js").Hub} hub
 * @param {(health: import("../types/index.js").Health) => boolean} wanted
 * @returns {Promise<void>}
 */
function healthy(hub, wanted) {
  return new Promise((resolve) => {
    if (wanted(hub.health)) return resolve();
    const off = hub.on("health", (health) => {
      if (!wanted(health)) return;
      off();
      resolve();
    });
  });
}

test("the copy follows the patches, and what they do not touch keeps its identity", () => {
  const { hub, network } = fakeClient();
  assert.deepEqual([hub.state, hub.seq, hub.epoch, hub.status.kind], [null, null, null, "connecting"]);
  const socket = welcome(network, { seq: 3 });
  assert.deepEqual([hub.state, hub.seq, hub.epoch, hub.status.kind], [EMPTY, 3, "e1", "live"]);
  const calendar = hub.state?.calendar;
  socket.receive(progressTo(4, 40));
  socket.receive(change(5, undefined));
  assert.equal(hub.state?.system.progress, 40);
  assert.equal(hub.state?.calendar, calendar);
  assert.equal(hub.seq, 5);
});

test("every change is told once and in order, after the state has become so", () => {
  const { clock, hub, network } = fakeClient();
  /** @type {[number, number | undefined][]} */
  const told = [];
  hub.on("change", ({ seq }) => told.push([seq, hub.state?.system.progress]));
  const socket = welcome(network);
  socket.receive(progressTo(1, 10));
  socket.receive(progressTo(2, 20));
  socket.end(1006);
  clock.advance(250);
  const next = welcome(network, { seq: 3, recovered: true });
  next.receive(progressTo(2, 77));
  next.receive(progressTo(3, 30));
  assert.deepEqual(told, [[1, 10], [2, 20], [3, 30]]);
  assert.equal(hub.health.resyncs, 0);
});

test("another log begins anew", () => {
  const { clock, hub, network } = fakeClient();
  /** @type {number[]} */
  const told = [];
  hub.on("change", ({ seq }) => told.push(seq));
  const socket = welcome(network, { seq: 90 });
  socket.receive(progressTo(91, 1));
  socket.end(1006);
  clock.advance(250);
  const state = { ...EMPTY, system: { ...EMPTY.system, progress: 7 } };
  network.last.open();
  const data = { message: "", client_count: 1, session_id: "s", epoch: "e2", seq: 4, heartbeat_ms: 15_000, recovered: false };
  network.last.receive({ type: "connected", timestamp: "", data });
  assert.deepEqual([hub.epoch, hub.seq, hub.state?.system.progress], ["e1", 91, 1], "the old copy is whole until the new one comes");
  assert.notEqual(hub.status.kind, "live");
  network.last.receive(stateFrame(4, state));
  assert.deepEqual([hub.epoch, hub.seq, hub.state], ["e2", 4, state]);
  network.last.receive(progressTo(5, 8));
  assert.deepEqual(told, [91, 5]);
});

test("the state in place of changes that were missed is taken, and the stream goes on after it", () => {
  const { hub, network } = fakeClient();
  /** @type {unknown[]} */
  const reasons = [];
  hub.on("state", ({ data }) => reasons.push(data.reason));
  const socket = welcome(network, { seq: 1 });
  socket.receive(stateFrame(50, { ...EMPTY, system: { ...EMPTY.system, progress: 50 } }, "lagging"));
  socket.receive(progressTo(51, 51));
  assert.deepEqual([hub.seq, hub.state?.system.progress, hub.health.resyncs], [51, 51, 0]);
  assert.deepEqual(reasons, ["connected", "lagging"]);
});

test("a whole state that is equal keeps the identity of the old one", () => {
  const { hub, network } = fakeClient();
  const state = { ...EMPTY, priorities: [{ id: "P1", status: "proposed" }, { id: "P2", status: "done" }] };
  const socket = welcome(network, { seq: 1, state });
  const before = hub.state;
  socket.receive(stateFrame(2, structuredClone(state)));
  assert.equal(hub.state, before);
  const changed = structuredClone(state);
  changed.priorities[0].status = "approved";
  socket.receive(stateFrame(3, changed));
  assert.equal(hub.state?.priorities[1], before?.priorities[1]);
  assert.equal(hub.state?.priorities[0].status, "approved");
});

for (const [what, frame] of /** @type {[string, object][]} */ ([
  ["a number that is skipped", progressTo(7, 1)],
  ["a patch that does not fit", change(2, [{ op: "remove", path: "/calendar/0" }])],
  ["a patch through __proto__", change(2, [{ op: "add", path: "/__proto__/x", value: 1 }])],
  ["a patch of unknown kind", change(2, [{ op: "jump", path: "/system" }])],
  ["a heartbeat ahead of what came", heartbeat(2, "")],
])) {
  test(`${what} fetches the whole state, and is counted`, () => {
    const { clock, hub, network } = fakeClient();
    /** @type {number[]} */
    const told = [];
    hub.on("change", ({ seq }) => told.push(seq));
    const socket = welcome(network, { seq: 1 });
    clock.advance(1_500);
    answerPings(socket);
    const { asOf } = hub.health;
    socket.receive(frame);
    assert.equal(sentOf(socket, "get_state").length, 1);
    socket.receive(progressTo(8, 2));
    assert.equal(sentOf(socket, "get_state").length, 1, "once is enough");
    assert.deepEqual([hub.state, hub.health.resyncs], [EMPTY, 1], "nothing is applied meanwhile");
    assert.ok(hub.health.behind > 0);
    assert.ok(told.includes(8), "but told");
    clock.advance(5_000);
    answerPings(socket);
    assert.equal(hub.health.asOf, asOf, "nobody knows whether the copy is true now");
    socket.receive(stateFrame(9, { ...EMPTY, system: { ...EMPTY.system, progress: 9 } }, "requested"));
    socket.receive(progressTo(10, 10));
    assert.deepEqual([hub.seq, hub.state?.system.progress, hub.health.behind], [10, 10, 0]);
  });
}

test("with chosen topics a skipped number is none that was lost", () => {
  const { hub, network } = fakeClient({ topics: ["state"] });
  const socket = welcome(network, { seq: 1 });
  socket.receive(progressTo(5, 5));
  socket.receive(heartbeat(9, ""));
  assert.deepEqual([hub.seq, hub.health.resyncs, sentOf(socket, "get_state").length], [9, 0, 0]);
});

test("without the state among the topics none is kept, and changes are told all the same", () => {
  const { hub, network } = fakeClient({ topics: ["presence"] });
  /** @type {number[]} */
  const told = [];
  hub.on("change", ({ seq }) => told.push(seq));
  const socket = welcome(network, { seq: 1 });
  socket.receive(change(4, [{ op: "remove", path: "/nowhere" }]));
  assert.deepEqual([hub.state, told, hub.health.resyncs, hub.status.kind], [null, [4], 0, "live"]);
});

test("a hub that sends nothing but patches that do not fit is asked once a second at most", () => {
  const { clock, hub, network } = fakeClient();
  const socket = welcome(network);
  for (let round = 0; round < 100; round += 1) {
    const seq = round * 2 + 1;
    socket.receive(change(seq, [{ op: "remove", path: "/calendar/0" }]));
    socket.receive(stateFrame(seq + 1, EMPTY, "requested"));
    clock.advance(100);
    answerPings(socket);
  }
  const asked = sentOf(socket, "get_state").length;
  assert.ok(asked >= 9 && asked <= 12, `asked ${asked} times in 10 s`);
  assert.ok(hub.health.resyncs > 50);
});

test("a state that does not come ends the connection, and the next one asks for it", () => {
  const { clock, hub, network } = fakeClient();
  const socket = welcome(network, { seq: 1 });
  socket.receive(progressTo(9, 1));
  for (let second = 0; second < 15; second += 1) {
    clock.advance(1_000);
    answerPings(socket);
  }
  assert.ok(socket.ended);
  clock.advance(250);
  assert.equal(network.last.url.search, "");
  welcome(network, { seq: 9 });
  assert.equal(hub.status.kind, "live");
});

test("a state that never comes is not waited for on one connection for ever", () => {
  const { clock, network } = fakeClient();
  network.last.open();
  const data = { message: "", client_count: 1, session_id: "s", epoch: "e1", seq: 4, heartbeat_ms: 15_000, recovered: false };
  network.last.receive({ type: "connected", timestamp: "", data });
  for (let second = 0; second < 15; second += 1) {
    clock.advance(1_000);
    answerPings(network.last);
  }
  assert.ok(network.last.ended);
});

test("a large state on a slow line gets more time with each connection, until it is there", () => {
  const { clock, hub, network } = fakeClient();
  const seconds = 70;
  /** @type {number[]} */
  const lasted = [];
  while (hub.status.kind !== "live" && lasted.length < 10) {
    const socket = network.last;
    socket.open();
    const data = { message: "", client_count: 1, session_id: "s", epoch: "e1", seq: 4, heartbeat_ms: 15_000, recovered: false };
    socket.receive({ type: "connected", timestamp: "", data });
    // Nothing else comes through while the state is on its way.
    let second = 0;
    for (; second < seconds && !socket.ended; second += 1) clock.advance(1_000);
    lasted.push(second);
    if (!socket.ended) socket.receive(stateFrame(4, EMPTY));
    if (!socket.ended) answerPings(socket);
    while (network.last === socket && socket.ended) clock.advance(1_000);
  }
  assert.deepEqual(lasted, [15, 30, 60, 70]);
  assert.equal(hub.status.kind, "live");
  clock.advance(20_000);
  assert.ok(network.last.ended, "once live, silence is what it always was");
});

test("a connection that is lost while the state is awaited is resumed, and the state asked for again", () => {
  const { clock, hub, network } = fakeClient();
  const socket = welcome(network, { seq: 1 });
  socket.receive(progressTo(9, 1));
  socket.end(1006);
  clock.advance(1_000);
  assert.equal(network.last.url.search, "?since=9&epoch=e1");
  const next = welcome(network, { seq: 9, recovered: true });
  assert.equal(sentOf(next, "get_state").length, 1);
  assert.notEqual(hub.status.kind, "live");
  next.receive(stateFrame(9, EMPTY, "requested"));
  assert.equal(hub.status.kind, "live");
});

test("a resumed copy is live when everything that was announced has come", () => {
  const { clock, hub, network } = fakeClient({ topics: ["state"] });
  welcome(network, { seq: 1 }).end(1006);
  clock.advance(250);
  const socket = welcome(network, { seq: 5, recovered: true });
  socket.receive(progressTo(3, 3));
  assert.notEqual(hub.status.kind, "live");
  // Changes 4 and 5 are of another topic: nothing but the answer to a ping tells that none is to come.
  answerPings(socket);
  assert.equal(hub.status.kind, "live");
});

test("the first frame must be connected, and must not resume what was not asked for", () => {
  const connected = { message: "", client_count: 1, session_id: "s", epoch: "e1", seq: 9, heartbeat_ms: 15_000, recovered: true };
  for (const frame of [stateFrame(1, EMPTY), { type: "connected", timestamp: "", data: connected }, "{", { type: "connected", data: {} }]) {
    const { hub, network } = fakeClient();
    network.last.open();
    network.last.receive(frame);
    assert.ok(network.last.ended);
    assert.equal(hub.status.kind, "reconnecting");
  }
  for (const lie of [{ epoch: "e2" }, { seq: 3 }]) {
    const { clock, network } = fakeClient();
    welcome(network, { seq: 5 }).end(1006);
    clock.advance(250);
    welcome(network, { seq: 5, recovered: true, ...lie });
    assert.ok(network.last.ended);
    clock.advance(1_000);
    assert.equal(network.last.url.search, "", "the next one asks for the state");
  }
});

const MALFORMED = /** @type {unknown[]} */ ([
  "",
  "{",
  "null",
  "[]",
  '"state"',
  "{}",
  { type: 7 },
  { type: "state", seq: 3 },
  { type: "state", seq: 3, data: null },
  { type: "state", seq: 3, data: { state: null } },
  { type: "state", seq: 3, data: { state: [] } },
  { type: "state", data: { state: {} } },
  { type: "state_change", seq: "3", data: {} },
  { type: "state_change", seq: -1, data: {} },
  { type: "state_change", seq: 1.5, data: {} },
  { type: "state_change", seq: 2 ** 53, data: {} },
  { type: "state_change", seq: 2, patch: {}, data: {} },
  { type: "state_change", patch: [], data: {} },
  { type: "heartbeat", data: { seq: null } },
  { type: "heartbeat" },
  { type: "closing" },
  { type: "error", data: 1 },
  { type: "command_result" },
]);

test("a malformed frame is counted, breaks nothing, and the state is fetched", () => {
  for (const frame of [...MALFORMED, new ArrayBuffer(3)]) {
    const { hub, network } = fakeClient();
    const socket = welcome(network, { seq: 1 });
    socket.onmessage?.({ data: typeof frame === "object" && !(frame instanceof ArrayBuffer) ? JSON.stringify(frame) : frame });
    assert.deepEqual([hub.health.malformed, hub.health.resyncs, hub.seq], [1, 1, 1], JSON.stringify(frame));
    socket.receive(stateFrame(2, EMPTY, "requested"));
    socket.receive(progressTo(3, 3));
    assert.deepEqual([hub.status.kind, hub.seq, hub.state?.system.progress], ["live", 3, 3], JSON.stringify(frame));
  }
});

test("a hub that talks nothing but nonsense is left", () => {
  const { network, hub } = fakeClient();
  const socket = welcome(network);
  for (let count = 0; count < 20; count += 1) socket.receive("{");
  assert.ok(!socket.ended);
  socket.receive("{");
  assert.ok(socket.ended);
  assert.equal(hub.health.malformed, 21);
});

test("frames of unknown types, with unknown fields, are passed on", () => {
  const { hub, network } = fakeClient();
  /** @type {unknown[]} */
  const told = [];
  hub.on("weather", (frame) => told.push(frame));
  const socket = welcome(network);
  const frame = { type: "weather", timestamp: "", data: { rain: true }, later: 1 };
  socket.receive(frame);
  socket.receive({ type: "constructor", timestamp: "", data: null });
  socket.receive({ type: "__proto__", timestamp: "", data: null });
  assert.deepEqual(told, [frame]);
  assert.deepEqual([hub.health.malformed, hub.health.resyncs], [0, 0]);
});

test("no frame can pass for a notice of the client's own", () => {
  const { hub, network } = fakeClient();
  /** @type {unknown[]} */
  const told = [];
  const socket = welcome(network);
  for (const type of ["status", "health", "change"]) hub.on(type, (notice) => told.push(notice));
  for (const type of ["status", "health", "change", "*"]) socket.receive({ type, timestamp: "", data: {} });
  assert.deepEqual(told, []);
});

test("a copy with the hub's hash is verified", async () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  assert.equal(hub.health.verified, "unknown");
  socket.receive(heartbeat(0, await stateHash(EMPTY)));
  await healthy(hub, ({ verified }) => verified === "verified");
  assert.equal(hub.health.mismatches, 0);
  assert.equal(hub.health.hubTime, Date.parse("2026-01-02T03:04:06.000Z"));
});

test("a copy with another hash is counted, fetched anew, and verified again", async () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  socket.receive(progressTo(1, 10));
  socket.receive(heartbeat(1, "0".repeat(64)));
  await healthy(hub, ({ verified }) => verified === "mismatch");
  assert.deepEqual([hub.health.mismatches, hub.health.resyncs], [1, 1]);
  assert.equal(sentOf(socket, "get_state").length, 1);
  const state = { ...EMPTY, system: { ...EMPTY.system, progress: 11 } };
  socket.receive(stateFrame(1, state, "requested"));
  assert.equal(hub.health.verified, "unknown");
  socket.receive(heartbeat(1, await stateHash(state)));
  await healthy(hub, ({ verified }) => verified === "verified");
  assert.deepEqual([hub.health.mismatches, hub.state?.system.progress], [1, 11]);
});

test("a whole state with another hash is not fetched again and again", async () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  for (let count = 1; count <= 3; count += 1) {
    socket.receive(heartbeat(0, "0".repeat(64)));
    await healthy(hub, ({ verified, mismatches }) => verified === "mismatch" && mismatches === count);
  }
  assert.equal(sentOf(socket, "get_state").length, 0);
});

test("a hash is compared with the state of its own moment", { timeout: 20_000 }, async () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  socket.receive(heartbeat(0, await stateHash(EMPTY)));
  socket.receive(progressTo(1, 10));
  await healthy(hub, ({ verified }) => verified === "verified");
  socket.receive(heartbeat(1, "0".repeat(64)));
  socket.receive(stateFrame(2, EMPTY, "lagging"));
  const hash = await stateHash(EMPTY);
  while (hub.health.verified !== "verified") {
    // One copy is judged at a time: this is heard when the one before is done.
    socket.receive(heartbeat(2, hash));
    await new Promise(setImmediate);
  }
  assert.equal(hub.health.mismatches, 0, "the copy that was judged first is gone");
});

test("without crypto.subtle nothing is verified and nothing breaks", async (t) => {
  t.mock.getter(globalThis.crypto, "subtle", () => undefined);
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  socket.receive(heartbeat(0, "0".repeat(64)));
  await new Promise(setImmediate);
  assert.deepEqual([hub.health.verified, hub.health.mismatches], ["unknown", 0]);
});

test("how many are connected is told by the hub", () => {
  const { hub, network } = fakeClient();
  const socket = welcome(network);
  assert.deepEqual([hub.health.clientCount, hub.health.sessionId], [1, "s1"]);
  socket.receive({ type: "presence", timestamp: "", data: { client_count: 5 } });
  assert.equal(hub.health.clientCount, 5);
  socket.end(1006);
  assert.deepEqual([hub.health.sessionId, hub.health.latencyMs], [null, null]);
});

test("a long catch-up tells how far it is now and then, not with every frame", () => {
  const { clock, hub, network } = fakeClient();
  welcome(network, { seq: 0 }).end(1006);
  clock.advance(250);
  const socket = welcome(network, { seq: 10_000, recovered: true });
  /** @type {number[]} */
  const behind = [];
  hub.on("health", (health) => behind.push(health.behind));
  for (let seq = 1; seq <= 10_000; seq += 1) {
    if (seq % 1_000 === 0) clock.advance(200);
    socket.receive(progressTo(seq, seq % 100));
  }
  assert.ok(behind.length <= 8, `${behind.length} notices`);
  assert.equal(behind.at(-1), 0);
});
