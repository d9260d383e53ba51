//! What the journal tells, and how a flood of refusals is kept from filling the disk.

use std::fmt;
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::store::NewEntry;

/// Refusals that are written down each minute; what is over is counted, and told by the next.
const REFUSALS_PER_MINUTE: u32 = 60;
const MINUTE_MS: i64 = 60_000;
/// The longest name that somebody unknown may put into the journal, in characters.
const ACTOR_MAX_CHARS: usize = 256;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentKind {
    /// A person signed in.
    SignedIn,
    /// A person signed out.
    SignedOut,
    /// Somebody gave a wrong password, or an account that there is not.
    SignInRefused,
    /// Somebody showed what lets nobody in.
    CredentialRefused,
    /// Somebody asked for what they have no right to.
    Forbidden,
    /// Somebody sent what only Slack could have signed, without its signature.
    SlackRefused,
    /// A token was made.
    TokenCreated,
    /// A token holds until another time.
    TokenRenewed,
    /// A token was taken back.
    TokenRevoked,
    /// A person was added.
    UserAdded,
    /// A person's role or password was changed.
    UserChanged,
    /// A person was removed.
    UserRemoved,
    /// Where somebody was signed in was ended by somebody else, or by a new password.
    SessionEnded,
    /// Somebody showed a refresh token that had been used before; what it was given for is over.
    RefreshReused,
}

impl IncidentKind {
    /// The name in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            IncidentKind::SignedIn => "signed_in",
            IncidentKind::SignedOut => "signed_out",
            IncidentKind::SignInRefused => "sign_in_refused",
            IncidentKind::CredentialRefused => "credential_refused",
            IncidentKind::Forbidden => "forbidden",
            IncidentKind::SlackRefused => "slack_refused",
            IncidentKind::TokenCreated => "token_created",
            IncidentKind::TokenRenewed => "token_renewed",
            IncidentKind::TokenRevoked => "token_revoked",
            IncidentKind::UserAdded => "user_added",
            IncidentKind::UserChanged => "user_changed",
            IncidentKind::UserRemoved => "user_removed",
            IncidentKind::SessionEnded => "session_ended",
            IncidentKind::RefreshReused => "refresh_reused",
        }
    }

    /// Whether anybody can make it happen as often as they like.
    fn is_refusal(self) -> bool {
        matches!(
            self,
            IncidentKind::SignInRefused
                | IncidentKind::CredentialRefused
                | IncidentKind::Forbidden
                | IncidentKind::SlackRefused
        )
    }
}

/// Something that the journal is to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// What happened.
    pub kind: IncidentKind,
    /// Who did it, or who they said they were.
    pub actor: String,
    /// Where it came from, if from anywhere.
    pub address: Option<String>,
    /// To whom or what it was done, and what else is known: an object.
    pub details: Value,
}

impl Incident {
    /// An incident without details.
    pub fn new(kind: IncidentKind, actor: impl Into<String>, from: Option<IpAddr>) -> Incident {
        Incident { kind, actor: actor.into(), address: from.map(address), details: json!({}) }
    }

    /// Says to whom or what it was done.
    #[must_use]
    pub fn about(mut self, name: &str, value: impl Into<Value>) -> Incident {
        self.details[name] = value.into();
        self
    }
}

/// One line for the log; the address is for the journal alone.
impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.actor)?;
        match self.details.as_object() {
            Some(details) if details.is_empty() => Ok(()),
            _ => write!(f, " {}", self.details),
        }
    }
}

/// An address as it is kept: that of an IPv4 host has one spelling.
pub(super) fn address(from: IpAddr) -> String {
    from.to_canonical().to_string()
}

/// Keeps the journal from being flooded by those who are refused.
#[derive(Debug, Default)]
pub(super) struct Gate {
    minute: i64,
    written: u32,
    left_out: u64,
}

impl Gate {
    /// The entry that is to be written; none where there were too many refusals this minute.
    pub(super) fn admit(&mut self, incident: Incident, now: Timestamp) -> Option<NewEntry> {
        let Incident { kind, actor, address, details: mut entry } = incident;
        if kind.is_refusal() {
            let minute = now.millis().div_euclid(MINUTE_MS);
            if minute != self.minute {
                (self.minute, self.written) = (minute, 0);
            }
            if self.written >= REFUSALS_PER_MINUTE {
                self.left_out += 1;
                return None;
            }
            self.written += 1;
            if self.left_out > 0 {
                entry["left_out_before"] = std::mem::take(&mut self.left_out).into();
            }
        }
        if let Some(address) = address {
            entry["address"] = address.into();
        }
        let actor = actor.chars().take(ACTOR_MAX_CHARS).collect();
        Some(NewEntry { at: now, kind: kind.as_str(), actor, entry })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_counted_and_not_written() {
        let mut gate = Gate::default();
        let mut tell = |kind, millis| {
            let incident = Incident::new(kind, "eve", Some(std::net::Ipv6Addr::LOCALHOST.into()));
            gate.admit(incident, Timestamp::from_millis(millis)).map(|entry| entry.entry)
        };
        let written = (0..100).filter_map(|at| tell(IncidentKind::SignInRefused, at)).count();
        assert_eq!(written, 60);
        assert_eq!(tell(IncidentKind::SignedIn, 200), Some(json!({"address": "::1"})));
        let next = tell(IncidentKind::Forbidden, MINUTE_MS);
        assert_eq!(next, Some(json!({"address": "::1", "left_out_before": 40})));
        assert_eq!(tell(IncidentKind::Forbidden, MINUTE_MS), Some(json!({"address": "::1"})));
    }
}
