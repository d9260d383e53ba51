//! Who is connected and how well they keep up, as operators see it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Seq, Timestamp};
use crate::protocol::{Topic, Topics};

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// Names the connection in the log and in `/api/connections`.
    pub session_id: String,
    /// Who makes its changes.
    pub actor: String,
    /// The address it comes from.
    pub address: String,
    /// What it calls itself.
    pub user_agent: Option<String>,
    /// `opshub.v1`, `plain` or `sse`.
    pub protocol: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub connected_at: Timestamp,
}

/// How well a connection keeps up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// It takes what there is.
    Live,
    /// Its outbox overflowed: a `state` frame waits in place of what it missed.
    Lagging,
    /// It has taken no byte for a while although something waits.
    Stalled,
}

/// A connection in `/api/connections`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConnectionReport {
    /// Who is at the other end.
    #[serde(flatten)]
    pub identity: Identity,
    /// What it receives.
    #[schema(value_type = Vec<Topic>)]
    pub topics: Topics,
    /// The newest change that it took.
    #[schema(value_type = u64)]
    pub seq: Seq,
    /// How many changes came after that.
    pub behind: u64,
    /// What waits for it, in bytes.
    pub queued_bytes: usize,
    /// How often its outbox overflowed.
    pub conflated: u64,
    /// How many log lines it was too slow for.
    #[serde(default)]
    pub log_lines_dropped: u64,
    /// How well it keeps up.
    pub state: ConnectionState,
}
