//! Everything durable: the event log in SQLite, its projections and snapshots.
//!
//! [`open`] makes a database ready and reads it back; [`Db`] is the actor on its own thread that
//! alone writes; [`Readers`] answer questions beside it. Nothing outside this folder knows SQL.

mod access;
mod audit_key;
mod backup;
mod chain;
mod db;
mod error;
mod event_log;
mod families;
mod gateways;
mod inbox;
mod journal;
mod open;
mod past;
mod prune;
mod readers;
mod rows;
mod schema;
mod sinks;
mod verify;

pub use access::{AccessWrite, KnownAccess, SignInRecord, TokenRecord, UserRecord};
pub use audit_key::AuditKey;
pub use backup::{BackupReport, backup};
pub use chain::Chain;
pub use db::{
    Append, Appended, Checkpoint, Db, Probe, Prune, SaveAccess, SaveHistory, SaveSinks, SaveSnapshot,
    TryWrite,
};
pub use error::StoreError;
pub use event_log::{EventFilter, Order, Page};
pub use families::FamilyRecord;
pub use gateways::HistoryRow;
pub use inbox::Inbox;
pub use journal::{JournalEntry, JournalPage, NewEntry};
pub use open::{Opened, Recovered, StoreOptions, open, rekey};
pub use past::PointInTime;
pub use prune::Pruned;
pub use readers::Readers;
pub use rows::{IdempotencyKey, Meta, Record, Snapshot, StoredAnswer};
pub use sinks::SinkCursor;
pub use verify::{VerifyReport, verify};
