//! Going through the whole log: every link, every patch, every snapshot.

use std::fmt;
use std::path::Path;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::domain::Seq;

use super::audit_key::AuditKey;
use super::error::StoreError;
use super::event_log;
use super::journal;
use super::open::{Replay, connect_existing, find_key};
use super::rows::SnapshotRow;
use super::schema::snapshots;

/// How many rows are read at once.
const ROWS: i64 = 64;

/// What was found in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyReport {
    /// Changes whose links and patches fit.
    pub events: u64,
    /// Snapshots that the changes before them add up to.
    pub snapshots: u64,
    /// Entries of the journal whose links fit.
    pub entries: u64,
    /// The oldest kept change.
    pub first_seq: Seq,
    /// The newest change.
    pub last_seq: Seq,
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VerifyReport { events, snapshots, entries, first_seq, last_seq } = self;
        let many = |count: &u64, what: &str| format!("{count} {what}{}", if *count == 1 { "" } else { "s" });
        let (events, snapshots) = (many(events, "event"), many(snapshots, "snapshot"));
        let entries = format!("{entries} {} of the journal", if *entries == 1 { "entry" } else { "entries" });
        write!(f, "{events} ({first_seq} to {last_seq}), {snapshots} and {entries}: as they were written")
    }
}

/// Checks the log's chain, and that replaying it gives every snapshot byte for byte.
///
/// # Errors
/// [`StoreError::Corrupt`] naming the first bad row, or what SQLite says. Nothing is changed.
pub fn verify(db: &Path) -> Result<VerifyReport, StoreError> {
    let mut conn = connect_existing(db)?;
    // One read transaction: a hub may go on writing meanwhile.
    conn.transaction(|conn| {
        let key = find_key(conn, db)?.unwrap_or(AuditKey::NONE);
        verify_all(conn, &key)
    })
}

fn verify_all(conn: &mut SqliteConnection, key: &AuditKey) -> Result<VerifyReport, StoreError> {
    integrity(conn)?;
    let mut stored: std::iter::Peekable<_> = snapshots::table
        .select(snapshots::seq)
        .order(snapshots::seq)
        .load::<i64>(conn)?
        .into_iter()
        .peekable();
    let base = stored.next().ok_or_else(|| StoreError::Corrupt { cause: "there is no snapshot".into() })?;
    let (first_seq, last_seq) = (event_log::first_seq(conn)?, event_log::newest_seq(conn)?);
    let mut replay = Replay::from_snapshot(&load(conn, base)?)?;
    let mut report = VerifyReport { events: 0, snapshots: 1, entries: 0, first_seq, last_seq };
    loop {
        let rows = event_log::rows_after(conn, replay.seq, ROWS)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            replay.step(row, Some(key))?;
            report.events += 1;
            if stored.next_if_eq(&row.seq).is_some() {
                compare(&replay, &load(conn, row.seq)?)?;
                report.snapshots += 1;
            }
        }
    }
    match stored.next() {
        Some(seq) => {
            Err(StoreError::Corrupt { cause: format!("snapshot {seq} has no event of that number") })
        }
        None => {
            report.entries = journal::verify(conn, key)?;
            Ok(report)
        }
    }
}

fn load(conn: &mut SqliteConnection, seq: i64) -> QueryResult<SnapshotRow> {
    snapshots::table.find(seq).select(SnapshotRow::as_select()).first(conn)
}

fn compare(replay: &Replay, snapshot: &SnapshotRow) -> Result<(), StoreError> {
    if snapshot.link()? != replay.chain {
        let cause = format!("snapshot {}: its chain value is not its event's", snapshot.seq);
        return Err(StoreError::Corrupt { cause });
    }
    if snapshot.document != replay.document.to_json() {
        let cause = format!("snapshot {}: replaying the log gives another document", snapshot.seq);
        return Err(StoreError::Corrupt { cause });
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Finding {
    #[diesel(sql_type = diesel::sql_types::Text)]
    integrity_check: String,
}

/// What SQLite itself finds wrong with its pages.
fn integrity(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let findings: Vec<Finding> = diesel::sql_query("PRAGMA integrity_check(1)").load(conn)?;
    match findings.first() {
        Some(finding) if finding.integrity_check != "ok" => {
            Err(StoreError::Corrupt { cause: finding.integrity_check.clone() })
        }
        _ => Ok(()),
    }
}
