import assert from "node:assert/strict";
import { test } from "node:test";

import "../src/admission.js";
import { fakeBrowser, settled } from "./helpers/browser.js";
import { fakeClient, sentOf, welcome } from "./helpers/client.js";
import { FakeHub } from "./helpers/fake-hub.js";

const TIMESTAMP = "2026-01-02T03:04:05.678Z";
const NOT_AUTHENTICATED = { status_code: 401, error_type: "not_authenticated", message: "this token lets nobody in" };

/** Lets the hub and everybody who waits for it go on. @param {FakeHub} hub */
async function served(hub) {
  for (let turn = 0; turn < 4; turn += 1) {
    await settled();
    hub.serve();
  }
  await settled();
}

/** Lets the time pass until the next try. @param {import("../src/hub.js").Hub} hub @param {import("./helpers/clock.js").FakeClock} clock */
function waitForTry({ status }, clock) {
  assert.ok(status.kind === "reconnecting");
  clock.advance(status.retryAt - clock.now());
}

test("a token is the first thing that a hub hears, and nothing else before it lets the client in", async () => {
  const { hub, network } = fakeClient({ token: "oph_1" });
  hub.receive(["latency"]);
  const command = hub.command("approve P7");
  command.catch(() => {});
  await settled();
  assert.equal(network.last.url.search, "", "the token is not in the address");
  network.last.open();
  assert.deepEqual(network.last.sent, [{ type: "auth", data: { token: "oph_1" }, request_id: "auth-1" }]);
  const data = { message: "", client_count: 1, session_id: "s", epoch: "e1", seq: 0, heartbeat_ms: 15_000, recovered: false };
  network.last.receive({ type: "connected", timestamp: TIMESTAMP, data });
  assert.equal(sentOf(network.last, "auth").length, 1);
  assert.equal(sentOf(network.last, "command").length, 1);
  hub.close();
});

test("every connection says who it is", async () => {
  const { hub, network, clock } = fakeClient({ token: "oph_1" });
  const server = new FakeHub(network.sockets);
  server.known = new Map([["oph_1", { name: "bot" }]]);
  await served(server);
  assert.equal(hub.status.kind, "live");
  server.drop();
  waitForTry(hub, clock);
  await served(server);
  assert.equal(hub.status.kind, "live");
  assert.deepEqual(server.shown, ["oph_1", "oph_1"]);
});

test("a token that lets nobody in is a refusal, and reconnect() asks for another one", async () => {
  const tokens = ["oph_old", "oph_new"];
  const { hub, network, clock } = fakeClient({ token: () => String(tokens.shift()) });
  const server = new FakeHub(network.sockets);
  server.known = new Map([["oph_new", { name: "bot" }]]);
  await served(server);
  assert.deepEqual(hub.status, { kind: "refused", reason: "this token lets nobody in", code: 4401 });
  await assert.rejects(hub.command("approve P7"), { errorType: "refused" });
  clock.advance(600_000);
  await settled();
  assert.equal(network.sockets.length, 1, "it is not tried again by itself");
  hub.reconnect();
  await served(server);
  assert.equal(hub.status.kind, "live");
  assert.deepEqual(server.shown.slice(0, 2), ["oph_old", "oph_new"]);
});

test("a role that may not be here is a refusal of another kind", async () => {
  const { hub, network } = fakeClient({ token: "oph_collector" });
  await settled();
  network.last.open();
  const data = { status_code: 403, error_type: "forbidden", message: "the role collector may not read" };
  network.last.receive({ type: "error", timestamp: TIMESTAMP, data, request_id: "auth-1" });
  assert.deepEqual(hub.status, { kind: "refused", reason: "the role collector may not read", code: 4403 });
});

test("a hub that waited in vain for a token says why it closes", () => {
  const { hub, network } = fakeClient();
  network.last.open();
  network.last.receive({ type: "closing", timestamp: TIMESTAMP, data: { reason: "say who you are", retry_ms: 1_000 } });
  network.last.end(4401, "say who you are");
  assert.deepEqual(hub.status, { kind: "refused", reason: "say who you are", code: 4401 });
});

test("a token that was taken back ends the connection, and says so", async () => {
  const { hub, network } = fakeClient({ token: "oph_1" });
  await settled();
  welcome(network).end(4401, "what you showed was taken back");
  assert.deepEqual(hub.status, { kind: "refused", reason: "what you showed was taken back", code: 4401 });
});

test("a token that ends is followed by another one on the same connection", async () => {
  let count = 0;
  const { hub, network, clock } = fakeClient({ token: async () => `oph_${(count += 1)}` });
  const server = new FakeHub(network.sockets);
  server.known = new Map([["oph_1", { name: "bot", endsAt: 600_000 }], ["oph_2", { name: "bot", endsAt: 1_200_000 }], ["oph_3", { name: "bot" }]]);
  await served(server);
  assert.deepEqual([count, server.shown], [1, ["oph_1", "oph_1"]], "the second one tells when it ends");
  /** @param {number} seconds */
  const pass = async (seconds) => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000);
      server.serve();
    }
    await served(server);
  };
  await pass(530);
  assert.equal(count, 1);
  await pass(20);
  assert.deepEqual([count, server.shown.at(-1)], [2, "oph_2"], "a minute before the end");
  await pass(1_150);
  assert.deepEqual([count, server.shown.at(-1)], [3, "oph_3"]);
  await pass(3_000);
  assert.equal(count, 3, "one without an end is kept");
  assert.equal(network.sockets.length, 1);
  assert.equal(hub.status.kind, "live");
});

test("who cannot get another token tries again, and the connection goes on", async () => {
  let tries = 0;
  const token = () => {
    tries += 1;
    if (tries === 2) throw new Error("the vault is closed");
    return `oph_${tries}`;
  };
  const { hub, network, clock } = fakeClient({ token });
  const server = new FakeHub(network.sockets);
  server.known = new Map([["oph_1", { name: "bot", endsAt: 40_000 }], ["oph_3", { name: "bot" }]]);
  await served(server);
  for (let second = 0; second < 38; second += 1) {
    clock.advance(1_000);
    server.serve();
    await settled();
  }
  assert.deepEqual([tries, server.shown], [3, ["oph_1", "oph_1", "oph_3"]]);
  assert.deepEqual([hub.status.kind, network.sockets.length], ["live", 1]);
});

test("an open hub lets in also who shows a token that it does not take", async () => {
  const { hub, network } = fakeClient({ token: "oph_1" });
  await settled();
  const socket = welcome(network);
  socket.receive({ type: "error", timestamp: TIMESTAMP, data: NOT_AUTHENTICATED, request_id: "auth-1" });
  assert.equal(hub.status.kind, "live");
  assert.equal(hub.health.malformed, 0);
});

test("without a token no connection is made, and it is asked for again", async () => {
  let tries = 0;
  const token = () => {
    tries += 1;
    if (tries < 3) throw new Error("the vault is closed");
    return "oph_1";
  };
  const { hub, network, clock } = fakeClient({ token });
  await settled();
  assert.equal(network.sockets.length, 0);
  assert.ok(hub.status.kind === "reconnecting" && /the vault is closed/.test(hub.status.reason));
  for (let turn = 0; turn < 2; turn += 1) {
    waitForTry(hub, clock);
    await settled();
  }
  assert.equal(tries, 3);
  assert.equal(network.sockets.length, 1);
});

test("a token that never comes is given up after ten seconds, and counts for nothing when it does come", async () => {
  /** @type {((token: string) => void)[]} */
  const asked = [];
  const { hub, network, clock } = fakeClient({ token: () => new Promise((resolve) => asked.push(resolve)) });
  await settled();
  assert.equal(asked.length, 1);
  hub.reconnect();
  assert.equal(asked.length, 1, "one question is enough");
  clock.advance(10_000);
  assert.ok(hub.status.kind === "reconnecting" && /within 10 s/.test(hub.status.reason));
  asked[0]("oph_late");
  await settled();
  assert.equal(network.sockets.length, 0);
  waitForTry(hub, clock);
  await settled();
  asked[1]("oph_2");
  await settled();
  network.last.open();
  assert.equal(sentOf(network.last, "auth")[0].data.token, "oph_2");
  hub.close();
  assert.equal(clock.timers, 0);
});

test("a token that is none is a mistake of the caller", () => {
  for (const token of ["", 7, null, {}]) assert.throws(() => fakeClient(/** @type {any} */ ({ token })), TypeError);
});

test("tabs with one token share a connection, and those with another have their own", async () => {
  const browser = fakeBrowser();
  const server = new FakeHub(browser.network.sockets);
  server.known = new Map([["oph_1", { name: "one" }], ["oph_2", { name: "two" }]]);
  const tabs = ["oph_1", "oph_1", "oph_2"].map((token) => browser.tab({ token }));
  await served(server);
  for (const { hub } of tabs) assert.deepEqual([hub.status.kind, hub.health.shared], ["live", true]);
  assert.equal(browser.network.sockets.length, 2);
  assert.deepEqual([...server.shown].sort(), ["oph_1", "oph_2"]);
  for (const name of browser.workers.keys()) assert.doesNotMatch(name, /oph_/, "nobody reads it in a worker's name");
});

test("the shared connection gets its next token from a tab that is there", async () => {
  const browser = fakeBrowser();
  const server = new FakeHub(browser.network.sockets);
  server.known = new Map([["oph_1", { name: "one", endsAt: 100_000 }], ["oph_2", { name: "one" }]]);
  let token = "oph_1";
  const [first, second] = [browser.tab({ token: () => token }), browser.tab({ token: async () => token })];
  await served(server);
  first.hub.close();
  token = "oph_2";
  for (let second = 0; second < 80; second += 1) {
    browser.advance(1_000);
    await settled();
    server.serve();
  }
  await served(server);
  assert.equal(server.shown.at(-1), "oph_2");
  assert.deepEqual([second.hub.status.kind, browser.network.sockets.length], ["live", 1]);
});

test("a refusal reaches every tab, and one that tries again brings all of them back", async () => {
  const browser = fakeBrowser();
  const server = new FakeHub(browser.network.sockets);
  server.known = new Map([["oph_1", { name: "one" }]]);
  const tabs = [browser.tab({ token: "oph_1" }), browser.tab({ token: "oph_1" })];
  await served(server);
  browser.network.last.end(4401, "what you showed was taken back");
  await settled();
  for (const { hub } of tabs) assert.deepEqual(hub.status, { kind: "refused", reason: "what you showed was taken back", code: 4401 });
  tabs[1].hub.reconnect();
  await served(server);
  for (const { hub } of tabs) assert.equal(hub.status.kind, "live");
});
