//! One gateway as it is written: in the configuration's `gateways` list, or registered over HTTP.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::judge::Thresholds;
use super::maintenance::Window;
use super::probe_spec::{ProbeSpec, ms, parse_url};
use super::secret::{SecretMap, SecretText, public_map};
use super::validate::{Problems, check_argv, check_headers, check_url};
use crate::domain::{Error, GatewayId};

/// The most characters of a gateway's type.
pub const TYPE_MAX_CHARS: usize = 64;
/// The greatest size of a gateway's metadata in bytes of JSON.
pub const METADATA_MAX_BYTES: usize = 4 * 1024;
/// The most maintenance windows of one gateway.
pub const WINDOWS_MAX: usize = 50;
/// The time-out of a probe when none is given and the interval is not shorter, in milliseconds.
pub const TIMEOUT_DEFAULT_MS: u64 = 5_000;

const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// One gateway: what it is, how it is probed and judged, and what is tried when it is down.
///
/// It serializes as it was written, secrets included, for the hub's own store; what leaves the hub is
/// [`Definition::public`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The name, unique among the gateways of a hub.
    pub id: GatewayId,
    /// What it is, in a word: `ctp`, `http`, `mqtt`.
    pub gateway_type: String,
    /// How it is asked.
    pub probe: ProbeSpec,
    /// The time between two probes in milliseconds; for `push`, within which a report must come.
    #[serde(default = "default_interval")]
    pub interval_ms: u64,
    /// How long one probe may take, in milliseconds, the look-up of the name included: at most the
    /// interval. 5,000, or the interval where that is shorter, when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How many failures in a row make it UNHEALTHY or DISCONNECTED: 3, for `push` 1, when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unhealthy_after: Option<u32>,
    /// How many successes in a row make it HEALTHY again: 2, for `push` 1, when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_after: Option<u32>,
    /// The latency in milliseconds beyond which a success counts as slow, and makes it DEGRADED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded_over_ms: Option<u64>,
    /// What is tried when it is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoverySpec>,
    /// When it may be down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maintenance: Vec<Window>,
    /// Whatever its owner wants to see beside it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// What is tried when a gateway is down: a command or a webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverySpec {
    /// The program and its arguments, run without a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Variables for the command; their values are never shown.
    #[serde(default, skip_serializing_if = "SecretMap::is_empty")]
    pub env: SecretMap,
    /// The URL that gets a POST; never shown beyond its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<SecretText>,
    /// Headers for the webhook; their values are never shown.
    #[serde(default, skip_serializing_if = "SecretMap::is_empty")]
    pub headers: SecretMap,
    /// How often it is tried before the hub gives up.
    #[serde(default = "default_attempts")]
    pub attempts: u32,
    /// How long the gateway has to become healthy after the first attempt, in milliseconds; doubled for
    /// each further one, up to an hour.
    #[serde(default = "default_backoff")]
    pub backoff_ms: u64,
    /// How long after a recovery no other one begins, in milliseconds.
    #[serde(default = "default_cooldown")]
    pub cooldown_ms: u64,
    /// How long one attempt may run, in milliseconds.
    #[serde(default = "default_recovery_timeout")]
    pub timeout_ms: u64,
    /// Only tells what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Waits until somebody approves.
    #[serde(default)]
    pub require_approval: bool,
}

/// Who wrote a definition, which decides what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The operator, in the configuration file.
    Configured,
    /// Somebody over HTTP: nothing that runs a command or reads the hub's environment.
    Registered,
}

const fn default_interval() -> u64 {
    10_000
}

const fn default_attempts() -> u32 {
    3
}

const fn default_backoff() -> u64 {
    10_000
}

const fn default_cooldown() -> u64 {
    300_000
}

const fn default_recovery_timeout() -> u64 {
    30_000
}

impl Definition {
    /// Judges the definition as a whole; `webhook_allow` are the URLs below which registered gateways
    /// may have webhooks.
    ///
    /// # Errors
    /// `invalid_value` that names every bad field by its path, such as `probe.url`.
    pub fn check(&self, origin: Origin, webhook_allow: &[String]) -> Result<(), Error> {
        let mut problems = Problems::new(origin);
        let type_chars = self.gateway_type.chars().count();
        if !(1..=TYPE_MAX_CHARS).contains(&type_chars) || self.gateway_type.chars().any(char::is_control) {
            let message = format!("must have 1 to {TYPE_MAX_CHARS} characters, none of control");
            problems.add("gateway_type", message);
        }
        if origin == Origin::Registered && matches!(self.probe, ProbeSpec::Command(_)) {
            let message = "must be http, tcp, websocket or push: commands belong into the configuration file";
            problems.add("probe.kind", message);
        }
        self.probe.check(&mut problems);
        self.check_times(&mut problems);
        if let Some(recovery) = &self.recovery {
            recovery.check(webhook_allow, &mut problems);
        }
        if self.maintenance.len() > WINDOWS_MAX {
            problems.add("maintenance", format!("must not have more than {WINDOWS_MAX} windows"));
        }
        for (place, window) in self.maintenance.iter().enumerate() {
            window.check(&format!("maintenance[{place}]"), &mut problems.found);
        }
        if serde_json::to_string(&self.metadata).is_ok_and(|text| text.len() > METADATA_MAX_BYTES) {
            problems.add("metadata", format!("must not be larger than {METADATA_MAX_BYTES} bytes"));
        }
        problems.finish()
    }

    fn check_times(&self, problems: &mut Problems) {
        problems.range("interval_ms", self.interval_ms, 100, DAY_MS);
        if let Some(timeout) = self.timeout_ms {
            problems.range("timeout_ms", timeout, 10, self.interval_ms.max(10));
        }
        for (name, value) in
            [("unhealthy_after", self.unhealthy_after), ("healthy_after", self.healthy_after)]
        {
            if let Some(value) = value {
                problems.range(name, value.into(), 1, 1_000);
            }
        }
        if let Some(limit) = self.degraded_over_ms {
            let timeout = u64::try_from(self.timeout().as_millis()).unwrap_or(u64::MAX);
            problems.range("degraded_over_ms", limit, 1, timeout.max(1));
        }
    }

    /// Returns the time between two probes.
    pub fn interval(&self) -> Duration {
        ms(self.interval_ms)
    }

    /// Returns how long one probe may take.
    pub fn timeout(&self) -> Duration {
        ms(self.timeout_ms.unwrap_or_else(|| self.interval_ms.min(TIMEOUT_DEFAULT_MS)))
    }

    /// Returns what the judge goes by.
    pub fn thresholds(&self) -> Thresholds {
        let (unhealthy, healthy) = if matches!(self.probe, ProbeSpec::Push(_)) { (1, 1) } else { (3, 2) };
        Thresholds {
            interval: self.interval(),
            unhealthy_after: self.unhealthy_after.unwrap_or(unhealthy).max(1),
            healthy_after: self.healthy_after.unwrap_or(healthy).max(1),
            degraded_over: self.degraded_over_ms.map(ms),
        }
    }

    /// Returns what may be shown: no header's, variable's or query's value, and webhooks by their host.
    #[must_use]
    pub fn public(&self) -> Definition {
        let mut shown = self.clone();
        shown.probe = self.probe.public();
        shown.recovery = self.recovery.as_ref().map(RecoverySpec::public);
        shown
    }
}

impl RecoverySpec {
    fn check(&self, webhook_allow: &[String], problems: &mut Problems) {
        match (&self.command, &self.webhook) {
            (Some(_), None) if problems.origin == Origin::Registered => {
                problems.add("recovery.command", "must stand in the configuration file, use a webhook");
            }
            (Some(argv), None) => check_argv("recovery.command", argv, problems),
            (None, Some(webhook)) => {
                problems.secret("recovery.webhook", webhook, false);
                if let Some(url) = webhook.plain() {
                    check_url("recovery.webhook", url, &["http", "https"], problems);
                    if problems.origin == Origin::Registered && !is_allowed(url, webhook_allow) {
                        problems.add("recovery.webhook", "is not below one of the allowed webhooks");
                    }
                }
            }
            _ => problems.add("recovery", "must have either a command or a webhook"),
        }
        if self.command.is_none() && !self.env.is_empty() {
            problems.add("recovery.env", "needs a command");
        }
        if self.webhook.is_none() && !self.headers.is_empty() {
            problems.add("recovery.headers", "needs a webhook");
        }
        problems.secrets("recovery.env", &self.env);
        check_headers("recovery.headers", &self.headers, problems);
        problems.range("recovery.attempts", self.attempts.into(), 1, 20);
        problems.range("recovery.backoff_ms", self.backoff_ms, 100, HOUR_MS);
        problems.range("recovery.cooldown_ms", self.cooldown_ms, 0, 7 * DAY_MS);
        problems.range("recovery.timeout_ms", self.timeout_ms, 100, HOUR_MS);
    }

    fn public(&self) -> RecoverySpec {
        let shown_webhook =
            |webhook: &SecretText| match webhook.plain().map(|url| parse_url(url, &["http", "https"])) {
                // The path of a webhook is often all the secret that it has.
                Some(Ok(url)) => {
                    let origin = url.origin().ascii_serialization();
                    SecretText::Plain(format!("{origin}/{}", super::secret::MASK))
                }
                _ => webhook.public(),
            };
        RecoverySpec {
            env: public_map(&self.env),
            webhook: self.webhook.as_ref().map(shown_webhook),
            headers: public_map(&self.headers),
            ..self.clone()
        }
    }
}

/// Compares scheme, host and port, and the path part by part, all as the URL standard normalizes them.
fn is_allowed(url: &str, allowed: &[String]) -> bool {
    let Ok(url) = parse_url(url, &["http", "https"]) else { return false };
    allowed.iter().filter_map(|text| parse_url(text, &["http", "https"]).ok()).any(|allowed| {
        let below = url.path().strip_prefix(allowed.path().trim_end_matches('/'));
        url.origin() == allowed.origin() && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}
