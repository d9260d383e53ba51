//! What admins ask for, over REST and over the admin socket: the same requests, the same answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::principal::CredentialKind;
use crate::domain::{Role, Timestamp};
use crate::protocol::Topics;
use crate::store::{FamilyRecord, SignInRecord, TokenRecord, UserRecord};

/// Something that an admin asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminRequest {
    /// Makes a token.
    CreateToken(NewToken),
    /// Lists tokens.
    ListTokens,
    /// Lets a token hold until another time.
    RenewToken {
        /// Its name.
        name: String,
        /// What is to change.
        #[serde(flatten)]
        change: TokenChange,
    },
    /// Takes a token back.
    RevokeToken {
        /// Its name.
        name: String,
    },
    /// Adds a person.
    AddUser(NewUser),
    /// Lists people.
    ListUsers,
    /// Gives a person another role or password.
    ChangeUser {
        /// Who.
        email: String,
        /// What is to change.
        #[serde(flatten)]
        change: UserChange,
    },
    /// Removes a person, and ends their sessions.
    RemoveUser {
        /// Who.
        email: String,
    },
    /// Lists where people are signed in.
    ListSessions,
    /// Ends one of these.
    EndSession {
        /// Which.
        id: String,
    },
}

/// A token that is to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Its name, the actor of what is done with it: 1 to 64 letters, digits, `-`, `_` or `.`.
    #[schema(example = "slack-bot", min_length = 1, max_length = 64)]
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it ends; never where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// The only topics that it may receive; all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<crate::protocol::Topic>>)]
    pub topics: Option<Topics>,
}

/// What is to change of a token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenChange {
    /// When it ends; null for never.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub expires_at: Option<Timestamp>,
}

/// A person who is to be added.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Their e-mail address.
    #[schema(example = "ana@example.com", max_length = 254)]
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Their password: at least 12 characters.
    #[schema(min_length = 12, max_length = 256)]
    pub password: String,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewUser({}, {})", self.email, self.role)
    }
}

/// What is to change of a person; what is left out stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// Another role; ends what goes on under the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Another password; ends their sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 12, max_length = 256)]
    pub password: Option<String>,
}

impl std::fmt::Debug for UserChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UserChange({:?}, password: {})", self.role, self.password.is_some())
    }
}

/// What an admin is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum AdminAnswer {
    /// A token was made.
    TokenCreated(CreatedToken),
    /// A token was changed.
    Token(TokenInfo),
    /// The tokens, by name.
    Tokens {
        /// All of them.
        tokens: Vec<TokenInfo>,
    },
    /// A person was added or changed.
    User(UserInfo),
    /// The people, by e-mail address.
    Users {
        /// All of them.
        users: Vec<UserInfo>,
    },
    /// Where people are signed in.
    Sessions {
        /// All of them.
        sessions: Vec<SessionInfo>,
    },
    /// What was asked for is done.
    Done,
}

/// A token that was made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// Its text, told this once.
    #[schema(example = "oph_…")]
    pub token: String,
    /// What is known of it.
    #[serde(flatten)]
    pub info: TokenInfo,
}

impl std::fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CreatedToken({})", self.info.name)
    }
}

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenInfo {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The only topics that it may receive; null for all.
    #[schema(value_type = Option<Vec<crate::protocol::Topic>>)]
    pub topics: Option<Topics>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it ends; null for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, give or take a minute; null for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used_at: Option<Timestamp>,
    /// From where.
    pub used_from: Option<String>,
}

impl From<&TokenRecord> for TokenInfo {
    fn from(token: &TokenRecord) -> Self {
        TokenInfo {
            name: token.name.clone(),
            role: token.role,
            topics: token.topics,
            created_at: token.created_at,
            created_by: token.created_by.clone(),
            expires_at: token.expires_at,
            used_at: token.used_at,
            used_from: token.used_from.clone(),
        }
    }
}

/// What is known of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserInfo {
    /// Their e-mail address.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// When they were added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

impl From<&UserRecord> for UserInfo {
    fn from(user: &UserRecord) -> Self {
        UserInfo {
            email: user.email.clone(),
            role: user.role,
            created_at: user.created_at,
            created_by: user.created_by.clone(),
        }
    }
}

/// Where a person is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// What it is ended by.
    pub id: String,
    /// Whose it is.
    pub email: String,
    /// `session` for a browser, `jwt` for a program that has tokens.
    pub kind: CredentialKind,
    /// When they signed in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When they were last seen, give or take a minute.
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Timestamp,
    /// When it ends, whatever happens.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// From where they signed in.
    pub address: String,
    /// With what.
    pub user_agent: Option<String>,
}

impl From<&SignInRecord> for SessionInfo {
    fn from(sign_in: &SignInRecord) -> Self {
        SessionInfo {
            id: sign_in.id.clone(),
            email: sign_in.email.clone(),
            kind: CredentialKind::Session,
            created_at: sign_in.created_at,
            seen_at: sign_in.seen_at,
            expires_at: sign_in.expires_at,
            address: sign_in.address.clone(),
            user_agent: sign_in.user_agent.clone(),
        }
    }
}

impl From<&FamilyRecord> for SessionInfo {
    fn from(family: &FamilyRecord) -> Self {
        SessionInfo {
            id: family.id.clone(),
            email: family.email.clone(),
            kind: CredentialKind::Jwt,
            created_at: family.created_at,
            seen_at: family.seen_at,
            expires_at: family.expires_at,
            address: family.address.clone(),
            user_agent: family.user_agent.clone(),
        }
    }
}
