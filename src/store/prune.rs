//! Cutting the old end of the log, always at a snapshot.

use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::domain::{Seq, Timestamp};

use super::error::StoreError;
use super::event_log;
use super::rows::{EventRow, to_i64, to_seq};
use super::schema::{audit, events, idempotency, snapshots};

/// How far a cut came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// The oldest change that is kept now.
    pub first_seq: Seq,
    /// Whether there is more to cut.
    pub more: bool,
}

/// Deletes the events, with their projections, up to the oldest snapshot that leaves neither more
/// than needed of `keep_events` nor anything made after `oldest`; and answers to idempotency keys
/// from before `oldest_key`.
///
/// One call goes from one snapshot to the next, so that no commit waits long for it.
///
/// # Errors
/// What SQLite says; nothing was deleted then.
pub(super) fn prune(
    conn: &mut SqliteConnection,
    keep_events: u64,
    oldest: Timestamp,
    oldest_key: Timestamp,
) -> Result<Pruned, StoreError> {
    conn.immediate_transaction(|conn| {
        diesel::delete(idempotency::table.filter(idempotency::at_ms.lt(oldest_key.millis())))
            .execute(conn)?;
        let (first, last) = (event_log::first_seq(conn)?, event_log::newest_seq(conn)?);
        let by_count = last.get().saturating_sub(keep_events);
        let by_age: Option<i64> = snapshots::table
            .filter(snapshots::at_ms.lt(oldest.millis()))
            .select(diesel::dsl::max(snapshots::seq))
            .first(conn)?;
        let limit = to_i64(Seq::new(by_count)).max(by_age.unwrap_or_default());
        let cuts: Vec<i64> = snapshots::table
            .filter(snapshots::seq.between(to_i64(first), limit))
            .select(snapshots::seq)
            .order(snapshots::seq)
            .limit(2)
            .load(conn)?;
        let Some(&cut) = cuts.first() else {
            return Ok(Pruned { first_seq: first, more: false });
        };
        delete_through(conn, cut)?;
        Ok(Pruned { first_seq: to_seq(cut).next(), more: cuts.len() > 1 })
    })
}

/// Deletes the events up to a snapshot, and the snapshots before it.
fn delete_through(conn: &mut SqliteConnection, cut: i64) -> Result<(), StoreError> {
    let gone = events::table.filter(events::seq.le(cut));
    // The audit is ordered by actor, so its rows are found by the actor that each frame names.
    let mut found = Vec::new();
    for row in gone.select(EventRow::as_select()).load_iter::<EventRow, DefaultLoadingMode>(conn)? {
        let row = row?;
        found.push((row.parse()?.actor.into_owned(), row.seq));
    }
    for (actor, seq) in found {
        diesel::delete(audit::table.find((actor, seq))).execute(conn)?;
    }
    diesel::delete(gone).execute(conn)?;
    diesel::delete(snapshots::table.filter(snapshots::seq.lt(cut))).execute(conn)?;
    Ok(())
}
