//! What is kept of gateways beside the log: definitions and history.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::schema::{gateway_history, gateways};

/// Counts and latencies of one gateway over one span of time, packed by whoever wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = gateway_history, check_for_backend(diesel::sqlite::Sqlite))]
pub struct HistoryRow {
    /// Which gateway.
    pub gateway_id: String,
    /// The length of the span in seconds.
    pub span_s: i64,
    /// When it begins, in Unix seconds.
    pub start_s: i64,
    /// What was counted.
    pub data: Vec<u8>,
}

/// The definitions of the gateways that were registered, by their ids.
pub(super) fn definitions(conn: &mut SqliteConnection) -> QueryResult<Vec<(String, String)>> {
    gateways::table.select((gateways::id, gateways::definition)).order(gateways::id).load(conn)
}

/// All that is kept of the past of gateways, oldest first.
pub(super) fn history(conn: &mut SqliteConnection) -> QueryResult<Vec<HistoryRow>> {
    gateway_history::table.select(HistoryRow::as_select()).order(gateway_history::start_s).load(conn)
}

/// Stores spans, in the place of what they held before, and forgets those of `span_s` seconds that began
/// before `oldest_s`.
pub(super) fn save_history(
    conn: &mut SqliteConnection,
    rows: &[HistoryRow],
    forget: &[(i64, i64)],
) -> QueryResult<()> {
    for row in rows {
        diesel::replace_into(gateway_history::table).values(row).execute(conn)?;
    }
    for (span_s, oldest_s) in forget {
        let old = gateway_history::table
            .filter(gateway_history::span_s.eq(span_s))
            .filter(gateway_history::start_s.lt(oldest_s));
        diesel::delete(old).execute(conn)?;
    }
    Ok(())
}

/// Forgets the past of one gateway.
pub(super) fn forget_history(conn: &mut SqliteConnection, id: &str) -> QueryResult<()> {
    diesel::delete(gateway_history::table.filter(gateway_history::gateway_id.eq(id))).execute(conn).map(drop)
}
