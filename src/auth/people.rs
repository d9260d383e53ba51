//! How people sign in and out, and change their own password.

use std::net::IpAddr;

use crate::domain::{Error, Role, Timestamp};
use crate::store::{AccessWrite, SignInRecord, UserRecord};

use super::access::{
    Access, SESSIONS_MAX, Turn, UNKNOWN, USER_AGENT_MAX, account, checked_email, locked, refused,
};
use super::journal::{Incident, IncidentKind, address};
use super::password::check_new;
use super::principal::{Credential, Principal};
use super::secret::{Secret, SecretKind};

/// A person who has just signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// For the cookie.
    pub secret: Secret,
    /// Who they are.
    pub principal: Principal,
}

/// Where somebody signs in.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The address that they come from.
    pub from: Option<IpAddr>,
    /// What their browser or program calls itself.
    pub user_agent: Option<&'a str>,
}

impl Place<'_> {
    /// What is kept of the address.
    pub(super) fn address(&self) -> String {
        self.from.map(address).unwrap_or_default()
    }

    /// What is kept of the browser.
    pub(super) fn browser(&self) -> Option<String> {
        self.user_agent.map(|text| text.chars().take(USER_AGENT_MAX).collect())
    }
}

/// Somebody whose password was right.
pub(super) struct Proven {
    pub(super) email: String,
    /// The hash that it was right for.
    password: Option<String>,
}

impl Access {
    /// Signs a person in by e-mail address and password.
    ///
    /// # Errors
    /// `rate_limited` after too many tries, else `not_authenticated`: the same, after the same time, for a
    /// wrong password and for an account that there is not.
    pub async fn sign_in(&self, email: &str, password: String, place: Place<'_>) -> Result<SignedIn, Error> {
        let proven = self.prove(email, password, place.from).await?;
        let turn = self.turn_of(&proven).await?;
        self.begin_session(turn, &proven.email, place, vec![], vec![]).await
    }

    /// Gives a person another password, and signs them in anew: wherever else they were signed in is over.
    ///
    /// # Errors
    /// `invalid_value` for a password that cannot be taken, else as [`Access::sign_in`].
    pub async fn change_password(
        &self,
        email: &str,
        current: String,
        new: String,
        place: Place<'_>,
    ) -> Result<SignedIn, Error> {
        check_new(&new)?;
        let proven = self.prove(email, current, place.from).await?;
        let password = self.passwords.hash(new).await?;
        let turn = self.turn_of(&proven).await?;
        let email = proven.email;
        let record = self.read(|roster| roster.user(&email).cloned());
        let record = record.ok_or_else(|| refused("this account is no more"))?;
        let changed = Incident::new(IncidentKind::UserChanged, &*email, place.from)
            .about("user", &*email)
            .about("password", true);
        let writes = self.with_password(record, password);
        self.begin_session(turn, &email, place, writes, vec![changed]).await
    }

    /// What gives a person another password, and ends what the one before has led to.
    pub(super) fn with_password(&self, record: UserRecord, password: String) -> Vec<AccessWrite> {
        let (browsers, programs) =
            self.read(|roster| (roster.sign_ins_of(&record.email), roster.families_of(&record.email)));
        let mut writes = vec![AccessWrite::PutUser(UserRecord { password, ..record })];
        writes.extend(browsers.into_iter().map(AccessWrite::DropSignIn));
        writes.extend(programs.into_iter().map(AccessWrite::DropFamily));
        writes
    }

    /// Proves by their password that somebody is who they say, within the rate for that.
    pub(super) async fn prove(
        &self,
        email: &str,
        password: String,
        from: Option<IpAddr>,
    ) -> Result<Proven, Error> {
        let account = account(email);
        // What cannot be an address is no name either: it may be long, or a password in the wrong field.
        let email = checked_email(email).unwrap_or_else(|_| UNKNOWN.to_owned());
        self.rates.count(&account, from)?;
        let known = self.password_of(&email);
        let fits = password.len() <= super::password::PASSWORD_MAX_BYTES;
        let password = if fits { password } else { String::new() };
        if !self.passwords.verify(known.clone(), password).await? || !fits {
            self.tell(Incident::new(IncidentKind::SignInRefused, email, from));
            return Err(wrong());
        }
        Ok(Proven { email, password: known })
    }

    /// Waits for the turn of somebody proven; nothing about them changes until it is dropped.
    ///
    /// # Errors
    /// `not_authenticated`: the password was changed, or the person removed, since it was looked at.
    pub(super) async fn turn_of(&self, proven: &Proven) -> Result<Turn, Error> {
        let turn = self.turn().await;
        if self.password_of(&proven.email) == proven.password { Ok(turn) } else { Err(wrong()) }
    }

    fn password_of(&self, email: &str) -> Option<String> {
        self.read(|roster| roster.user(email).map(|user| user.password.clone()))
    }

    /// Begins a session, together with what else is written and told.
    pub(super) async fn begin_session(
        &self,
        turn: Turn,
        email: &str,
        place: Place<'_>,
        mut writes: Vec<AccessWrite>,
        mut told: Vec<Incident>,
    ) -> Result<SignedIn, Error> {
        let (secret, now) = (Secret::generate(SecretKind::Session), (self.clock)());
        let record = SignInRecord {
            id: uuid::Uuid::new_v4().to_string(),
            hash: secret.hash(),
            email: email.to_owned(),
            created_at: now,
            seen_at: now,
            expires_at: Timestamp::from_millis(now.millis() + self.settings.session_max_ms),
            address: place.address(),
            user_agent: place.browser(),
        };
        let theirs = self.read(|roster| roster.sign_ins_of(email));
        let too_many = (theirs.len() + 1).saturating_sub(SESSIONS_MAX);
        writes.extend(theirs.into_iter().take(too_many).map(AccessWrite::DropSignIn));
        writes.push(AccessWrite::AddSignIn(record));
        told.push(Incident::new(IncidentKind::SignedIn, email, place.from));
        self.save(turn, writes, told).await?;
        let principal = self.by_cookie(secret.reveal())?;
        Ok(SignedIn { secret, principal })
    }

    /// Makes the first admin, by the secret that the start has told, and signs them in.
    ///
    /// # Errors
    /// `not_authenticated` for another text or a second time, `invalid_value` for an address or a password
    /// that cannot be taken.
    pub async fn set_up(
        &self,
        shown: &str,
        email: &str,
        password: String,
        place: Place<'_>,
    ) -> Result<SignedIn, Error> {
        let hash = Secret::parse(SecretKind::Setup, shown).map(|secret| secret.hash());
        let right = || hash.is_some() && *locked(&self.setup) == hash;
        if !right() {
            self.tell(Incident::new(IncidentKind::CredentialRefused, SET_UP, place.from));
            return Err(refused("this link sets nothing up; start the hub again for a new one"));
        }
        let email = checked_email(email)?;
        check_new(&password)?;
        let password = self.passwords.hash(password).await?;
        let turn = self.turn().await;
        if !right() {
            return Err(refused("the hub has been set up already"));
        }
        let (role, created_at, created_by) = (Role::Admin, (self.clock)(), SET_UP.to_owned());
        let user = UserRecord { email: email.clone(), role, password, created_at, created_by };
        let added = Incident::new(IncidentKind::UserAdded, SET_UP, place.from)
            .about("user", &*email)
            .about("role", role.as_str());
        self.begin_session(turn, &email, place, vec![AccessWrite::PutUser(user)], vec![added]).await
    }

    /// Ends the session that somebody was let in by.
    ///
    /// # Errors
    /// `storage_unavailable`; they are still signed in then.
    pub async fn sign_out(&self, who: &Principal, from: Option<IpAddr>) -> Result<(), Error> {
        let ended = match &who.credential {
            Credential::Session(id) => AccessWrite::DropSignIn(id.clone()),
            Credential::Login(id) => AccessWrite::DropFamily(id.clone()),
            _ => return Ok(()),
        };
        let incident = Incident::new(IncidentKind::SignedOut, &who.name, from);
        let turn = self.turn().await;
        self.save(turn, vec![ended], [incident]).await
    }
}

/// Who does what the set-up link lets somebody do.
const SET_UP: &str = "set-up";

fn wrong() -> Error {
    refused("e-mail address or password is wrong")
}
