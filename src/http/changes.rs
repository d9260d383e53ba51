//! The state document: reading it, now and as it was, and changing it.

use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::{self, Change, Error, ItemId, ListName, Outcome, Seq, Timestamp};
use crate::hub::{Accepted, Committed};
use crate::protocol::error::ErrorBody;
use crate::session::query;
use crate::store::PointInTime;
use crate::telemetry::clock::now;

use super::error::ApiError;
use super::request::{Caller, JSON, accepted, etag, json_body, none_match, proposal};
use super::state::AppState;
use super::types::{PatchAnswer, StateAnswer};

const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateQuery {
    at: Option<String>,
}

/// The whole state, now or as it was.
#[utoipa::path(
    get, path = "/api/state", tag = "state",
    params(
        ("at" = Option<String>, Query, description = "a sequence number or a time (RFC 3339): the document as it was then"),
        ("If-None-Match" = Option<String>, Header, description = "an ETag; answers 304 while it still holds"),
    ),
    responses(
        (status = 200, description = "the document", body = StateAnswer, headers(("ETag" = String, description = "\"<epoch>-<seq>\""))),
        (status = 304, description = "the caller has it already"),
        (status = 400, description = "ahead of now, or neither number nor time", body = ErrorBody),
        (status = 410, description = "before what is kept", body = ErrorBody),
    )
)]
pub(super) async fn get_state(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    let StateQuery { at } = query::read(request.query_string())?;
    let (seq, text) = match at {
        None => {
            let committed = state.live.committed();
            (committed.seq, committed.text())
        }
        Some(at) => state_at(&state, point(&at)?).await?,
    };
    let tag = etag(state.live.epoch(), seq);
    if none_match(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let head = format!("{{\"seq\":{seq},\"epoch\":\"{}\",\"state\":", state.live.epoch());
    let body = [head.as_bytes(), &text, b"}"].concat();
    Ok(HttpResponse::Ok().insert_header((header::ETAG, tag)).content_type("application/json").body(body))
}

/// Reads `?at=`: a number is a sequence number, anything else must be a time.
fn point(at: &str) -> Result<PointInTime, Error> {
    if let Ok(seq) = at.parse::<Seq>() {
        return Ok(PointInTime::Seq(seq));
    }
    match Timestamp::parse(at) {
        Ok(time) => Ok(PointInTime::Time(time)),
        Err(_) => Err(Error::invalid(
            "at",
            format!("at must be a sequence number or a time (RFC 3339), got {at:?}"),
        )),
    }
}

async fn state_at(state: &AppState, point: PointInTime) -> Result<(Seq, Bytes), Error> {
    let committed = state.live.committed();
    if point == PointInTime::Seq(committed.seq) {
        return Ok((committed.seq, committed.text()));
    }
    let (seq, document) = state.readers.state_at(point, now()).await?;
    Ok((seq, document.to_json().into()))
}

/// Patches the state, as a whole or not at all.
#[utoipa::path(
    patch, path = "/api/state", tag = "state",
    params(
        ("If-Match" = Option<String>, Header, description = "an ETag; 412 where the state was altered since"),
        ("Idempotency-Key" = Option<String>, Header, description = "makes a repeated request the same request"),
        ("Prefer" = Option<String>, Header, description = "return=representation adds the whole state to the answer"),
    ),
    request_body(content(
        (Object = "application/merge-patch+json"),
        (Vec<Object> = "application/json-patch+json"),
    ), description = "a merge patch (RFC 7396) or a JSON patch (RFC 6902)"),
    responses(
        (status = 200, description = "stored, or nothing to alter", body = PatchAnswer),
        (status = 400, description = "not valid as a whole: nothing was changed", body = ErrorBody),
        (status = 409, description = "a test operation failed", body = ErrorBody),
        (status = 412, description = "the state was altered since", body = ErrorBody),
        (status = 413, description = "over a limit", body = ErrorBody),
        (status = 415, description = "not a patch type", body = ErrorBody),
        (status = 422, description = "the idempotency key was used for another request", body = ErrorBody),
        (status = 503, description = "could not be stored", body = ErrorBody),
    )
)]
pub(super) async fn patch_state(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let body = json_body(&request, payload, &[MERGE_PATCH, JSON_PATCH]).await?;
    let identity = format!("{}\n{}", body.content_type, domain::canonical(&body.value));
    let change = match body.content_type.as_str() {
        JSON_PATCH => {
            if reads(&body.value) {
                caller.principal.check_state()?;
            }
            Change::JsonPatch(body.value)
        }
        _ => Change::MergePatch(body.value),
    };
    propose(&request, &state, caller, change, &identity).await
}

/// Puts one item into a list: in the place of the one with its id, or at the end.
#[utoipa::path(
    put, path = "/api/items/{list}/{id}", tag = "state",
    params(
        ("list" = String, Path, description = "calendar, priorities, owe or owed"),
        ("id" = String, Path, description = "the item's id"),
        ("If-Match" = Option<String>, Header, description = "an ETag; 412 where the state was altered since"),
        ("Idempotency-Key" = Option<String>, Header, description = "makes a repeated request the same request"),
    ),
    request_body(content = Object, description = "the item; its id may be left out"),
    responses(
        (status = 200, description = "stored, or nothing to alter", body = PatchAnswer),
        (status = 400, description = "not a valid item", body = ErrorBody),
        (status = 404, description = "no such list", body = ErrorBody),
        (status = 413, description = "over a limit", body = ErrorBody),
    )
)]
pub(super) async fn put_item(
    request: HttpRequest,
    path: Path<(String, String)>,
    payload: Payload,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let (list, id) = address(&path)?;
    let body = json_body(&request, payload, &JSON).await?;
    let identity = domain::canonical(&body.value);
    let Value::Object(item) = body.value else {
        let message = "an item must be a JSON object".to_owned();
        return Err(Error::InvalidValue { message, details: vec![] }.into());
    };
    propose(&request, &state, caller, Change::PutItem { list, id, item }, &identity).await
}

/// Deletes one item; that it is gone already is no error.
#[utoipa::path(
    delete, path = "/api/items/{list}/{id}", tag = "state",
    params(
        ("list" = String, Path, description = "calendar, priorities, owe or owed"),
        ("id" = String, Path, description = "the item's id"),
        ("If-Match" = Option<String>, Header, description = "an ETag; 412 where the state was altered since"),
        ("Idempotency-Key" = Option<String>, Header, description = "makes a repeated request the same request"),
    ),
    responses(
        (status = 200, description = "stored, or nothing to alter", body = PatchAnswer),
        (status = 404, description = "no such list", body = ErrorBody),
    )
)]
pub(super) async fn delete_item(
    request: HttpRequest,
    path: Path<(String, String)>,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let (list, id) = address(&path)?;
    propose(&request, &state, caller, Change::DeleteItem { list, id }, "").await
}

fn address(path: &(String, String)) -> Result<(ListName, ItemId), Error> {
    let list = path.0.parse::<ListName>().map_err(|_| Error::NotFound)?;
    Ok((list, ItemId::parse(&path.1)?))
}

/// Whether a JSON patch tells by its answer what the document holds.
fn reads(patch: &Value) -> bool {
    let op = |step: &Value| step["op"].as_str().is_some_and(|op| ["test", "copy", "move"].contains(&op));
    patch.as_array().is_some_and(|steps| steps.iter().any(op))
}

pub(super) async fn propose(
    request: &HttpRequest,
    state: &AppState,
    caller: Caller,
    change: Change,
    identity: &str,
) -> Result<HttpResponse, ApiError> {
    // What is only a preference is passed over for who may write and not read.
    let tells = wants_representation(request) && caller.principal.check_state().is_ok();
    let proposal = proposal(request, caller, change, identity)?;
    let done = state.hub.propose(proposal).await?;
    let Outcome::Patched { patch } = done.outcome.clone() else {
        return Err(Error::internal(format!("a patch gave {:?}", done.outcome)).into());
    };
    let mut response = accepted(state, &done);
    let mut answer = PatchAnswer { success: true, seq: done.seq, patch, state: None };
    if tells {
        // The change is stored whatever comes of this: an answer without the state says just that.
        match representation(state, &done).await {
            Ok(document) => {
                answer.state = Some(document);
                response.insert_header((PREFERENCE_APPLIED, "return=representation"));
            }
            Err(error) => log::warn!("a patch is answered without the state: {error}"),
        }
    }
    Ok(response.json(answer))
}

/// RFC 7240 section 4.2.
fn wants_representation(request: &HttpRequest) -> bool {
    let values = request.headers().get_all(PREFER).filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split([',', ';']))
        .any(|preference| preference.trim() == "return=representation")
}

/// The document after the change, also where others came after it.
async fn representation(state: &AppState, done: &Accepted) -> Result<Value, Error> {
    let committed: std::sync::Arc<Committed> = state.live.committed();
    let text = if committed.seq == done.seq {
        committed.text()
    } else {
        state_at(state, PointInTime::Seq(done.seq)).await?.1
    };
    serde_json::from_slice(&text).map_err(|error| Error::internal(error.to_string()))
}
