//! The document as it was.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::domain::{Document, Seq, Timestamp};

use super::error::StoreError;
use super::event_log;
use super::open::Replay;
use super::rows::{SnapshotRow, to_i64, to_seq};
use super::schema::{events, snapshots};

/// How many rows are read at once.
const ROWS: i64 = 64;

/// A moment of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointInTime {
    /// After this change.
    Seq(Seq),
    /// At this time.
    Time(Timestamp),
}

/// Reads the document as it was, with the number of the change that made it so.
///
/// # Errors
/// [`StoreError::Pruned`] before what is kept, [`StoreError::Ahead`] after the newest change
/// (for a time: after `now`).
pub(super) fn state_at(
    conn: &mut SqliteConnection,
    point: PointInTime,
    now: Timestamp,
) -> Result<(Seq, Document), StoreError> {
    conn.transaction(|conn| {
        let (first, last) = (event_log::first_seq(conn)?, event_log::newest_seq(conn)?);
        let seq = match point {
            PointInTime::Seq(seq) if seq > last => {
                return Err(StoreError::Ahead { wanted: seq.to_string(), last: last.get() });
            }
            PointInTime::Time(at) if at > now => {
                return Err(StoreError::Ahead { wanted: at.to_string(), last: last.get() });
            }
            PointInTime::Seq(seq) => seq,
            PointInTime::Time(at) => seq_at(conn, at, first, last)?,
        };
        let base: Option<SnapshotRow> = snapshots::table
            .filter(snapshots::seq.le(to_i64(seq)))
            .order(snapshots::seq.desc())
            .select(SnapshotRow::as_select())
            .first(conn)
            .optional()?;
        let Some(base) = base else {
            return Err(StoreError::Pruned { since: seq.get(), first: first.get() });
        };
        let mut replay = Replay::from_snapshot(&base)?;
        while replay.seq < seq {
            let missing = i64::try_from(seq.get() - replay.seq.get()).unwrap_or(ROWS);
            let rows = event_log::rows_after(conn, replay.seq, missing.min(ROWS))?;
            if rows.is_empty() {
                return Err(StoreError::Corrupt { cause: format!("the log ends before {seq}") });
            }
            // Whether links fit is looked at by a start and by `verify`, not by each look at the past.
            rows.iter().try_for_each(|row| replay.step(row, None))?;
        }
        Ok((seq, replay.document))
    })
}

/// The newest change at or before `at`: times never run backwards, so a bisection finds it.
fn seq_at(conn: &mut SqliteConnection, at: Timestamp, first: Seq, last: Seq) -> Result<Seq, StoreError> {
    let oldest: i64 = snapshots::table.select(snapshots::at_ms).order(snapshots::seq.asc()).first(conn)?;
    let (mut low, mut high) = (first.get().saturating_sub(1), last.get());
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let at_ms: i64 = events::table.find(to_i64(Seq::new(middle))).select(events::at_ms).first(conn)?;
        if at_ms <= at.millis() {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    if low + 1 == first.get() && at.millis() < oldest {
        return Err(StoreError::Pruned { since: low, first: first.get() });
    }
    Ok(to_seq(i64::try_from(low).unwrap_or(i64::MAX)))
}
