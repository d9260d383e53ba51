//! The one way in which somebody is turned away at Slack's door.

use std::net::IpAddr;

use crate::domain::{Command, Error, Role};
use crate::telemetry::metrics::Metrics;

use super::people::UserId;
use super::signature::{Unsigned, WINDOW_S};
use super::views;

/// Why somebody is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned<'a> {
    /// The request is not believed to be Slack's.
    Unsigned(Unsigned),
    /// The configuration does not know the user.
    Stranger(&'a UserId),
    /// The user's role lacks what the command needs.
    Forbidden(&'a UserId, &'a Command, Role),
}

/// A request that is turned away.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// Why.
    pub why: Turned<'a>,
    /// The path that it came to.
    pub door: &'a str,
    /// Where it came from.
    pub peer: Option<IpAddr>,
    /// The request's id.
    pub request_id: &'a str,
}

impl Turned<'_> {
    /// The reason as a label.
    pub fn reason(&self) -> &'static str {
        match self {
            Turned::Unsigned(Unsigned::Missing) => "missing",
            Turned::Unsigned(Unsigned::Malformed) => "malformed",
            Turned::Unsigned(Unsigned::Stale) => "stale",
            Turned::Unsigned(Unsigned::Mismatch) => "mismatch",
            Turned::Stranger(_) => "stranger",
            Turned::Forbidden(..) => "forbidden",
        }
    }

    /// Who it is, as far as that is believed.
    pub fn actor(&self) -> String {
        match self {
            Turned::Unsigned(_) => "unknown".to_owned(),
            Turned::Stranger(user) | Turned::Forbidden(user, ..) => user.principal(),
        }
    }

    /// For the log, in words.
    fn words(&self) -> String {
        match self {
            Turned::Unsigned(Unsigned::Missing) => "it is not signed".to_owned(),
            Turned::Unsigned(Unsigned::Malformed) => "its signature or its time are none".to_owned(),
            Turned::Unsigned(Unsigned::Stale) => format!("its time is more than {WINDOW_S} s from ours"),
            Turned::Unsigned(Unsigned::Mismatch) => "its signature is wrong".to_owned(),
            Turned::Stranger(user) => format!("{} is not known", user.principal()),
            Turned::Forbidden(user, command, role) => {
                format!("{} is {role} and may not {}", user.principal(), command.action())
            }
        }
    }

    /// What the caller is told: of a signature nothing that helps to make one.
    fn error(&self) -> Error {
        let forbidden = |message| Error::Forbidden { message };
        match self {
            Turned::Unsigned(Unsigned::Stale) => {
                let message = format!("the request's time is more than {WINDOW_S} s from the hub's");
                Error::NotAuthenticated { message }
            }
            Turned::Unsigned(_) => {
                Error::NotAuthenticated { message: "the request has no signature of Slack's".to_owned() }
            }
            Turned::Stranger(user) => forbidden(views::stranger(user)),
            Turned::Forbidden(_, command, role) => forbidden(views::forbidden(command, *role)),
        }
    }
}

/// Turns somebody away: every refusal is counted and logged here, and nowhere else.
pub fn refuse(metrics: &Metrics, refusal: &Refusal<'_>) -> Error {
    let Refusal { why, door, peer, request_id } = refusal;
    metrics.slack_refusals.with_label_values(&[why.reason()]).inc();
    let peer = peer.map_or_else(|| "an unknown address".to_owned(), |peer| peer.to_canonical().to_string());
    log::warn!(request_id = *request_id, reason = why.reason(); "a request to {door} from {peer} was refused: {}", why.words());
    why.error()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_counted_by_its_reason() {
        let metrics = Metrics::new();
        let user = UserId::parse("U1").unwrap();
        let command = Command::parse("approve P7").unwrap();
        let whys = [
            (Turned::Unsigned(Unsigned::Missing), 401),
            (Turned::Unsigned(Unsigned::Malformed), 401),
            (Turned::Unsigned(Unsigned::Stale), 401),
            (Turned::Unsigned(Unsigned::Mismatch), 401),
            (Turned::Stranger(&user), 403),
            (Turned::Forbidden(&user, &command, Role::Viewer), 403),
        ];
        for (why, status) in whys {
            let error = refuse(&metrics, &Refusal { why, door: "/x", peer: None, request_id: "r" });
            assert_eq!(error.spec().0, status, "{why:?}");
            assert_eq!(metrics.slack_refusals.with_label_values(&[why.reason()]).get(), 1, "{why:?}");
        }
    }
}
