//! What the hub hands to the store, and the rows it becomes.

use std::sync::Arc;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::{CollectionStep, EventKind, GatewayStep, Outcome, Seq, Timestamp};
use crate::protocol::{EventFrame, Frame};

use super::audit_key::AuditKey;
use super::chain::{Chain, Linked};
use super::error::StoreError;
use super::schema::{audit, collections, events, gateways, idempotency, snapshots};

/// One committed change, ready for the log.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its number.
    pub seq: Seq,
    /// When it was made; never before the one before it.
    pub at: Timestamp,
    /// Its kind.
    pub kind: EventKind,
    /// Who made it.
    pub actor: String,
    /// The verb of its command, or its kind.
    pub action: String,
    /// What its command was about.
    pub target: Option<String>,
    /// What belongs to the change and is shown to nobody.
    pub meta: Meta,
    /// The change in the bytes that every reader gets.
    pub frame: Arc<Frame>,
    /// The request that it came with, for the log.
    pub request_id: String,
    /// Whether it is stored only together with the next one.
    pub joined: bool,
}

/// The private part of a row; empty parts are not stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The key it was made with, and the answer that the key stands for from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<StoredAnswer>,
    /// What it means for the running collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<CollectionStep>,
    /// What it means for the definitions of gateways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayStep>,
}

impl Meta {
    /// The stored form; none where there is nothing to store.
    pub(super) fn to_text(&self) -> Option<String> {
        (*self != Meta::default()).then(|| serde_json::to_string(self).expect("meta is plain data"))
    }
}

/// Names one request: the same key of the same principal at the same door is the same request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// Whose key it is.
    pub principal: String,
    /// Method and path.
    pub scope: String,
    /// The key as the caller chose it.
    pub key: String,
}

/// The first answer to an idempotency key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// The request it answers.
    #[serde(flatten)]
    pub key: IdempotencyKey,
    /// SHA-256 over the request: another request with the same key is told so.
    pub fingerprint: String,
    /// The answer.
    pub outcome: Outcome,
    /// The change's number.
    #[serde(skip, default)]
    pub seq: Seq,
}

/// The document after a change, so that a start need not read the whole log.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The change.
    pub seq: Seq,
    /// The newest change with a patch up to it.
    pub state_seq: Seq,
    /// When the change was made.
    pub at: Timestamp,
    /// The document in its one serialization.
    pub document: String,
}

/// One committed change as it stands in the log; `at_ms` is Unix time in milliseconds.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = events, check_for_backend(diesel::sqlite::Sqlite))]
pub(super) struct EventRow {
    pub(super) seq: i64,
    pub(super) at_ms: i64,
    pub(super) kind: String,
    pub(super) meta: Option<String>,
    pub(super) chain: Vec<u8>,
    pub(super) frame: String,
}

/// A row on its way in; it owns its parts, since only such a statement stays prepared.
#[derive(Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
pub(super) struct NewEventRow {
    pub(super) seq: i64,
    pub(super) at_ms: i64,
    pub(super) kind: &'static str,
    pub(super) meta: Option<String>,
    #[diesel(column_name = chain, serialize_as = Vec<u8>)]
    pub(super) link: Chain,
    pub(super) frame: String,
}

impl NewEventRow {
    /// The row for `record`, linked to the row before.
    ///
    /// # Panics
    /// Where `key` does not link new rows; keys that are read or made always do.
    pub(super) fn new(record: &Record, before: Chain, key: &AuditKey) -> NewEventRow {
        let (kind, meta, text) = (record.kind.as_str(), record.meta.to_text(), record.frame.as_str());
        let row = Linked { number: record.seq, at: record.at, kind, meta: meta.as_deref(), text };
        let link = before.next(key.for_event(record.seq.get()), &row);
        let link = link.expect("new rows come after the key was made");
        let (seq, at_ms) = (to_i64(record.seq), record.at.millis());
        NewEventRow { seq, at_ms, kind, meta, link, frame: text.to_owned() }
    }
}

impl EventRow {
    /// The row's number.
    pub(super) fn seq(&self) -> Seq {
        to_seq(self.seq)
    }

    /// The link that the row should have after `before`; none where nobody can tell any more.
    pub(super) fn link_after(&self, before: Chain, key: &AuditKey) -> Option<Chain> {
        let at = Timestamp::from_millis(self.at_ms);
        let (kind, meta, text) = (self.kind.as_str(), self.meta.as_deref(), self.frame.as_str());
        let row = Linked { number: self.seq(), at, kind, meta, text };
        before.next(key.for_event(self.seq().get()), &row)
    }

    /// The link that the row has.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where it is none.
    pub(super) fn link(&self) -> Result<Chain, StoreError> {
        Chain::from_bytes(&self.chain).ok_or_else(|| StoreError::Corrupt {
            cause: format!("event {}: its chain value is cut", self.seq),
        })
    }

    /// The row's frame, read.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where it is not what the hub writes.
    pub(super) fn parse(&self) -> Result<EventFrame<'_>, StoreError> {
        EventFrame::parse(&self.frame)
            .map_err(|error| StoreError::Corrupt { cause: format!("event {}: {error}", self.seq) })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = snapshots, check_for_backend(diesel::sqlite::Sqlite))]
pub(super) struct SnapshotRow {
    pub(super) seq: i64,
    pub(super) state_seq: i64,
    pub(super) at_ms: i64,
    pub(super) chain: Vec<u8>,
    pub(super) document: String,
}

impl SnapshotRow {
    /// The link of the change that the snapshot shows.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where it is none.
    pub(super) fn link(&self) -> Result<Chain, StoreError> {
        Chain::from_bytes(&self.chain).ok_or_else(|| StoreError::Corrupt {
            cause: format!("snapshot {}: its chain value is cut", self.seq),
        })
    }
}

#[derive(Insertable)]
#[diesel(table_name = audit, treat_none_as_default_value = false)]
pub(super) struct AuditRow {
    pub(super) actor: String,
    pub(super) seq: i64,
    pub(super) at_ms: i64,
    pub(super) action: String,
    pub(super) target: Option<String>,
}

impl AuditRow {
    /// Who did what in `record`.
    pub(super) fn new(record: &Record) -> AuditRow {
        AuditRow {
            actor: record.actor.clone(),
            seq: to_i64(record.seq),
            at_ms: record.at.millis(),
            action: record.action.clone(),
            target: record.target.clone(),
        }
    }
}

#[derive(Insertable)]
#[diesel(table_name = idempotency)]
pub(super) struct IdempotencyRow<'a> {
    pub(super) principal: &'a str,
    pub(super) scope: &'a str,
    pub(super) key: &'a str,
    pub(super) fingerprint: &'a str,
    pub(super) answer: String,
    pub(super) seq: i64,
    pub(super) at_ms: i64,
}

#[derive(Insertable)]
#[diesel(table_name = collections)]
pub(super) struct CollectionRow<'a> {
    pub(super) id: &'a str,
    pub(super) started_seq: i64,
    pub(super) started_at_ms: i64,
}

/// The definition of a gateway that was registered at run time.
#[derive(Insertable)]
#[diesel(table_name = gateways)]
pub(super) struct GatewayRow<'a> {
    pub(super) id: &'a str,
    pub(super) definition: &'a str,
    pub(super) seq: i64,
}

/// SQLite's integers are signed; sequence numbers never come near the sign.
pub(super) fn to_i64(seq: Seq) -> i64 {
    i64::try_from(seq.get()).unwrap_or(i64::MAX)
}

/// The number of a row; rows are never negative.
pub(super) fn to_seq(seq: i64) -> Seq {
    Seq::new(u64::try_from(seq).unwrap_or_default())
}
