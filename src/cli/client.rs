//! A client of the hub's HTTP interface: requests, answers, and what else can come of them.

use std::path::Path;
use std::time::{Duration, Instant};

use awc::error::{ConnectError, SendRequestError};
use awc::http::Method;
use awc::http::header::{ETAG, HeaderName};
use serde_json::Value;
use uuid::Uuid;

use super::failure::{Failure, Refusal};
use super::output::note;
use super::tls;

/// How long an answer may take, unless the request asks to wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// The greatest answer taken: a page of 1,000 events may be large.
const ANSWER_MAX_BYTES: usize = 512 * 1024 * 1024;
/// The first pause before a change is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// One hub.
#[derive(Clone)]
pub(super) struct Client {
    base: String,
    http: awc::Client,
}

/// One request, before it is sent.
#[derive(Clone, Debug)]
pub(super) struct Call {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, String)>,
    body: Option<(&'static str, String)>,
    timeout: Duration,
}

/// What the hub answered, when it did not refuse.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The `ETag` without its quotes: `<epoch>-<seq>`.
    pub(super) tag: Option<String>,
    /// Null when there is no body, as with 304.
    pub(super) body: Value,
}

impl Client {
    /// A client of the hub at `url`; over TLS it believes the authorities in the file `cacert`, or without one
    /// those of this machine. It shows `token` with every request.
    ///
    /// # Errors
    /// An address that is none, or authorities that cannot be read; nothing is sent yet.
    pub(super) fn new(url: &str, cacert: Option<&Path>, token: Option<&str>) -> Result<Self, Failure> {
        let base = normalize(url)?;
        let connector = awc::Connector::new();
        let connector = match base.starts_with("https://") {
            true => connector.rustls_0_23(tls::config(cacert)?),
            false => connector,
        };
        let builder = match token {
            Some(token) => awc::Client::builder().bearer_auth(token),
            None => awc::Client::builder(),
        };
        let http = builder
            .connector(connector)
            .timeout(ANSWER_TIMEOUT)
            .disable_redirects()
            .add_default_header(("User-Agent", concat!("opshub-cli/", env!("CARGO_PKG_VERSION"))))
            .finish();
        Ok(Self { base, http })
    }

    /// The hub's address, without a slash at the end.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The connection-less half, for WebSockets.
    pub(super) fn http(&self) -> &awc::Client {
        &self.http
    }

    /// Sends a request and reads the whole answer; 304 is an answer too.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] when there is no answer, or only a proxy's that found no hub;
    /// [`Failure::Refused`] for every other status from 400 on.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        let answer = self.send_any(call).await?;
        if answer.status >= 400 {
            return Err(Failure::Refused(Refusal::from_answer(answer.status, &answer.body)));
        }
        Ok(answer)
    }

    /// As [`Client::send`], for a path whose refusals are answers too, such as `/health`.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] as there.
    pub(super) async fn send_any(&self, call: &Call) -> Result<Answer, Failure> {
        let url = format!("{}{}", self.base, call.path);
        let mut request = self.http.request(call.method.clone(), &url).timeout(call.timeout);
        for (name, value) in &call.headers {
            request = request.insert_header((name.clone(), value.as_str()));
        }
        let sent = match &call.body {
            Some((content_type, body)) => request.content_type(*content_type).send_body(body.clone()).await,
            None => request.send().await,
        };
        let mut response = sent.map_err(|error| self.not_sent(error))?.timeout(call.timeout);
        let status = response.status().as_u16();
        let tag = response.headers().get(ETAG).and_then(|value| value.to_str().ok());
        let tag = tag.map(|tag| tag.trim_start_matches("W/").trim_matches('"').to_owned());
        // A change whose answer broke off may have been made: that is a lost connection too.
        let bytes = response.body().limit(ANSWER_MAX_BYTES).await;
        let bytes = bytes.map_err(|error| self.unreachable(format!("the answer broke off: {error}")))?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if matches!(status, 502..=504) && body.is_null() {
            return Err(self.unreachable(format!("a proxy answered HTTP {status} in its place")));
        }
        Ok(Answer { status, tag, body })
    }

    /// Sends a change under an idempotency key, again and again while the connection fails.
    ///
    /// # Errors
    /// As [`Client::send`]; unreachable only after `retry_for`, and then whether the change was made
    /// is not known, but the same key will tell.
    pub(super) async fn send_once(
        &self,
        call: Call,
        key: Option<&str>,
        retry_for: u64,
    ) -> Result<Answer, Failure> {
        let key = key.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let call = call.header("idempotency-key", &key);
        let until = Instant::now() + Duration::from_secs(retry_for);
        let mut pause = FIRST_PAUSE;
        loop {
            match self.send(&call).await {
                Err(Failure::Unreachable { url, cause }) if Instant::now() + pause < until => {
                    note(&format!("cannot reach the hub at {url}: {cause}; trying again with the same key"));
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                done => return done,
            }
        }
    }

    pub(super) fn unreachable(&self, cause: impl Into<String>) -> Failure {
        Failure::Unreachable { url: self.base.clone(), cause: cause.into() }
    }

    pub(super) fn not_sent(&self, error: SendRequestError) -> Failure {
        match error {
            SendRequestError::Url(error) => {
                Failure::Usage(format!("{} is not the address of a hub: {error}", self.base))
            }
            SendRequestError::Connect(error) => self.unreachable(connect_cause(&error)),
            SendRequestError::Timeout => self.unreachable("it did not answer in time"),
            SendRequestError::Send(error) => self.unreachable(format!("the connection broke: {error}")),
            other => self.unreachable(other.to_string()),
        }
    }
}

/// The system's words for the most common causes carry numbers that help nobody.
fn connect_cause(error: &ConnectError) -> String {
    match error {
        ConnectError::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            "connection refused".into()
        }
        ConnectError::Timeout => "it did not answer in time".into(),
        ConnectError::Resolver(_) | ConnectError::NoRecords => "no host of that name is known".into(),
        other => other.to_string(),
    }
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            timeout: ANSWER_TIMEOUT,
        }
    }

    pub(super) fn post(path: impl Into<String>, body: &Value) -> Self {
        let body = Some(("application/json", body.to_string()));
        Self { method: Method::POST, body, ..Self::get(path) }
    }

    pub(super) fn patch(path: impl Into<String>, content_type: &'static str, body: String) -> Self {
        Self { method: Method::PATCH, body: Some((content_type, body)), ..Self::get(path) }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((HeaderName::from_static(name), value.to_owned()));
        self
    }

    /// Allows the hub to take `longer` before it answers.
    pub(super) fn patient(mut self, longer: Duration) -> Self {
        self.timeout = ANSWER_TIMEOUT + longer;
        self
    }
}

/// Builds a query, `?` included, from the parameters that have a value; empty without any.
pub(super) fn query<'a>(parameters: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        if let Some(value) = value {
            query.push(if query.is_empty() { '?' } else { '&' });
            query.push_str(name);
            query.push('=');
            query.push_str(&encode(&value));
        }
    }
    query
}

/// Percent-encodes what is not unreserved in RFC 3986.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Completes an address as people write it: `hub:8000` becomes `http://hub:8000`.
fn normalize(url: &str) -> Result<String, Failure> {
    let url = url.trim();
    let bad = |why: &str| Failure::Usage(format!("{url} is not the address of a hub: {why}"));
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        Some(_) => return Err(bad("expected http://HOST:PORT or https://HOST:PORT")),
        None => ("http", url),
    };
    let rest = rest.trim_end_matches('/');
    if rest.is_empty() || rest.contains(['?', '#', '@', ' ']) {
        return Err(bad("expected http://HOST:PORT or https://HOST:PORT"));
    }
    Ok(format!("{scheme}://{rest}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_completed() {
        for (given, base) in [
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
            ("hub:8000", "http://hub:8000"),
            (" http://proxy/ops/ ", "http://proxy/ops"),
            ("https://hub.example/", "https://hub.example"),
        ] {
            assert_eq!(normalize(given).unwrap(), base);
        }
    }

    #[test]
    fn an_address_that_cannot_be_is_a_usage_error() {
        for given in ["wss://hub", "ws://hub", "https://", "", "http://", "http://u:p@hub", "http://hub?x"] {
            assert_eq!(Client::new(given, None, None).err().unwrap().exit_code(), 2, "{given}");
        }
    }

    #[test]
    fn a_query_has_what_was_given_and_is_encoded() {
        assert_eq!(query([("a", None), ("b", None)]), "");
        let time = Some("2026-01-01T00:00:00+01:00".to_owned());
        let query = query([("at", time), ("none", None), ("type", Some("a&b".into()))]);
        assert_eq!(query, "?at=2026-01-01T00%3A00%3A00%2B01%3A00&type=a%26b");
    }

    #[actix_rt::test]
    async fn nobody_at_the_address_is_unreachable() {
        // Bound and closed again, so that nobody listens there.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = Client::new(&format!("127.0.0.1:{port}"), None, None).unwrap();
        let failure = client.send(&Call::get("/health")).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            format!("cannot reach the hub at http://127.0.0.1:{port}: connection refused")
        );
        assert_eq!(failure.exit_code(), 3);
    }
}
