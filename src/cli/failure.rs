//! Why an invocation did not do what it was asked to, and the exit code that says so to scripts.

use serde_json::Value;

use crate::config::ConfigError;

/// Why an invocation failed; nothing is said about it elsewhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The hub answered, and the answer is no.
    #[error("{0}")]
    Refused(Refusal),
    /// The hub did what it should, and the outcome is not what was asked for.
    #[error("{0}")]
    NotReached(String),
    /// What was said on the command line or in the configuration cannot be.
    #[error("{0}")]
    Usage(String),
    /// No hub answered.
    #[error("cannot reach the hub at {url}: {cause}")]
    Unreachable { url: String, cause: String },
    /// The hub could not start; its own code.
    #[error("{message}")]
    Start { message: String, code: u8 },
    /// The reader of stdout went away, as `head` does: no failure of ours.
    #[error("the output was closed")]
    OutputClosed,
    /// A local file or stdout failed.
    #[error("{0}")]
    Local(String),
}

/// What the hub said when it refused.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) error_type: String,
    pub(super) message: String,
    /// One `field: message` each.
    pub(super) details: Vec<String>,
    pub(super) request_id: Option<String>,
}

impl Failure {
    /// 1 refused by the hub, 2 usage, 3 hub unreachable.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Failure::OutputClosed => 0,
            Failure::Refused(_) | Failure::NotReached(_) | Failure::Local(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Unreachable { .. } => 3,
            Failure::Start { code, .. } => *code,
        }
    }

    /// What to do about it, where that is known.
    pub(super) fn advice(&self) -> Option<&'static str> {
        match self {
            Failure::Unreachable { .. } => {
                Some("start it with `opshub`, or name the right one with --url or OPSHUB_URL")
            }
            Failure::Refused(refusal) => match refusal.error_type.as_str() {
                "history_pruned" => {
                    Some("`opshub events --order asc --limit 1` shows the oldest event that is kept")
                }
                "storage_unavailable" => {
                    Some("nothing was applied; look at the hub's disk and its log, then try again")
                }
                _ => match refusal.status {
                    401 => Some("show a token: put it in OPSHUB_TOKEN, or name its file with --token-file"),
                    403 => Some("another role is needed; `opshub token create` makes a token that has it"),
                    412 => Some("something changed meanwhile; read it again with `opshub state get --full`"),
                    413 => Some("the limits are in the hub's configuration, section `limits`"),
                    429 => Some("wait a moment and try again"),
                    _ => None,
                },
            },
            _ => None,
        }
    }
}

impl Refusal {
    /// Reads the hub's error form; anything else is told as what it is.
    pub(super) fn from_answer(status: u16, body: &Value) -> Self {
        let error = &body["error"];
        let text = |field: &str| error[field].as_str().map(str::to_owned);
        let details = error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
        let detail = |item: &Value| match (item["field"].as_str(), item["message"].as_str()) {
            (Some(field), Some(message)) => Some(format!("{field}: {message}")),
            (None, Some(message)) => Some(message.to_owned()),
            _ => None,
        };
        Self {
            status,
            error_type: text("error_type").unwrap_or_default(),
            message: text("message")
                .unwrap_or_else(|| format!("HTTP {status} without an explanation; is it an opshub?")),
            details: details.iter().filter_map(detail).collect(),
            request_id: text("request_id"),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the hub refused: {}", self.message)?;
        // A single detail mostly says what the message said.
        if self.details.len() > 1 {
            for detail in &self.details {
                write!(f, "\n  {detail}")?;
            }
        }
        if let (500.., Some(id)) = (self.status, &self.request_id) {
            write!(f, " (request {id} in the hub's log)")?;
        }
        Ok(())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::Usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hubs_own_words_are_passed_on() {
        let body = json!({"error": {"status_code": 400, "error_type": "invalid_value", "message": "two fields are wrong",
            "request_id": "r1", "details": [{"field": "progress", "message": "is 150"}, {"field": "status", "message": "is X"}]}});
        let refusal = Refusal::from_answer(400, &body);
        assert_eq!(refusal.error_type, "invalid_value");
        assert_eq!(
            refusal.to_string(),
            "the hub refused: two fields are wrong\n  progress: is 150\n  status: is X"
        );
    }

    #[test]
    fn an_error_of_the_hub_names_the_request_to_look_for() {
        let body = json!({"error": {"message": "something went wrong", "request_id": "r9"}});
        let text = Refusal::from_answer(500, &body).to_string();
        assert_eq!(text, "the hub refused: something went wrong (request r9 in the hub's log)");
    }

    #[test]
    fn an_answer_in_another_form_is_still_told() {
        let text = Refusal::from_answer(404, &Value::Null).to_string();
        assert_eq!(text, "the hub refused: HTTP 404 without an explanation; is it an opshub?");
    }

    #[test]
    fn exit_codes_tell_scripts_what_happened() {
        let unreachable = Failure::Unreachable { url: "u".into(), cause: "c".into() };
        assert_eq!(Failure::Refused(Refusal::default()).exit_code(), 1);
        assert_eq!(Failure::Usage("u".into()).exit_code(), 2);
        assert_eq!(unreachable.exit_code(), 3);
        assert_eq!(Failure::OutputClosed.exit_code(), 0);
        assert_eq!(Failure::Start { message: "m".into(), code: 7 }.exit_code(), 7);
    }
}
