import assert from "node:assert/strict";
import { test } from "node:test";

import { answerPings, fakeClient, progressTo, sentOf, welcome } from "./helpers/client.js";

/**
 * Lets time pass second by second, with a hub that answers.
 * @param {ReturnType<typeof fakeClient>} client
 * @param {number} seconds
 */
function live({ clock, network }, seconds) {
  for (let second = 0; second < seconds; second += 1) {
    clock.advance(1_000);
    answerPings(network.last);
  }
}

test("a third of the heartbeat's interval lies between two pings, and their answers tell the latency", () => {
  const client = fakeClient();
  const { clock, hub, network } = client;
  const socket = welcome(network);
  assert.equal(sentOf(socket, "ping").length, 1);
  clock.advance(40);
  answerPings(socket);
  assert.equal(hub.health.latencyMs, 40);
  clock.advance(4_959);
  assert.equal(sentOf(socket, "ping").length, 0);
  clock.advance(1);
  assert.equal(sentOf(socket, "ping").length, 1);
  live(client, 600);
  assert.equal(hub.status.kind, "live");
});

test("the state is known to be true as of the moment when the last answered ping was sent", () => {
  const { clock, hub, network } = fakeClient();
  const begun = clock.now();
  clock.advance(70);
  const socket = welcome(network);
  assert.equal(hub.health.asOf, begun, "the state is not older than the try");
  clock.advance(5_000);
  const sentAt = clock.now();
  clock.advance(200);
  answerPings(socket);
  assert.equal(hub.health.asOf, sentAt);
  clock.advance(1_000);
  socket.receive(progressTo(1, 5));
  assert.equal(hub.health.asOf, sentAt, "a frame may have waited in a buffer");
});

test("a line that goes silent soon does not look alive, and is dead a heartbeat and a ping later", () => {
  const { clock, network, statuses } = fakeClient();
  const socket = welcome(network);
  answerPings(socket);
  clock.advance(9_999);
  assert.equal(statuses.at(-1).kind, "live");
  clock.advance(1);
  const { kind, trying, attempt, reason } = statuses.at(-1);
  assert.deepEqual([kind, trying, attempt, reason], ["reconnecting", true, 0, "nothing was heard for 10 s"]);
  assert.ok(!socket.ended);
  clock.advance(10_000);
  assert.ok(socket.ended);
  assert.deepEqual([statuses.at(-1).kind, statuses.at(-1).attempt], ["reconnecting", 1]);
  clock.advance(250);
  assert.equal(network.sockets.length, 2);
});

test("a line that answers after all is live as before", () => {
  const client = fakeClient();
  const { clock, hub, network, statuses } = client;
  const socket = welcome(network);
  const { since } = /** @type {any} */ (hub.status);
  clock.advance(12_000);
  assert.equal(hub.status.kind, "reconnecting");
  answerPings(socket);
  assert.deepEqual(hub.status, { kind: "live", since });
  assert.deepEqual(statuses.map(({ kind }) => kind), ["live", "reconnecting", "live"]);
  live(client, 60);
  assert.equal(network.sockets.length, 1);
});

test("after sleep a line has to prove itself at once, and may still do so", () => {
  for (const answers of [true, false]) {
    const { clock, hub, network } = fakeClient();
    const socket = welcome(network);
    answerPings(socket);
    clock.sleep(3_600_000);
    assert.equal(hub.status.kind, "reconnecting");
    assert.match(hub.status.kind === "reconnecting" ? hub.status.reason : "", /nothing was heard for 3600 s/);
    clock.advance(1_000);
    if (answers) answerPings(socket);
    assert.equal(hub.status.kind, answers ? "live" : "reconnecting");
    clock.advance(2_000);
    assert.equal(socket.ended, !answers);
  }
});

test("what waited in a buffer while the machine slept proves nothing", () => {
  const { clock, hub, network } = fakeClient();
  const socket = welcome(network);
  answerPings(socket);
  const old = { type: "heartbeat", timestamp: "", data: { seq: 0, state_hash: "" } };
  const nap = 120_000;
  // The message is delivered before any timer.
  const fired = /** @type {() => void} */ (() => socket.receive(old));
  clock.setTimeout(fired, 1);
  clock.sleep(nap);
  assert.equal(hub.status.kind, "reconnecting");
  socket.receive(old);
  assert.equal(hub.status.kind, "reconnecting");
  clock.advance(3_000);
  assert.ok(!socket.ended, "what still arrives gives it more time");
  clock.advance(3_000);
  assert.ok(socket.ended);
});

test("a throttled timer alone is no reason for doubt", () => {
  const { clock, hub, network } = fakeClient();
  const socket = welcome(network);
  for (let minute = 0; minute < 5; minute += 1) {
    for (let quarter = 0; quarter < 4; quarter += 1) {
      // No timer fires in a hidden tab, but messages come.
      clock.sleepUnseen(15_000);
      socket.receive({ type: "heartbeat", timestamp: "", data: { seq: 0, state_hash: "" } });
      assert.equal(hub.status.kind, "live");
    }
    clock.advance(0);
    answerPings(socket);
    assert.equal(hub.status.kind, "live");
  }
});

test("a look at the page makes a silent line prove itself within moments", () => {
  const { clock, environment, hub, network } = fakeClient();
  const socket = welcome(network);
  answerPings(socket);
  clock.advance(1_000);
  environment.tell("wake");
  assert.equal(hub.status.kind, "live", "it spoke a moment ago");
  assert.equal(sentOf(socket, "ping").length, 1);
  clock.advance(3_000);
  assert.ok(socket.ended);
});

test("a clock that is set back does not keep a dead line alive", () => {
  const { clock, network } = fakeClient();
  const socket = welcome(network);
  answerPings(socket);
  clock.setBack(3_600_000);
  for (let second = 0; second < 40 && !socket.ended; second += 1) clock.advance(1_000);
  assert.ok(socket.ended);
});

test("an announced interval is believed within bounds", () => {
  for (const heartbeatMs of [0, -1, 1e12, NaN, /** @type {any} */ ("soon")]) {
    const { clock, network, hub } = fakeClient();
    const socket = welcome(network, { heartbeatMs });
    clock.advance(10_000);
    assert.ok(sentOf(socket, "ping").length >= 1 && sentOf(socket, "ping").length <= 4);
    hub.close();
  }
});
