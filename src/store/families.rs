//! Where programs are signed in for people, by refresh tokens.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::domain::Timestamp;

use super::access::corrupt;
use super::error::StoreError;
use super::schema::families;

/// Where a program is signed in for a person, by refresh tokens that take each other's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyRecord {
    /// What it is known by.
    pub id: String,
    /// SHA-256 of what all of its tokens share.
    pub lineage: [u8; 32],
    /// SHA-256 of the token in force.
    pub hash: [u8; 32],
    /// Whose it is.
    pub email: String,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When the token in force was given out.
    pub seen_at: Timestamp,
    /// When that ends.
    pub expires_at: Timestamp,
    /// From where they signed in.
    pub address: String,
    /// With what.
    pub user_agent: Option<String>,
}

#[derive(Queryable, Insertable)]
#[diesel(table_name = families, treat_none_as_default_value = false)]
struct FamilyRow {
    id: String,
    lineage: Vec<u8>,
    hash: Vec<u8>,
    email: String,
    created_at_ms: i64,
    seen_at_ms: i64,
    expires_at_ms: i64,
    address: String,
    user_agent: Option<String>,
}

/// Reads all of them.
pub(super) fn known(conn: &mut SqliteConnection) -> Result<Vec<FamilyRecord>, StoreError> {
    let rows: Vec<FamilyRow> = families::table.order(families::created_at_ms).load(conn)?;
    rows.into_iter().map(family).collect()
}

fn family(row: FamilyRow) -> Result<FamilyRecord, StoreError> {
    Ok(FamilyRecord {
        lineage: row.lineage.try_into().map_err(|_| corrupt("the lineage", &row.id))?,
        hash: row.hash.try_into().map_err(|_| corrupt("the hash", &row.id))?,
        id: row.id,
        email: row.email,
        created_at: Timestamp::from_millis(row.created_at_ms),
        seen_at: Timestamp::from_millis(row.seen_at_ms),
        expires_at: Timestamp::from_millis(row.expires_at_ms),
        address: row.address,
        user_agent: row.user_agent,
    })
}

/// Writes a new one.
pub(super) fn add(conn: &mut SqliteConnection, family: &FamilyRecord) -> QueryResult<usize> {
    let row = FamilyRow {
        id: family.id.clone(),
        lineage: family.lineage.to_vec(),
        hash: family.hash.to_vec(),
        email: family.email.clone(),
        created_at_ms: family.created_at.millis(),
        seen_at_ms: family.seen_at.millis(),
        expires_at_ms: family.expires_at.millis(),
        address: family.address.clone(),
        user_agent: family.user_agent.clone(),
    };
    diesel::insert_into(families::table).values(row).execute(conn)
}

/// Puts another token in force.
pub(super) fn turn(
    conn: &mut SqliteConnection,
    id: &str,
    hash: &[u8; 32],
    at: Timestamp,
    expires_at: Timestamp,
) -> QueryResult<usize> {
    let set = (
        families::hash.eq(hash.as_slice()),
        families::seen_at_ms.eq(at.millis()),
        families::expires_at_ms.eq(expires_at.millis()),
    );
    diesel::update(families::table.find(id)).set(set).execute(conn)
}

/// Removes one.
pub(super) fn remove(conn: &mut SqliteConnection, id: &str) -> QueryResult<usize> {
    diesel::delete(families::table.find(id)).execute(conn)
}
