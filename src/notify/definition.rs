//! A sink as it is written down in the configuration file.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Error, EventKind};
use crate::gateway::Origin;
use crate::gateway::probe_spec::parse_url;
use crate::gateway::secret::{SecretMap, SecretText};
use crate::gateway::validate::{Problems, check_headers};

/// The most sinks of one hub.
pub const SINKS_MAX: usize = 32;
/// The most characters of a sink's id.
const ID_MAX_CHARS: usize = 64;
/// The longest that an event may be tried for, in seconds: 30 days.
const MAX_AGE_MOST_S: u64 = 30 * 24 * 60 * 60;
/// Where the URL itself is all that a sender needs to know, so that it is a secret.
const SECRET_HOSTS: [&str; 1] = ["hooks.slack.com"];
/// The schemes that a sink may have.
const SCHEMES: [&str; 2] = ["http", "https"];

/// One sink: which events go where, and for how long that is tried.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkDefinition {
    /// Names the sink; its cursor is kept under this name.
    pub id: String,
    /// Where events are posted to.
    pub url: SecretText,
    /// The form of a body.
    #[serde(default)]
    pub format: SinkFormat,
    /// The kinds of events that are told.
    #[serde(default = "default_events")]
    pub events: Vec<EventKind>,
    /// The key of the signature; without one there is none.
    #[serde(default)]
    pub secret: Option<SecretText>,
    /// How old an event may become before it is given up, in seconds.
    #[serde(default = "default_max_age_s")]
    pub max_age_s: u64,
    /// How long one attempt may take, in milliseconds.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// Headers to send as well; their values are never shown.
    #[serde(default)]
    pub headers: SecretMap,
}

/// The form of what a sink is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SinkFormat {
    /// The event's frame, byte for byte as the log has it.
    #[default]
    Json,
    /// `{"text": …}` with one line for people, as Slack's incoming webhooks take it.
    Slack,
}

fn default_events() -> Vec<EventKind> {
    vec![EventKind::GatewayStatusChange, EventKind::GatewayRecovery]
}

const fn default_max_age_s() -> u64 {
    24 * 60 * 60
}

const fn default_timeout_ms() -> u64 {
    10_000
}

impl SinkDefinition {
    /// Judges the definition as a whole.
    ///
    /// # Errors
    /// `invalid_value` that names every bad field; values are not quoted.
    pub fn check(&self) -> Result<(), Error> {
        let mut problems = Problems::new(Origin::Configured);
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        if !(1..=ID_MAX_CHARS).contains(&self.id.len()) || !self.id.chars().all(plain) {
            let message = format!("must have 1 to {ID_MAX_CHARS} letters, digits, '.', '-' and '_'");
            problems.add("id", message);
        }
        match self.url.plain().map(checked_url) {
            Some(Err(why)) => problems.add("url", why),
            Some(Ok(host)) if SECRET_HOSTS.contains(&host.as_str()) => {
                problems.secret("url", &self.url, true);
            }
            _ => {}
        }
        if let Some(secret) = &self.secret {
            problems.secret("secret", secret, true);
        }
        if self.events.is_empty() {
            let known = EventKind::ALL.map(EventKind::as_str).join(", ");
            problems.add("events", format!("must name at least one of {known}"));
        }
        problems.range("max_age_s", self.max_age_s, 1, MAX_AGE_MOST_S);
        problems.range("timeout_ms", self.timeout_ms, 10, 60_000);
        check_headers("headers", &self.headers, &mut problems);
        for name in self.headers.keys() {
            let name = name.to_ascii_lowercase();
            if name == "content-type" || name.starts_with("x-opshub-") {
                problems.add(format!("headers.{name}"), "is written by the hub itself");
            }
        }
        problems.finish()
    }

    /// Returns what of the URL may be shown: its host, or where it comes from.
    pub fn place(&self) -> String {
        match &self.url {
            SecretText::Plain(url) => checked_url(url).unwrap_or_default(),
            SecretText::Env { env } => format!("the URL in the variable {env}"),
            SecretText::File { file } => format!("the URL in {}", file.display()),
        }
    }

    /// Returns how old an event may become, in milliseconds.
    pub(super) fn max_age_ms(&self) -> i64 {
        i64::try_from(self.max_age_s.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }

    /// Returns how long one attempt may take.
    pub(super) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// Returns the host of a URL that events can be posted to.
pub(super) fn checked_url(url: &str) -> Result<String, String> {
    let url = parse_url(url, &SCHEMES)?;
    Ok(url.host_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(mut fields: Value) -> Result<SinkDefinition, String> {
        fields.as_object_mut().unwrap().entry("id").or_insert_with(|| json!("ops"));
        let read: SinkDefinition = serde_json::from_value(fields).map_err(|error| error.to_string())?;
        read.check().map_err(|error| error.to_string())?;
        Ok(read)
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let sink = checked(json!({ "url": "https://ops.example/hook" })).unwrap();
        assert_eq!((sink.format, sink.max_age_s, sink.timeout_ms), (SinkFormat::Json, 86_400, 10_000));
        assert_eq!(sink.events, [EventKind::GatewayStatusChange, EventKind::GatewayRecovery]);
        assert_eq!(sink.secret, None);
        assert_eq!(sink.place(), "ops.example");
        let sink = checked(json!({ "url": { "env": "OPS_URL" } })).unwrap();
        assert_eq!(sink.place(), "the URL in the variable OPS_URL");
    }

    #[test]
    fn secrets_are_named_and_never_written_out() {
        let secret = json!({ "url": "https://ops.example/", "secret": "hunter2" });
        let refused = checked(secret).unwrap_err();
        assert!(refused.starts_with("secret must come from {env: NAME}"), "{refused}");
        assert!(!refused.contains("hunter2"));
        let slack = json!({ "url": "https://hooks.slack.com/services/T0/B0/hunter2", "format": "slack" });
        let refused = checked(slack).unwrap_err();
        assert!(refused.starts_with("url must come from {env: NAME}") && !refused.contains("hunter2"));
        checked(json!({ "url": { "env": "SLACK_URL" }, "secret": { "file": "/run/secrets/hook" } })).unwrap();
        let header = json!({ "url": "https://ops.example/", "headers": { "Authorization": "Bearer x" } });
        assert!(checked(header).unwrap_err().starts_with("headers.Authorization must come from"));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let url = "http://127.0.0.1:9/";
        for (fields, named) in [
            (json!({ "url": url, "id": "a b" }), "id"),
            (json!({ "url": "ftp://ops.example/" }), "url"),
            (json!({ "url": url, "events": [] }), "events"),
            (json!({ "url": url, "events": ["gateway_change"] }), "gateway_status_change"),
            (json!({ "url": url, "max_age_s": 0 }), "max_age_s"),
            (json!({ "url": url, "timeout_ms": 600_000 }), "timeout_ms"),
            (json!({ "url": url, "headers": { "X-Opshub-Event": "x" } }), "headers.x-opshub-event"),
            (json!({ "url": url, "retries": 3 }), "retries"),
            (json!({ "url": url, "format": "xml" }), "xml"),
        ] {
            let refused = checked(fields).unwrap_err();
            assert!(refused.contains(named), "{named}: {refused}");
        }
    }
}
