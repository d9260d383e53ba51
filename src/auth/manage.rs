//! What admins ask for: tokens and people, made, changed and taken back.

use std::net::IpAddr;

use serde_json::json;

use crate::domain::{Error, Role, Timestamp};
use crate::store::{AccessWrite, TokenRecord, UserRecord};

use super::access::{Access, UNKNOWN, account, checked_email};
use super::admin::{
    AdminAnswer, AdminRequest, CreatedToken, NewToken, NewUser, SessionInfo, TokenChange, TokenInfo,
    UserChange, UserInfo,
};
use super::journal::{Incident, IncidentKind};
use super::password::check_new;
use super::secret::{Secret, SecretKind};

/// Tokens that there may be.
const TOKENS_MAX: usize = 10_000;
/// People that there may be.
const USERS_MAX: usize = 10_000;
/// The longest name of a token, in bytes.
const TOKEN_NAME_MAX: usize = 64;
/// The names under which the hub itself, and who is not known, does something: no token may have them.
const NAMES_TAKEN: [&str; 7] = ["hub", "monitor", "local", "anonymous", "set-up", "slack", UNKNOWN];

impl Access {
    /// Does what an admin asks for; `by` and `from` say who that is.
    ///
    /// # Errors
    /// `invalid_value`, `not_found`, `limit_exceeded` or `storage_unavailable`; nothing was changed then.
    pub async fn administer(
        &self,
        request: AdminRequest,
        by: &str,
        from: Option<IpAddr>,
    ) -> Result<AdminAnswer, Error> {
        match request {
            AdminRequest::CreateToken(new) => self.create_token(new, by, from).await,
            AdminRequest::ListTokens => {
                let tokens = self.read(|roster| roster.tokens().map(TokenInfo::from).collect());
                Ok(AdminAnswer::Tokens { tokens })
            }
            AdminRequest::RenewToken { name, change } => self.renew_token(name, change, by, from).await,
            AdminRequest::RevokeToken { name } => {
                let turn = self.turn().await;
                self.read(|roster| roster.token(&name).map(drop)).ok_or(Error::NotFound)?;
                let incident = Incident::new(IncidentKind::TokenRevoked, by, from).about("token", &*name);
                self.save(turn, vec![AccessWrite::DropToken(name)], [incident]).await?;
                Ok(AdminAnswer::Done)
            }
            AdminRequest::AddUser(new) => self.add_user(new, by, from).await,
            AdminRequest::ListUsers => {
                let users = self.read(|roster| roster.users().map(UserInfo::from).collect());
                Ok(AdminAnswer::Users { users })
            }
            AdminRequest::ChangeUser { email, change } => {
                self.change_user(&account(&email), change, by, from).await
            }
            AdminRequest::RemoveUser { email } => {
                let email = account(&email);
                let turn = self.turn().await;
                self.read(|roster| roster.user(&email).map(drop)).ok_or(Error::NotFound)?;
                self.keep_an_admin(&email, by)?;
                let incident = Incident::new(IncidentKind::UserRemoved, by, from).about("user", &*email);
                self.save(turn, vec![AccessWrite::DropUser(email)], [incident]).await?;
                Ok(AdminAnswer::Done)
            }
            AdminRequest::ListSessions => {
                let sessions = self.read(|roster| {
                    let browsers = roster.sign_ins().map(SessionInfo::from);
                    browsers.chain(roster.families().map(SessionInfo::from)).collect()
                });
                Ok(AdminAnswer::Sessions { sessions })
            }
            AdminRequest::EndSession { id } => {
                let turn = self.turn().await;
                let (whose, ended) = self.read(|roster| {
                    let browser = roster.sign_in(&id).map(|sign_in| &sign_in.email);
                    let program = roster.family(&id).map(|family| &family.email);
                    match (browser, program) {
                        (Some(whose), _) => Ok((whose.clone(), AccessWrite::DropSignIn(id.clone()))),
                        (_, Some(whose)) => Ok((whose.clone(), AccessWrite::DropFamily(id.clone()))),
                        _ => Err(Error::NotFound),
                    }
                })?;
                let incident = Incident::new(IncidentKind::SessionEnded, by, from).about("user", whose);
                self.save(turn, vec![ended], [incident]).await?;
                Ok(AdminAnswer::Done)
            }
        }
    }

    async fn create_token(
        &self,
        new: NewToken,
        by: &str,
        from: Option<IpAddr>,
    ) -> Result<AdminAnswer, Error> {
        let (now, secret) = ((self.clock)(), Secret::generate(SecretKind::Token));
        check_token_name(&new.name)?;
        self.check_end(new.expires_at)?;
        let record = TokenRecord {
            name: new.name,
            role: new.role,
            hash: secret.hash(),
            topics: new.topics,
            created_at: now,
            created_by: by.to_owned(),
            expires_at: new.expires_at,
            used_at: None,
            used_from: None,
        };
        let turn = self.turn().await;
        let (taken, count) =
            self.read(|roster| (roster.token(&record.name).is_some(), roster.tokens().len()));
        if taken {
            let message = format!("there is a token {} already; revoke it first", record.name);
            return Err(Error::invalid("name", message));
        }
        if count >= TOKENS_MAX {
            return Err(Error::LimitExceeded { message: format!("there are {TOKENS_MAX} tokens already") });
        }
        let info = TokenInfo::from(&record);
        let incident = Incident::new(IncidentKind::TokenCreated, by, from)
            .about("token", &*info.name)
            .about("role", info.role.as_str());
        self.save(turn, vec![AccessWrite::AddToken(record)], [incident]).await?;
        Ok(AdminAnswer::TokenCreated(CreatedToken { token: secret.reveal().to_owned(), info }))
    }

    async fn renew_token(
        &self,
        name: String,
        TokenChange { expires_at }: TokenChange,
        by: &str,
        from: Option<IpAddr>,
    ) -> Result<AdminAnswer, Error> {
        self.check_end(expires_at)?;
        let turn = self.turn().await;
        let record = self.read(|roster| roster.token(&name).cloned()).ok_or(Error::NotFound)?;
        let info = TokenInfo::from(&TokenRecord { expires_at, ..record });
        let incident = Incident::new(IncidentKind::TokenRenewed, by, from)
            .about("token", &*name)
            .about("expires_at", json!(expires_at));
        self.save(turn, vec![AccessWrite::RenewToken { name, expires_at }], [incident]).await?;
        Ok(AdminAnswer::Token(info))
    }

    fn check_end(&self, expires_at: Option<Timestamp>) -> Result<(), Error> {
        match expires_at {
            Some(end) if end <= (self.clock)() => {
                Err(Error::invalid("expires_at", "expires_at must be ahead of now"))
            }
            _ => Ok(()),
        }
    }

    async fn add_user(&self, new: NewUser, by: &str, from: Option<IpAddr>) -> Result<AdminAnswer, Error> {
        let email = checked_email(&new.email)?;
        check_new(&new.password)?;
        let password = self.passwords.hash(new.password).await?;
        let turn = self.turn().await;
        let (taken, count) = self.read(|roster| (roster.user(&email).is_some(), roster.users().len()));
        if taken {
            return Err(Error::invalid("email", format!("{email} is known already")));
        }
        if count >= USERS_MAX {
            return Err(Error::LimitExceeded { message: format!("there are {USERS_MAX} people already") });
        }
        let (created_at, created_by) = ((self.clock)(), by.to_owned());
        let record = UserRecord { email, role: new.role, password, created_at, created_by };
        let info = UserInfo::from(&record);
        let incident = Incident::new(IncidentKind::UserAdded, by, from)
            .about("user", &*info.email)
            .about("role", info.role.as_str());
        self.save(turn, vec![AccessWrite::PutUser(record)], [incident]).await?;
        Ok(AdminAnswer::User(info))
    }

    async fn change_user(
        &self,
        email: &str,
        change: UserChange,
        by: &str,
        from: Option<IpAddr>,
    ) -> Result<AdminAnswer, Error> {
        let password = match change.password {
            Some(password) => {
                check_new(&password)?;
                Some(self.passwords.hash(password).await?)
            }
            None => None,
        };
        let turn = self.turn().await;
        let mut record = self.read(|roster| roster.user(email).cloned()).ok_or(Error::NotFound)?;
        record.role = change.role.unwrap_or(record.role);
        if record.role != Role::Admin {
            self.keep_an_admin(email, by)?;
        }
        let incident = Incident::new(IncidentKind::UserChanged, by, from)
            .about("user", email)
            .about("role", record.role.as_str())
            .about("password", json!(password.is_some()));
        let info = UserInfo::from(&record);
        let writes = match password {
            Some(password) => self.with_password(record, password),
            None => vec![AccessWrite::PutUser(record)],
        };
        self.save(turn, writes, [incident]).await?;
        Ok(AdminAnswer::User(info))
    }

    /// Keeps the last admin from locking everybody out, themselves first: others who may do this can make another.
    fn keep_an_admin(&self, email: &str, by: &str) -> Result<(), Error> {
        let is_last = self.read(|roster| {
            let mut admins = roster.users().filter(|user| user.role == Role::Admin);
            admins.next().is_some_and(|user| user.email == email) && admins.next().is_none()
        });
        if is_last && by == email {
            let message = format!("{email} is the last admin; make another one first");
            return Err(Error::Forbidden { message });
        }
        Ok(())
    }
}

fn check_token_name(name: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if NAMES_TAKEN.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(Error::invalid("name", format!("{name} is the hub's own name")));
    }
    if name.is_empty() || name.len() > TOKEN_NAME_MAX || !name.bytes().all(allowed) {
        let message = format!("name must be 1 to {TOKEN_NAME_MAX} letters, digits, -, _ or .");
        return Err(Error::invalid("name", message));
    }
    Ok(())
}
