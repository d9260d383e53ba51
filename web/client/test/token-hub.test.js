/** Tokens against a hub that wants to know everybody. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BOUND_MS, live, notice, TestHub } from "./helpers/hub.js";
import { Admin, REQUIRED } from "./helpers/admin.js";

const BOUNDED = { timeout: 4 * BOUND_MS };

test("a token lets a client in, its commands are its own, and revoking it ends the connection at once", BOUNDED, async (t) => {
  const server = await TestHub.start(t, "", REQUIRED);
  const admin = await Admin.first(server);
  const { token } = await admin.ask("POST", "/api/tokens", { name: "bot", role: "operator" });
  const hub = server.client(t, { token });
  await live(hub);
  const executed = notice(hub, "command_executed");
  const { message } = await hub.command("brief");
  assert.ok(message);
  assert.equal((await executed).actor, "bot");
  const refused = notice(hub, "status", ({ kind }) => kind === "refused");
  await admin.ask("DELETE", "/api/tokens/bot");
  assert.deepEqual(await refused, { kind: "refused", reason: "what you showed was taken back", code: 4401 });
  const again = notice(hub, "status", ({ kind }) => kind === "refused");
  hub.reconnect();
  assert.match(String(/** @type {any} */ (await again).reason), /lets nobody in/);
});

test("a viewer follows the state and may run no command", BOUNDED, async (t) => {
  const server = await TestHub.start(t, "", REQUIRED);
  const admin = await Admin.first(server);
  const { token } = await admin.ask("POST", "/api/tokens", { name: "screen", role: "viewer" });
  const hub = server.client(t, { token });
  await live(hub);
  await admin.ask("PUT", "/api/items/priorities/P7", { title: "Ship the beta" });
  await hub.waitFor((state) => state.priorities.length === 1, { timeoutMs: BOUND_MS });
  await assert.rejects(hub.command("approve P7"), { errorType: "forbidden", statusCode: 403 });
  assert.equal(hub.status.kind, "live");
});

test("a collector and nobody are refused, each with its reason", BOUNDED, async (t) => {
  const server = await TestHub.start(t, "", REQUIRED);
  const admin = await Admin.first(server);
  const { token } = await admin.ask("POST", "/api/tokens", { name: "feeder", role: "collector" });
  const shown = [[token, 4403, /collector may not read/], ["oph_nobody", 4401, /lets nobody in/]];
  for (const [text, code, reason] of /** @type {[string, number, RegExp][]} */ (shown)) {
    const hub = server.client(t, { token: text });
    const { reason: told, code: known } = /** @type {any} */ (await notice(hub, "status", ({ kind }) => kind === "refused"));
    assert.equal(known, code);
    assert.match(told, reason);
  }
  const silent = server.client(t);
  const { code } = /** @type {any} */ (await notice(silent, "status", ({ kind }) => kind === "refused"));
  assert.equal(code, 4401, "who says nothing is asked to");
});

test("a token is asked for again before it ends, and one that ends all the same ends the connection", BOUNDED, async (t) => {
  const server = await TestHub.start(t, "", REQUIRED);
  const admin = await Admin.first(server);
  const soon = new Date(Date.now() + 9_000).toISOString();
  const { token } = await admin.ask("POST", "/api/tokens", { name: "bot", role: "viewer", expires_at: soon });
  const given = /** @type {string[]} */ ([]);
  const statuses = /** @type {string[]} */ ([]);
  const hub = server.client(t, { token: async () => (given.push(hub.status.kind), token) });
  hub.on("status", ({ kind }) => statuses.push(kind));
  const refused = /** @type {any} */ (await notice(hub, "status", ({ kind }) => kind === "refused"));
  assert.equal(refused.code, 4401);
  assert.match(refused.reason, /token that holds/);
  assert.deepEqual(statuses, ["live", "refused"], "each answer of the hub let it go on");
  assert.ok(given.filter((kind) => kind === "live").length >= 2, `asked ${given.length} times`);
});
