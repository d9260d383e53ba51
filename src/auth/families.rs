//! How programs sign in for people: a password for a pair of tokens, and one pair for the next.

use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::{Error, Timestamp};
use crate::store::{AccessWrite, FamilyRecord};

use super::access::{Access, SESSIONS_MAX, Turn, refused};
use super::journal::{Incident, IncidentKind};
use super::jwt::{Flaw, Issuer};
use super::login::{Logins, SigningKey};
use super::people::Place;
use super::principal::Principal;
use super::secret::{Secret, SecretKind};

/// What a program gets that signed in.
#[derive(Debug)]
pub struct TokenPair {
    /// For `Authorization: Bearer`, for a short time.
    pub access_token: String,
    /// How long that is, in seconds.
    pub expires_in: u32,
    /// For the next pair, once.
    pub refresh_token: Secret,
}

impl Access {
    /// Takes the tokens of an identity provider as well.
    #[must_use]
    pub fn with_issuer(mut self, issuer: Option<Arc<Issuer>>) -> Access {
        self.issuer = issuer;
        self
    }

    /// Lets programs sign in for people, with tokens that are signed with `key` and hold for `access_s` seconds.
    #[must_use]
    pub fn with_logins(mut self, key: Option<&SigningKey>, access_s: u32) -> Access {
        self.logins = key.map(|key| Logins::new(key, access_s));
        self
    }

    /// Reads keys of the identity provider again where that may be needed to judge what somebody shows.
    pub async fn learn_keys(&self, text: &str) {
        if let Some(issuer) = self.issuer.as_ref().filter(|_| looks_like_jwt(text)) {
            issuer.learn(text).await;
        }
    }

    /// Lets somebody in by a JSON Web Token: of the hub itself, else of the identity provider.
    pub(super) fn by_jwt(&self, text: &str) -> Result<Principal, Error> {
        let now = (self.clock)();
        let own = match &self.logins {
            Some(logins) => logins.read(text, now),
            None => Err(Flaw::Malformed),
        };
        let flaw = match own {
            Ok(login) => {
                let known = self.read(|roster| roster.by_family(&login.family, login.until, now));
                return known.ok_or_else(|| super::jwt::refused(Flaw::Ended));
            }
            Err(flaw) => flaw,
        };
        match &self.issuer {
            // One that the hub did sign is none of the provider's.
            Some(issuer) if flaw != Flaw::Expired => issuer.let_in(text, now),
            _ => Err(super::jwt::refused(flaw)),
        }
    }

    fn logins(&self) -> Result<&Logins, Error> {
        self.logins.as_ref().ok_or_else(|| Error::NotOffered {
            message: "this hub gives out no tokens by password: set SECRET_KEY for that".to_owned(),
        })
    }

    /// Signs a program in by a person's e-mail address and password.
    ///
    /// # Errors
    /// `not_found` where the hub has no key to sign with, else as [`Access::sign_in`].
    pub async fn log_in(&self, email: &str, password: String, place: Place<'_>) -> Result<TokenPair, Error> {
        // Before anything is told of the account.
        self.logins()?;
        let proven = self.prove(email, password, place.from).await?;
        let turn = self.turn_of(&proven).await?;
        self.begin_family(turn, &proven.email, place).await
    }

    pub(super) async fn begin_family(
        &self,
        turn: Turn,
        email: &str,
        place: Place<'_>,
    ) -> Result<TokenPair, Error> {
        let logins = self.logins()?;
        let (secret, now) = (Secret::generate(SecretKind::Refresh), (self.clock)());
        let record = FamilyRecord {
            id: uuid::Uuid::new_v4().to_string(),
            lineage: secret.lineage(),
            hash: secret.hash(),
            email: email.to_owned(),
            created_at: now,
            seen_at: now,
            expires_at: self.refresh_end(now, now),
            address: place.address(),
            user_agent: place.browser(),
        };
        let (access_token, expires_in) = logins.issue(email, &record.id, now, record.expires_at)?;
        let theirs = self.read(|roster| roster.families_of(email));
        let too_many = (theirs.len() + 1).saturating_sub(SESSIONS_MAX);
        let mut writes: Vec<_> = theirs.into_iter().take(too_many).map(AccessWrite::DropFamily).collect();
        let incident = Incident::new(IncidentKind::SignedIn, email, place.from).about("session", &*record.id);
        writes.push(AccessWrite::AddFamily(record));
        self.save(turn, writes, [incident]).await?;
        Ok(TokenPair { access_token, expires_in, refresh_token: secret })
    }

    /// Gives a program its next tokens, and uses up the one that it shows.
    ///
    /// # Errors
    /// `not_found` where the hub has no key to sign with, `rate_limited` after too many tries, else
    /// `not_authenticated`: for a text that is no token, one that ended, and one that was used before, which ends
    /// all that its sign-in has led to.
    pub async fn refresh(&self, shown: &str, from: Option<IpAddr>) -> Result<TokenPair, Error> {
        let logins = self.logins()?;
        let (secret, turn) = self.begin_turn(shown, from).await?;
        let now = (self.clock)();
        let (family, turn) = self.family_of(turn, &secret, now, from).await?;
        let next = secret.successor();
        let expires_at = self.refresh_end(now, family.created_at);
        let (access_token, expires_in) = logins.issue(&family.email, &family.id, now, expires_at)?;
        let turned = AccessWrite::TurnFamily { id: family.id, hash: next.hash(), at: now, expires_at };
        self.store(turn, vec![turned], vec![]).await?;
        Ok(TokenPair { access_token, expires_in, refresh_token: next })
    }

    /// Signs a program out: its tokens let nobody in any more.
    ///
    /// # Errors
    /// As [`Access::refresh`].
    pub async fn log_out(&self, shown: &str, from: Option<IpAddr>) -> Result<(), Error> {
        self.logins()?;
        let (secret, turn) = self.begin_turn(shown, from).await?;
        let (family, turn) = self.family_of(turn, &secret, (self.clock)(), from).await?;
        let incident =
            Incident::new(IncidentKind::SignedOut, family.email, from).about("session", &*family.id);
        self.save(turn, vec![AccessWrite::DropFamily(family.id)], [incident]).await
    }

    /// Reads a refresh token, within the rate for it, and keeps others from using it at the same time.
    async fn begin_turn(&self, shown: &str, from: Option<IpAddr>) -> Result<(Secret, Turn), Error> {
        let secret = Secret::parse(SecretKind::Refresh, shown);
        // By what all tokens of a family share, whether there is one or not.
        let family = secret.as_ref().map(|secret| format!("{:02x?}", secret.lineage()));
        self.rates.count(&family.unwrap_or_default(), from)?;
        match secret {
            Some(secret) => Ok((secret, self.turn().await)),
            None => Err(self.unknown_refresh(from)),
        }
    }

    fn unknown_refresh(&self, from: Option<IpAddr>) -> Error {
        self.tell(Incident::new(IncidentKind::CredentialRefused, "unknown", from));
        refused("this refresh token gives nothing, sign in again")
    }

    /// The sign-in that a refresh token in force belongs to. One that is not in force any more ends it: either
    /// whoever shows it has stolen it, or whoever used it before had.
    async fn family_of(
        &self,
        turn: Turn,
        secret: &Secret,
        now: Timestamp,
        from: Option<IpAddr>,
    ) -> Result<(FamilyRecord, Turn), Error> {
        let family = self.read(|roster| roster.family_by(&secret.lineage()).cloned());
        // The configuration may give sign-ins an earlier end than they had.
        let end = |family: &FamilyRecord| family.expires_at.min(self.refresh_end(now, family.created_at));
        let Some(family) = family.filter(|family| end(family) > now) else {
            return Err(self.unknown_refresh(from));
        };
        if family.hash != secret.hash() {
            let incident = Incident::new(IncidentKind::RefreshReused, &*family.email, from)
                .about("session", &*family.id);
            self.save(turn, vec![AccessWrite::DropFamily(family.id)], [incident]).await?;
            return Err(refused("this refresh token gives nothing, sign in again"));
        }
        Ok((family, turn))
    }

    /// The end of a refresh token that is given out now, for a sign-in that was made then.
    fn refresh_end(&self, now: Timestamp, signed_in: Timestamp) -> Timestamp {
        let last = signed_in.millis().saturating_add(self.settings.refresh_max_ms);
        Timestamp::from_millis(now.millis().saturating_add(self.settings.refresh_ms).min(last))
    }
}

/// Three parts with dots between, as every signed token has them (RFC 7515 section 7.1).
pub(super) fn looks_like_jwt(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}
