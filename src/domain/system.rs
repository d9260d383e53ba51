//! The `system` section: how the hub's collections are going, and requests to change it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::error::{Error, FieldError};
use super::json;
use super::time::Timestamp;

const PROGRESS_MAX: u8 = 100;

/// What the system is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SystemStatus {
    /// Nothing.
    #[default]
    Idle,
    /// A collection gathers data.
    Collecting,
    /// What was gathered is being worked on.
    Processing,
    /// The last collection failed.
    Error,
}

impl SystemStatus {
    const ALL: [SystemStatus; 4] =
        [SystemStatus::Idle, SystemStatus::Collecting, SystemStatus::Processing, SystemStatus::Error];

    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            SystemStatus::Idle => "IDLE",
            SystemStatus::Collecting => "COLLECTING",
            SystemStatus::Processing => "PROCESSING",
            SystemStatus::Error => "ERROR",
        }
    }
}

impl fmt::Display for SystemStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SystemStatus {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        SystemStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| Error::invalid("status", status_message(&json::quote(text))))
    }
}

/// The `system` section of the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// What the system is doing.
    pub status: SystemStatus,
    /// How far it is, in percent: 0 to 100.
    #[schema(maximum = 100)]
    pub progress: u8,
    /// When the last collection ended well.
    #[schema(required = true)]
    pub last_sync: Option<Timestamp>,
}

impl System {
    /// The section's members.
    pub(super) const FIELDS: [&str; 3] = ["status", "progress", "last_sync"];

    /// Reads a whole section as a patch left it.
    pub(super) fn read(value: Value) -> Result<Self, Error> {
        let update = SystemUpdate::parse(value)?;
        let mut missing = Vec::new();
        if update.status.is_none() {
            missing.push(FieldError::new("status", "status is missing"));
        }
        if update.progress.is_none() {
            missing.push(FieldError::new("progress", "progress is missing"));
        }
        match (update.status, update.progress) {
            (Some(status), Some(progress)) => {
                Ok(System { status, progress, last_sync: update.last_sync.flatten() })
            }
            _ => Err(Error::invalid_fields(missing)),
        }
    }

    /// Appends the section's canonical text.
    pub(super) fn write(&self, out: &mut String) {
        use fmt::Write;
        // Writing to a string cannot fail.
        let _ = match self.last_sync {
            Some(at) => write!(out, r#"{{"last_sync":"{at}","#),
            None => write!(out, r#"{{"last_sync":null,"#),
        };
        let _ = write!(out, r#""progress":{},"status":"{}"}}"#, self.progress, self.status);
    }

    /// Returns the bytes of the section's canonical text.
    pub(super) fn size(&self) -> usize {
        let last_sync = self.last_sync.map_or("null".len(), |_| Timestamp::TEXT_BYTES + 2);
        let progress = match self.progress {
            0..=9 => 1,
            10..=99 => 2,
            _ => 3,
        };
        let around = r#"{"last_sync":,"progress":,"status":""}"#.len();
        around + last_sync + progress + self.status.as_str().len()
    }
}

/// What a request sets in the `system` section; what is absent stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemUpdate {
    /// The new status.
    pub status: Option<SystemStatus>,
    /// The new progress, 0 to 100.
    pub progress: Option<u8>,
    /// The new time of the last sync; `Some(None)` clears it.
    pub last_sync: Option<Option<Timestamp>>,
}

impl SystemUpdate {
    /// Reads `{status?, progress?, last_sync?}`.
    ///
    /// # Errors
    /// `unknown_field` for other fields, `invalid_value` with every bad one.
    pub fn parse(value: Value) -> Result<Self, Error> {
        let Value::Object(fields) = value else {
            let found = json::show(&value);
            let message = format!("expected an object with status, progress, last_sync, got {found}");
            return Err(Error::invalid("", message));
        };
        let mut update = SystemUpdate::default();
        let (mut bad, mut unknown) = (Vec::new(), Vec::new());
        for (field, value) in fields {
            let read = match field.as_str() {
                "status" => read_status(&value).map(|status| update.status = Some(status)),
                "progress" => read_progress(&value).map(|progress| update.progress = Some(progress)),
                "last_sync" => read_last_sync(&value).map(|at| update.last_sync = Some(at)),
                _ => {
                    unknown.push(field);
                    continue;
                }
            };
            if let Err(message) = read {
                bad.push(FieldError::new(field, message));
            }
        }
        if !unknown.is_empty() {
            return Err(Error::UnknownField { fields: unknown, expected: System::FIELDS.join(", ") });
        }
        if bad.is_empty() { Ok(update) } else { Err(Error::invalid_fields(bad)) }
    }

    /// Returns `system` with this update in it.
    pub(super) fn onto(self, system: &System) -> System {
        System {
            status: self.status.unwrap_or(system.status),
            progress: self.progress.unwrap_or(system.progress),
            last_sync: self.last_sync.unwrap_or(system.last_sync),
        }
    }
}

fn status_message(found: &str) -> String {
    let known = SystemStatus::ALL.map(SystemStatus::as_str).join(", ");
    format!("status must be one of {known}, got {found}")
}

fn read_status(value: &Value) -> Result<SystemStatus, String> {
    let known = value.as_str().and_then(|text| text.parse().ok());
    known.ok_or_else(|| status_message(&json::show(value)))
}

fn read_progress(value: &Value) -> Result<u8, String> {
    let number = value.as_f64();
    if let Some(percent) = number.filter(|number| number.fract() == 0.0) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be 0 to 100"
        )]
        return if (0.0..=f64::from(PROGRESS_MAX)).contains(&percent) {
            Ok(percent as u8)
        } else {
            Err(format!("progress must be between 0 and {PROGRESS_MAX}, got {value}"))
        };
    }
    let found = json::show(value);
    Err(format!("progress must be an integer between 0 and {PROGRESS_MAX}, got {found}"))
}

fn read_last_sync(value: &Value) -> Result<Option<Timestamp>, String> {
    match value {
        Value::Null => Ok(None),
        value => {
            let moment = value.as_str().and_then(|text| Timestamp::parse(text).ok());
            let found = || format!("last_sync must be an RFC 3339 time or null, got {}", json::show(value));
            moment.map(Some).ok_or_else(found)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    fn refused(value: Value) -> String {
        SystemUpdate::parse(value).unwrap_err().to_string()
    }

    #[test]
    fn an_update_reads_what_is_given_and_nothing_else() {
        assert_eq!(SystemUpdate::parse(json!({})).unwrap(), SystemUpdate::default());
        let update =
            SystemUpdate::parse(json!({"status": "PROCESSING", "progress": 40.0, "last_sync": null}));
        let expected = SystemUpdate {
            status: Some(SystemStatus::Processing),
            progress: Some(40),
            last_sync: Some(None),
        };
        assert_eq!(update.unwrap(), expected);
    }

    #[test]
    fn a_bad_value_is_named_with_what_was_found() {
        assert_eq!(refused(json!({"progress": 150})), "progress must be between 0 and 100, got 150");
        assert_eq!(refused(json!({"progress": -1})), "progress must be between 0 and 100, got -1");
        assert_eq!(
            refused(json!({"progress": 1.5})),
            "progress must be an integer between 0 and 100, got 1.5"
        );
        assert_eq!(
            refused(json!({"progress": null})),
            "progress must be an integer between 0 and 100, got null"
        );
        assert_eq!(
            refused(json!({"status": "idle"})),
            "status must be one of IDLE, COLLECTING, PROCESSING, ERROR, got \"idle\""
        );
        assert!(refused(json!([1])).starts_with("expected an object"));
    }

    #[test]
    fn all_bad_fields_are_told_at_once_and_unknown_ones_by_name() {
        let error =
            SystemUpdate::parse(json!({"status": 1, "progress": 101, "last_sync": "soon"})).unwrap_err();
        assert_eq!(error.details().len(), 3);
        let error = SystemUpdate::parse(json!({"progres": 4, "progress": 101})).unwrap_err();
        assert_eq!(error.to_string(), "unknown field progres, expected status, progress, last_sync");
    }

    #[test]
    fn the_size_is_that_of_the_canonical_text() {
        for status in SystemStatus::ALL {
            for progress in [0, 9, 10, 99, 100] {
                for last_sync in [None, Some(Timestamp::from_millis(0))] {
                    let system = System { status, progress, last_sync };
                    let mut text = String::new();
                    system.write(&mut text);
                    assert_eq!(text, json::canonical(&serde_json::to_value(system).unwrap()));
                    assert_eq!(text.len(), system.size());
                    assert_eq!(System::read(json::JsonText::trusted(text).value()).unwrap(), system);
                }
            }
        }
    }
}
