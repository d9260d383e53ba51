//! Who may do what: kept beside the log, which knows nothing of them.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::domain::{Role, Timestamp};
use crate::protocol::Topics;

use super::error::StoreError;
use super::families::{self, FamilyRecord};
use super::schema::{sign_ins, tokens, users};

/// A program's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its name, which is the actor of what is done with it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of its text.
    pub hash: [u8; 32],
    /// The only topics that it may receive; all where none are named.
    pub topics: Option<Topics>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last shown.
    pub used_at: Option<Timestamp>,
    /// From where.
    pub used_from: Option<String>,
}

/// A person.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Their e-mail address, which is the actor of what they do.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// argon2id of their password, in the PHC string format.
    pub password: String,
    /// When they were added.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

impl std::fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UserRecord({}, {})", self.email, self.role)
    }
}

/// Where a person is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRecord {
    /// What it is known by.
    pub id: String,
    /// SHA-256 of the cookie.
    pub hash: [u8; 32],
    /// Whose it is.
    pub email: String,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When they were last seen.
    pub seen_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
    /// From where they signed in.
    pub address: String,
    /// With what.
    pub user_agent: Option<String>,
}

/// Everything that is known of who may do what.
#[derive(Debug, Clone, Default)]
pub struct KnownAccess {
    /// Tokens, by name.
    pub tokens: Vec<TokenRecord>,
    /// People, by e-mail address.
    pub users: Vec<UserRecord>,
    /// Where they are signed in.
    pub sign_ins: Vec<SignInRecord>,
    /// Where programs are signed in for them.
    pub families: Vec<FamilyRecord>,
}

/// One change to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessWrite {
    /// A token is new.
    AddToken(TokenRecord),
    /// A token was shown.
    TokenUsed {
        /// Which.
        name: String,
        /// When.
        at: Timestamp,
        /// From where.
        from: String,
    },
    /// A token holds until another time.
    RenewToken {
        /// Which.
        name: String,
        /// Until when; for ever where there is none.
        expires_at: Option<Timestamp>,
    },
    /// A token was taken back.
    DropToken(String),
    /// A person is new, or another than before.
    PutUser(UserRecord),
    /// A person is gone, and signed in nowhere.
    DropUser(String),
    /// A person signed in.
    AddSignIn(SignInRecord),
    /// A person was seen.
    Seen {
        /// Where they are signed in.
        id: String,
        /// When.
        at: Timestamp,
    },
    /// A person is signed in there no more.
    DropSignIn(String),
    /// A program signed in for a person.
    AddFamily(FamilyRecord),
    /// Its refresh token was used, and another one is in force.
    TurnFamily {
        /// Where it is signed in.
        id: String,
        /// SHA-256 of the token in force.
        hash: [u8; 32],
        /// When.
        at: Timestamp,
        /// When the new one ends.
        expires_at: Timestamp,
    },
    /// A program is signed in there no more.
    DropFamily(String),
}

#[derive(Queryable, Insertable)]
#[diesel(table_name = tokens, treat_none_as_default_value = false)]
struct TokenRow {
    name: String,
    role: String,
    hash: Vec<u8>,
    topics: Option<String>,
    created_at_ms: i64,
    created_by: String,
    expires_at_ms: Option<i64>,
    used_at_ms: Option<i64>,
    used_from: Option<String>,
}

#[derive(Queryable, Insertable)]
#[diesel(table_name = users)]
struct UserRow {
    email: String,
    role: String,
    password: String,
    created_at_ms: i64,
    created_by: String,
}

#[derive(Queryable, Insertable)]
#[diesel(table_name = sign_ins, treat_none_as_default_value = false)]
struct SignInRow {
    id: String,
    hash: Vec<u8>,
    email: String,
    created_at_ms: i64,
    seen_at_ms: i64,
    expires_at_ms: i64,
    address: String,
    user_agent: Option<String>,
}

/// Reads everything.
pub(super) fn known(conn: &mut SqliteConnection) -> Result<KnownAccess, StoreError> {
    conn.transaction(|conn| {
        let tokens: Vec<TokenRow> = tokens::table.order(tokens::name).load(conn)?;
        let users: Vec<UserRow> = users::table.order(users::email).load(conn)?;
        let sign_ins: Vec<SignInRow> = sign_ins::table.order(sign_ins::created_at_ms).load(conn)?;
        Ok(KnownAccess {
            tokens: tokens.into_iter().map(token).collect::<Result<_, _>>()?,
            users: users.into_iter().map(user).collect::<Result<_, _>>()?,
            sign_ins: sign_ins.into_iter().map(sign_in).collect::<Result<_, _>>()?,
            families: families::known(conn)?,
        })
    })
}

pub(super) fn corrupt(what: &str, name: &str) -> StoreError {
    StoreError::Corrupt { cause: format!("{what} of {name} is none") }
}

fn token(row: TokenRow) -> Result<TokenRecord, StoreError> {
    let topics = row.topics.as_deref().map(Topics::parse_list).transpose();
    Ok(TokenRecord {
        role: row.role.parse().map_err(|_| corrupt("the role", &row.name))?,
        hash: row.hash.try_into().map_err(|_| corrupt("the hash", &row.name))?,
        topics: topics.map_err(|_| corrupt("the list of topics", &row.name))?,
        created_at: Timestamp::from_millis(row.created_at_ms),
        created_by: row.created_by,
        expires_at: row.expires_at_ms.map(Timestamp::from_millis),
        used_at: row.used_at_ms.map(Timestamp::from_millis),
        used_from: row.used_from,
        name: row.name,
    })
}

fn user(row: UserRow) -> Result<UserRecord, StoreError> {
    Ok(UserRecord {
        role: row.role.parse().map_err(|_| corrupt("the role", &row.email))?,
        password: row.password,
        created_at: Timestamp::from_millis(row.created_at_ms),
        created_by: row.created_by,
        email: row.email,
    })
}

fn sign_in(row: SignInRow) -> Result<SignInRecord, StoreError> {
    Ok(SignInRecord {
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

/// Writes one change.
pub(super) fn write(conn: &mut SqliteConnection, write: &AccessWrite) -> QueryResult<()> {
    match write {
        AccessWrite::AddToken(token) => {
            let names =
                |topics: Topics| topics.iter().map(|topic| topic.as_str()).collect::<Vec<_>>().join(",");
            let row = TokenRow {
                name: token.name.clone(),
                role: token.role.as_str().to_owned(),
                hash: token.hash.to_vec(),
                topics: token.topics.map(names),
                created_at_ms: token.created_at.millis(),
                created_by: token.created_by.clone(),
                expires_at_ms: token.expires_at.map(|at| at.millis()),
                used_at_ms: token.used_at.map(|at| at.millis()),
                used_from: token.used_from.clone(),
            };
            diesel::insert_into(tokens::table).values(row).execute(conn)
        }
        AccessWrite::TokenUsed { name, at, from } => diesel::update(tokens::table.find(name))
            .set((tokens::used_at_ms.eq(at.millis()), tokens::used_from.eq(from)))
            .execute(conn),
        AccessWrite::RenewToken { name, expires_at } => diesel::update(tokens::table.find(name))
            .set(tokens::expires_at_ms.eq(expires_at.map(|at| at.millis())))
            .execute(conn),
        AccessWrite::DropToken(name) => diesel::delete(tokens::table.find(name)).execute(conn),
        AccessWrite::PutUser(user) => {
            let row = UserRow {
                email: user.email.clone(),
                role: user.role.as_str().to_owned(),
                password: user.password.clone(),
                created_at_ms: user.created_at.millis(),
                created_by: user.created_by.clone(),
            };
            let (role, password) = (row.role.clone(), row.password.clone());
            // Not replaced: sign-ins hang on the row.
            diesel::insert_into(users::table)
                .values(row)
                .on_conflict(users::email)
                .do_update()
                .set((users::role.eq(role), users::password.eq(password)))
                .execute(conn)
        }
        AccessWrite::DropUser(email) => diesel::delete(users::table.find(email)).execute(conn),
        AccessWrite::AddSignIn(sign_in) => {
            let row = SignInRow {
                id: sign_in.id.clone(),
                hash: sign_in.hash.to_vec(),
                email: sign_in.email.clone(),
                created_at_ms: sign_in.created_at.millis(),
                seen_at_ms: sign_in.seen_at.millis(),
                expires_at_ms: sign_in.expires_at.millis(),
                address: sign_in.address.clone(),
                user_agent: sign_in.user_agent.clone(),
            };
            diesel::insert_into(sign_ins::table).values(row).execute(conn)
        }
        AccessWrite::Seen { id, at } => {
            diesel::update(sign_ins::table.find(id)).set(sign_ins::seen_at_ms.eq(at.millis())).execute(conn)
        }
        AccessWrite::DropSignIn(id) => diesel::delete(sign_ins::table.find(id)).execute(conn),
        AccessWrite::AddFamily(family) => families::add(conn, family),
        AccessWrite::TurnFamily { id, hash, at, expires_at } => {
            families::turn(conn, id, hash, *at, *expires_at)
        }
        AccessWrite::DropFamily(id) => families::remove(conn, id),
    }
    .map(drop)
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
