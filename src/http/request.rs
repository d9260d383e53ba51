//! What the routes read from a request: its body, who makes it, and under which conditions.

use std::time::Duration;

use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::Instant;

use crate::auth::Principal;
use crate::domain::{self, Change, Epoch, Error, Seq};
use crate::hub::{Accepted, Expectation, Idempotency, Proposal};

use super::error::ApiError;
use super::observe::RequestId;
use super::state::AppState;

/// The header that makes a repeated request the same request.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells that an answer is the stored one of an earlier request.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How long a body may come as slowly as it likes.
const BODY_GRACE: Duration = Duration::from_secs(5);

/// A JSON body, read strictly, with its content type.
#[derive(Debug)]
pub(super) struct JsonBody {
    pub(super) value: Value,
    pub(super) content_type: String,
}

/// Types of JSON that plain bodies may have.
pub(super) const JSON: [&str; 1] = ["application/json"];

/// Reads the body as JSON of one of `types`.
///
/// # Errors
/// As [`body`], or `invalid_json`.
pub(super) async fn json_body(
    request: &HttpRequest,
    payload: Payload,
    types: &[&str],
) -> Result<JsonBody, Error> {
    let (content_type, bytes) = body(request, payload, types).await?;
    Ok(JsonBody { value: domain::parse_strict(&bytes)?, content_type })
}

/// Reads a body of one of `types`; gives its type too.
///
/// # Errors
/// `unsupported_media_type`, `unsupported_encoding`, `payload_too_large` or `request_timeout`.
pub(super) async fn body(
    request: &HttpRequest,
    payload: Payload,
    types: &[&str],
) -> Result<(String, Bytes), Error> {
    let content_type = request.content_type().to_ascii_lowercase();
    if !types.contains(&content_type.as_str()) {
        return Err(Error::UnsupportedMediaType { expected: types.join(" or ") });
    }
    let bytes = raw_body(request, payload, state(request)?.body_bytes).await?;
    Ok((content_type, bytes))
}

/// Reads a body of any type, as it came.
///
/// # Errors
/// `payload_too_large`.
pub(super) async fn raw_body(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
) -> Result<Bytes, Error> {
    if request.headers().get_all(header::CONTENT_ENCODING).any(|value| value != "identity") {
        return Err(Error::EncodedBody);
    }
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|declared: usize| declared > limit) {
        return Err(Error::TooLarge { limit });
    }
    let network = &state(request)?.network;
    let wait = network.body_wait;
    let arrived =
        tokio::time::timeout(wait, collect(&mut payload, limit, network.body_bytes_per_second)).await;
    arrived.unwrap_or_else(|_| {
        let message = format!("the body did not arrive within {} seconds", wait.as_secs_f64());
        Err(Error::RequestTimeout { message })
    })
}

fn state(request: &HttpRequest) -> Result<&Data<AppState>, Error> {
    request.app_data::<Data<AppState>>().ok_or_else(|| Error::internal("a request without the state"))
}

/// Reads all of a body, as long as `per_second` bytes of it come on average: the first [`BODY_GRACE`] are free.
async fn collect(payload: &mut Payload, limit: usize, per_second: u64) -> Result<Bytes, Error> {
    let mut body = actix_web::web::BytesMut::new();
    let begun = Instant::now();
    loop {
        // What came pays for so much more time.
        let paid = (body.len() as u64 * 1_000).checked_div(per_second).map(Duration::from_millis);
        let next = match paid {
            Some(paid) => tokio::time::timeout_at(begun + BODY_GRACE + paid, payload.next()).await,
            None => Ok(payload.next().await),
        };
        let next = next.map_err(|_| {
            let message = format!("the body comes too slowly, {per_second} bytes a second are the least");
            Error::RequestTimeout { message }
        })?;
        let Some(chunk) = next else { return Ok(body.freeze()) };
        let chunk =
            chunk.map_err(|error| Error::InvalidJson { message: error.to_string(), line: 0, column: 0 })?;
        if body.len() + chunk.len() > limit {
            return Err(Error::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Who they are.
    pub(super) principal: Principal,
    /// The request's id.
    pub(super) request_id: String,
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Caller, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        let extensions = request.extensions();
        let request_id = extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let principal = extensions.get::<Principal>().cloned();
        // A route that asks who it is for is never open to all; this holds also where the table says otherwise.
        let caller = principal.map(|principal| Caller { principal, request_id });
        let message = "say who you are: show a token or sign in".to_owned();
        std::future::ready(caller.ok_or(ApiError(Error::NotAuthenticated { message })))
    }
}

/// The proposal that a request makes: `identity` is all of its body that makes it what it is.
///
/// # Errors
/// `invalid_value` for a bad key, `precondition_failed` for a tag that is none of ours.
pub(super) fn proposal(
    request: &HttpRequest,
    caller: Caller,
    change: Change,
    identity: &str,
) -> Result<Proposal, Error> {
    let scope = format!("{} {}", request.method(), request.path());
    let idempotency = match idempotency_key(request)? {
        Some(key) => Some(Idempotency::new(&caller.principal.name, &scope, &key, identity.as_bytes())?),
        None => None,
    };
    let expectation = expectation(request)?;
    Ok(Proposal {
        change,
        actor: caller.principal.name,
        request_id: caller.request_id,
        idempotency,
        expectation,
        bytes: identity.len(),
    })
}

/// The request's idempotency key.
///
/// # Errors
/// `invalid_value` where it is not text.
pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Error> {
    let Some(value) = request.headers().get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value
        .to_str()
        .map_err(|_| Error::invalid("Idempotency-Key", "Idempotency-Key must be visible ASCII"))?;
    Ok(Some(text.to_owned()))
}

/// What `If-Match` expects; none where it is absent or `*`.
///
/// # Errors
/// None so far: a tag that cannot be read is one of another log, which never matches.
pub(super) fn expectation(request: &HttpRequest) -> Result<Option<Expectation>, Error> {
    let Some(value) = request.headers().get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    // A tag that cannot be ours (weak ones never match, RFC 9110 section 13.1.1) is one of another log.
    let foreign = Expectation { epoch: Epoch::new(""), seq: Seq::ZERO };
    let ours = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(parse_tag);
    Ok(Some(ours.map_or(foreign, |(epoch, seq)| Expectation { epoch, seq })))
}

/// Reads `<epoch>-<seq>`.
pub(super) fn parse_tag(tag: &str) -> Option<(Epoch, Seq)> {
    let (epoch, seq) = tag.rsplit_once('-')?;
    Some((Epoch::new(epoch), seq.parse().ok()?))
}

/// The strong entity tag of the state after `seq`.
pub(super) fn etag(epoch: &Epoch, seq: Seq) -> String {
    format!("\"{epoch}-{seq}\"")
}

/// Whether `If-None-Match` has `tag` in its list.
pub(super) fn none_match(request: &HttpRequest, tag: &str) -> bool {
    let values = request.headers().get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|known| {
        // The comparison is the weak one (RFC 9110 section 13.1.2).
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

/// A response to an accepted change: where the state stands, and whether this was answered before.
pub(super) fn accepted(state: &AppState, accepted: &Accepted) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::ETAG, etag(state.live.epoch(), accepted.seq)));
    if accepted.replayed {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    response
}

/// Tells that an answer is the stored one of an earlier request.
pub(super) fn mark_replayed(response: &mut HttpResponseBuilder) {
    response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn expected(tag: &'static str) -> Option<Expectation> {
        expectation(&TestRequest::default().insert_header((header::IF_MATCH, tag)).to_http_request()).unwrap()
    }

    #[test]
    fn a_tag_is_read_as_it_was_given() {
        let epoch = Epoch::new("e1");
        assert_eq!(etag(&epoch, Seq::new(7)), "\"e1-7\"");
        assert_eq!(expected("\"e1-7\""), Some(Expectation { epoch, seq: Seq::new(7) }));
        assert_eq!(expected("*"), None);
    }

    #[test]
    fn weak_and_foreign_tags_never_match() {
        for tag in ["W/\"e1-7\"", "e1-7", "\"e1\"", "\"\""] {
            assert_eq!(expected(tag).unwrap().epoch, Epoch::new(""), "{tag}");
        }
    }

    #[test]
    fn a_list_of_known_tags_is_searched() {
        let known = |tags: &'static str| {
            let request =
                TestRequest::default().insert_header((header::IF_NONE_MATCH, tags)).to_http_request();
            none_match(&request, "\"e1-7\"")
        };
        assert!(known("\"x\", \"e1-7\"") && known("W/\"e1-7\"") && known("*"));
        assert!(!known("\"e1-8\""));
    }
}
