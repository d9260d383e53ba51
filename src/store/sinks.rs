//! How far notification sinks are: kept beside the log, which knows nothing of them.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::domain::{Seq, Timestamp};

use super::rows::{to_i64, to_seq};
use super::schema::sinks;

/// How far one sink has been told of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkCursor {
    /// Which sink.
    pub id: String,
    /// Everything up to this change is done with.
    pub seq: Seq,
    /// How many events were given up on the way.
    pub given_up: u64,
}

#[derive(Insertable)]
#[diesel(table_name = sinks)]
struct SinkRow<'a> {
    id: &'a str,
    seq: i64,
    given_up: i64,
    updated_at_ms: i64,
}

/// How far every sink is.
pub(super) fn cursors(conn: &mut SqliteConnection) -> QueryResult<Vec<SinkCursor>> {
    let rows: Vec<(String, i64, i64)> =
        sinks::table.select((sinks::id, sinks::seq, sinks::given_up)).order(sinks::id).load(conn)?;
    let cursor = |(id, seq, given_up)| SinkCursor {
        id,
        seq: to_seq(seq),
        given_up: u64::try_from(given_up).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(cursor).collect())
}

/// Stores cursors in the place of those before, and forgets those of the sinks in `gone`.
pub(super) fn save(
    conn: &mut SqliteConnection,
    cursors: &[SinkCursor],
    gone: &[String],
    at: Timestamp,
) -> QueryResult<()> {
    for SinkCursor { id, seq, given_up } in cursors {
        let given_up = i64::try_from(*given_up).unwrap_or(i64::MAX);
        let row = SinkRow { id, seq: to_i64(*seq), given_up, updated_at_ms: at.millis() };
        diesel::replace_into(sinks::table).values(row).execute(conn)?;
    }
    diesel::delete(sinks::table.filter(sinks::id.eq_any(gone))).execute(conn).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::open::tests::migrated;

    #[test]
    fn a_cursor_takes_the_place_of_the_one_before_until_its_sink_is_gone() {
        let (_dir, mut conn) = migrated();
        let cursor = |id: &str, seq, given_up| SinkCursor { id: id.into(), seq: Seq::new(seq), given_up };
        let at = Timestamp::from_millis(1);
        save(&mut conn, &[cursor("b", 1, 0), cursor("a", 2, 1)], &[], at).unwrap();
        save(&mut conn, &[cursor("b", 5, 3)], &[], at).unwrap();
        assert_eq!(cursors(&mut conn).unwrap(), [cursor("a", 2, 1), cursor("b", 5, 3)]);
        save(&mut conn, &[], &["a".into()], at).unwrap();
        assert_eq!(cursors(&mut conn).unwrap(), [cursor("b", 5, 3)]);
    }
}
