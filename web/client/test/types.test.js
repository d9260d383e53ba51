/** The declarations are those of the code: what is checked here is checked by `tsc` in the first place. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as client from "../src/index.js";
import { change, fakeClient, welcome } from "./helpers/client.js";

test("what is declared is what is exported", () => {
  /** @type {typeof import("../types/index.js")} */
  const declared = client;
  assert.deepEqual(Object.keys(declared).sort(), ["HubError", "PatchError", "applyPatch", "connect"]);
});

test("notices and state have the types of the protocol", () => {
  const { hub: made, network } = fakeClient();
  /** @type {import("../types/index.js").Hub} */
  const hub = made;
  /** @type {string[]} */
  const told = [];
  hub.on("state_change", ({ data, actor, patch }) => told.push(data.summary, actor, patch?.[0].op ?? "none"));
  hub.on("status", (status) => told.push(status.kind === "live" ? String(status.since > 0) : status.kind));
  hub.on("weather", (frame) => told.push(frame.data.rain));
  hub.subscribe(
    ({ priorities }) => priorities.map(({ status }) => status),
    (statuses, previous) => told.push(`${statuses.join()} after ${previous?.join()}`),
  );
  const socket = welcome(network);
  socket.receive(change(1, [{ op: "add", path: "/priorities/-", value: { id: "P1", status: "done" } }]));
  socket.receive({ type: "weather", timestamp: "", data: { rain: "soon" } });
  assert.deepEqual(told, ["true", " after undefined", "s", "test", "add", "done after ", "soon"]);
});
