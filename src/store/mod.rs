//! Everything durable: the event log in SQLite, its projections and snapshots.
//!
//! [`open`] makes a database ready and reads it back; [`Db`] is the actor on its own thread that
//! alone writes; [`Readers`] answer questions beside it. Nothing outside this folder knows SQL.

mod backup;
mod chain;
mod db;
mod error;
mod event_log;
mod gateways;
mod inbox;
mod open;
mod past;
mod prune;
mod readers;
mod rows;
mod schema;
mod sinks;
mod verify;

pub use backup::{BackupReport, backup};
pub use chain::{CHAIN_ROOT, Chain};
pub use db::{
    Append, Appended, Checkpoint, Db, Probe, Prune, SaveHistory, SaveSinks, SaveSnapshot, TryWrite,
};
pub use error::StoreError;
pub use event_log::{EventFilter, Order, Page};
pub use gateways::HistoryRow;
pub use inbox::Inbox;
pub use open::{Opened, Recovered, StoreOptions, open};
pub use past::PointInTime;
pub use prune::Pruned;
pub use readers::Readers;
pub use rows::{IdempotencyKey, Meta, Record, Snapshot, StoredAnswer};
pub use sinks::SinkCursor;
pub use verify::{VerifyReport, verify};
