import { applyPatch } from "../../src/json-patch.js";
import { EMPTY } from "./client.js";
import { FakeSocket } from "./socket.js";

const TIMESTAMP = "2026-01-02T03:04:05.678Z";

/**
 * A hub that behaves as the real one does, at the other end of fake sockets: it keeps a log, resumes,
 * answers in order, and carries a command out once for each key. It says nothing by itself before
 * {@link FakeHub.serve} is called.
 */
export class FakeHub {
  epoch = "e1";
  /** @type {any[]} Every committed frame; the first has number 1. */
  log = [];
  state = /** @type {any} */ (EMPTY);
  /** Who is let in, by token; everybody where it is null. @type {Map<string, { name: string, endsAt?: number }> | null} */
  known = null;
  /** How many frames back a connection can resume. */
  kept = 50;
  /** Tokens that were shown, in order. @type {string[]} */
  shown = [];
  /** Connections that have not said who they are. @type {Set<FakeSocket>} */
  #strangers = new Set();
  /** @type {Map<string, any>} Results by idempotency key. */
  #results = new Map();
  /** @type {Map<FakeSocket, number>} Connections, and the newest change that each was sent. */
  #connections = new Map();

  /** @param {FakeSocket[]} sockets those of all clients, which grow */
  constructor(sockets) {
    this.sockets = sockets;
  }

  get seq() {
    return this.log.length;
  }

  /**
   * Commits a change that sets the progress.
   * @param {number} progress
   */
  change(progress) {
    this.#commit("state_change", { summary: "s" }, [{ op: "replace", path: "/system/progress", value: progress }]);
  }

  /** Lets new connections in, answers what was asked, and sends what is new. */
  serve() {
    for (const socket of this.sockets) {
      if (socket.readyState === 0 && !socket.ended) this.#open(socket);
      if (this.#strangers.has(socket)) this.#admit(socket);
      if (socket.readyState === 1 && this.#connections.has(socket)) this.#answer(socket);
    }
    for (const [socket, sent] of this.#connections) {
      if (socket.ended || socket.readyState !== 1) this.#connections.delete(socket);
      else this.#send(socket, sent);
    }
  }

  /** Every connection ends, as when the hub is killed. */
  drop() {
    for (const socket of this.#connections.keys()) if (!socket.ended) socket.end(1006);
    this.#connections.clear();
  }

  /** The log is begun anew. */
  reset() {
    this.drop();
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`;
    this.log = [];
    this.state = EMPTY;
    this.#results.clear();
  }

  /**
   * @param {string} type
   * @param {object} data
   * @param {object[]} [patch]
   */
  #commit(type, data, patch) {
    const seq = this.log.length + 1;
    this.log.push({ type, seq, timestamp: TIMESTAMP, actor: "hub", data, ...(patch && { patch }) });
    if (patch) this.state = applyPatch(this.state, patch);
    return seq;
  }

  /** @param {FakeSocket} socket */
  #open(socket) {
    socket.open();
    if (this.known === null) this.#welcome(socket);
    else this.#strangers.add(socket);
  }

  /** @param {FakeSocket} socket */
  #admit(socket) {
    const [first] = socket.sent.splice(0, 1);
    if (first?.type !== "auth") return;
    const { data: { token }, request_id } = first;
    this.shown.push(token);
    if (this.known?.has(token)) {
      this.#strangers.delete(socket);
      this.#welcome(socket);
    } else {
      const error = { status_code: 401, error_type: "not_authenticated", message: "this token lets nobody in" };
      socket.receive({ type: "error", timestamp: TIMESTAMP, data: error, request_id });
    }
  }

  /**
   * @param {FakeSocket} socket
   * @param {string} token
   * @param {string} request_id
   */
  #renew(socket, token, request_id) {
    this.shown.push(token);
    const { name, endsAt } = this.known?.get(token) ?? { name: "" };
    const ends = endsAt === undefined ? {} : { expires_at: new Date(Date.parse(TIMESTAMP) + endsAt).toISOString() };
    socket.receive({ type: "authenticated", timestamp: TIMESTAMP, data: { name, role: "viewer", ...ends }, request_id });
  }

  /** @param {FakeSocket} socket */
  #welcome(socket) {
    const { searchParams } = socket.url;
    const since = Number(searchParams.get("since") ?? -1);
    const { epoch, seq } = this;
    const recovered = searchParams.get("epoch") === epoch && since <= seq && since >= seq - this.kept;
    const data = { message: "", client_count: 1, session_id: "s", epoch, seq, heartbeat_ms: 15_000, recovered };
    this.#connections.set(socket, recovered ? since : seq);
    socket.receive({ type: "connected", timestamp: TIMESTAMP, data });
    if (!recovered) this.#sendState(socket, "connected");
  }

  /** @param {FakeSocket} socket */
  #answer(socket) {
    for (const { type, data, request_id } of socket.sent.splice(0)) {
      this.#send(socket, this.#connections.get(socket) ?? 0);
      if (type === "ping") socket.receive({ type: "pong", timestamp: TIMESTAMP, data: {}, request_id });
      if (type === "get_state") this.#sendState(socket, "requested");
      if (type === "auth") this.#renew(socket, data.token, request_id);
      if (type === "command") this.#run(socket, data, request_id);
    }
  }

  /**
   * @param {FakeSocket} socket
   * @param {any} data
   * @param {string} request_id
   */
  #run(socket, { command, idempotency_key }, request_id) {
    let result = this.#results.get(idempotency_key);
    if (!result) {
      const executed = { command, action: "approve", target: null, applied: false, message: "m" };
      const seq = this.#commit("command_executed", executed);
      result = { action: "approve", target: null, success: true, applied: false, message: "m", seq };
      this.#results.set(idempotency_key, result);
    }
    this.#send(socket, this.#connections.get(socket) ?? 0);
    socket.receive({ type: "command_result", timestamp: TIMESTAMP, data: result, request_id });
  }

  /**
   * @param {FakeSocket} socket
   * @param {number} sent
   */
  #send(socket, sent) {
    for (const frame of this.log.slice(sent)) {
      this.#connections.set(socket, frame.seq);
      socket.receive(frame);
    }
  }

  /**
   * @param {FakeSocket} socket
   * @param {string} reason
   */
  #sendState(socket, reason) {
    const { seq, state } = this;
    this.#connections.set(socket, seq);
    socket.receive({ type: "state", seq, timestamp: TIMESTAMP, data: { reason, state } });
  }
}
