//! Gateways, the services that the hub watches: their names, how the document shows them, and the
//! changes to them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::error::Error;
use super::time::Timestamp;

/// The most characters (Unicode scalar values) of a gateway's id.
pub const GATEWAY_ID_MAX_CHARS: usize = 128;

/// The id of a gateway: 1 to 128 visible characters, case kept, without `/`, so that it fits into a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 128)]
pub struct GatewayId(String);

impl GatewayId {
    /// Reads an id.
    ///
    /// # Errors
    /// `invalid_value` when it is empty, longer than [`GATEWAY_ID_MAX_CHARS`], `.` or `..` (which paths
    /// swallow), or has a `/` or a character that is not visible.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let count = text.chars().count();
        if !(1..=GATEWAY_ID_MAX_CHARS).contains(&count) {
            let message = format!("id must have 1 to {GATEWAY_ID_MAX_CHARS} characters, got {count}");
            return Err(Error::invalid("id", message));
        }
        if let Some(bad) = text.chars().find(|&letter| letter == '/' || !is_visible(letter)) {
            let message = format!("id must have visible characters without /, got {:?}", bad.to_string());
            return Err(Error::invalid("id", message));
        }
        if matches!(text, "." | "..") {
            return Err(Error::invalid("id", format!("id must not be {text:?}, which paths leave out")));
        }
        Ok(GatewayId(text.to_owned()))
    }

    /// Returns the id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Neither blank, nor a control character, nor one of those that only steer how others are shown.
fn is_visible(letter: char) -> bool {
    let steers = matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !letter.is_whitespace() && !letter.is_control() && !steers
}

impl fmt::Display for GatewayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for GatewayId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        GatewayId::parse(text)
    }
}

impl<'de> Deserialize<'de> for GatewayId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        GatewayId::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// What is known of a gateway at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GatewayStatus {
    /// Not enough probes have answered yet.
    #[default]
    Unknown,
    /// It answers as it should.
    Healthy,
    /// It answers, but slowly, not always, or it flaps.
    Degraded,
    /// It fails, or answers as it should not.
    Unhealthy,
    /// A recovery is under way.
    Recovering,
    /// Nothing at its address can be reached.
    Disconnected,
    /// An operator or a maintenance window keeps it from being judged.
    Paused,
}

impl GatewayStatus {
    /// Every status, in the order of [`GatewayStatus::index`].
    pub const ALL: [GatewayStatus; 7] = [
        GatewayStatus::Unknown,
        GatewayStatus::Healthy,
        GatewayStatus::Degraded,
        GatewayStatus::Unhealthy,
        GatewayStatus::Recovering,
        GatewayStatus::Disconnected,
        GatewayStatus::Paused,
    ];

    /// Returns the status as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            GatewayStatus::Unknown => "UNKNOWN",
            GatewayStatus::Healthy => "HEALTHY",
            GatewayStatus::Degraded => "DEGRADED",
            GatewayStatus::Unhealthy => "UNHEALTHY",
            GatewayStatus::Recovering => "RECOVERING",
            GatewayStatus::Disconnected => "DISCONNECTED",
            GatewayStatus::Paused => "PAUSED",
        }
    }

    /// Returns its number in stored histories, which never changes.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Tells whether the gateway does its work.
    pub const fn is_up(self) -> bool {
        matches!(self, GatewayStatus::Healthy | GatewayStatus::Degraded)
    }

    /// Tells whether it is known to fail, which is what a recovery is for.
    pub const fn is_down(self) -> bool {
        matches!(self, GatewayStatus::Unhealthy | GatewayStatus::Disconnected)
    }
}

impl fmt::Display for GatewayStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A step of a gateway's recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryStep {
    /// The gateway is down and has a recovery.
    Requested,
    /// Somebody has to approve it before it runs.
    AwaitingApproval,
    /// Somebody approved it.
    Approved,
    /// Somebody rejected it: it does not run.
    Rejected,
    /// An attempt began.
    Started,
    /// What would have run was only told.
    DryRun,
    /// The gateway is healthy again.
    Succeeded,
    /// An attempt did not help.
    Failed,
    /// No attempt is left.
    GaveUp,
    /// There is no reason for it any more.
    Cancelled,
}

impl RecoveryStep {
    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            RecoveryStep::Requested => "requested",
            RecoveryStep::AwaitingApproval => "awaiting_approval",
            RecoveryStep::Approved => "approved",
            RecoveryStep::Rejected => "rejected",
            RecoveryStep::Started => "started",
            RecoveryStep::DryRun => "dry_run",
            RecoveryStep::Succeeded => "succeeded",
            RecoveryStep::Failed => "failed",
            RecoveryStep::GaveUp => "gave_up",
            RecoveryStep::Cancelled => "cancelled",
        }
    }
}

/// What the document shows of the last recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryNote {
    /// Its last step.
    pub step: RecoveryStep,
    /// Which attempt it belongs to; 0 before the first one.
    pub attempt: u32,
    /// What happened, for people.
    #[schema(required = true)]
    pub message: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A gateway as it stands in the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gateway {
    /// What it is, in its owner's words.
    pub gateway_type: String,
    /// How it is.
    pub status: GatewayStatus,
    /// Since when.
    pub since: Timestamp,
    /// Why, for people.
    #[serde(default)]
    #[schema(required = true)]
    pub message: Option<String>,
    /// What else is known: latency, error, attempts, the last recovery.
    #[serde(default)]
    #[schema(required = true)]
    pub metadata: Map<String, Value>,
}

/// Where [`Gateway::metadata`] keeps the last recovery.
const RECOVERY: &str = "recovery";
/// Marks a gateway in [`Gateway::metadata`] that somebody paused.
const PAUSED: &str = "paused";

impl Gateway {
    /// Reads a gateway of the document; none where it is not there.
    pub fn of(gateways: &Map<String, Value>, id: &str) -> Option<Gateway> {
        serde_json::from_value(gateways.get(id)?.clone()).ok()
    }

    /// Whether somebody paused it: then nothing but `resume` ends that.
    pub fn is_held(&self) -> bool {
        self.status == GatewayStatus::Paused && self.metadata.get(PAUSED) == Some(&Value::Bool(true))
    }

    /// The last recovery, if there was one.
    pub fn recovery(&self) -> Option<RecoveryNote> {
        serde_json::from_value(self.metadata.get(RECOVERY)?.clone()).ok()
    }

    /// Replaces the metadata; the last recovery stays.
    pub(super) fn set_metadata(&mut self, metadata: Map<String, Value>) {
        let recovery = self.metadata.remove(RECOVERY);
        self.metadata = metadata;
        if let Some(recovery) = recovery {
            self.metadata.insert(RECOVERY.to_owned(), recovery);
        }
    }

    /// Marks it as paused by somebody.
    pub(super) fn hold(&mut self) {
        self.set_metadata(Map::new());
        self.metadata.insert(PAUSED.to_owned(), Value::Bool(true));
    }

    /// Notes a step of its recovery.
    pub(super) fn note_recovery(&mut self, note: &RecoveryNote) {
        let note = serde_json::to_value(note).expect("a note is plain data");
        self.metadata.insert(RECOVERY.to_owned(), note);
    }
}

/// A change of gateways; only the hub's own parts propose them.
#[derive(Clone, Debug, PartialEq)]
pub enum GatewayChange {
    /// Registers a gateway, or defines it anew.
    Register {
        /// Its id.
        id: GatewayId,
        /// What it is.
        gateway_type: String,
        /// Its definition as JSON; kept with the log, shown to nobody.
        definition: String,
    },
    /// Forgets a gateway, and its definition if it was registered.
    Remove {
        /// Its id.
        id: GatewayId,
    },
    /// Sets how a gateway is; nothing where it is so already, or where somebody paused it.
    Status {
        /// Its id.
        id: GatewayId,
        /// What it is.
        gateway_type: String,
        /// How it is.
        status: GatewayStatus,
        /// Why, for people.
        message: Option<String>,
        /// What else is known.
        metadata: Map<String, Value>,
    },
    /// Notes a step of a gateway's recovery.
    Recovery {
        /// Its id.
        id: GatewayId,
        /// The step.
        step: RecoveryStep,
        /// Which attempt it belongs to; 0 before the first one.
        attempt: u32,
        /// What happened, for people.
        message: Option<String>,
    },
}

/// What an event means for the definitions of gateways that were registered at run time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayStep {
    /// One was registered, or defined anew.
    Registered {
        /// Which one.
        id: GatewayId,
        /// Its definition as JSON.
        definition: String,
    },
    /// One is gone.
    Removed {
        /// Which one.
        id: GatewayId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_fits_into_a_path_and_can_be_seen() {
        for good in ["ctp-1", "Börse:main", &"ü".repeat(128)] {
            assert_eq!(GatewayId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a/b", "a b", "a\nb", "a\u{200b}b", "\u{202e}a", ".", "..", &"ü".repeat(129)] {
            assert_eq!(GatewayId::parse(bad).unwrap_err().spec(), (400, "invalid_value"), "{bad:?}");
        }
    }

    #[test]
    fn a_bad_id_is_told_in_full() {
        let error = serde_json::from_str::<GatewayId>("\"a/b\"").unwrap_err();
        assert!(error.to_string().starts_with("id must have visible characters without /, got \"/\""));
    }

    #[test]
    fn every_status_reads_as_it_is_written_and_keeps_its_number() {
        for (number, status) in GatewayStatus::ALL.into_iter().enumerate() {
            let text = serde_json::to_string(&status).unwrap();
            assert_eq!(text, format!("\"{status}\""));
            assert_eq!(serde_json::from_str::<GatewayStatus>(&text).unwrap(), status);
            assert_eq!(status.index(), number);
        }
    }

    #[test]
    fn no_status_is_both_up_and_down() {
        let both = |status: GatewayStatus| status.is_up() && status.is_down();
        assert!(!GatewayStatus::ALL.into_iter().any(both));
    }
}
