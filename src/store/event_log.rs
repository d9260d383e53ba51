//! The event log: appending to it and reading from it.

use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use diesel::sqlite::{Sqlite, SqliteConnection};

use crate::domain::{CollectionStep, EventKind, GatewayStep, Seq};

use super::audit_key::AuditKey;
use super::chain::{CHAIN_ROOT, Chain};
use super::error::StoreError;
use super::inbox::Inbox;
use super::rows::{
    AuditRow, CollectionRow, EventRow, GatewayRow, IdempotencyKey, IdempotencyRow, NewEventRow, Record,
    Snapshot, SnapshotRow, StoredAnswer, to_i64, to_seq,
};
use super::schema::{audit, collections, events, gateways, idempotency, snapshots};

/// Rows that go in one statement: most of what a statement costs is the statement.
const CHUNK_ROWS: usize = 16;

/// What one transaction takes at most, unless a single change is larger.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimit {
    pub(super) changes: usize,
    pub(super) bytes: usize,
}

/// Stores what is in `inbox`, and what comes while it is at it, with its projections in one
/// transaction: all of it or none. What was taken is in `taken` either way.
///
/// `chain` is the link of the row before; the link of the last row is returned.
///
/// # Errors
/// [`StoreError::Conflict`] where the log does not end at `expected_last`, else what SQLite says;
/// whether a failed commit became durable is for the caller to read back.
pub(super) fn append(
    conn: &mut SqliteConnection,
    expected_last: Seq,
    chain: Chain,
    key: &AuditKey,
    inbox: &Inbox,
    limit: BatchLimit,
    taken: &mut Vec<Record>,
) -> Result<Chain, StoreError> {
    conn.immediate_transaction(|conn| {
        let found = newest_seq(conn)?;
        if found != expected_last {
            return Err(StoreError::Conflict { expected: expected_last.get(), found: found.get() });
        }
        let (mut link, mut bytes) = (chain, 0);
        loop {
            let begin = taken.len();
            while (taken.len() < limit.changes.min(begin + CHUNK_ROWS) && bytes < limit.bytes)
                || taken.last().is_some_and(|record| record.joined)
            {
                let Some(record) = inbox.pop() else { break };
                bytes += record.frame.wire_len();
                taken.push(record);
            }
            if taken.len() == begin {
                return Ok(link);
            }
            link = insert(conn, &taken[begin..], link, key)?;
        }
    })
}

/// Writes rows and what derives from them.
fn insert(
    conn: &mut SqliteConnection,
    records: &[Record],
    before: Chain,
    key: &AuditKey,
) -> QueryResult<Chain> {
    let mut link = before;
    let rows: Vec<NewEventRow> = records
        .iter()
        .map(|record| {
            let row = NewEventRow::new(record, link, key);
            link = row.link;
            row
        })
        .collect();
    let audit_rows: Vec<AuditRow> = records.iter().map(AuditRow::new).collect();
    // A full chunk goes in one statement that stays prepared, since its size is part of its type.
    match <[NewEventRow; CHUNK_ROWS]>::try_from(rows) {
        Ok(chunk) => diesel::insert_into(events::table).values(chunk).execute(conn).map(drop)?,
        Err(rows) => rows
            .into_iter()
            .try_for_each(|row| diesel::insert_into(events::table).values(row).execute(conn).map(drop))?,
    }
    match <[AuditRow; CHUNK_ROWS]>::try_from(audit_rows) {
        Ok(chunk) => diesel::insert_into(audit::table).values(chunk).execute(conn).map(drop)?,
        Err(rows) => rows
            .into_iter()
            .try_for_each(|row| diesel::insert_into(audit::table).values(row).execute(conn).map(drop))?,
    }
    records.iter().try_for_each(|record| project(conn, record))?;
    Ok(link)
}

/// Writes what few rows have: the answer to a key, the begin or end of a collection.
fn project(conn: &mut SqliteConnection, record: &Record) -> QueryResult<()> {
    let (seq, at_ms) = (to_i64(record.seq), record.at.millis());
    if let Some(stored) = &record.meta.idempotency {
        let IdempotencyKey { principal, scope, key } = &stored.key;
        let answer = serde_json::to_string(&stored.outcome).expect("an outcome is plain data");
        let row =
            IdempotencyRow { principal, scope, key, fingerprint: &stored.fingerprint, answer, seq, at_ms };
        diesel::insert_into(idempotency::table).values(row).execute(conn)?;
    }
    match &record.meta.collection {
        None => {}
        Some(CollectionStep::Started { id }) => {
            let row = CollectionRow { id: id.as_str(), started_seq: seq, started_at_ms: at_ms };
            diesel::insert_into(collections::table).values(row).execute(conn)?;
        }
        Some(CollectionStep::Ended { id, outcome }) => {
            diesel::update(collections::table.find(id.as_str()))
                .set((
                    collections::ended_seq.eq(seq),
                    collections::ended_at_ms.eq(at_ms),
                    collections::outcome.eq(outcome.as_str()),
                ))
                .execute(conn)?;
        }
    }
    match &record.meta.gateway {
        None => {}
        Some(GatewayStep::Registered { id, definition }) => {
            let row = GatewayRow { id: id.as_str(), definition, seq };
            diesel::replace_into(gateways::table).values(row).execute(conn)?;
        }
        Some(GatewayStep::Removed { id }) => {
            diesel::delete(gateways::table.find(id.as_str())).execute(conn)?;
        }
    }
    Ok(())
}

/// Stores a snapshot; one that is there already stays.
pub(super) fn insert_snapshot(
    conn: &mut SqliteConnection,
    snapshot: &Snapshot,
    link: Chain,
) -> QueryResult<()> {
    let row = SnapshotRow {
        seq: to_i64(snapshot.seq),
        state_seq: to_i64(snapshot.state_seq),
        at_ms: snapshot.at.millis(),
        chain: link.as_bytes().to_vec(),
        document: snapshot.document.clone(),
    };
    diesel::insert_or_ignore_into(snapshots::table).values(row).execute(conn)?;
    Ok(())
}

/// The number of the newest change; a log whose events were all pruned ends at its newest snapshot.
pub(super) fn newest_seq(conn: &mut SqliteConnection) -> QueryResult<Seq> {
    let event: Option<i64> = events::table.select(diesel::dsl::max(events::seq)).get_result(conn)?;
    let newest = match event {
        Some(seq) => Some(seq),
        None => snapshots::table.select(diesel::dsl::max(snapshots::seq)).get_result(conn)?,
    };
    Ok(to_seq(newest.unwrap_or_default()))
}

/// The link of change `seq`, if it is kept.
pub(super) fn chain_of(conn: &mut SqliteConnection, seq: Seq) -> Result<Option<Chain>, StoreError> {
    let bytes: Option<Vec<u8>> =
        events::table.find(to_i64(seq)).select(events::chain).get_result(conn).optional()?;
    Ok(bytes.as_deref().and_then(Chain::from_bytes))
}

/// The oldest change that is kept, or the one to come where none is.
pub(super) fn first_seq(conn: &mut SqliteConnection) -> QueryResult<Seq> {
    let first: Option<i64> = events::table.select(diesel::dsl::min(events::seq)).get_result(conn)?;
    match first {
        Some(seq) => Ok(to_seq(seq)),
        None => Ok(newest_seq(conn)?.next()),
    }
}

/// The link of the newest row.
pub(super) fn newest_chain(conn: &mut SqliteConnection) -> Result<Chain, StoreError> {
    let row: Option<(i64, Vec<u8>)> = events::table
        .select((events::seq, events::chain))
        .order(events::seq.desc())
        .first(conn)
        .optional()?;
    let (seq, bytes) = match row {
        Some(row) => row,
        None => {
            let row: Option<(i64, Vec<u8>)> = snapshots::table
                .select((snapshots::seq, snapshots::chain))
                .order(snapshots::seq.desc())
                .first(conn)
                .optional()?;
            let Some(row) = row else { return Ok(CHAIN_ROOT) };
            row
        }
    };
    Chain::from_bytes(&bytes)
        .ok_or_else(|| StoreError::Corrupt { cause: format!("event {seq}: its chain value is cut") })
}

/// Number and link of the newest row, from one moment.
pub(super) fn end(conn: &mut SqliteConnection) -> Result<(Seq, Chain), StoreError> {
    conn.transaction(|conn| Ok((newest_seq(conn)?, newest_chain(conn)?)))
}

/// The link of the last of `records`, in rows after one with the link `before`.
pub(super) fn link_after(before: Chain, records: &[Record], key: &AuditKey) -> Chain {
    records.iter().fold(before, |link, record| NewEventRow::new(record, link, key).link)
}

/// Reads at most `limit` rows after `seq`, oldest first.
pub(super) fn rows_after(conn: &mut SqliteConnection, seq: Seq, limit: i64) -> QueryResult<Vec<EventRow>> {
    let newer = events::table.filter(events::seq.gt(to_i64(seq))).order(events::seq).limit(limit);
    newer.select(EventRow::as_select()).load(conn)
}

/// What a page holds at most, unless a single change is larger.
const PAGE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Which way a page goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    #[default]
    Asc,
    /// Newest first.
    Desc,
}

/// Which committed changes are asked for.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only after this number.
    pub since: Option<Seq>,
    /// Only before this number.
    pub before: Option<Seq>,
    /// Only up to this number.
    pub until: Option<Seq>,
    /// Only of these kinds; none: all.
    pub kinds: Vec<EventKind>,
    /// Only by this one.
    pub actor: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Which end first.
    pub order: Order,
}

/// A page of committed changes.
#[derive(Debug, Clone)]
pub struct Page {
    /// Number and text of each.
    pub events: Vec<(Seq, String)>,
    /// The oldest change that is kept.
    pub first_seq: Seq,
    /// The newest change.
    pub last_seq: Seq,
    /// Whether more would follow.
    pub more: bool,
}

/// Reads a page, everything in it from one moment.
///
/// # Errors
/// [`StoreError::Pruned`] where `since` lies before what is kept.
pub(super) fn page(conn: &mut SqliteConnection, filter: &EventFilter) -> Result<Page, StoreError> {
    conn.transaction(|conn| {
        let (first_seq, last_seq) = (first_seq(conn)?, newest_seq(conn)?);
        if let Some(since) = filter.since
            && since.next() < first_seq
        {
            return Err(StoreError::Pruned { since: since.get(), first: first_seq.get() });
        }
        let mut query = events::table.select((events::seq, events::frame)).into_boxed::<Sqlite>();
        if let Some(since) = filter.since {
            query = query.filter(events::seq.gt(to_i64(since)));
        }
        if let Some(before) = filter.before {
            query = query.filter(events::seq.lt(to_i64(before)));
        }
        if let Some(until) = filter.until {
            query = query.filter(events::seq.le(to_i64(until)));
        }
        if !filter.kinds.is_empty() {
            query = query.filter(events::kind.eq_any(filter.kinds.iter().map(|kind| kind.as_str())));
        }
        if let Some(actor) = &filter.actor {
            let by_actor = audit::table.filter(audit::actor.eq(actor)).select(audit::seq);
            query = query.filter(events::seq.eq_any(by_actor));
        }
        query = match filter.order {
            Order::Asc => query.order(events::seq.asc()),
            Order::Desc => query.order(events::seq.desc()),
        };
        let wanted = i64::try_from(filter.limit).unwrap_or(i64::MAX - 1);
        let (mut events, mut bytes, mut more) = (Vec::new(), 0, false);
        for row in query.limit(wanted + 1).load_iter::<(i64, String), DefaultLoadingMode>(conn)? {
            let (seq, frame) = row?;
            bytes += frame.len();
            if events.len() == filter.limit || (bytes > PAGE_MAX_BYTES && !events.is_empty()) {
                more = true;
                break;
            }
            events.push((to_seq(seq), frame));
        }
        Ok(Page { events, first_seq, last_seq, more })
    })
}

/// The first answer to `key`, if one is stored.
pub(super) fn stored_answer(
    conn: &mut SqliteConnection,
    key: &IdempotencyKey,
) -> Result<Option<StoredAnswer>, StoreError> {
    let row: Option<(String, String, i64)> = idempotency::table
        .find((&key.principal, &key.scope, &key.key))
        .select((idempotency::fingerprint, idempotency::answer, idempotency::seq))
        .first(conn)
        .optional()?;
    let Some((fingerprint, answer, seq)) = row else { return Ok(None) };
    let outcome = serde_json::from_str(&answer)
        .map_err(|error| StoreError::Corrupt { cause: format!("answer of event {seq}: {error}") })?;
    Ok(Some(StoredAnswer { key: key.clone(), fingerprint, outcome, seq: to_seq(seq) }))
}
