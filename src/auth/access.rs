//! The one door to who may do what: lets requests in. People sign in and out in `people`, programs for them in
//! `families`; what admins ask for is in `manage`.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use actix::Addr;
use tokio::sync::OwnedMutexGuard;

use crate::domain::{Error, Timestamp};
use crate::store::{AccessWrite, Db, JournalEntry, JournalPage, NewEntry, Readers, SaveAccess, StoreError};

use super::families::looks_like_jwt;
use super::journal::{Gate, Incident, address};
use super::jwt::Issuer;
use super::login::Logins;
use super::password::Passwords;
use super::principal::Principal;
use super::rates::SignInRates;
use super::roster::Roster;
use super::secret::{Secret, SecretHash, SecretKind};
use super::tickets::Tickets;

/// Places where one person may be signed in; one more ends the oldest.
pub(super) const SESSIONS_MAX: usize = 20;
/// The longest e-mail address (RFC 5321 section 4.5.3.1), in bytes.
const EMAIL_MAX: usize = 254;
/// In the place of the name of somebody who gave none.
pub(super) const UNKNOWN: &str = "unknown";
/// The longest description of a browser that is kept, in characters.
pub(super) const USER_AGENT_MAX: usize = 256;

/// How people and programs are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessSettings {
    /// Whether somebody unknown is turned away.
    pub required: bool,
    /// A session that was not used for so long is over, in milliseconds.
    pub session_idle_ms: i64,
    /// A session is over after so long, whatever happens, in milliseconds.
    pub session_max_ms: i64,
    /// A refresh token that was not used for so long is over, in milliseconds.
    pub refresh_ms: i64,
    /// All that one sign-in leads to is over after so long, in milliseconds.
    pub refresh_max_ms: i64,
}

/// Who may do what.
pub struct Access {
    pub(super) settings: AccessSettings,
    db: Addr<Db>,
    readers: Readers,
    pub(super) clock: fn() -> Timestamp,
    roster: Arc<RwLock<Roster>>,
    tickets: Mutex<Tickets>,
    gate: Mutex<Gate>,
    pub(super) rates: SignInRates,
    pub(super) passwords: Passwords,
    /// What lets somebody make the first admin; none once there is somebody.
    pub(super) setup: Arc<Mutex<Option<SecretHash>>>,
    /// Changes are made one after the other: what they are checked against does not move under them.
    pub(super) changing: Arc<tokio::sync::Mutex<()>>,
    /// Whose JSON Web Tokens are taken, beside the hub's own.
    pub(super) issuer: Option<Arc<Issuer>>,
    /// The hub's own; none where it has no key for them.
    pub(super) logins: Option<Logins>,
}

/// The right to change something, for as long as it is held.
pub(super) type Turn = OwnedMutexGuard<()>;

pub(super) fn locked<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind it is whole after every statement.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Access {
    /// Reads back what was stored.
    ///
    /// # Errors
    /// What SQLite says, or a row that is none.
    pub async fn open(
        settings: AccessSettings,
        db: Addr<Db>,
        readers: Readers,
        clock: fn() -> Timestamp,
    ) -> Result<Access, StoreError> {
        let roster = Roster::new(readers.known_access().await?);
        Ok(Access {
            settings,
            db,
            readers,
            clock,
            roster: Arc::new(RwLock::new(roster)),
            tickets: Mutex::default(),
            gate: Mutex::default(),
            rates: SignInRates::default(),
            passwords: Passwords::default(),
            setup: Arc::default(),
            changing: Arc::default(),
            issuer: None,
            logins: None,
        })
    }

    /// Whether somebody unknown is turned away.
    pub fn is_required(&self) -> bool {
        self.settings.required
    }

    /// How long a session can last, in milliseconds.
    pub fn session_max_ms(&self) -> i64 {
        self.settings.session_max_ms
    }

    /// Makes the secret for the set-up of a hub that wants to know everybody and knows nobody; none
    /// otherwise.
    pub fn begin_setup(&self) -> Option<Secret> {
        let nobody = self.read(|roster| roster.users().len() == 0);
        if !self.settings.required || !nobody {
            return None;
        }
        let secret = Secret::generate(SecretKind::Setup);
        *locked(&self.setup) = Some(secret.hash());
        Some(secret)
    }

    /// Whether the hub waits for its first admin.
    pub fn awaits_setup(&self) -> bool {
        locked(&self.setup).is_some()
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Roster) -> T) -> T {
        look(&self.roster.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, alter: impl FnOnce(&mut Roster) -> T) -> T {
        alter(&mut self.roster.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a program in by what it shows as its bearer token (RFC 6750).
    ///
    /// # Errors
    /// `not_authenticated`, which does not tell a wrong text from one that was taken back; `forbidden` for a
    /// JSON Web Token that is right and gives no role.
    pub fn by_bearer(&self, text: &str, from: Option<IpAddr>) -> Result<Principal, Error> {
        if (self.issuer.is_some() || self.logins.is_some()) && looks_like_jwt(text) {
            return self.by_jwt(text);
        }
        let from = from.map(address).unwrap_or_default();
        Secret::parse(SecretKind::Token, text)
            .and_then(|secret| self.write(|roster| roster.by_token(&secret.hash(), &from, (self.clock)())))
            .ok_or_else(|| refused("this token lets nobody in"))
    }

    /// Lets a person in by their cookie.
    ///
    /// # Errors
    /// `not_authenticated` where the session is over.
    pub fn by_cookie(&self, text: &str) -> Result<Principal, Error> {
        let (idle_ms, now) = (self.settings.session_idle_ms, (self.clock)());
        Secret::parse(SecretKind::Session, text)
            .and_then(|secret| self.write(|roster| roster.by_session(&secret.hash(), idle_ms, now)))
            .ok_or_else(|| refused("the session is over, sign in again"))
    }

    /// Lets somebody in by a ticket, which is used up by that.
    ///
    /// # Errors
    /// `not_authenticated` for one that is unknown, used or late.
    pub fn by_ticket(&self, text: &str) -> Result<Principal, Error> {
        Secret::parse(SecretKind::Ticket, text)
            .and_then(|secret| locked(&self.tickets).take(&secret.hash(), (self.clock)()))
            .ok_or_else(|| refused("this ticket lets nobody in"))
    }

    /// Gives out a ticket for a WebSocket.
    ///
    /// # Errors
    /// `overloaded` where too many are out.
    pub fn ticket(&self, principal: Principal) -> Result<Secret, Error> {
        locked(&self.tickets).issue(principal, (self.clock)())
    }

    /// Has the journal tell something, whatever becomes of that.
    pub fn tell(&self, incident: Incident) {
        let line = incident.to_string();
        let Some(entry) = locked(&self.gate).admit(incident, (self.clock)()) else { return };
        log::info!("{line}");
        self.db.do_send(SaveAccess { writes: vec![], entries: vec![entry] });
    }

    /// Reads a page of the journal, newest first.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn journal(&self, page: JournalPage) -> Result<Vec<JournalEntry>, Error> {
        Ok(self.readers.journal(page).await?)
    }

    /// Waits until no other change is under way.
    pub(super) async fn turn(&self) -> Turn {
        self.changing.clone().lock_owned().await
    }

    /// Stores changes with the entries that tell of them, and only then lets them count.
    pub(super) async fn save(
        &self,
        turn: Turn,
        writes: Vec<AccessWrite>,
        incidents: impl IntoIterator<Item = Incident>,
    ) -> Result<(), Error> {
        let mut entries = Vec::new();
        for incident in incidents {
            log::info!("{incident}");
            entries.extend(locked(&self.gate).admit(incident, (self.clock)()));
        }
        self.store(turn, writes, entries).await
    }

    /// Stores changes, and only then lets them count.
    ///
    /// It is done to its end also where whoever asked goes away meanwhile: what was stored as taken back must
    /// not go on to count.
    pub(super) async fn store(
        &self,
        turn: Turn,
        writes: Vec<AccessWrite>,
        entries: Vec<NewEntry>,
    ) -> Result<(), Error> {
        let saving = self.db.send(SaveAccess { writes: writes.clone(), entries });
        let (roster, setup) = (self.roster.clone(), self.setup.clone());
        let saved = actix_rt::spawn(async move {
            let _turn = turn;
            saving.await.map_err(|_| Error::ShuttingDown)??;
            if writes.iter().any(|write| matches!(write, AccessWrite::PutUser(_))) {
                *locked(&setup) = None;
            }
            let mut roster = roster.write().unwrap_or_else(PoisonError::into_inner);
            writes.into_iter().for_each(|write| roster.apply(write));
            Ok(())
        });
        saved.await.map_err(|error| Error::internal(format!("a change of access: {error}")))?
    }

    /// Writes down who was seen since the last time, and forgets sessions that are over.
    ///
    /// # Errors
    /// `storage_unavailable`; it is tried again with the next.
    pub async fn tidy(&self) -> Result<(), Error> {
        let turn = self.turn().await;
        let mut writes = self.write(Roster::take_unwritten);
        let over = self.read(|roster| roster.over(self.settings.session_idle_ms, (self.clock)()));
        writes.extend(over.into_iter().map(AccessWrite::DropSignIn));
        let over = self.read(|roster| roster.families_over((self.clock)()));
        writes.extend(over.into_iter().map(AccessWrite::DropFamily));
        if writes.is_empty() { Ok(()) } else { self.store(turn, writes, vec![]).await }
    }
}

pub(super) fn refused(message: &str) -> Error {
    Error::NotAuthenticated { message: message.to_owned() }
}

/// What an account is known by, however its address is spelled.
pub(super) fn account(email: &str) -> String {
    let email = email.trim();
    // No longer one is an address, and what is counted by it must have a bound.
    if email.len() <= EMAIL_MAX { email.to_lowercase() } else { String::new() }
}

/// Reads an e-mail address; one account has one spelling.
pub(super) fn checked_email(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let options = email_address::Options::default().without_display_text().without_domain_literal();
    match email_address::EmailAddress::parse_with_options(text, options) {
        Ok(address) if text.len() <= EMAIL_MAX => Ok(address.as_str().to_lowercase()),
        _ => Err(Error::invalid("email", "email must be an e-mail address")),
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
