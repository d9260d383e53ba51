/** @import { ConnectOptions } from "../../types/index.js" */
/** @import { Internals } from "../../src/hub.js" */

import { Hub } from "../../src/hub.js";
import { FakeClock } from "./clock.js";
import { FakeEnvironment } from "./environment.js";
import { fakeSockets } from "./socket.js";

/** The state of a hub that was just started. */
export const EMPTY = Object.freeze({
  system: { status: "IDLE", progress: 0, last_sync: null },
  calendar: [],
  priorities: [],
  commitments: { owe: [], owed: [] },
  active_brief: null,
  gateways: {},
});

const TIMESTAMP = "2026-01-02T03:04:05.678Z";

/**
 * A client whose sockets, time and browser are the test's.
 * @param {Partial<ConnectOptions>} [options]
 * @param {Internals} [internals]
 */
export function fakeClient(options = {}, internals = {}) {
  const clock = new FakeClock();
  const environment = new FakeEnvironment();
  const network = fakeSockets();
  const complete = { url: "ws://hub.example/ws", shared: false, random: () => 0.5, clock, ...options };
  const hub = new Hub({ ...complete, WebSocket: network.WebSocket }, { environment, ...internals });
  /** @type {any[]} */
  const statuses = [];
  hub.on("status", (status) => statuses.push(status));
  return { hub, clock, environment, network, statuses };
}

/**
 * Lets the newest socket open and say `connected`, and the state where it was not recovered.
 * @param {ReturnType<typeof fakeClient>["network"]} network
 * @param {{ seq?: number, epoch?: string, recovered?: boolean, state?: object, heartbeatMs?: number }} [from]
 */
export function welcome(network, { seq = 0, epoch = "e1", recovered = false, state = EMPTY, heartbeatMs = 15_000 } = {}) {
  const socket = network.last;
  socket.open();
  const data = { message: "welcome", client_count: 1, session_id: "s1", epoch, seq, heartbeat_ms: heartbeatMs, recovered };
  socket.receive({ type: "connected", timestamp: TIMESTAMP, data });
  if (!recovered) socket.receive(stateFrame(seq, state));
  return socket;
}

/**
 * @param {number} seq
 * @param {object} state
 */
export function stateFrame(seq, state, reason = "connected") {
  return { type: "state", seq, timestamp: TIMESTAMP, data: { reason, state } };
}

/**
 * A change of the progress to a value.
 * @param {number} seq
 * @param {number} progress
 */
export function progressTo(seq, progress) {
  return change(seq, [{ op: "replace", path: "/system/progress", value: progress }]);
}

/**
 * @param {number} seq
 * @param {object[] | undefined} patch
 */
export function change(seq, patch) {
  return { type: "state_change", seq, timestamp: TIMESTAMP, actor: "test", data: { summary: "s" }, patch };
}

/**
 * Answers the newest ping that was sent over a socket, and all before it.
 * @param {import("./socket.js").FakeSocket} socket
 */
export function answerPings(socket) {
  const pings = sentOf(socket, "ping");
  socket.sent = socket.sent.filter(({ type }) => type !== "ping");
  for (const { request_id } of pings) {
    socket.receive({ type: "pong", timestamp: TIMESTAMP, data: {}, request_id });
  }
}

/**
 * The messages of a type that were sent over a socket.
 * @param {import("./socket.js").FakeSocket} socket
 * @param {string} type
 */
export function sentOf(socket, type) {
  return socket.sent.filter((message) => message.type === type);
}
