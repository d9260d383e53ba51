import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../src/backoff.js";
import { connect } from "../src/index.js";
import { fakeClient, progressTo, sentOf, welcome } from "./helpers/client.js";
import { FakeSocket } from "./helpers/socket.js";

test("a delay is drawn evenly below a bound that doubles up to a ceiling", () => {
  /** @param {number} random */
  const delays = (random) => {
    const backoff = new Backoff({ initialMs: 500, maxMs: 30_000, random: () => random });
    return Array.from({ length: 9 }, () => backoff.fail());
  };
  assert.deepEqual(delays(0), [0, 0, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(delays(0.5), [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  assert.deepEqual(delays(0.9999).map((ms) => Math.ceil(ms / 100) * 100).slice(5), [16_000, 30_000, 30_000, 30_000]);
});

test("the protocol and the topics are asked for at the handshake", () => {
  const { network } = fakeClient({ url: "https://hub.example", topics: ["state", "health"] });
  assert.deepEqual(network.last.protocols, ["opshub.v1"]);
  assert.equal(network.last.url.href, "wss://hub.example/ws?topics=state%2Chealth");
});

test("a lost connection is tried again when the status says, and not before", () => {
  const { network, clock, statuses, hub } = fakeClient();
  welcome(network);
  clock.advance(6_000);
  const { last } = network;
  last.end(1006);
  assert.equal(statuses.at(-1).kind, "reconnecting");
  const { retryAt, attempt, trying } = statuses.at(-1);
  assert.deepEqual([attempt, trying, retryAt - clock.now()], [1, false, 250]);
  clock.advance(249);
  assert.equal(network.sockets.length, 1);
  clock.advance(1);
  assert.equal(network.sockets.length, 2);
  assert.deepEqual({ ...hub.status, reason: "" }, { kind: "reconnecting", attempt: 1, retryAt: clock.now(), trying: true, reason: "" });
});

test("failures in a row wait longer and longer, and a connection that lasts ends the row", () => {
  const { network, clock, hub } = fakeClient();
  const delays = [];
  for (let failure = 0; failure < 9; failure += 1) {
    network.last.end(1006);
    assert.equal(hub.status.kind, "reconnecting");
    const delay = hub.status.kind === "reconnecting" ? hub.status.retryAt - clock.now() : NaN;
    delays.push(delay);
    clock.advance(delay);
  }
  assert.deepEqual(delays, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  // One that is lost at once again does not end it.
  welcome(network).end(1006);
  assert.equal(hub.status.kind === "reconnecting" && hub.status.attempt, 10);
  clock.advance(15_000);
  welcome(network);
  clock.advance(4_900);
  network.last.end(1006);
  clock.advance(15_000);
  welcome(network);
  clock.advance(5_000);
  network.last.end(1006);
  assert.equal(hub.status.kind === "reconnecting" && hub.status.attempt, 1);
});

test("a connection resumes where the copy is, in the log that it belongs to", () => {
  const { network, clock, hub } = fakeClient();
  const socket = welcome(network, { seq: 4, epoch: "e7" });
  assert.equal(socket.url.search, "");
  socket.receive(progressTo(5, 50));
  socket.end(1006);
  clock.advance(250);
  assert.equal(network.last.url.search, "?since=5&epoch=e7");
  welcome(network, { seq: 6, epoch: "e7", recovered: true });
  assert.notEqual(hub.status.kind, "live");
  network.last.receive(progressTo(6, 60));
  assert.equal(hub.status.kind, "live");
  assert.equal(hub.state?.system.progress, 60);
});

test("a hub that goes away is left alone for as long as it asks", () => {
  const { network, clock, hub } = fakeClient();
  for (const code of [1001, 4429]) {
    const socket = welcome(network);
    socket.receive({ type: "closing", timestamp: "", data: { reason: "restart", retry_ms: 1_800 } });
    socket.end(code, "restart");
    assert.equal(hub.status.kind === "reconnecting" && hub.status.retryAt - clock.now(), 1_800);
    assert.equal(hub.status.kind === "reconnecting" && hub.status.reason, "restart");
    clock.advance(1_800);
  }
});

test("a hub that says that it closes, and does not, is parted with", () => {
  const { network, clock } = fakeClient();
  const socket = welcome(network);
  socket.receive({ type: "closing", timestamp: "", data: { reason: "restart", retry_ms: 100 } });
  clock.advance(2_000);
  assert.ok(socket.ended);
});

test("a wait that a hub asks for is believed within bounds", () => {
  for (const [asked, bound] of [[1e12, 300_000], [-5, 250], ["soon", 250], [null, 250]]) {
    const { network, clock, hub } = fakeClient();
    const socket = welcome(network);
    socket.receive({ type: "closing", timestamp: "", data: { reason: "restart", retry_ms: asked } });
    socket.end(1001);
    assert.equal(hub.status.kind === "reconnecting" && hub.status.retryAt - clock.now(), bound);
    hub.close();
  }
});

test("a refusal ends the tries, and says why", () => {
  /** @type {[string, (socket: FakeSocket) => void, number | null][]} */
  const refusals = [
    ["not for you", (socket) => socket.end(4403, "not for you"), 4403],
    ["authentication", (socket) => socket.end(4401), 4401],
    ["status 403", (socket) => socket.reject("Unexpected server response: 403"), 403],
    ["status 400", (socket) => socket.reject("Unexpected server response: 400"), 400],
    ["does not speak", (socket) => socket.open(""), null],
  ];
  for (const [words, refuse, code] of refusals) {
    const { network, clock, hub } = fakeClient();
    refuse(network.last);
    assert.equal(hub.status.kind, "refused");
    assert.ok(hub.status.kind === "refused" && hub.status.reason.includes(words));
    assert.equal(hub.status.kind === "refused" && hub.status.code, code);
    clock.advance(3_600_000);
    assert.equal(network.sockets.length, 1);
    hub.reconnect();
    assert.equal(network.sockets.length, 2);
    welcome(network);
    assert.equal(hub.status.kind, "live");
  }
});

test("a handshake that fails for a while is tried again", () => {
  for (const message of ["Unexpected server response: 503", "connect ECONNREFUSED", ""]) {
    const { network, hub } = fakeClient();
    network.last.reject(message);
    assert.equal(hub.status.kind, "reconnecting");
  }
});

test("a constructor that throws is a refusal", () => {
  const WebSocket = class extends FakeSocket {
    /**
     * @param {string} url
     * @param {string[]} protocols
     */
    constructor(url, protocols) {
      super(url, protocols);
      throw new Error("mixed content");
    }
  };
  const hub = connect({ url: "ws://hub.example", shared: false, WebSocket });
  assert.ok(hub.status.kind === "refused" && hub.status.reason.includes("mixed content"));
});

test("what cannot be connected to is said at once", () => {
  const WebSocket = FakeSocket;
  for (const url of [undefined, "ftp://hub.example", "no url"]) {
    assert.throws(() => connect({ url, WebSocket }), TypeError);
  }
  assert.throws(() => connect({ url: "ws://hub.example", WebSocket, backoff: { maxMs: 0 } }), TypeError);
  assert.throws(() => connect({ url: "ws://hub.example", WebSocket, topics: /** @type {any} */ ("state") }), TypeError);
});

test("a handshake that nobody answers is given up", () => {
  const { network, clock, hub } = fakeClient();
  clock.advance(9_999);
  assert.equal(hub.status.kind, "connecting");
  clock.advance(1);
  assert.equal(hub.status.kind, "reconnecting");
  assert.ok(network.last.ended);
  clock.advance(250);
  network.last.open();
  clock.advance(10_000);
  assert.ok(network.last.ended, "a hub that opens and says nothing");
});

test("the network's return and a look at the page end the wait", () => {
  for (const event of /** @type {const} */ (["online", "wake"])) {
    const { network, environment } = fakeClient();
    network.last.end(1006);
    assert.equal(network.sockets.length, 1);
    environment.tell(event);
    assert.equal(network.sockets.length, 2);
    environment.tell(event);
    assert.equal(network.sockets.length, 2, "one that is being opened is not opened again");
  }
});

test("without a network the client is offline, and live as soon as there is one", () => {
  const { network, clock, environment, hub, statuses } = fakeClient();
  welcome(network);
  environment.setOffline(true);
  assert.equal(hub.status.kind, "offline");
  const { since } = statuses.at(-1);
  clock.advance(3_000);
  assert.ok(network.last.ended, "the line did not prove itself");
  assert.deepEqual(hub.status, { kind: "offline", since });
  clock.advance(20_000);
  assert.equal(network.sockets.length, 1);
  environment.setOffline(false);
  assert.equal(network.sockets.length, 2);
  welcome(network, { recovered: true });
  assert.equal(hub.status.kind, "live");
});

test("a browser that is wrong about the network does not keep a client away for good", () => {
  const { network, clock, environment, hub } = fakeClient();
  environment.setOffline(true);
  network.last.end(1006);
  assert.equal(hub.status.kind, "offline");
  clock.advance(30_000);
  assert.equal(network.sockets.length, 2);
  assert.equal(hub.status.kind, "offline");
  welcome(network);
  assert.equal(hub.status.kind, "live");
});

test("a hub on this machine needs no network", () => {
  for (const host of ["127.0.0.1:8000", "localhost", "[::1]:8000"]) {
    const { network, environment, hub } = fakeClient({ url: `ws://${host}/ws` });
    welcome(network);
    environment.setOffline(true);
    assert.equal(hub.status.kind, "live");
    network.last.end(1006);
    assert.equal(hub.status.kind, "reconnecting");
  }
});

test("what an old socket still says is ignored", () => {
  const { network, clock, hub } = fakeClient();
  const old = welcome(network, { seq: 1 });
  const { onmessage, onclose, onerror } = old;
  old.end(1006);
  clock.advance(250);
  const socket = welcome(network, { seq: 1, recovered: true });
  onmessage?.({ data: JSON.stringify(progressTo(2, 99)) });
  onerror?.({ message: "late" });
  onclose?.({ code: 4403, reason: "late" });
  assert.equal(hub.status.kind, "live");
  assert.equal(hub.state?.system.progress, 0);
  assert.equal(network.last, socket);
});

test("whatever happens, there is never more than one socket", () => {
  let seed = 7;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const { network, clock, environment, hub } = fakeClient({ random });
  const events = [
    () => network.last.readyState === 0 && !network.last.ended && welcome(network),
    () => network.last.readyState < 2 && network.last.end([1001, 1006, 4408, 4429][Math.floor(random() * 4)]),
    () => network.last.readyState === 0 && network.last.reject("connect ECONNREFUSED"),
    () => clock.advance(random() * 40_000),
    () => clock.sleep(random() * 3_600_000),
    () => hub.reconnect(),
    () => environment.setOffline(random() < 0.5),
    () => environment.tell("wake"),
    () => network.last.onmessage?.({ data: "{" }),
  ];
  for (let round = 0; round < 5_000; round += 1) {
    events[Math.floor(random() * events.length)]();
    assert.ok(network.open <= 1, `${network.open} sockets in round ${round}`);
  }
  assert.ok(network.sockets.length > 500, `${network.sockets.length} sockets in all`);
  environment.setOffline(false);
  hub.reconnect();
  if (network.last.readyState === 0) welcome(network);
  hub.close();
  assert.equal(network.open, 0);
  assert.equal(clock.timers, 0, "no timer is left");
  assert.equal(environment.size, 0, "nothing is watched");
});

test("the button tries now, and leaves a connection that lives alone", () => {
  const { network, clock, hub } = fakeClient();
  hub.reconnect();
  assert.equal(network.sockets.length, 1, "it is being opened");
  network.last.end(1006);
  hub.reconnect();
  assert.equal(network.sockets.length, 2);
  welcome(network);
  hub.reconnect();
  assert.equal(network.sockets.length, 2);
  clock.advance(12_000);
  assert.equal(hub.status.kind, "reconnecting", "nothing is heard");
  hub.reconnect();
  assert.equal(network.sockets.length, 3);
  assert.equal(network.open, 1);
});

test("a closed client stays closed", async () => {
  const { network, clock, environment, hub, statuses } = fakeClient();
  welcome(network);
  hub.close();
  hub.close();
  hub.reconnect();
  environment.tell("wake");
  clock.advance(100_000);
  assert.deepEqual([network.sockets.length, network.open, statuses.at(-1).kind], [1, 0, "closed"]);
  await assert.rejects(hub.command("status"), { errorType: "closed" });
  await assert.rejects(hub.waitFor(() => true), { errorType: "closed" });
});

test("nothing is sent to a socket that does not take it", () => {
  const { network, clock } = fakeClient();
  const socket = welcome(network);
  socket.sent.length = 0;
  socket.bufferedAmount = 300 * 1024;
  clock.advance(5_000);
  assert.equal(sentOf(socket, "ping").length, 0);
});
