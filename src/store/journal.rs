//! The journal: who signed in, who was refused, who changed who may do what; a chain beside the log.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use serde::Serialize;
use serde_json::Value;

use crate::domain::{Seq, Timestamp};

use super::audit_key::AuditKey;
use super::chain::{CHAIN_ROOT, Chain, Linked};
use super::error::StoreError;
use super::schema::journal;

/// Rows of the journal that are read at once.
const PAGE_ROWS: i64 = 1_000;

/// An entry for the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: &'static str,
    /// Who did it, or who they said they were.
    pub actor: String,
    /// What else is known.
    pub entry: Value,
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JournalEntry {
    /// Its number.
    pub id: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// Who did it, or who they said they were.
    pub actor: String,
    /// What else is known.
    pub entry: Value,
}

/// Which entries of the journal are read, newest first.
#[derive(Debug, Clone, Default)]
pub struct JournalPage {
    /// Only entries before this one.
    pub before: Option<u64>,
    /// Only those of this actor.
    pub actor: Option<String>,
    /// At most so many, and never more than a thousand.
    pub limit: usize,
}

#[derive(Queryable, Insertable)]
#[diesel(table_name = journal)]
struct JournalRow {
    id: i64,
    at_ms: i64,
    kind: String,
    actor: String,
    entry: String,
    chain: Vec<u8>,
}

/// Adds entries to the journal, each linked to the one before.
pub(super) fn add(
    conn: &mut SqliteConnection,
    key: &AuditKey,
    entries: &[NewEntry],
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let last: Option<(i64, Vec<u8>)> = journal::table
        .select((journal::id, journal::chain))
        .order(journal::id.desc())
        .first(conn)
        .optional()?;
    let (mut id, mut link) = match last {
        None => (0, CHAIN_ROOT),
        Some((id, link)) => (id, Chain::from_bytes(&link).ok_or_else(|| broken(id))?),
    };
    for NewEntry { at, kind, actor, entry } in entries {
        id += 1;
        let text = entry.to_string();
        let row = JournalRow {
            id,
            at_ms: at.millis(),
            kind: (*kind).to_owned(),
            actor: actor.clone(),
            entry: text,
            chain: Vec::new(),
        };
        link = link_of(&row, link, key).ok_or_else(|| broken(id))?;
        diesel::insert_into(journal::table)
            .values(JournalRow { chain: link.as_bytes().to_vec(), ..row })
            .execute(conn)?;
    }
    Ok(())
}

fn broken(id: i64) -> StoreError {
    StoreError::Corrupt {
        cause: format!("entry {id} of the journal: its chain value does not fit its contents"),
    }
}

fn link_of(row: &JournalRow, before: Chain, key: &AuditKey) -> Option<Chain> {
    let number = u64::try_from(row.id).unwrap_or_default();
    let linked = Linked {
        number: Seq::new(number),
        at: Timestamp::from_millis(row.at_ms),
        kind: &row.kind,
        meta: Some(&row.actor),
        text: &row.entry,
    };
    before.next(key.for_journal(number), &linked)
}

/// The number of the newest entry; 0 where there is none.
pub(super) fn newest(conn: &mut SqliteConnection) -> QueryResult<u64> {
    let newest: Option<i64> = journal::table.select(diesel::dsl::max(journal::id)).get_result(conn)?;
    Ok(newest.and_then(|id| u64::try_from(id).ok()).unwrap_or_default())
}

/// Reads entries of the journal, newest first.
pub(super) fn page(conn: &mut SqliteConnection, page: &JournalPage) -> Result<Vec<JournalEntry>, StoreError> {
    let mut query = journal::table.order(journal::id.desc()).into_boxed();
    if let Some(before) = page.before {
        query = query.filter(journal::id.lt(i64::try_from(before).unwrap_or(i64::MAX)));
    }
    if let Some(actor) = &page.actor {
        query = query.filter(journal::actor.eq(actor));
    }
    let limit = i64::try_from(page.limit).unwrap_or(PAGE_ROWS).min(PAGE_ROWS);
    let rows: Vec<JournalRow> = query.limit(limit).load(conn)?;
    let read = |row: JournalRow| JournalEntry {
        id: u64::try_from(row.id).unwrap_or_default(),
        at: Timestamp::from_millis(row.at_ms),
        kind: row.kind,
        actor: row.actor,
        entry: serde_json::from_str(&row.entry).unwrap_or(Value::Null),
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Checks every link of the journal; gives the number of its entries.
///
/// # Errors
/// [`StoreError::Corrupt`] naming the first entry that does not fit.
pub(super) fn verify(conn: &mut SqliteConnection, key: &AuditKey) -> Result<u64, StoreError> {
    let (mut link, mut last, mut count) = (CHAIN_ROOT, 0, 0);
    loop {
        let rows: Vec<JournalRow> =
            journal::table.filter(journal::id.gt(last)).order(journal::id).limit(PAGE_ROWS).load(conn)?;
        if rows.is_empty() {
            return Ok(count);
        }
        for row in &rows {
            if row.id != last + 1 {
                let cause = format!("entry {} of the journal is missing", last + 1);
                return Err(StoreError::Corrupt { cause });
            }
            let stored = Chain::from_bytes(&row.chain).ok_or_else(|| broken(row.id))?;
            if link_of(row, link, key).is_some_and(|expected| expected != stored) {
                return Err(broken(row.id));
            }
            (link, last, count) = (stored, row.id, count + 1);
        }
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
