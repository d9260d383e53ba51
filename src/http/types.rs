//! The bodies of answers, as callers read them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{CollectionId, Epoch, Patch, Seq, System};
use crate::fanout::ConnectionReport;
use crate::monitor::GatewayReport;
use crate::notify::SinkReport;
use crate::protocol::logs::SystemLog;
use crate::protocol::{Health, HealthStatus, LogLevel};

/// The answer of `GET /` to programs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Welcome {
    /// A greeting.
    pub(super) message: &'static str,
    /// The version of the binary.
    pub(super) version: &'static str,
    /// Where the WebSocket is.
    #[schema(example = "/ws")]
    pub(super) websocket: &'static str,
    /// Where the documentation is.
    #[schema(example = "/docs")]
    pub(super) docs: &'static str,
    /// Where the dashboard is.
    #[schema(example = "/dashboard")]
    pub(super) dashboard: &'static str,
}

/// The whole state.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StateAnswer {
    /// The newest change in it.
    #[schema(value_type = u64)]
    pub(super) seq: Seq,
    /// The log that `seq` counts in.
    #[schema(value_type = String)]
    pub(super) epoch: Epoch,
    /// The document.
    pub(super) state: Value,
}

/// The answer to a patch, and to an item that was put or deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PatchAnswer {
    /// Always true.
    pub(super) success: bool,
    /// The change's number; the newest one where nothing was altered.
    #[schema(value_type = u64)]
    pub(super) seq: Seq,
    /// What was altered, as RFC 6902 operations.
    #[schema(value_type = Vec<Object>)]
    pub(super) patch: Patch,
    /// The document after it, on `Prefer: return=representation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<Value>,
}

/// The answer to a status report.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatusAnswer {
    /// Always true.
    pub(super) success: bool,
    /// The change's number; the newest one where nothing was altered.
    #[schema(value_type = u64)]
    pub(super) seq: Seq,
    /// The section after it.
    pub(super) system: System,
}

/// A status report: only what is given is changed, all of it at once.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct StatusReport {
    /// `IDLE`, `COLLECTING`, `PROCESSING` or `ERROR`.
    #[schema(example = "PROCESSING")]
    status: Option<String>,
    /// 0 to 100.
    #[schema(example = 40, minimum = 0, maximum = 100)]
    progress: Option<u8>,
    /// A time (RFC 3339) or null.
    #[schema(format = DateTime)]
    last_sync: Option<String>,
}

/// The answer to the start of a collection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CollectionAnswer {
    /// Always true.
    pub(super) success: bool,
    /// `Collection started`, also where one runs already.
    #[schema(example = "Collection started")]
    pub(super) message: &'static str,
    /// The running collection.
    #[schema(value_type = String)]
    pub(super) collection_id: CollectionId,
}

/// Who is connected.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectionsAnswer {
    /// Oldest first.
    pub(super) connections: Vec<ConnectionReport>,
}

/// A page of the event log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventsAnswer {
    /// The same objects as the live frames.
    pub(super) events: Vec<Value>,
    /// The oldest change that is kept.
    #[schema(value_type = u64)]
    pub(super) first_seq: Seq,
    /// The newest change.
    #[schema(value_type = u64)]
    pub(super) last_seq: Seq,
    /// What `since` (in descending order `before`) is for the next page; null at the end.
    #[schema(value_type = Option<u64>)]
    pub(super) next: Option<Seq>,
}

/// A log line as a service posts it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct PostedLine {
    /// How bad it is; the names of other loggers (`warning`, `critical`, …) mean the nearest of these.
    level: LogLevel,
    /// What is said; cut at 8 KiB.
    #[schema(example = "3 of 40 mails could not be read")]
    message: String,
    /// Who says it; `opshub` and `opshub::…` are the hub's own.
    #[schema(example = "collector.mail", min_length = 1, max_length = 128)]
    source: String,
    /// What belongs to it; left out where it has more than 8 KiB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// When it was said (RFC 3339); now where it is left out.
    #[schema(format = DateTime)]
    timestamp: Option<String>,
}

/// The answer to posted log lines.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogsAccepted {
    /// Always true.
    pub(super) success: bool,
    /// How many lines.
    pub(super) accepted: usize,
    /// The id of the last one; null where there was none.
    pub(super) last_id: Option<u64>,
}

/// A page of the recent log lines.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogsAnswer {
    /// Oldest first, the same objects as the live frames have.
    lines: Vec<SystemLog>,
    /// The oldest line that is kept; null where there is none.
    first_id: Option<u64>,
    /// The newest line.
    last_id: Option<u64>,
    /// What `since` is for the next page; null at the end.
    next: Option<u64>,
}

/// A sign of life.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alive {
    /// `alive` or `ready`.
    pub(super) status: &'static str,
}

/// The answer of `GET /health`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum HealthAnswer {
    /// For who may read.
    Details(Health),
    /// For everybody else.
    Bare(BareHealth),
}

/// The verdict alone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BareHealth {
    /// The verdict.
    pub(super) status: HealthStatus,
}

/// The answer of `GET /api/gateways`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GatewaysAnswer {
    /// By their ids.
    pub(super) gateways: Vec<GatewayReport>,
}

/// The answer of `GET /api/sinks`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SinksAnswer {
    /// In the order of the configuration.
    pub(super) sinks: Vec<SinkReport>,
}

/// The answer to what was taken and changes nothing by itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AcceptedAnswer {
    /// It was.
    pub(super) success: bool,
}
