/** The interface of `opshub-client`. The types of the frames are generated: see `protocol.d.ts`. */

import type { CommandResult, CommittedFrame, FieldError, LogLevel, ServerFrame, StateDocument, Topic } from "./protocol.js";

/** All types of the protocol; its `Health`, what `system_health` carries, is in `opshub-client/protocol`. */
export type * from "./protocol.js";

/** Opens a live copy of a hub's state. Returns at once; `status` tells how it goes. */
export function connect(options?: ConnectOptions): Hub;

/** What went wrong with a command, as the hub told it or as the client found by itself. */
export class HubError extends Error {
  constructor(fields: HubErrorFields);
  readonly name: string;
  /** Never renamed: programs decide by it. */
  readonly errorType: string;
  /** The HTTP status that the hub gives this error; 0 where the client found it by itself. */
  readonly statusCode: number;
  /** What is wrong with each field, where that is known. */
  readonly details: readonly FieldError[];
  /** The request's id, as in the hub's log; null where the hub never saw it. */
  readonly requestId: string | null;
}

/** The parts of a {@link HubError}. */
export interface HubErrorFields {
  errorType: string;
  message: string;
  statusCode?: number;
  details?: readonly FieldError[];
  requestId?: string | null;
}

/** Errors that the client finds by itself (`statusCode` 0). */
export type ClientErrorType =
  /** `close()` was called. */
  | "closed"
  /** The hub refuses this client; see `status`. */
  | "refused"
  /** As many commands wait for their answer as may. */
  | "too_many_pending"
  /** The command is longer than a message may be. */
  | "too_large"
  /** The command waited so long for the hub that repeating it could apply it twice. */
  | "expired"
  /** `waitFor` waited for `timeoutMs`. */
  | "timeout";

/** A WebSocket constructor as browsers, node 22 and the package `ws` have it. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** What the client needs of a WebSocket. */
export interface WebSocketLike {
  readonly protocol: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  binaryType: any;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  /** Ends the connection without a closing handshake (package `ws`). */
  terminate?(): void;
}

/** The passage of time; tests pass their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds that never jump; `now` where it is missing. */
  monotonic?(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: any): void;
}

/** What a client says who it is with: a token of the hub, or what gives one, asked for each connection and before one ends. */
export type Token = string | (() => string | Promise<string>);

/** What {@link connect} takes. */
export interface ConnectOptions {
  /** `ws:`, `wss:`, `http:` or `https:`; without a path it is `/ws`. Default: the page's own origin. */
  url?: string | URL;
  /** What to receive (the hub's default: everything but logs). Without `state` no state is kept. */
  topics?: readonly string[];
  /**
   * Who this is, where the hub wants to know and no cookie says it. Of a function each connection gets a token of its
   * own; before that ends the function is asked for the next one, and the connection goes on with it.
   */
  token?: Token;
  /** The constructor to use. Default: `globalThis.WebSocket`. */
  WebSocket?: WebSocketConstructor;
  /** One connection for all tabs of a browser, through a SharedWorker. Default: in pages. */
  shared?: boolean;
  /** Bounds of the time between two tries. Default: 500 and 30,000 ms. */
  backoff?: { initialMs?: number; maxMs?: number };
  /** For tests. */
  clock?: Clock;
  /** For tests: a number from 0 up to, but not including, 1. */
  random?: () => number;
}

/** How the connection is. `reason` is a sentence for people. */
export type Status =
  | { readonly kind: "connecting" }
  /** `since`: when it became live, in ms since 1970. */
  | { readonly kind: "live"; readonly since: number }
  /**
   * `attempt` counts failures in a row; it is 0 while a connection that went silent is being probed.
   * `retryAt` is when the next try begins, in ms since 1970; with `trying` it has begun already.
   */
  | {
      readonly kind: "reconnecting";
      readonly attempt: number;
      readonly retryAt: number;
      readonly trying: boolean;
      readonly reason: string;
    }
  /** The browser knows that it has no network. */
  | { readonly kind: "offline"; readonly since: number }
  /** Trying again as it is cannot succeed; only `reconnect()` does. */
  | { readonly kind: "refused"; readonly reason: string; readonly code: number | null }
  | { readonly kind: "closed" };

/** What is known about the copy and the connection. Times are in ms since 1970. */
export interface Health {
  /** How long the newest ping took; null before the first answer. */
  readonly latencyMs: number | null;
  /** Whether the copy had the hub's state hash at the newest heartbeat; needs `crypto.subtle`. */
  readonly verified: "unknown" | "verified" | "mismatch";
  /** How often it had not. */
  readonly mismatches: number;
  /** How often a gap, a patch that did not fit or a mismatch made the client fetch the whole state. */
  readonly resyncs: number;
  /** How many frames could not be understood. */
  readonly malformed: number;
  /** Changes that the hub is known to have and the copy has not. */
  readonly behind: number;
  /** The newest moment for which the copy is known to be true; null before the first state. */
  readonly asOf: number | null;
  /** The hub's clock at its newest frame. */
  readonly hubTime: number | null;
  /** This connection, as `/api/connections` names it. */
  readonly sessionId: string | null;
  /** WebSocket clients connected to the hub. */
  readonly clientCount: number | null;
  /** Whether the connection is one for all tabs of this browser. */
  readonly shared: boolean;
}

/** What handlers of {@link Hub.on} get, by type. */
export type Notices = { [Frame in ServerFrame as Frame["type"]]: Frame } & {
  /** Every frame but the answers to the client's own requests. */
  "*": ServerFrame;
  /** Every committed change: in order, each once. */
  change: CommittedFrame;
  status: Status;
  health: Health;
};

/** Which log lines are wanted, and who wants to know when they come. */
export interface ReceiveOptions {
  /** With the topic `logs`: the lowest level; `INFO` by default. */
  logLevel?: LogLevel;
  /** With the topic `logs`: what the sources begin with, at most 128 bytes; by default every source. */
  logSource?: string;
  /**
   * Called once the hub sends what is wanted, and again after each break in it, as after a reconnect: of what was
   * said in between nothing comes by itself.
   */
  started?: () => void;
}

/** How to wait for the answer to a command. */
export interface CommandOptions {
  /** Gives the command up; when it was sent already, the hub may carry it out all the same. */
  signal?: AbortSignal;
  /** Default: a random one for each call. */
  idempotencyKey?: string;
  /** Answers what would happen, with the patch, and changes nothing. */
  dryRun?: boolean;
}

/** A live copy of a hub's state, and the way to change it. */
export interface Hub {
  /** The newest state: read-only, and parts that did not change keep their identity. Null before the first. */
  readonly state: StateDocument | null;
  /** Every change up to this number is in `state`. */
  readonly seq: number | null;
  /** The log that `seq` counts in. */
  readonly epoch: string | null;
  /** How the connection is: frozen, replaced when it changes. */
  readonly status: Status;
  /** What is known about the copy and the connection: frozen, replaced when it changes. */
  readonly health: Health;
  /**
   * Calls `handler` with what `selector` takes from the state: now, if there is a state, and whenever
   * that differs (`Object.is`, then member by member). Returns what ends it.
   */
  subscribe<T>(
    selector: (state: StateDocument) => T,
    handler: (value: T, previous: T | undefined) => void,
  ): () => void;
  /** Calls `handler` for every frame of a type, in order. Returns what ends it. */
  on<K extends keyof Notices>(type: K, handler: (notice: Notices[K]) => void): () => void;
  on(type: string, handler: (notice: any) => void): () => void;
  /**
   * Receives topics that are off by default, `logs` and `latency`, until what it returns is called. Each call counts;
   * what comes satisfies all of them together, those of other tabs too: pick your own lines out of it.
   */
  receive(topics: readonly Topic[], options?: ReceiveOptions): () => void;
  /**
   * Runs a command exactly once: after a reconnect it is repeated with the same key.
   * Rejects with a {@link HubError}, or with the signal's reason.
   */
  command(text: string, options?: CommandOptions): Promise<CommandResult>;
  /** Resolves with the first state for which `predicate` is true, now or later. */
  waitFor(
    predicate: (state: StateDocument) => unknown,
    options?: { signal?: AbortSignal; timeoutMs?: number },
  ): Promise<StateDocument>;
  /** Tries now, where it waits or was refused. */
  reconnect(): void;
  /** Ends everything; what waits is rejected. */
  close(): void;
}

/** Applies an RFC 6902 patch; the document stays as it is, and the result shares what did not change. */
export function applyPatch<T>(document: T, patch: readonly object[]): T;

/** A patch that does not fit the document. */
export class PatchError extends Error {
  constructor(index: number, message: string);
  /** Which operation, from 0. */
  readonly index: number;
}
