//! A sink as `GET /api/sinks` tells it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{EventKind, Seq, Timestamp};

use super::definition::SinkFormat;

/// All that is known of a sink at the moment; of its URL the host alone.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SinkReport {
    /// Its id.
    pub id: String,
    /// The form of what it is sent.
    pub format: SinkFormat,
    /// The host of its URL; null where the URL cannot be read.
    #[schema(required = true)]
    pub host: Option<String>,
    /// The kinds of events that it is told.
    pub events: Vec<EventKind>,
    /// What it does just now.
    pub state: SinkState,
    /// How many attempts in a row have failed.
    pub failures: u32,
    /// When the next attempt begins, while one is waited for.
    #[schema(required = true)]
    pub next_try: Option<Timestamp>,
    /// What went wrong last.
    #[schema(required = true)]
    pub last_error: Option<SinkError>,
    /// Every event of its kinds up to this number was delivered or given up.
    #[schema(value_type = u64)]
    pub cursor: Seq,
    /// How many changes, of any kind, lie between its cursor and the end of the log.
    pub behind: u64,
    /// Events delivered since the hub was started.
    pub delivered: u64,
    /// Events given up since the sink was first seen: too old, or gone from the log.
    pub given_up: u64,
}

/// What a sink does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SinkState {
    /// Nothing waits for it.
    Idle,
    /// Events are sent to it.
    Delivering,
    /// An event was not taken and is sent again.
    Retrying,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SinkError {
    /// When.
    pub at: Timestamp,
    /// In words.
    pub message: String,
}
