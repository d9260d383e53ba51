//! What somebody may do: roles, and the rights that each has.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a request or a frame needs; the tables that say which needs what stand beside the routes and the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// To read and to subscribe.
    Read,
    /// To run commands and collections, and to decide what waits for a decision.
    Command,
    /// To feed items, records, log lines, progress and reports of gateways.
    Feed,
    /// To say who may do what, and what is watched.
    Administer,
}

impl Right {
    /// Every right.
    pub const ALL: [Right; 4] = [Right::Read, Right::Command, Right::Feed, Right::Administer];
}

/// The part that somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads and subscribes.
    Viewer,
    /// Reads, runs commands and collections, approves.
    Operator,
    /// Feeds what it gathers, and reads nothing else.
    Collector,
    /// Everything, tokens and users too.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Operator, Role::Collector, Role::Admin];

    /// The name in configuration, on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Collector => "collector",
            Role::Admin => "admin",
        }
    }

    /// Whether this role has `right`.
    pub fn may(self, right: Right) -> bool {
        match self {
            Role::Viewer => right == Right::Read,
            Role::Operator => matches!(right, Right::Read | Right::Command),
            Role::Collector => right == Right::Feed,
            Role::Admin => true,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role is viewer, operator, collector or admin")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Role, UnknownRole> {
        Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_rights_and_no_other() {
        let rights = |role: Role| Right::ALL.map(|right| role.may(right));
        assert_eq!(rights(Role::Viewer), [true, false, false, false]);
        assert_eq!(rights(Role::Operator), [true, true, false, false]);
        assert_eq!(rights(Role::Collector), [false, false, true, false]);
        assert_eq!(rights(Role::Admin), [true; 4]);
    }

    #[test]
    fn roles_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!("root".parse::<Role>(), Err(UnknownRole));
    }
}
