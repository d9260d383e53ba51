/** @import { Token } from "../types/index.js" */
/** @import { ServerFrame } from "../types/protocol.js" */
/** @import { Admission } from "./admission.js" */
/** @import { Sink, Source } from "./source.js" */
/** @import { Commands, Request } from "./commands.js" */
/** @import { Mirror } from "./mirror.js" */
/** @import { SessionOptions } from "./options.js" */
/** @import { Wanted } from "./wishes.js" */

import { Backoff } from "./backoff.js";
import { Connection } from "./connection.js";
import { errorFields } from "./error.js";
import { decodeFrame, MalformedFrame, timeOf } from "./frame.js";
import { Liveness, PROBE_MS } from "./liveness.js";
import { Subscription } from "./subscription.js";
import { Vitals } from "./vitals.js";

/** The shortest time between two requests for the whole state, in milliseconds. */
const RESYNC_MIN_MS = 1_000;
/** How long the whole state may take to come, in milliseconds. */
const STATE_TIMEOUT_MS = 15_000;
/** How many times as long it may take where the line has shown to be slow. */
const PATIENCE_MAX = 16;
/** How long the hub may take to close a connection after it said that it will, in milliseconds. */
const CLOSING_MS = 2_000;
/** Frames of one connection that may be nonsense. */
const MALFORMED_MAX = 20;
/** Pings whose place among the commands is remembered. */
const MARKS_MAX = 16;
/** The close code for a message that is longer than the hub takes. */
const TOO_BIG = 1009;

/**
 * Speaks `opshub.v1` over one connection at a time and keeps the mirror true: resumes where it was, fetches
 * the whole state where that cannot be followed, compares it with the hub's hash.
 * @implements {Source}
 */
export class Session {
  #url;
  #topics;
  /** @type {Admission | null} */
  #admission = null;
  #clock;
  #environment;
  #mirror;
  #commands;
  #sink;
  #connection;
  #liveness;
  #vitals;
  #subscription;
  /** @type {() => void} */
  #unwatch = () => {};
  #welcomed = false;
  /** Whether everything that was announced when the connection began has come. */
  #caughtUp = false;
  /** Whether this connection was live at some time. */
  #wasLive = false;
  /** The newest change when the connection began. */
  #target = 0;
  #triedAt = 0;
  #malformed = 0;
  /** Doubled with each connection that was welcomed and lost before it was live: a large state takes its time. */
  #patience = 1;
  /** Whether the next connection asks for the state instead of what it missed. */
  #anew = false;
  #askedAt = -Infinity;
  /** @type {unknown} */
  #resyncTimer = null;
  #hashing = false;
  /** How many commands had been sent when a ping was. @type {Map<string, number>} */
  #marks = new Map();

  /**
   * @param {SessionOptions} options
   * @param {{ mirror: Mirror, commands: Commands, sink: Sink }} parts
   */
  constructor({ url, topics, token, WebSocket, backoff, clock, random, environment }, { mirror, commands, sink }) {
    this.#url = url;
    this.#topics = topics;
    this.#clock = clock;
    this.#environment = environment;
    this.#mirror = mirror;
    this.#commands = commands;
    this.#sink = sink;
    this.#vitals = new Vitals(clock, (health) => sink.health(health));
    this.#subscription = new Subscription(topics, clock, { send: (message) => this.#send(message), started: sink.started });
    this.#liveness = new Liveness(clock, {
      ping: (id) => this.#ping(id),
      suspect: (reason) => this.#connection.suspect(reason),
      trust: () => this.#settle(),
      dead: (reason) => this.#connection.fail(reason),
    });
    this.#connection = new Connection({
      address: () => this.#address(),
      prepare: token === undefined ? undefined : () => this.#prepare(token),
      WebSocket,
      clock,
      backoff: new Backoff({ ...backoff, random }),
      environment,
      events: {
        opened: () => this.#admission?.opened(),
        message: (text) => this.#receive(text),
        lost: ({ code }) => this.#lost(code),
        status: (status) => sink.status(status),
      },
    });
  }

  get status() {
    return this.#connection.status;
  }

  get health() {
    return this.#vitals.health;
  }

  /** Connects, and goes on doing so. */
  start() {
    this.#unwatch = this.#environment.watch({
      online: () => this.wake(),
      offline: () => this.#offline(),
      wake: () => this.wake(),
    });
    this.#connection.open();
  }

  /**
   * Sends a command.
   * @param {Request} request
   */
  transmit({ id, text, idempotencyKey, dryRun }) {
    if (!this.#welcomed) return false;
    const data = { command: text, idempotency_key: idempotencyKey, ...(dryRun && { dry_run: true }) };
    return this.#send({ type: "command", data, request_id: id });
  }

  /** @param {Wanted} wanted */
  want(wanted) {
    this.#subscription.want(wanted);
  }

  /** What was sent cannot be taken back; its answer is not waited for. */
  forget() {}

  /** Tries now. */
  reconnect() {
    this.#connection.insist();
  }

  /** Somebody looks, or there is a network again: no time to wait for a try, or to trust a silent line. */
  wake() {
    this.#connection.hasten();
    this.#liveness.probe("the hub did not answer");
  }

  /** Ends everything. */
  close() {
    this.#unwatch();
    this.#forgetConnection();
    this.#connection.close();
  }

  #offline() {
    if (!this.#connection.isOffline) return;
    this.#connection.offline();
    this.#liveness.suspect("the network is gone", PROBE_MS);
  }

  /** @param {Token} token */
  async #prepare(token) {
    const { Admission } = await import("./admission.js");
    this.#admission ??= new Admission(token, this.#clock, this.#connection);
    await this.#admission.prepare();
  }

  #address() {
    this.#triedAt = this.#clock.now();
    const address = new URL(this.#url);
    const { position, epoch } = this.#mirror;
    if (position !== null && epoch !== null && !this.#anew) {
      address.searchParams.set("since", String(position));
      address.searchParams.set("epoch", epoch);
    }
    if (this.#topics) address.searchParams.set("topics", this.#topics.join(","));
    return address;
  }

  /** @param {string} id */
  #ping(id) {
    this.#marks.set(id, this.#commands.sent);
    const [oldest] = this.#marks.keys();
    if (this.#marks.size > MARKS_MAX) this.#marks.delete(oldest);
    this.#send({ type: "ping", request_id: id });
  }

  /** @param {object} message */
  #send(message) {
    return this.#connection.send(JSON.stringify(message));
  }

  /** @param {unknown} text */
  #receive(text) {
    this.#liveness.heard();
    try {
      const frame = decodeFrame(text);
      if (this.#welcomed) this.#take(frame, /** @type {string} */ (text));
      else this.#begin(frame, /** @type {string} */ (text));
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      this.#misunderstood(error);
    }
    this.#publish();
    this.#sink.settled();
  }

  /** @param {MalformedFrame} error */
  #misunderstood(error) {
    this.#vitals.update({ malformed: this.#vitals.newest.malformed + 1 });
    this.#malformed += 1;
    if (!this.#welcomed || this.#malformed > MALFORMED_MAX) this.#connection.fail(error.message);
    else this.#resync();
  }

  /**
   * The first frame of a connection.
   * @param {ServerFrame} frame
   * @param {string} text
   */
  #begin(frame, text) {
    if (this.#admission?.answered(frame)) return undefined;
    if (frame.type === "closing") return this.#closing(frame);
    if (frame.type !== "connected") return this.#connection.fail("the hub did not introduce itself");
    const { epoch, seq, recovered, heartbeat_ms, session_id, client_count } = frame.data;
    const { position } = this.#mirror;
    const impossible = position === null || this.#anew || epoch !== this.#mirror.epoch || seq < position;
    if (recovered && impossible) {
      this.#anew = true;
      return this.#connection.fail("the hub resumed what was not asked for");
    }
    this.#anew = false;
    this.#welcomed = true;
    this.#target = seq;
    this.#mirror.welcome(frame.data);
    this.#vitals.update({ sessionId: session_id, clientCount: client_count, hubTime: timeOf(frame) });
    this.#connection.welcomed();
    this.#liveness.start(heartbeat_ms, this.#patience);
    if (!this.#mirror.isWhole) {
      if (recovered) this.#resync();
      else this.#expectState();
    }
    this.#commands.connected();
    this.#subscription.connected();
    this.#admission?.welcomed();
    this.#sink.frame(frame, text);
    this.#settle();
  }

  /**
   * @param {ServerFrame} frame
   * @param {string} text
   */
  #take(frame, text) {
    if (this.#isOwn(frame)) return;
    const { news, fault } = this.#mirror.apply(frame);
    if (fault) this.#resync();
    else if (frame.type === "state") this.#stateCame();
    else if (frame.type === "heartbeat") this.#verify(frame.data.state_hash);
    if (frame.type === "presence") this.#vitals.update({ clientCount: frame.data.client_count });
    if (frame.type === "heartbeat") this.#vitals.update({ hubTime: timeOf(frame) });
    if (frame.type === "closing") this.#closing(frame);
    if (frame.type === "error" && frame.data.error_type === "rate_limited") this.#commands.slowDown();
    if (news) this.#sink.frame(frame, text);
    this.#settle();
  }

  /** @param {ServerFrame & { type: "closing" }} frame */
  #closing({ data: { reason, retry_ms } }) {
    this.#connection.closing(String(reason ?? ""), retry_ms, CLOSING_MS);
  }

  /**
   * Takes the answers to this client's own requests.
   * @param {ServerFrame} frame
   */
  #isOwn(frame) {
    if (frame.type === "pong") return this.#pong(frame);
    if (this.#admission?.answered(frame)) return true;
    if (this.#subscription.answered(frame)) return true;
    if (frame.type === "command_result") return this.#commands.succeed(frame.request_id, frame.data);
    return frame.type === "error" && this.#commands.fail(frame.request_id, errorFields(frame.data));
  }

  /** @param {ServerFrame & { type: "pong" }} frame */
  #pong(frame) {
    const pong = this.#liveness.pong(frame.request_id);
    if (!pong) return this.#liveness.isPing(frame.request_id);
    // Answers keep their place among the changes: whatever was committed before the ping has come.
    this.#caughtUp = true;
    this.#settle();
    this.#vitals.update({ latencyMs: Math.round(pong.latencyMs * 10) / 10, hubTime: timeOf(frame) });
    if (this.#mirror.isWhole) this.#vitals.trueAt(pong.sentAt);
    this.#commands.passed(this.#marks.get(String(frame.request_id)) ?? 0);
    return true;
  }

  /** Becomes live once the copy is whole and everything that was there at the beginning has come. */
  #settle() {
    const { isWhole, position } = this.#mirror;
    if (!this.#caughtUp && isWhole && position !== null && position >= this.#target) {
      this.#caughtUp = true;
      this.#vitals.trueAt(this.#triedAt);
    }
    const waits = this.status.kind !== "live" && this.#welcomed && !this.#liveness.isSuspect;
    if (!waits || !this.#caughtUp || !isWhole) return;
    this.#wasLive = true;
    this.#patience = 1;
    this.#liveness.tighten();
    this.#connection.live();
  }

  #stateCame() {
    this.#clock.clearTimeout(this.#resyncTimer);
    this.#resyncTimer = null;
    this.#vitals.update({ verified: "unknown" });
  }

  /** The copy cannot be followed: fetches the whole state, unless that is under way. */
  #resync() {
    if (!this.#mirror.keepsState) return;
    this.#mirror.broken = true;
    // Without a connection the next one sees to it.
    if (this.#resyncTimer !== null || !this.#welcomed) return;
    this.#vitals.update({ resyncs: this.#vitals.newest.resyncs + 1 });
    const wait = Math.max(0, this.#askedAt + RESYNC_MIN_MS - this.#clock.now());
    if (wait === 0) this.#askState();
    else this.#resyncTimer = this.#clock.setTimeout(() => this.#askState(), wait);
  }

  #askState() {
    this.#askedAt = this.#clock.now();
    this.#expectState();
    this.#send({ type: "get_state" });
  }

  #expectState() {
    this.#resyncTimer = this.#clock.setTimeout(() => {
      this.#anew = true;
      this.#connection.fail("the hub did not send the state");
    }, STATE_TIMEOUT_MS * this.#patience);
  }

  /**
   * Compares the copy with the hub's, at the moment for which the hub tells its hash.
   * @param {unknown} hash
   */
  async #verify(hash) {
    const { state, documents, patches, keepsState, isWhole } = this.#mirror;
    if (typeof hash !== "string" || !keepsState || !isWhole || this.#hashing) return;
    this.#hashing = true;
    // Loaded with the first heartbeat, long after the first state.
    const own = await import("./state-hash.js").then((module) => (module.canHash() ? module.stateHash(state) : null)).catch(() => null);
    this.#hashing = false;
    // A state that came meanwhile has taken the place of the one that was judged.
    if (own === null || documents !== this.#mirror.documents || this.status.kind === "closed") return;
    if (own === hash) {
      this.#vitals.update({ verified: "verified" });
    } else {
      this.#vitals.update({ verified: "mismatch", mismatches: this.#vitals.newest.mismatches + 1 });
      // A document that came whole and has another hash would have it again.
      if (patches > 0) this.#resync();
    }
    this.#publish();
  }

  /** @param {number | null} code */
  #lost(code) {
    if (this.#welcomed && !this.#wasLive) this.#patience = Math.min(this.#patience * 2, PATIENCE_MAX);
    this.#forgetConnection();
    if (code === TOO_BIG) this.#commands.tooLarge();
    this.#vitals.update({ latencyMs: null, sessionId: null });
    this.#publish();
  }

  #forgetConnection() {
    this.#liveness.stop();
    this.#subscription.lost();
    this.#admission?.lost();
    this.#clock.clearTimeout(this.#resyncTimer);
    this.#resyncTimer = null;
    this.#welcomed = this.#caughtUp = this.#wasLive = false;
    this.#malformed = 0;
    this.#marks.clear();
  }

  #publish() {
    this.#vitals.publish(this.#mirror.behind);
  }
}
