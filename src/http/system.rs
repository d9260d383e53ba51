//! The `system` section, commands and collections.

use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use crate::domain::{self, Change, Error, Outcome, Seq, System, SystemUpdate};
use crate::protocol::Command;
use crate::protocol::error::ErrorBody;
use crate::protocol::server::CommandResult;
use crate::session::query;

use super::error::ApiError;
use super::origin::refuse_foreign;
use super::request::{
    Caller, JSON, accepted, etag, expectation, idempotency_key, json_body, mark_replayed, none_match,
    proposal,
};
use super::state::AppState;
use super::types::{CollectionAnswer, StatusAnswer, StatusReport};

/// The longest that a caller may wait for a change, in seconds.
const WAIT_MAX_S: f64 = 60.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusQuery {
    wait: Option<f64>,
    since: Option<Seq>,
}

/// The system's status; with `wait`, as soon as it changes.
#[utoipa::path(
    get, path = "/api/system/status", tag = "system",
    params(
        ("wait" = Option<f64>, Query, description = "seconds to wait for a change, at most 60"),
        ("since" = Option<u64>, Query, description = "wait until `system` was changed after this seq; without it, after now"),
        ("If-None-Match" = Option<String>, Header, description = "an ETag; answers 304 while it still holds"),
    ),
    responses(
        (status = 200, description = "the status", body = System, headers(("ETag" = String, description = "\"<epoch>-<seq>\" of the newest change to it"))),
        (status = 304, description = "nothing changed"),
    )
)]
pub(super) async fn get_status(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let StatusQuery { wait, since } = query::read(request.query_string())?;
    let mut changes = state.live.watch_system();
    if let Some(seconds) = wait {
        if !(0.0..).contains(&seconds) {
            return Err(Error::invalid("wait", "wait must be a number of seconds from 0").into());
        }
        let since = since.unwrap_or(state.live.committed().seq);
        let limit = Duration::from_secs_f64(seconds.min(WAIT_MAX_S));
        let changed = tokio::time::timeout(limit, changes.wait_for(|changed| *changed > since)).await.is_ok();
        if !changed {
            let tag = etag(state.live.epoch(), *changes.borrow());
            return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
        }
    } else if since.is_some() {
        return Err(Error::invalid("since", "since goes with wait").into());
    }
    // The number first: a change in between gives a newer section under an older tag, never the reverse.
    let tag = etag(state.live.epoch(), *changes.borrow_and_update());
    let committed = state.live.committed();
    if wait.is_none() && none_match(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok().insert_header((header::ETAG, tag)).json(committed.document.system()))
}

/// Reports the system's status: everything that is given, in one change.
#[utoipa::path(
    post, path = "/api/system/status", tag = "system",
    params(
        ("If-Match" = Option<String>, Header, description = "an ETag; 412 where the state was altered since"),
        ("Idempotency-Key" = Option<String>, Header, description = "makes a repeated request the same request"),
    ),
    request_body = StatusReport,
    responses(
        (status = 200, description = "stored, or nothing to alter", body = StatusAnswer),
        (status = 400, description = "a bad value: nothing was changed", body = ErrorBody),
        (status = 503, description = "could not be stored", body = ErrorBody),
    )
)]
pub(super) async fn post_status(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let body = json_body(&request, payload, &JSON).await?;
    let identity = domain::canonical(&body.value);
    let change = Change::SetSystem(SystemUpdate::parse(body.value)?);
    let done = state.hub.propose(proposal(&request, caller, change, &identity)?).await?;
    let Outcome::System { system } = done.outcome else {
        return Err(Error::internal(format!("a status gave {:?}", done.outcome)).into());
    };
    Ok(accepted(&state, &done).json(StatusAnswer { success: true, seq: done.seq, system }))
}

/// Runs one command.
#[utoipa::path(
    post, path = "/api/command", tag = "commands",
    params(
        ("If-Match" = Option<String>, Header, description = "an ETag; 412 where the state was altered since"),
        ("Idempotency-Key" = Option<String>, Header, description = "makes a repeated request the same request"),
    ),
    request_body = Command,
    responses(
        (status = 200, description = "accepted; `applied` tells whether it changed something", body = CommandResult),
        (status = 400, description = "an unknown verb or a missing target, with the known commands", body = ErrorBody),
        (status = 422, description = "the idempotency key was used for another request", body = ErrorBody),
        (status = 503, description = "could not be stored", body = ErrorBody),
    )
)]
pub(super) async fn post_command(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let body = json_body(&request, payload, &JSON).await?;
    let mut command: Command = domain::decode(body.value)?;
    if let Some(key) = idempotency_key(&request)? {
        if command.idempotency_key.as_ref().is_some_and(|other| *other != key) {
            let message = "idempotency_key and the Idempotency-Key header must be the same";
            return Err(Error::invalid("idempotency_key", message).into());
        }
        command.idempotency_key = Some(key);
    }
    caller.principal.check_command(&command)?;
    let expectation = expectation(&request)?;
    let done = state.hub.run_command(&caller.principal.name, command, caller.request_id, expectation).await?;
    let mut response = HttpResponse::Ok();
    if done.replayed {
        mark_replayed(&mut response);
    }
    Ok(response.json(done.result))
}

/// Starts a collection; one that runs already is answered with its id.
#[utoipa::path(
    post, path = "/api/trigger_collection", tag = "commands",
    params(("Idempotency-Key" = Option<String>, Header, description = "makes a repeated request the same request")),
    responses(
        (status = 200, description = "a collection runs", body = CollectionAnswer),
        (status = 503, description = "could not be stored", body = ErrorBody),
    )
)]
pub(super) async fn trigger_collection(
    request: HttpRequest,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let done = state.hub.propose(proposal(&request, caller, Change::StartCollection, "")?).await?;
    let Outcome::Collection { collection_id, .. } = done.outcome.clone() else {
        return Err(Error::internal(format!("a collection gave {:?}", done.outcome)).into());
    };
    let answer = CollectionAnswer { success: true, message: "Collection started", collection_id };
    Ok(accepted(&state, &done).json(answer))
}

/// Starts a collection, for callers that can only GET.
#[utoipa::path(
    get, path = "/api/trigger_collection", tag = "commands",
    responses((status = 200, description = "a collection runs", body = CollectionAnswer))
)]
#[deprecated(note = "POST changes something, GET does not: kept for old callers")]
pub(super) async fn trigger_collection_by_get(
    request: HttpRequest,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    refuse_foreign(&request)?;
    trigger_collection(request, state, caller).await
}
