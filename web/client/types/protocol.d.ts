/**
 * What crosses an `opshub.v1` connection. Generated from the hub's Rust types: do not edit.
 * `OPSHUB_WRITE_TYPES=1 cargo test --test typescript` in the repository writes it anew.
 */

/** The data of `auth`. */
export interface Auth {
  /** A token as `Authorization: Bearer` would carry it. */
  token: string;
}

/** The data of `authenticated`. */
export interface Authenticated {
  /** Who the client is. */
  name: string;
  /** What it may do. */
  role: Role;
  /** When that ends; null for never. */
  expires_at?: string;
}

/** What people should read now. */
export interface Brief {
  /** Its name; the hub's own are named after their change. */
  id: string;
  /** The id of the item that it is about; null for the day's. */
  target: string | null;
  /** One line. */
  title: string;
  /** Plain text. */
  body: string;
  /** When it was written. */
  created_at: Timestamp;
}

/** Something that happens; other fields are the feeder's own. */
export interface CalendarItem {
  /** Its name, unique within the list. */
  id: string;
  /** When it begins: an RFC 3339 time, or a date for all-day items. */
  start: string;
  /** When it ends; for all-day items the day after the last. */
  end: string;
  /** One line. */
  title?: string;
  /** The feeder's own fields. */
  [field: string]: unknown;
}

/** The data of `closing`. */
export interface Closing {
  /** Why, for people. */
  reason: string;
  /** When to come back, in milliseconds; spread over the clients so that they do not come at once. */
  retry_ms: number;
}

/** The data of a `command` frame, and the body of `POST /api/command`. */
export interface Command {
  /** The command as a person would type it. */
  command: string;
  /** Answers what would happen, and changes nothing. */
  dry_run?: boolean;
  /** The same key and command again get the first answer, and nothing is applied twice. */
  idempotency_key?: string;
}

/** The data of `command_executed`. */
export interface CommandExecuted {
  /** The command as it was given. */
  command: string;
  /** Its verb. */
  action: string;
  /** What it was about. */
  target: string | null;
  /** Whether it changed something. */
  applied: boolean;
  /** What happened, for people. */
  message: string;
}

/** The data of `command_result`, and the answer of `POST /api/command`. */
export interface CommandResult {
  /** The command's verb. */
  action: string;
  /** What it was about. */
  target: string | null;
  /** Whether it was accepted. */
  success: boolean;
  /** Whether it changed something. */
  applied: boolean;
  /** What happened, for people. */
  message: string;
  /** The number of its event; null where nothing is committed (`status`, `help`, dry runs). */
  seq: number | null;
  /** What a dry run would change. */
  patch?: Patch;
}

/** Something that was promised; other fields are the feeder's own. */
export interface Commitment {
  /** Its name, unique within the list. */
  id: string;
  /** By when: an RFC 3339 time, or a date. */
  due?: string;
  /** One line. */
  title?: string;
  /** The feeder's own fields. */
  [field: string]: unknown;
}

/** What was promised, in both directions. */
export interface Commitments {
  /** What we owe others. */
  owe: Commitment[];
  /** What others owe us. */
  owed: Commitment[];
}

/** The data of `connected`. */
export interface Connected {
  /** A greeting for people. */
  message: string;
  /** WebSocket clients connected now, this one included. */
  client_count: number;
  /** This connection, as `/api/connections` and the log name it. */
  session_id: string;
  /** The log that `seq` counts in. */
  epoch: string;
  /** The newest committed change. */
  seq: number;
  /** The interval of heartbeats, in milliseconds. */
  heartbeat_ms: number;
  /** Whether the missed frames follow instead of the state. */
  recovered: boolean;
}

/** Whether the database takes writes. */
export type DatabaseStatus = "connected" | "disconnected";

/** Data that says nothing: `{}`. */
export type Empty = Record<string, never>;

/** What went wrong; `error` in an HTTP body, `data` in an `error` frame. */
export interface ErrorObject {
  /** The HTTP status, also on a WebSocket. */
  status_code: number;
  /** Never renamed: programs decide by it. */
  error_type: string;
  /** One sentence for people; its words may change. */
  message: string;
  /** When it happened. */
  timestamp: string;
  /** The id of the request that failed, as in `X-Request-Id` and in the hub's log. */
  request_id: string;
  /** What is wrong with each field, where that is known. */
  details?: FieldError[];
}

/** What is wrong with one field of a request. */
export interface FieldError {
  /** The field, as the request names it: a name, a dotted path or a JSON pointer. */
  field: string;
  /** What is wrong with it. */
  message: string;
}

/** A gateway as it stands in the document. */
export interface Gateway {
  /** What it is, in its owner's words. */
  gateway_type: string;
  /** How it is. */
  status: GatewayStatus;
  /** Since when. */
  since: Timestamp;
  /** Why, for people. */
  message: string | null;
  /** What else is known: latency, error, attempts, the last recovery. */
  metadata: Record<string, unknown>;
}

/** The id of a gateway: 1 to 128 visible characters, case kept, without `/`, so that it fits into a path. */
export type GatewayId = string;

/** The data of `gateway_latency`. */
export interface GatewayLatency {
  /** Milliseconds by gateway; null where the newest probe got no answer. */
  latency_ms: Record<string, number | null>;
}

/** The data of `gateway_recovery`. */
export interface GatewayRecovery {
  /** Which gateway. */
  gateway_id: GatewayId;
  /** The step. */
  step: RecoveryStep;
  /** Which attempt it belongs to; 0 before the first one. */
  attempt: number;
  /** What happened, for people. */
  message: string | null;
}

/** The data of `gateway_registered`. */
export interface GatewayRegistered {
  /** Which gateway. */
  gateway_id: GatewayId;
  /** What it is, in its owner's words. */
  gateway_type: string;
}

/** The data of `gateway_removed`. */
export interface GatewayRemoved {
  /** Which gateway. */
  gateway_id: GatewayId;
}

/** What is known of a gateway at the moment. */
export type GatewayStatus =
  | "UNKNOWN"
  | "HEALTHY"
  | "DEGRADED"
  | "UNHEALTHY"
  | "RECOVERING"
  | "DISCONNECTED"
  | "PAUSED";

/** The data of `gateway_status_change`. */
export interface GatewayStatusChange {
  /** Which gateway. */
  gateway_id: GatewayId;
  /** What it is, in its owner's words. */
  gateway_type: string;
  /** How it was; null where it is new. */
  previous_status: GatewayStatus | null;
  /** How it is. */
  current_status: GatewayStatus;
  /** What else is known: latency, error, attempts. */
  metadata: Record<string, unknown>;
}

/** The answer of `/health`, and the data of `system_health`. */
export interface Health {
  /** The verdict. */
  status: HealthStatus;
  /** Always `opshub`. */
  service: string;
  /** The version of the binary. */
  version: string;
  /** The store's part in the verdict. */
  database: DatabaseStatus;
  /** The live side. */
  websocket: WebsocketHealth;
  /** The newest committed change. */
  seq: number;
  /** Whole seconds since the start. */
  uptime_s: number;
  /** When this was found. */
  timestamp: string;
}

/** Whether the hub does its work. */
export type HealthStatus = "healthy" | "degraded";

/** The data of `heartbeat`. */
export interface Heartbeat {
  /** The newest committed change. */
  seq: number;
  /** SHA-256 of the document in RFC 8785 form, in lower-case hexadecimal digits. */
  state_hash: string;
}

/** How bad it is. */
export type LogLevel = "DEBUG" | "INFO" | "WARN" | "ERROR";

/** One operation of RFC 6902. The hub writes these three; requests may use all six. */
export type Op =
  | { op: "add"; path: string; value: unknown }
  | { op: "remove"; path: string }
  | { op: "replace"; path: string; value: unknown };

/** RFC 6902 operations that turn the document before a change into the one after it. */
export type Patch = Op[];

/** The data of `presence`. */
export interface Presence {
  /** WebSocket clients connected now. */
  client_count: number;
}

/** Something to be decided and done; other fields are the feeder's own. */
export interface Priority {
  /** Its name, unique within the list. */
  id: string;
  /** What was decided. */
  status: PriorityStatus;
  /** One line. */
  title?: string;
  /** The feeder's own fields. */
  [field: string]: unknown;
}

/** What was decided about a priority. */
export type PriorityStatus = "proposed" | "approved" | "rejected" | "done";

/** A step of a gateway's recovery. */
export type RecoveryStep =
  | "requested"
  | "awaiting_approval"
  | "approved"
  | "rejected"
  | "started"
  | "dry_run"
  | "succeeded"
  | "failed"
  | "gave_up"
  | "cancelled";

/** The part that somebody has. */
export type Role = "viewer" | "operator" | "collector" | "admin";

/** The data of `state`. */
export interface State {
  /** Why it was sent. */
  reason: StateReason;
  /** The document. */
  state: StateDocument;
}

/** The data of `state_change`. */
export interface StateChange {
  /** The change in a few words. */
  summary: string;
}

/** One live picture of a team's operations. */
export interface StateDocument {
  /** What the system does just now. */
  system: System;
  /** What happens when. */
  calendar: CalendarItem[];
  /** What is to be decided and done. */
  priorities: Priority[];
  /** What was promised. */
  commitments: Commitments;
  /** What people should read now. */
  active_brief: Brief | null;
  /** The services that are watched, by their ids; only the hub's own parts write them. */
  gateways: Record<string, Gateway>;
}

/** Why a `state` frame was sent. */
export type StateReason = "connected" | "requested" | "lagging";

/** The data of `subscribed`. */
export interface Subscribed {
  /** What this connection receives from now on. */
  topics: Topic[];
  /** The lowest level of log lines, where it receives some. */
  log_level?: LogLevel;
  /** What the sources of its log lines begin with. */
  log_source?: string;
}

/** The data of `subscribe`. */
export interface Subscription {
  /** Names of topics. */
  topics: Topic[];
  /** With the topic `logs`: the lowest level; INFO where it was never given. */
  log_level?: LogLevel;
  /** With the topic `logs`: only lines whose source begins with this; empty for all. */
  log_source?: string;
}

/** The `system` section of the document. */
export interface System {
  /** What the system is doing. */
  status: SystemStatus;
  /** How far it is, in percent: 0 to 100. */
  progress: number;
  /** When the last collection ended well. */
  last_sync: Timestamp | null;
}

/** The data of `system_log`: one log line of the hub or of a service that posted it. */
export interface SystemLog {
  /** Rises from line to line, also across restarts; `since` of `GET /api/logs`. */
  id: number;
  /** When it was written. */
  timestamp: string;
  /** How bad it is. */
  level: LogLevel;
  /** What was said: one line, secrets masked. */
  message: string;
  /** Who said it; a module of the hub begins with `opshub`. */
  source: string;
  /** What belongs to it. */
  metadata: Record<string, unknown>;
}

/** The data of `system_log_batch`: the lines of a moment. */
export interface SystemLogBatch {
  /** Oldest first. */
  lines: SystemLog[];
  /** Lines for this connection that were dropped since the last batch, the lowest levels first. */
  dropped: number;
}

/** What the system is doing. */
export type SystemStatus = "IDLE" | "COLLECTING" | "PROCESSING" | "ERROR";

/** A moment in milliseconds since the Unix epoch, written `2026-01-02T03:04:05.678Z`. */
export type Timestamp = string;

/** One stream of frames that a connection may take or leave. */
export type Topic = "state" | "gateways" | "latency" | "presence" | "health" | "logs";

/** The data of `unsubscribe`. */
export interface Unsubscription {
  /** Names of topics. */
  topics: Topic[];
}

/** The live side's part in `Health`. */
export interface WebsocketHealth {
  /** WebSocket clients connected now. */
  connections: number;
  /** Server-sent event streams open now. */
  streams: number;
  /** How many of both together are let in. */
  limit: number;
}

/** Always the first frame; unless recovered, a state frame follows. */
export interface ConnectedFrame {
  type: "connected";
  /** When the frame was made. */
  timestamp: string;
  data: Connected;
}

/** The whole document. */
export interface StateFrame {
  type: "state";
  /** The change's number. */
  seq: number;
  /** When the frame was made. */
  timestamp: string;
  data: State;
}

/** A committed change without an event of its own. */
export interface StateChangeFrame {
  type: "state_change";
  /** The change's number. */
  seq: number;
  /** When the change was made. */
  timestamp: string;
  /** Who made the change. */
  actor: string;
  data: StateChange;
  /** What it changes in the state; absent where that is nothing. */
  patch?: Patch;
}

/** A committed command. */
export interface CommandExecutedFrame {
  type: "command_executed";
  /** The change's number. */
  seq: number;
  /** When the change was made. */
  timestamp: string;
  /** Who made the change. */
  actor: string;
  data: CommandExecuted;
  /** What it changes in the state; absent where that is nothing. */
  patch?: Patch;
}

/** A gateway is another way than before. */
export interface GatewayStatusChangeFrame {
  type: "gateway_status_change";
  /** The change's number. */
  seq: number;
  /** When the change was made. */
  timestamp: string;
  /** Who made the change. */
  actor: string;
  data: GatewayStatusChange;
  /** What it changes in the state; absent where that is nothing. */
  patch?: Patch;
}

/** A step of a gateway's recovery. */
export interface GatewayRecoveryFrame {
  type: "gateway_recovery";
  /** The change's number. */
  seq: number;
  /** When the change was made. */
  timestamp: string;
  /** Who made the change. */
  actor: string;
  data: GatewayRecovery;
  /** What it changes in the state; absent where that is nothing. */
  patch?: Patch;
}

/** A gateway was registered, or defined anew. */
export interface GatewayRegisteredFrame {
  type: "gateway_registered";
  /** The change's number. */
  seq: number;
  /** When the change was made. */
  timestamp: string;
  /** Who made the change. */
  actor: string;
  data: GatewayRegistered;
  /** What it changes in the state; absent where that is nothing. */
  patch?: Patch;
}

/** A gateway is watched no more. */
export interface GatewayRemovedFrame {
  type: "gateway_removed";
  /** The change's number. */
  seq: number;
  /** When the change was made. */
  timestamp: string;
  /** Who made the change. */
  actor: string;
  data: GatewayRemoved;
  /** What it changes in the state; absent where that is nothing. */
  patch?: Patch;
}

/** How long gateways took to answer, at most once a second for each. */
export interface GatewayLatencyFrame {
  type: "gateway_latency";
  /** When the frame was made. */
  timestamp: string;
  data: GatewayLatency;
}

/** A log line; not committed. */
export interface SystemLogFrame {
  type: "system_log";
  /** When the frame was made. */
  timestamp: string;
  data: SystemLog;
}

/** The log lines of a moment; not committed. */
export interface SystemLogBatchFrame {
  type: "system_log_batch";
  /** When the frame was made. */
  timestamp: string;
  data: SystemLogBatch;
}

/** What /health says, when it changes and every 30 seconds. */
export interface SystemHealthFrame {
  type: "system_health";
  /** When the frame was made. */
  timestamp: string;
  data: Health;
}

/** How many clients are connected. */
export interface PresenceFrame {
  type: "presence";
  /** When the frame was made. */
  timestamp: string;
  data: Presence;
}

/** Every change up to seq came before it, none after. */
export interface HeartbeatFrame {
  type: "heartbeat";
  /** When the frame was made. */
  timestamp: string;
  data: Heartbeat;
}

/** The answer to command. */
export interface CommandResultFrame {
  type: "command_result";
  /** When the frame was made. */
  timestamp: string;
  data: CommandResult;
  /** The id of the request that this frame answers. */
  request_id?: string;
}

/** The answer to subscribe and unsubscribe: what is in force. */
export interface SubscribedFrame {
  type: "subscribed";
  /** When the frame was made. */
  timestamp: string;
  data: Subscribed;
  /** The id of the request that this frame answers. */
  request_id?: string;
}

/** The answer to ping. */
export interface PongFrame {
  type: "pong";
  /** When the frame was made. */
  timestamp: string;
  data: Empty;
  /** The id of the request that this frame answers. */
  request_id?: string;
}

/** The answer to echo, with its data. */
export interface EchoFrame {
  type: "echo";
  /** When the frame was made. */
  timestamp: string;
  data: unknown;
  /** The id of the request that this frame answers. */
  request_id?: string;
}

/** What went wrong. */
export interface ErrorFrame {
  type: "error";
  /** When the frame was made. */
  timestamp: string;
  data: ErrorObject;
  /** The id of the request that this frame answers. */
  request_id?: string;
}

/** The answer to auth on a connection that was let in. */
export interface AuthenticatedFrame {
  type: "authenticated";
  /** When the frame was made. */
  timestamp: string;
  data: Authenticated;
  /** The id of the request that this frame answers. */
  request_id?: string;
}

/** The hub is about to close this connection. */
export interface ClosingFrame {
  type: "closing";
  /** When the frame was made. */
  timestamp: string;
  data: Closing;
}

/** Says who the client is, within 5 seconds where it did not in the handshake; later renews a token. */
export interface AuthRequest {
  type: "auth";
  data: Auth;
  /** Comes back in the answer. */
  request_id?: string;
}

/** Answered by pong. */
export interface PingRequest {
  type: "ping";
  data?: Empty;
  /** Comes back in the answer. */
  request_id?: string;
}

/** Answered by state. */
export interface GetStateRequest {
  type: "get_state";
  data?: Empty;
}

/** Answered by echo with the same data. */
export interface EchoRequest {
  type: "echo";
  data: unknown;
  /** Comes back in the answer. */
  request_id?: string;
}

/** Adds topics, and says which log lines; answered by subscribed. */
export interface SubscribeRequest {
  type: "subscribe";
  data: Subscription;
  /** Comes back in the answer. */
  request_id?: string;
}

/** Takes topics away; answered by subscribed. */
export interface UnsubscribeRequest {
  type: "unsubscribe";
  data: Unsubscription;
  /** Comes back in the answer. */
  request_id?: string;
}

/** Runs one command; answered by command_result or error. */
export interface CommandRequest {
  type: "command";
  data: Command;
  /** Comes back in the answer. */
  request_id?: string;
}

/** Every frame of the hub. */
export type ServerFrame =
  | ConnectedFrame
  | StateFrame
  | StateChangeFrame
  | CommandExecutedFrame
  | GatewayStatusChangeFrame
  | GatewayRecoveryFrame
  | GatewayRegisteredFrame
  | GatewayRemovedFrame
  | GatewayLatencyFrame
  | SystemLogFrame
  | SystemLogBatchFrame
  | SystemHealthFrame
  | PresenceFrame
  | HeartbeatFrame
  | CommandResultFrame
  | SubscribedFrame
  | PongFrame
  | EchoFrame
  | ErrorFrame
  | AuthenticatedFrame
  | ClosingFrame;

/** Every frame that is a committed change. */
export type CommittedFrame =
  | StateChangeFrame
  | CommandExecutedFrame
  | GatewayStatusChangeFrame
  | GatewayRecoveryFrame
  | GatewayRegisteredFrame
  | GatewayRemovedFrame;

/** Every frame that a client may send. */
export type ClientFrame =
  | AuthRequest
  | PingRequest
  | GetStateRequest
  | EchoRequest
  | SubscribeRequest
  | UnsubscribeRequest
  | CommandRequest;
