//! An HTTP request and what its answer must be.

use std::rc::Rc;

use awc::http::{Method, StatusCode};
use futures_util::StreamExt;
use futures_util::future::{FutureExt, LocalBoxFuture};

use super::{Answer, Failure, Probe, Progress};
use crate::gateway::probe_spec::{ExpectBody, HttpSpec, Statuses, pattern};
use crate::gateway::result::FailureKind;
use crate::gateway::secret::resolve_all;
use crate::gateway::toolkit::{HttpClient, Toolkit};

/// How much of a body is searched.
pub(super) const BODY_MAX_BYTES: usize = 256 * 1024;

pub(super) struct HttpProbe {
    client: HttpClient,
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    statuses: Statuses,
    expected: Option<Expected>,
}

enum Expected {
    Text(String),
    Match(regex_lite::Regex),
}

impl HttpProbe {
    /// # Errors
    /// A variable or file that it names cannot be read, or there are no certificate authorities.
    pub(super) fn new(spec: &HttpSpec, toolkit: &Toolkit) -> Result<Self, String> {
        let expected = match &spec.expect_body {
            None => None,
            Some(ExpectBody::Contains(text)) => Some(Expected::Text(text.clone())),
            Some(ExpectBody::Matches { matches }) => {
                Some(Expected::Match(pattern(matches).map_err(|error| error.to_string())?))
            }
        };
        Ok(HttpProbe {
            client: toolkit.http_client(spec.url.starts_with("https:"), spec.verify_tls)?,
            method: Method::from_bytes(spec.method.as_str().as_bytes()).map_err(|error| error.to_string())?,
            url: spec.url.clone(),
            headers: resolve_all(&spec.headers)?,
            statuses: spec.expect_status.clone(),
            expected,
        })
    }

    async fn request(&self, progress: Rc<Progress>) -> Answer {
        let client = self.client.begin(progress);
        let mut request = client.request(self.method.clone(), &self.url).force_close().no_decompress();
        for (name, value) in &self.headers {
            request = request.insert_header((name.as_str(), value.as_str()));
        }
        let mut response = request.send().await.map_err(|error| self.client.failure(&error))?;
        let status = response.status();
        if !self.statuses.contains(status.as_u16()) {
            let message = format!("{}, expected {}", describe(status), self.statuses);
            return Err(Failure::new(FailureKind::Status, message));
        }
        let Some(expected) = &self.expected else {
            return Ok(Some(describe(status)));
        };
        let mut body = Vec::new();
        while let Some(piece) = response.next().await {
            let broken = |error| Failure::new(FailureKind::Io, format!("the body broke off: {error}"));
            body.extend_from_slice(&piece.map_err(broken)?);
            if body.len() >= BODY_MAX_BYTES {
                body.truncate(BODY_MAX_BYTES);
                break;
            }
        }
        if expected.is_in(&body) {
            return Ok(Some(describe(status)));
        }
        // What the body has instead is not told: it is the service's, and may be anybody's.
        Err(Failure::new(FailureKind::Body, format!("{}, but not the expected body", describe(status))))
    }
}

impl Expected {
    fn is_in(&self, body: &[u8]) -> bool {
        let body = String::from_utf8_lossy(body);
        match self {
            Expected::Text(text) => body.contains(text),
            Expected::Match(pattern) => pattern.is_match(&body),
        }
    }
}

fn describe(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("status {} {reason}", status.as_u16()),
        None => format!("status {}", status.as_u16()),
    }
}

impl Probe for HttpProbe {
    fn ask(&self, progress: Rc<Progress>) -> LocalBoxFuture<'_, Answer> {
        self.request(progress).boxed_local()
    }
}
