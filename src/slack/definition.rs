//! What the configuration says of Slack.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::Role;
use crate::gateway::secret::SecretText;

use super::people::Person;

/// The most users that can be named.
pub const USERS_MAX: usize = 10_000;

/// The section `slack`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlackConfig {
    /// The app's signing secret; without one Slack has no door here.
    pub signing_secret: Option<SecretText>,
    /// The role of users who are not named; they are refused where there is none.
    pub default_role: Option<Role>,
    /// The origins that answers may be posted to later.
    pub response_hosts: Vec<String>,
    /// Who may do what, by their ids.
    #[serde(skip)]
    pub users: BTreeMap<String, Person>,
}

impl SlackConfig {
    /// Whether Slack has a door here, so that buttons are of use.
    pub fn is_on(&self) -> bool {
        self.signing_secret.is_some()
    }
}

impl Default for SlackConfig {
    fn default() -> Self {
        SlackConfig {
            signing_secret: None,
            default_role: None,
            response_hosts: vec!["https://hooks.slack.com".to_owned()],
            users: BTreeMap::new(),
        }
    }
}
