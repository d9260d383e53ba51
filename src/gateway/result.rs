//! What came of one probe.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most characters of a message.
pub const MESSAGE_MAX_CHARS: usize = 512;

/// What came of one probe, and how long it took.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeResult {
    /// From the first step, the look-up of the name included, to the answer; for `push` as reported.
    pub latency: Duration,
    /// The answer.
    pub outcome: Outcome,
}

/// The answer to one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Ok {
        /// What it said, such as the last line of a command.
        message: Option<String>,
    },
    /// It works, but says itself that it does not work well.
    Degraded {
        /// What it said.
        message: Option<String>,
    },
    /// Not as it should be.
    Failed {
        /// In which way.
        kind: FailureKind,
        /// What went wrong, in words without secrets.
        message: String,
    },
}

/// The way in which a probe failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// It was reached and did not answer in time.
    Timeout,
    /// Nothing at its address answered in time.
    ConnectTimeout,
    /// Its machine says that nothing listens there.
    Refused,
    /// The network does not lead there.
    Unreachable,
    /// Its name leads nowhere.
    Dns,
    /// TLS could not be agreed on, or the certificate is not right.
    Tls,
    /// It answered with another status.
    Status,
    /// It answered with another body.
    Body,
    /// What it answered is not the protocol.
    Protocol,
    /// The command ended with another code than 0, or by a signal.
    Exit,
    /// No report came in time.
    Missing,
    /// The service itself reported that it fails.
    Reported,
    /// Reading or writing failed.
    Io,
    /// The probe could not be made as it is defined.
    Setup,
}

impl FailureKind {
    /// Tells whether nothing can be said of the service, since the way to it is cut.
    ///
    /// A refused connection is not among these: its machine was reached and says that the service is
    /// gone, which is UNHEALTHY, while DISCONNECTED is where not even that is known.
    pub const fn is_disconnected(self) -> bool {
        matches!(self, FailureKind::ConnectTimeout | FailureKind::Unreachable | FailureKind::Dns)
    }
}

impl ProbeResult {
    /// Something right, without a word.
    pub fn ok(latency: Duration) -> Self {
        ProbeResult { latency, outcome: Outcome::Ok { message: None } }
    }

    /// A failure; the message is bounded and made harmless.
    pub fn failed(latency: Duration, kind: FailureKind, message: impl AsRef<str>) -> Self {
        ProbeResult { latency, outcome: Outcome::Failed { kind, message: bounded(message.as_ref()) } }
    }

    /// Tells whether it is right, if perhaps not well.
    pub const fn is_ok(&self) -> bool {
        !matches!(self.outcome, Outcome::Failed { .. })
    }

    /// Returns what was said or what went wrong.
    pub fn message(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Ok { message } | Outcome::Degraded { message } => message.as_deref(),
            Outcome::Failed { message, .. } => Some(message),
        }
    }

    /// Returns the way in which it failed.
    pub const fn failure(&self) -> Option<FailureKind> {
        match &self.outcome {
            Outcome::Failed { kind, .. } => Some(*kind),
            _ => None,
        }
    }
}

/// Makes text from outside fit for a message: one line, without control characters or terminal
/// escapes, at most [`MESSAGE_MAX_CHARS`] characters.
pub fn bounded(text: &str) -> String {
    let harmless = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut letters = text.trim().chars().map(harmless);
    let mut message: String = letters.by_ref().take(MESSAGE_MAX_CHARS).collect();
    if letters.next().is_some() {
        message.pop();
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_bounded_line_without_escapes() {
        assert_eq!(bounded(" a\nb\u{1b}[31m\r\n"), "a b [31m");
        let long = bounded(&"ü".repeat(600));
        assert_eq!(long.chars().count(), MESSAGE_MAX_CHARS);
        assert!(long.ends_with('…'));
        assert_eq!(bounded(&"ü".repeat(512)), "ü".repeat(512));
    }

    #[test]
    fn a_failure_has_a_kind_and_a_success_has_none() {
        let failed = ProbeResult::failed(Duration::ZERO, FailureKind::Refused, "connection refused");
        assert_eq!((failed.is_ok(), failed.failure()), (false, Some(FailureKind::Refused)));
        assert_eq!(failed.message(), Some("connection refused"));
        assert_eq!(ProbeResult::ok(Duration::ZERO).failure(), None);
    }
}
