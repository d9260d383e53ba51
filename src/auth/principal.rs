//! Somebody who was let in.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{self, Error, Right, Role, Timestamp};
use crate::protocol::{Command, Topic, Topics};

use super::lease::Lease;

/// What somebody was let in by. What was let in by it goes when it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// Nothing: the hub is open to all who reach it.
    Open,
    /// A program's token, by its name.
    Token(String),
    /// A person's session in a browser, by its id.
    Session(String),
    /// A token of the identity provider, by whom it is about.
    Jwt(String),
    /// A token that the hub gave a program for a person, by the id of the sign-in that it goes back to.
    Login(String),
    /// The admin socket in the data directory.
    Local,
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credential::Open => f.write_str("open"),
            Credential::Token(name) => write!(f, "token {name}"),
            Credential::Session(id) => write!(f, "session {id}"),
            Credential::Jwt(subject) => write!(f, "jwt {subject}"),
            Credential::Login(id) => write!(f, "login {id}"),
            Credential::Local => f.write_str("local"),
        }
    }
}

/// What a credential is, for those who look at it from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CredentialKind {
    /// None was asked for.
    Open,
    /// A program's token.
    Token,
    /// A person's session.
    Session,
    /// A JSON Web Token, of the identity provider or of the hub itself.
    Jwt,
    /// The admin socket.
    Local,
}

/// Somebody who was let in, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who makes their changes: a token's name, a person's e-mail address.
    pub name: String,
    /// Their part.
    pub role: Role,
    /// What they were let in by.
    pub credential: Credential,
    /// When that ends.
    pub expires_at: Option<Timestamp>,
    /// The only topics that they may receive; all where none are named.
    pub topics: Option<Topics>,
    /// Ends when the credential is taken back; none where it cannot be.
    pub lease: Option<Lease>,
}

impl Principal {
    /// Somebody unknown, where the hub is open.
    pub fn open(peer: Option<IpAddr>) -> Principal {
        Principal {
            name: anonymous(peer),
            role: Role::Admin,
            credential: Credential::Open,
            expires_at: None,
            topics: None,
            lease: None,
        }
    }

    /// Whoever may use the admin socket: the operating system has checked that.
    pub fn local() -> Principal {
        Principal {
            name: "local".to_owned(),
            role: Role::Admin,
            credential: Credential::Local,
            expires_at: None,
            topics: None,
            lease: None,
        }
    }

    /// What kind of credential it was.
    pub fn kind(&self) -> CredentialKind {
        match self.credential {
            Credential::Open => CredentialKind::Open,
            Credential::Token(_) => CredentialKind::Token,
            Credential::Session(_) => CredentialKind::Session,
            Credential::Jwt(_) | Credential::Login(_) => CredentialKind::Jwt,
            Credential::Local => CredentialKind::Local,
        }
    }

    /// Whether their time is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Checks that they have a right.
    ///
    /// # Errors
    /// `forbidden`, naming the role.
    pub fn check(&self, right: Right) -> Result<(), Error> {
        if self.role.may(right) {
            return Ok(());
        }
        let what = match right {
            Right::Read => "read",
            Right::Command => "run commands",
            Right::Feed => "feed the hub",
            Right::Administer => "administer the hub",
        };
        Err(Error::Forbidden { message: format!("the role {} may not {what}", self.role) })
    }

    /// Checks that they may read the state.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn check_state(&self) -> Result<(), Error> {
        self.check(Right::Read)?;
        self.check_topics(Topic::State.into())
    }

    /// Checks that they may run `command`, and see what it answers.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn check_command(&self, command: &Command) -> Result<(), Error> {
        self.check(domain::Command::right_of(&command.command))?;
        if command.dry_run || domain::Command::reads_state(&command.command) {
            self.check_state()?;
        }
        Ok(())
    }

    /// Checks that they may receive `topics`.
    ///
    /// # Errors
    /// `forbidden`, naming the topics that they may receive.
    pub fn check_topics(&self, topics: Topics) -> Result<(), Error> {
        match self.topics {
            Some(allowed) if topics.without(allowed) != Topics::NONE => {
                let names = allowed.iter().map(Topic::as_str).collect::<Vec<_>>().join(", ");
                Err(Error::Forbidden { message: format!("this token may receive only: {names}") })
            }
            _ => Ok(()),
        }
    }
}

/// The name under which changes of somebody unknown are kept.
pub fn anonymous(peer: Option<IpAddr>) -> String {
    match peer {
        Some(ip) => format!("anonymous@{}", ip.to_canonical()),
        None => "anonymous".to_owned(),
    }
}
