/** The client against the real hub. */

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import WebSocket from "ws";

import { stateHash } from "../src/state-hash.js";
import { BOUND_MS, live, notice, TestHub } from "./helpers/hub.js";

const BOUNDED = { timeout: 4 * BOUND_MS };

/**
 * Changes the state over HTTP without a pause, whether or not there is a hub to take it.
 * @param {TestHub} hub
 */
function load(hub) {
  let running = true;
  const acknowledged = /** @type {number[]} */ ([]);
  const feed = async (/** @type {number} */ feeder) => {
    for (let count = 0; running; count += 1) {
      const id = `F${feeder}-${count % 20}`;
      const item = { id, title: `item ${count}`, start: "2026-01-02", end: "2026-01-03", n: count / 7 };
      const { pathname, body } =
        count % 3 === 0
          ? { pathname: "/api/system/status", body: { progress: (count * 7 + feeder) % 101 } }
          : { pathname: `/api/items/calendar/${id}`, body: item };
      const { method } = count % 3 === 0 ? { method: "POST" } : { method: "PUT" };
      try {
        acknowledged.push((await hub.ask(method, pathname, body)).seq);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        // Nobody is there: the next try finds out when somebody is.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  };
  const feeders = [0, 1, 2, 3, 4, 5].map(feed);
  return {
    acknowledged,
    async stop() {
      running = false;
      await Promise.all(feeders);
    },
  };
}

test("a client that resumes across kill -9 under load misses nothing and is told nothing twice", BOUNDED, async (t) => {
  const server = await TestHub.start(t);
  const hub = server.client(t);
  /** @type {any[]} */
  const told = [];
  hub.on("change", (frame) => told.push(frame));
  let connections = 0;
  let recovered = 0;
  hub.on("connected", ({ data }) => {
    connections += 1;
    recovered += Number(data.recovered);
  });
  await live(hub);
  const feeders = load(server);
  for (let cycle = 1; cycle <= 6; cycle += 1) {
    const goal = told.length + 150;
    await notice(hub, "change", () => told.length >= goal);
    const lost = notice(hub, "status", ({ kind }) => kind === "reconnecting");
    await server.kill();
    await lost;
    await server.start();
  }
  await live(hub);
  await feeders.stop();
  const { seq, state } = await server.ask("GET", "/api/state");
  if (hub.seq !== seq) await notice(hub, "change", (frame) => frame.seq === seq);
  const events = await server.events();
  assert.deepEqual(told.map((frame) => frame.seq), events.map((event) => event.seq));
  assert.deepEqual(told, events, "frame by frame what the log holds");
  assert.deepEqual(told.map((frame) => frame.seq), told.map((_, index) => index + 1), "without a gap or a repeat");
  assert.deepEqual(hub.state, state);
  assert.deepEqual([connections, recovered, hub.health.resyncs, hub.health.malformed], [7, 6, 0, 0]);
  const lost = feeders.acknowledged.filter((number) => number > seq);
  assert.deepEqual(lost, [], "what was acknowledged is there");
  t.diagnostic(`${events.length} changes, 6 kills`);
});

test("every command is carried out exactly once, however often the hub is killed", BOUNDED, async (t) => {
  const server = await TestHub.start(t);
  const hub = server.client(t);
  const texts = Array.from({ length: 240 }, (_, index) => `approve P${index}`);
  let answered = 0;
  const run = async (/** @type {number} */ lane) => {
    for (let index = lane; index < texts.length; index += 12) {
      const { target } = await hub.command(texts[index]);
      assert.equal(target, `P${index}`);
      answered += 1;
    }
  };
  const lanes = Promise.all(Array.from({ length: 12 }, (_, lane) => run(lane)));
  lanes.catch(() => {});
  for (let cycle = 1; cycle <= 4; cycle += 1) {
    const goal = Math.min(answered + 30, texts.length - 1);
    while (answered < goal) await notice(hub, "change");
    await server.kill();
    await server.start();
  }
  await lanes;
  const commands = (await server.events()).filter(({ type }) => type === "command_executed");
  const carriedOut = commands.map(({ data }) => data.command).sort();
  assert.deepEqual(carriedOut, [...texts].sort());
});

test("commands faster than the hub takes them are carried out once each", BOUNDED, async (t) => {
  const server = await TestHub.start(t, "limits:\n  messages_per_second: 2\n  messages_burst: 4\n");
  const hub = server.client(t);
  await live(hub);
  const limited = notice(hub, "error", ({ data }) => data.error_type === "rate_limited");
  const texts = Array.from({ length: 14 }, (_, index) => `approve P${index}`);
  await Promise.all([limited, ...texts.map((text) => hub.command(text))]);
  const commands = (await server.events()).map(({ data }) => data.command).sort();
  assert.deepEqual(commands, [...texts].sort());
});

test("another log on the same port is shown from its beginning", BOUNDED, async (t) => {
  const server = await TestHub.start(t);
  const hub = server.client(t);
  await server.ask("POST", "/api/system/status", { progress: 40 });
  await hub.waitFor((state) => state.system.progress === 40);
  const { epoch } = hub;
  await server.kill();
  for (const file of ["opshub.db", "opshub.db-wal", "opshub.db-shm"]) await rm(join(server.folder, file), { force: true });
  await server.start();
  await hub.waitFor((state) => state.system.progress === 0, { timeoutMs: BOUND_MS });
  assert.notEqual(hub.epoch, epoch);
  assert.equal(hub.seq, 0);
  await live(hub);
  await server.ask("POST", "/api/system/status", { progress: 7 });
  await hub.waitFor((state) => state.system.progress === 7, { timeoutMs: BOUND_MS });
  assert.equal(hub.seq, 1);
});

test("a hub that ends in good order says so, and is found again", BOUNDED, async (t) => {
  const server = await TestHub.start(t);
  const hub = server.client(t);
  await live(hub);
  const closing = notice(hub, "closing");
  const left = notice(hub, "status", ({ kind }) => kind === "reconnecting");
  await server.stop();
  const { data } = await closing;
  const status = await left;
  assert.ok(status.kind === "reconnecting" && status.reason === data.reason);
  assert.ok(status.kind === "reconnecting" && status.retryAt >= Date.now() + data.retry_ms - BOUND_MS);
  await server.start();
  await live(hub);
});

test("two clients see one change, and each other", BOUNDED, async (t) => {
  const server = await TestHub.start(t);
  const [one, two] = [server.client(t), server.client(t)];
  await Promise.all([live(one), live(two)]);
  await server.ask("PUT", "/api/items/priorities/P7", { id: "P7", title: "Ship the beta" });
  const seen = Promise.all([one, two].map((hub) => notice(hub, "command_executed")));
  const result = await one.command("approve P7");
  assert.deepEqual([result.applied, result.target, result.action], [true, "P7", "approve"]);
  for (const frame of await seen) assert.equal(frame.seq, result.seq);
  for (const hub of [one, two]) assert.equal(hub.state?.priorities[0].status, "approved");
  await assert.rejects(two.command("dance"), { errorType: "unknown_command", statusCode: 400 });
  const dry = await two.command("reject P7", { dryRun: true });
  assert.deepEqual(dry.patch, [{ op: "replace", path: "/priorities/0/status", value: "rejected" }]);
});

test("the copy has the hub's hash, whatever the document holds", BOUNDED, async (t) => {
  const server = await TestHub.start(t, "session:\n  heartbeat_ms: 100\n");
  const hub = server.client(t);
  await live(hub);
  const values = [0.1, 333333333.33333325, 1e-7, -0.0000033, 123456789.125, 2 ** 53 - 1, 5e-324, "\u0000\u001f\"\\/", "€ 😀 \u2028 \ufb33 Ö"];
  const fields = { values, "😀": 1, "\ufb33": 2, "€": 3, "": { " ": [[], {}, null, true] }, 10: "ten", 9: "nine", constructor: "Ferrari" };
  await server.ask("PUT", "/api/items/priorities/P1", { id: "P1", title: "<img onerror=alert(1)>", ...fields });
  for (let round = 0; round < 12; round += 1) {
    const id = `E${round % 5}`;
    if (round % 4 === 3) await server.ask("DELETE", `/api/items/calendar/${id}`);
    else await server.ask("PUT", `/api/items/calendar/${id}`, { id, start: "2026-01-02", end: "2026-01-03", round, at: [round / 3] });
    await server.ask("PUT", "/api/items/priorities/P1", { id: "P1", ...fields, [`f${round}`]: round * 1.1 });
    const heartbeat = await notice(hub, "heartbeat", ({ data }) => data.seq === hub.seq);
    assert.equal(await stateHash(hub.state), heartbeat.data.state_hash, JSON.stringify(hub.state));
  }
  await notice(hub, "health", ({ verified }) => verified === "verified");
  assert.deepEqual([hub.health.mismatches, hub.health.resyncs], [0, 0]);
  assert.deepEqual(hub.state, (await server.ask("GET", "/api/state")).state);
});

test("a field called __proto__ costs a resynchronisation and nothing else", BOUNDED, async (t) => {
  const server = await TestHub.start(t);
  const hub = server.client(t);
  await live(hub);
  const put = (/** @type {string} */ text) =>
    fetch(`${server.url}/api/items/priorities/P1`, { method: "PUT", headers: { "content-type": "application/json" }, body: text });
  for (const value of ['{"admin":true}', '{"admin":false}', "1"]) {
    await put(`{"id":"P1","title":"a title that is longer than the change","__proto__":${value}}`);
    const { seq, state } = await server.ask("GET", "/api/state");
    while (hub.seq !== seq) await notice(hub, "*");
    assert.deepEqual(JSON.stringify(hub.state?.priorities), JSON.stringify(state.priorities));
  }
  assert.equal(Object.getPrototypeOf(hub.state?.priorities[0]), Object.prototype);
  assert.equal(/** @type {any} */ ({}).admin, undefined);
});

test("a client that does not read for a while gets the state in place of what it missed", BOUNDED, async (t) => {
  const server = await TestHub.start(t, "session:\n  outbox_bytes: 65536\n");
  /** @type {WebSocket | undefined} */
  let socket;
  const Paused = class extends WebSocket {
    /**
     * @param {string} url
     * @param {string[]} protocols
     */
    constructor(url, protocols) {
      super(url, protocols);
      socket = this;
    }
  };
  const hub = server.client(t, { WebSocket: /** @type {any} */ (Paused) });
  await live(hub);
  socket?.pause();
  const title = "x".repeat(60_000);
  for (let count = 1; count <= 200; count += 1) {
    await server.ask("PUT", "/api/items/priorities/P1", { id: "P1", title: title + count });
  }
  const lagging = notice(hub, "state", ({ data }) => data.reason === "lagging");
  socket?.resume();
  await lagging;
  await server.ask("POST", "/api/system/status", { progress: 99 });
  await hub.waitFor((state) => state.system.progress === 99, { timeoutMs: BOUND_MS });
  assert.deepEqual([hub.seq, hub.health.resyncs], [201, 0]);
  assert.deepEqual(hub.state, (await server.ask("GET", "/api/state")).state);
});

test("what cannot succeed is refused with its reason", BOUNDED, async (t) => {
  const server = await TestHub.start(t);
  const FromElsewhere = class extends WebSocket {
    /**
     * @param {string} url
     * @param {string[]} protocols
     */
    constructor(url, protocols) {
      super(url, protocols, { origin: "https://evil.example" });
    }
  };
  for (const [options, code] of /** @type {[any, number][]} */ ([
    [{ topics: ["weather"] }, 400],
    [{ url: `${server.url}/nothing` }, 404],
    [{ WebSocket: FromElsewhere }, 403],
  ])) {
    const hub = server.client(t, options);
    const status = await notice(hub, "status", ({ kind }) => kind !== "connecting");
    assert.ok(status.kind === "refused" && status.code === code, JSON.stringify(status));
  }
});

test("chosen topics are what comes", BOUNDED, async (t) => {
  const server = await TestHub.start(t, "session:\n  heartbeat_ms: 100\n");
  const hub = server.client(t, { topics: ["state"] });
  /** @type {Set<string>} */
  const types = new Set();
  hub.on("*", ({ type }) => types.add(type));
  await live(hub);
  server.client(t);
  await server.ask("POST", "/api/system/status", { progress: 5 });
  await hub.waitFor((state) => state.system.progress === 5);
  await notice(hub, "heartbeat");
  assert.deepEqual([...types].sort(), ["connected", "heartbeat", "state", "state_change"]);
});
