//! What the hub knows of the Slack app that it is.

use std::sync::Arc;

use crate::telemetry::metrics::Metrics;

use super::definition::SlackConfig;
use super::people::People;
use super::reply::{Replies, ResponseHosts};
use super::signature::SigningSecret;

/// Everything that Slack's door works with.
#[derive(Debug)]
pub struct Slack {
    /// What requests are signed with.
    pub secret: SigningSecret,
    /// Who may do what.
    pub people: People,
    /// Where later answers may go.
    pub hosts: ResponseHosts,
    /// What posts them.
    pub replies: Replies,
}

impl Slack {
    /// Opens the door, within an actix system; none where it is not configured. A secret that cannot be read is
    /// logged and leaves the door shut: no reason not to start.
    pub fn start(config: &SlackConfig, metrics: &Arc<Metrics>) -> Option<Slack> {
        let text = config.signing_secret.as_ref()?.resolve();
        let secret =
            text.and_then(|text| SigningSecret::new(&text).ok_or_else(|| "the text is empty".to_owned()));
        let secret = match secret {
            Ok(secret) => secret,
            Err(why) => {
                log::error!("Slack has no door here, since {why} (slack.signing_secret)");
                return None;
            }
        };
        Some(Slack {
            secret,
            people: People::new(config.users.clone(), config.default_role),
            hosts: ResponseHosts::new(&config.response_hosts),
            replies: Replies::start(metrics.clone()),
        })
    }
}
