/** Whatever goes wrong, in whatever order: no change is missed unseen or told twice, no command is lost or doubled. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { fakeBrowser, settled } from "./helpers/browser.js";
import { fakeClient } from "./helpers/client.js";
import { FakeHub } from "./helpers/fake-hub.js";

/**
 * Random numbers that are the same in every run.
 * @param {number} seed
 */
function seeded(seed) {
  return () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/**
 * Checks everything that a client is told against what a hub has.
 * @param {import("../src/hub.js").Hub} client
 * @param {FakeHub} server
 */
function witness(client, server) {
  let epoch = /** @type {string | null} */ (null);
  let last = 0;
  /** @type {string[]} What handlers throw would only be reported. */
  const faults = [];
  client.on("state", ({ seq }) => {
    if (client.epoch === epoch && seq < last) faults.push(`the state went back from ${last} to ${seq}`);
    [epoch, last] = [client.epoch, seq];
  });
  client.on("change", ({ seq }) => {
    if (client.epoch !== epoch || seq !== last + 1) faults.push(`${client.epoch} ${seq} after ${epoch} ${last}`);
    last = seq;
  });
  return {
    check() {
      assert.deepEqual(faults, []);
      assert.equal(client.status.kind, "live");
      assert.deepEqual([client.epoch, client.seq, client.state], [server.epoch, server.seq, server.state]);
      assert.equal(last, server.seq, "the last that was told");
    },
  };
}

/**
 * Commands that must each be carried out once, and be answered.
 * @param {FakeHub} server
 */
function orders(server) {
  /** @type {Map<string, Promise<unknown>>} */
  const pending = new Map();
  let count = 0;
  return {
    /** @param {import("../src/hub.js").Hub} client */
    give(client) {
      count += 1;
      const text = `approve P${count}`;
      pending.set(text, client.command(text));
    },
    async check() {
      await Promise.all(pending.values());
      const done = server.log.filter(({ type }) => type === "command_executed").map(({ data }) => data.command);
      assert.deepEqual(done.sort(), [...pending.keys()].sort());
    },
  };
}

for (const [seed, resets] of /** @type {[number, boolean][]} */ ([[1, false], [2, false], [3, true], [4, true]])) {
  test(`one client, any faults (${seed}${resets ? ", and new logs" : ""})`, async () => {
    const random = seeded(seed);
    const { hub, clock, environment, network } = fakeClient({ random });
    const server = new FakeHub(network.sockets);
    const seen = witness(hub, server);
    const given = orders(server);
    const events = [
      () => server.change(Math.floor(random() * 100)),
      () => server.change(Math.floor(random() * 100)),
      () => server.serve(),
      () => server.serve(),
      // A command whose answer was lost with the log may be carried out in the next one too.
      () => (resets ? random() < 0.1 && server.reset() : given.give(hub)),
      () => clock.advance(random() * 12_000),
      () => random() < 0.3 && server.drop(),
      () => random() < 0.1 && network.last.receive("{"),
      () => random() < 0.1 && clock.sleep(random() * 600_000),
      () => environment.setOffline(random() < 0.3),
      () => hub.reconnect(),
      () => random() < 0.05 && Array.from({ length: 60 }, () => server.change(1)),
    ];
    for (let round = 0; round < 3_000; round += 1) {
      events[Math.floor(random() * events.length)]();
      assert.ok(network.open <= 1);
      if (round % 40 === 0) serveAll();
    }
    environment.setOffline(false);
    serveAll();
    await given.check();
    seen.check();
    assert.ok(network.sockets.length > 50 && (resets || server.seq > 500));

    function serveAll() {
      for (let turn = 0; turn < 30; turn += 1) {
        server.serve();
        clock.advance(1_500);
      }
      server.serve();
    }
  });
}

for (const [seed, locks] of /** @type {[number, boolean][]} */ ([[1, true], [2, true], [3, false], [4, false]])) {
  test(`tabs that share a connection, any faults (${seed}, ${locks ? "with" : "without"} locks)`, async () => {
    const random = seeded(seed);
    const browser = fakeBrowser({ locks });
    const { network } = browser;
    const server = new FakeHub(network.sockets);
    const given = orders(server);
    /** @type {{ tab: ReturnType<typeof browser.tab>, seen: ReturnType<typeof witness>, frozen: boolean }[]} */
    const tabs = [];
    const open = () => {
      const tab = browser.tab();
      tabs.push({ tab, seen: witness(tab.hub, server), frozen: false });
    };
    const any = () => tabs[Math.floor(random() * tabs.length)];
    /** @param {(typeof tabs)[0]} gone */
    const forget = (gone) => tabs.splice(tabs.indexOf(gone), 1);
    open();
    const events = [
      () => server.change(Math.floor(random() * 100)),
      () => server.serve(),
      () => server.serve(),
      () => browser.advance(random() * 3_000),
      () => random() < 0.2 && server.drop(),
      () => tabs.length < 5 && open(),
      () => any().tab.hub.reconnect(),
      () => any().tab.environment.tell("wake"),
      () => random() < 0.2 && browser.killWorkers(),
      () => {
        const one = any();
        if (!one.frozen) given.give(one.tab.hub);
      },
      () => {
        const one = any();
        if (one.frozen) one.tab.thaw();
        else if (random() < 0.3) one.tab.freeze();
        else return;
        one.frozen = !one.frozen;
      },
      () => {
        const one = any();
        one.tab.environment.tell("hide");
        one.tab.environment.tell("show");
      },
    ];
    for (let round = 0; round < 600; round += 1) {
      events[Math.floor(random() * events.length)]();
      if (random() < 0.7) await settled();
      if (round % 60 === 59) await calm();
    }
    await given.check();
    assert.ok(network.sockets.length > 10 && server.seq > 50, `${network.sockets.length} sockets, ${server.seq} changes`);

    async function calm() {
      for (const one of tabs) {
        if (one.frozen) one.tab.thaw();
        one.frozen = false;
      }
      for (let turn = 0; turn < 25; turn += 1) {
        browser.advance(1_000);
        await settled();
        server.serve();
        await settled();
      }
      for (const { seen } of tabs) seen.check();
      assert.ok(network.open <= tabs.length);
      // Some go, with or without a word, once their commands are answered.
      await given.check();
      while (tabs.length > 2) {
        const gone = any();
        forget(gone);
        if (random() < 0.5) gone.tab.hub.close();
        else gone.tab.crash();
      }
    }
  });
}
