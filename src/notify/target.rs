//! Where a sink's messages go: one POST at a time, over a connection that is kept while it works.

use std::rc::Rc;
use std::time::Duration;

use awc::http::header::RETRY_AFTER;
use chrono::DateTime;
use futures_util::StreamExt;

use crate::domain::Timestamp;
use crate::gateway::Toolkit;
use crate::gateway::connect::Progress;
use crate::gateway::secret::resolve_all;
use crate::gateway::toolkit::HttpClient;

use super::definition::{SinkDefinition, checked_url};
use super::message::Message;

/// How much of an answer's body is read, so that the connection can be used again.
const ANSWER_MAX_BYTES: usize = 16 * 1024;
/// How long the end of an answer's body is waited for; its status was known before.
const ANSWER_MAX: Duration = Duration::from_millis(250);

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    /// In words, without secrets.
    pub(super) message: String,
    /// How long the receiver wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    pub(super) fn new(message: impl Into<String>) -> Refusal {
        Refusal { message: message.into(), retry_after: None }
    }
}

/// A receiver as it can be reached: everything that a definition only names was read.
pub(super) struct Target {
    client: HttpClient,
    url: String,
    host: String,
    secret: Option<Vec<u8>>,
    headers: Vec<(String, String)>,
}

impl Target {
    /// Reads what the definition names.
    ///
    /// # Errors
    /// A variable or file cannot be read or is not what it should be, or TLS has no certificate authorities.
    pub(super) fn new(definition: &SinkDefinition, toolkit: &Toolkit) -> Result<Target, String> {
        let url = definition.url.resolve().map_err(|why| format!("url: {why}"))?;
        let host = checked_url(&url).map_err(|why| format!("the url {why}"))?;
        let secret = match &definition.secret {
            None => None,
            Some(secret) => match secret.resolve().map_err(|why| format!("secret: {why}"))? {
                empty if empty.is_empty() => return Err("the secret is empty".to_owned()),
                secret => Some(secret.into_bytes()),
            },
        };
        let headers = resolve_all(&definition.headers).map_err(|why| format!("headers: {why}"))?;
        let client = toolkit.http_client(url.starts_with("https:"), true)?;
        Ok(Target { client, url, host, secret, headers })
    }

    /// The host, which may be shown.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The key of the signature.
    pub(super) fn secret(&self) -> Option<&[u8]> {
        self.secret.as_deref()
    }

    /// Posts a message. Redirects are not followed: an answer of 200 to 299 is success, nothing else.
    ///
    /// # Errors
    /// Says why it is not known to have been taken; it may have been all the same.
    pub(super) async fn post(
        &self,
        message: &Message,
        timeout: Duration,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let progress = Rc::new(Progress::default());
        let call = self.call(message, progress.clone(), now);
        tokio::time::timeout(timeout, call).await.unwrap_or_else(|_| {
            let what = if progress.is_connecting() { "connection" } else { "answer" };
            Err(Refusal::new(format!("no {what} within {} ms", timeout.as_millis())))
        })
    }

    async fn call(&self, message: &Message, progress: Rc<Progress>, now: Timestamp) -> Result<(), Refusal> {
        let mut request = self.client.begin(progress).post(&self.url).content_type("application/json");
        for (name, value) in &self.headers {
            request = request.insert_header((name.as_str(), value.as_str()));
        }
        for (name, value) in &message.headers {
            request = request.insert_header((*name, value.as_str()));
        }
        let sent = request.no_decompress().send_body(message.body.clone()).await;
        let mut response = sent.map_err(|error| Refusal::new(self.client.failure(&error).message))?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|value| pause_of(value, now));
        let rest = async {
            let mut bytes = 0;
            while let Some(Ok(piece)) = response.next().await {
                bytes += piece.len();
                if bytes > ANSWER_MAX_BYTES {
                    break;
                }
            }
        };
        // Whatever the rest is: the status has said all that matters.
        let _ = tokio::time::timeout(ANSWER_MAX, rest).await;
        if status.is_success() {
            return Ok(());
        }
        Err(Refusal { message: format!("status {}", status.as_u16()), retry_after })
    }
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3).
fn pause_of(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = DateTime::parse_from_rfc2822(value).ok()?.timestamp_millis();
    Some(Duration::from_millis(u64::try_from(until - now.millis()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_date() {
        let now = Timestamp::parse("2015-10-21T07:27:00Z").unwrap();
        assert_eq!(pause_of("120", now), Some(Duration::from_secs(120)));
        assert_eq!(pause_of("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(pause_of("Wed, 21 Oct 2015 07:26:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(pause_of("99999999999999999999", now), Some(Duration::from_secs(u64::MAX)));
        assert_eq!((pause_of("soon", now), pause_of("-1", now), pause_of("", now)), (None, None, None));
    }

    #[test]
    fn what_cannot_be_read_is_named_and_never_quoted() {
        let definition: SinkDefinition =
            serde_json::from_value(serde_json::json!({ "id": "a", "url": { "env": "OPSHUB_NO_SUCH_URL" } }))
                .unwrap();
        let why = Target::new(&definition, &Toolkit::new()).err().unwrap();
        assert_eq!(why, "url: the variable OPSHUB_NO_SUCH_URL is not set to text");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("url");
        std::fs::write(&path, "hooks.slack.com/services/hunter2").unwrap();
        let fields = serde_json::json!({ "id": "a", "url": { "file": path } });
        let definition: SinkDefinition = serde_json::from_value(fields).unwrap();
        let why = Target::new(&definition, &Toolkit::new()).err().unwrap();
        assert_eq!(why, "the url must be a URL that begins with http:// or https://");
    }
}
