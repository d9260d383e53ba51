//! Answers that come later, posted to the address that Slack gave with the request.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::domain::Error;
use crate::gateway::Toolkit;
use crate::gateway::connect::Progress;
use crate::gateway::probe_spec::parse_url;
use crate::telemetry::metrics::Metrics;

use super::form::bad;

/// How many answers may be under way at a time.
const UNDER_WAY_MAX: usize = 32;
/// How long one may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where answers may be posted to.
#[derive(Debug, Clone)]
pub struct ResponseHosts(Vec<String>);

impl ResponseHosts {
    /// Takes origins, such as `https://hooks.slack.com`.
    pub fn new(origins: &[String]) -> ResponseHosts {
        let normal = |origin: &String| Url::parse(origin).map(|url| url.origin().ascii_serialization());
        ResponseHosts(origins.iter().filter_map(|origin| normal(origin).ok()).collect())
    }

    /// Checks an address: the hub posts to no other host, whoever names one.
    ///
    /// # Errors
    /// `invalid_value` that names the hosts there are.
    pub fn check(&self, url: &str) -> Result<ResponseUrl, Error> {
        let parsed = parse_url(url, &["https", "http"]).map_err(|why| bad("response_url", &why))?;
        if !self.0.contains(&parsed.origin().ascii_serialization()) {
            return Err(bad("response_url", &format!("must be on {}", self.0.join(" or "))));
        }
        Ok(ResponseUrl(parsed.into()))
    }
}

/// An address that answers may be posted to. Who knows it can write into the channel: it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseUrl(String);

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Posts answers, on a thread of its own.
#[derive(Debug, Clone)]
pub struct Replies {
    thread: ArbiterHandle,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

thread_local! {
    /// Clients are of one thread, and there is one that posts.
    static TOOLKIT: Toolkit = Toolkit::new();
}

impl Replies {
    /// Starts the thread, within an actix system.
    pub fn start(metrics: Arc<Metrics>) -> Replies {
        Replies { thread: Arbiter::new().handle(), places: Arc::new(Semaphore::new(UNDER_WAY_MAX)), metrics }
    }

    /// Posts an answer in the background, once. Where too many are under way it is dropped, and that is told in the
    /// log: what it tells of is in the event log all the same.
    pub fn post(&self, url: ResponseUrl, body: &Value, request_id: String) {
        let count = |metrics: &Metrics, outcome| metrics.slack_replies.with_label_values(&[outcome]).inc();
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            count(&self.metrics, "dropped");
            log::warn!(request_id = request_id.as_str(); "an answer to Slack is dropped, {UNDER_WAY_MAX} are under way");
            return;
        };
        let (metrics, body) = (self.metrics.clone(), body.to_string());
        let begun = self.thread.spawn_fn(move || {
            actix_rt::spawn(async move {
                let _place: OwnedSemaphorePermit = place;
                match tokio::time::timeout(TIMEOUT, send(&url, body)).await {
                    Ok(Ok(())) => count(&metrics, "sent"),
                    failed => {
                        count(&metrics, "failed");
                        let late = || format!("no answer within {} s", TIMEOUT.as_secs());
                        let why = failed.map_or_else(|_| late(), |sent| sent.err().unwrap_or_default());
                        log::warn!(request_id = request_id.as_str(); "Slack did not take an answer: {why}");
                    }
                }
            });
        });
        if !begun {
            log::warn!("the thread that answers Slack is gone");
        }
    }
}

/// Redirects are not followed: they could lead anywhere.
async fn send(url: &ResponseUrl, body: String) -> Result<(), String> {
    let toolkit = TOOLKIT.with(Clone::clone);
    let client = toolkit.http_client(url.0.starts_with("https:"), true)?;
    let request = client.begin(Rc::new(Progress::default())).post(&url.0).content_type("application/json");
    let sent = request.no_decompress().send_body(body).await;
    let status = sent.map_err(|error| client.failure(&error).message)?.status();
    if status.is_success() { Ok(()) } else { Err(format!("status {}", status.as_u16())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(origins: &[&str]) -> ResponseHosts {
        ResponseHosts::new(&origins.iter().map(|origin| (*origin).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn answers_go_to_slack_alone() {
        let slack = hosts(&["https://hooks.slack.com"]);
        slack.check("https://hooks.slack.com/commands/T1/2/3").unwrap();
        slack.check("https://hooks.slack.com:443/actions/1").unwrap();
        for foreign in [
            "http://hooks.slack.com/commands/1",
            "https://hooks.slack.com.evil.example/",
            "https://hooks.slack.com@evil.example/",
            "https://evil.example/https://hooks.slack.com/",
            "https://hooks.slack.com:8443/",
            "https://slack.com/",
            "https://127.0.0.1/",
            "file:///etc/passwd",
            "hooks.slack.com",
            "",
        ] {
            let error = slack.check(foreign).unwrap_err();
            assert!(error.to_string().starts_with("response_url must"), "{foreign}: {error}");
        }
    }

    #[test]
    fn other_hosts_must_be_named() {
        let local = hosts(&["http://127.0.0.1:9"]);
        let url = local.check("http://127.0.0.1:9/reply").unwrap();
        assert_eq!(format!("{url:?}"), "***");
        assert!(local.check("https://hooks.slack.com/").is_err());
        assert!(hosts(&[]).check("https://hooks.slack.com/").is_err());
    }
}
