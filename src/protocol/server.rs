//! What the hub sends on an `opshub.v1` connection.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::{GatewayId, GatewayStatus, Patch, RecoveryStep, Role, Seq, Timestamp};

use super::document::StateDocument;
use super::error::ErrorObject;
use super::logs::{LogFilter, LogLevel, SystemLog, SystemLogBatch};
use super::topic::{Topic, Topics};

/// Every frame of the hub: `type` and `data`. The envelope around it adds `timestamp` and, by kind,
/// `seq`, `actor`, `patch` and `request_id` (see [`Envelope`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum ServerMessage {
    /// Always first. Unless `recovered`, a `state` frame follows at once.
    Connected(Connected),
    /// The whole document. Carries `seq`.
    State(State),
    /// A committed change without an event of its own. Carries `seq`, `actor`, `patch`.
    StateChange(StateChange),
    /// A committed command. Carries `seq`, `actor` and, when it changed the state, `patch`.
    CommandExecuted(CommandExecuted),
    /// A gateway is another way than before. Carries `seq`, `actor` and `patch`.
    GatewayStatusChange(GatewayStatusChange),
    /// A step of a gateway's recovery. Carries `seq`, `actor` and `patch`.
    GatewayRecovery(GatewayRecovery),
    /// A gateway was registered, or defined anew. Carries `seq`, `actor` and, when it is new, `patch`.
    GatewayRegistered(GatewayRegistered),
    /// A gateway is watched no more. Carries `seq`, `actor` and `patch`.
    GatewayRemoved(GatewayRemoved),
    /// How long gateways took to answer, at most once a second for each.
    GatewayLatency(GatewayLatency),
    /// A log line; not committed.
    SystemLog(SystemLog),
    /// The log lines of a moment; not committed.
    SystemLogBatch(SystemLogBatch),
    /// What `/health` says, when it changes and every 30 seconds.
    SystemHealth(Health),
    /// How many clients are connected, when that changes, at most once a second.
    Presence(Presence),
    /// Every change up to `seq` came before this frame, none after.
    Heartbeat(Heartbeat),
    /// The answer to `command`. Carries `request_id`.
    CommandResult(CommandResult),
    /// The answer to `subscribe` and `unsubscribe`: what is in force. Carries `request_id`.
    Subscribed(Subscribed),
    /// The answer to `ping`. Carries `request_id`.
    Pong(Empty),
    /// The answer to `echo`, with its data. Carries `request_id`.
    Echo(Value),
    /// What went wrong. Carries `request_id`.
    Error(ErrorObject),
    /// The answer to `auth` on a connection that was let in already. Carries `request_id`.
    Authenticated(Authenticated),
    /// The hub is about to close this connection.
    Closing(Closing),
}

/// The parts of a frame beside `type` and `data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Envelope {
    /// `type` and `data`.
    #[serde(flatten)]
    pub message: ServerMessage,
    /// The change's number; on committed changes and `state`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub seq: Option<Seq>,
    /// When the frame was made; for a change, when it was made.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Who made the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// RFC 6902 operations that turn the document before into this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Patch>,
    /// The id of the request that this frame answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The data of `connected`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connected {
    /// A greeting for people.
    pub message: String,
    /// WebSocket clients connected now, this one included.
    pub client_count: usize,
    /// This connection, as `/api/connections` and the log name it.
    pub session_id: String,
    /// The log that `seq` counts in.
    pub epoch: String,
    /// The newest committed change.
    #[schema(value_type = u64)]
    pub seq: Seq,
    /// The interval of heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// Whether the missed frames follow instead of the state.
    pub recovered: bool,
}

/// Why a `state` frame was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateReason {
    /// The connection is new, or could not be resumed.
    Connected,
    /// The client asked with `get_state`.
    Requested,
    /// The client was too slow: this stands for the changes that it missed.
    Lagging,
}

impl StateReason {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            StateReason::Connected => "connected",
            StateReason::Requested => "requested",
            StateReason::Lagging => "lagging",
        }
    }
}

/// The data of `state`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct State {
    /// Why it was sent.
    pub reason: StateReason,
    /// The document.
    #[schema(value_type = StateDocument)]
    pub state: Value,
}

/// The data of `state_change`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateChange {
    /// The change in a few words.
    pub summary: String,
}

/// The data of `command_executed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandExecuted {
    /// The command as it was given.
    pub command: String,
    /// Its verb.
    pub action: String,
    /// What it was about.
    #[schema(required = true)]
    pub target: Option<String>,
    /// Whether it changed something.
    pub applied: bool,
    /// What happened, for people.
    pub message: String,
}

/// The data of `gateway_status_change`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GatewayStatusChange {
    /// Which gateway.
    pub gateway_id: GatewayId,
    /// What it is, in its owner's words.
    pub gateway_type: String,
    /// How it was; null where it is new.
    #[schema(required = true)]
    pub previous_status: Option<GatewayStatus>,
    /// How it is.
    pub current_status: GatewayStatus,
    /// What else is known: latency, error, attempts.
    pub metadata: Map<String, Value>,
}

/// The data of `gateway_recovery`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GatewayRecovery {
    /// Which gateway.
    pub gateway_id: GatewayId,
    /// The step.
    pub step: RecoveryStep,
    /// Which attempt it belongs to; 0 before the first one.
    pub attempt: u32,
    /// What happened, for people.
    #[schema(required = true)]
    pub message: Option<String>,
}

/// The data of `gateway_registered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GatewayRegistered {
    /// Which gateway.
    pub gateway_id: GatewayId,
    /// What it is, in its owner's words.
    pub gateway_type: String,
}

/// The data of `gateway_removed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GatewayRemoved {
    /// Which gateway.
    pub gateway_id: GatewayId,
}

/// The data of `gateway_latency`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GatewayLatency {
    /// Milliseconds by gateway; null where the newest probe got no answer.
    pub latency_ms: BTreeMap<String, Option<f64>>,
}

/// The data of `command_result`, and the answer of `POST /api/command`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandResult {
    /// The command's verb.
    #[schema(example = "approve")]
    pub action: String,
    /// What it was about.
    #[schema(example = "P7", required = true)]
    pub target: Option<String>,
    /// Whether it was accepted.
    pub success: bool,
    /// Whether it changed something.
    pub applied: bool,
    /// What happened, for people.
    pub message: String,
    /// The number of its event; null where nothing is committed (`status`, `help`, dry runs).
    #[schema(value_type = Option<u64>, required = true)]
    pub seq: Option<Seq>,
    /// What a dry run would change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Patch>,
}

/// Whether the hub does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Everything works.
    Healthy,
    /// Reads and live connections work, changes cannot be stored.
    Degraded,
}

/// Whether the database takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseStatus {
    /// It does.
    Connected,
    /// It does not, or did not answer in time.
    Disconnected,
}

/// The answer of `/health`, and the data of `system_health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The verdict.
    pub status: HealthStatus,
    /// Always `opshub`.
    #[schema(example = "opshub")]
    pub service: String,
    /// The version of the binary.
    pub version: String,
    /// The store's part in the verdict.
    pub database: DatabaseStatus,
    /// The live side.
    pub websocket: WebsocketHealth,
    /// The newest committed change.
    #[schema(value_type = u64)]
    pub seq: Seq,
    /// Whole seconds since the start.
    pub uptime_s: u64,
    /// When this was found.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
}

/// The live side's part in [`Health`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebsocketHealth {
    /// WebSocket clients connected now.
    pub connections: usize,
    /// Server-sent event streams open now.
    pub streams: usize,
    /// How many of both together are let in.
    pub limit: usize,
}

/// The data of `presence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Presence {
    /// WebSocket clients connected now.
    pub client_count: usize,
}

/// The data of `heartbeat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Heartbeat {
    /// The newest committed change.
    #[schema(value_type = u64)]
    pub seq: Seq,
    /// SHA-256 of the document in RFC 8785 form, in lower-case hexadecimal digits.
    pub state_hash: String,
}

/// The data of `subscribed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Subscribed {
    /// What this connection receives from now on.
    #[schema(value_type = Vec<Topic>)]
    pub topics: Topics,
    /// The lowest level of log lines, where it receives some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_level: Option<LogLevel>,
    /// What the sources of its log lines begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_source: Option<String>,
}

impl Subscribed {
    /// What is in force with these topics and this filter.
    pub fn new(topics: Topics, logs: Option<LogFilter>) -> Subscribed {
        let (log_level, log_source) = logs.map(|filter| (filter.level, filter.source)).unzip();
        Subscribed { topics, log_level, log_source: log_source.filter(|source| !source.is_empty()) }
    }
}

/// The data of `authenticated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Authenticated {
    /// Who the client is.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When that ends; null for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// Data that says nothing: `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Empty {}

/// The data of `closing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Closing {
    /// Why, for people.
    pub reason: String,
    /// When to come back, in milliseconds; spread over the clients so that they do not come at once.
    pub retry_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_envelope_keeps_its_parts_apart() {
        let frame = Envelope {
            message: ServerMessage::StateChange(StateChange { summary: "system: progress 40".into() }),
            seq: Some(Seq::new(7)),
            timestamp: Timestamp::from_millis(0),
            actor: Some("bot".into()),
            patch: None,
            request_id: None,
        };
        let value = serde_json::to_value(&frame).unwrap();
        let wanted = json!({"type": "state_change", "data": {"summary": "system: progress 40"}, "seq": 7,
            "timestamp": "1970-01-01T00:00:00.000Z", "actor": "bot"});
        assert_eq!(value, wanted);
        assert_eq!(serde_json::from_value::<Envelope>(value).unwrap(), frame);
    }

    #[test]
    fn a_pong_has_empty_data() {
        let value = serde_json::to_value(ServerMessage::Pong(Empty {})).unwrap();
        assert_eq!(value, json!({"type": "pong", "data": {}}));
    }
}
