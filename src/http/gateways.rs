//! Gateways: what is known of them, registering them, reports of services.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::domain::{Change, Error, GatewayChange, GatewayId, canonical};
use crate::gateway::{Definition, Origin, PushReport};
use crate::monitor::{GatewayReport, HistoryAnswer};
use crate::protocol::error::ErrorBody;

use super::error::ApiError;
use super::request::{Caller, JSON, json_body};
use super::state::AppState;
use super::types::{AcceptedAnswer, GatewaysAnswer, PatchAnswer};

/// Every gateway, with its definition and its newest result.
#[utoipa::path(
    get, path = "/api/gateways", tag = "gateways",
    responses((status = 200, description = "by id", body = GatewaysAnswer))
)]
pub(super) async fn get_gateways(state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(GatewaysAnswer { gateways: state.monitor.list().await? }))
}

/// One gateway.
#[utoipa::path(
    get, path = "/api/gateways/{id}", tag = "gateways",
    params(("id" = String, Path, description = "the gateway's id")),
    responses(
        (status = 200, description = "what is known of it", body = GatewayReport),
        (status = 404, description = "nothing with this id is watched", body = ErrorBody),
    )
)]
pub(super) async fn get_gateway(path: Path<String>, state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(state.monitor.get(GatewayId::parse(&path)?).await?))
}

/// The past of one gateway: the share of time it was up and its latencies, over four windows.
#[utoipa::path(
    get, path = "/api/gateways/{id}/history", tag = "gateways",
    params(("id" = String, Path, description = "the gateway's id")),
    responses(
        (status = 200, description = "over 1h, 24h, 7d and 30d", body = HistoryAnswer),
        (status = 404, description = "nothing with this id is watched", body = ErrorBody),
    )
)]
pub(super) async fn get_history(path: Path<String>, state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(state.monitor.history(GatewayId::parse(&path)?).await?))
}

/// Registers a gateway, or defines it anew; it is watched from then on, also after a restart.
#[utoipa::path(
    put, path = "/api/gateways/{id}", tag = "gateways",
    params(
        ("id" = String, Path, description = "the gateway's id"),
        ("If-Match" = Option<String>, Header, description = "an ETag; 412 where the state was altered since"),
        ("Idempotency-Key" = Option<String>, Header, description = "makes a repeated request the same request"),
    ),
    request_body(content = Definition, description = "the definition; its id may be left out"),
    responses(
        (status = 200, description = "registered", body = PatchAnswer),
        (status = 400, description = "not a valid definition, or the gateway stands in the configuration file", body = ErrorBody),
    )
)]
pub(super) async fn put_gateway(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let id = GatewayId::parse(&path)?;
    let mut body = json_body(&request, payload, &JSON).await?.value;
    let identity = canonical(&body);
    let fields = body.as_object_mut().ok_or_else(|| Error::invalid("", "a definition is an object"))?;
    let given = fields.entry("id").or_insert_with(|| json!(id.as_str()));
    if given != id.as_str() {
        return Err(Error::invalid("id", format!("id must be that of the path, {id}")).into());
    }
    let definition: Definition =
        serde_json::from_value(body).map_err(|error| Error::invalid("", error.to_string()))?;
    definition.check(Origin::Registered, &state.gateway_webhooks)?;
    state.monitor.may_change(id.clone()).await?;
    let change = Change::Gateway(GatewayChange::Register {
        id,
        gateway_type: definition.gateway_type.clone(),
        definition: serde_json::to_string(&definition).map_err(|error| Error::internal(error.to_string()))?,
    });
    let answer = super::changes::propose(&request, &state, caller, change, &identity).await?;
    state.monitor.watch(definition).await?;
    Ok(answer)
}

/// Forgets a gateway that was registered, with its past.
#[utoipa::path(
    delete, path = "/api/gateways/{id}", tag = "gateways",
    params(
        ("id" = String, Path, description = "the gateway's id"),
        ("If-Match" = Option<String>, Header, description = "an ETag; 412 where the state was altered since"),
        ("Idempotency-Key" = Option<String>, Header, description = "makes a repeated request the same request"),
    ),
    responses(
        (status = 200, description = "gone, or never there", body = PatchAnswer),
        (status = 400, description = "it stands in the configuration file", body = ErrorBody),
    )
)]
pub(super) async fn delete_gateway(
    request: HttpRequest,
    path: Path<String>,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let id = GatewayId::parse(&path)?;
    state.monitor.may_change(id.clone()).await?;
    let change = Change::Gateway(GatewayChange::Remove { id: id.clone() });
    let answer = super::changes::propose(&request, &state, caller, change, "").await?;
    state.monitor.forget(id).await?;
    Ok(answer)
}

/// Takes the report of a service that is watched by its own word.
#[utoipa::path(
    post, path = "/api/gateways/{id}/report", tag = "gateways",
    params(("id" = String, Path, description = "the gateway's id")),
    request_body(content = PushReport, description = "how the service is; HEALTHY when it says nothing else"),
    responses(
        (status = 202, description = "taken; whatever it changes is shown as soon as it is stored", body = AcceptedAnswer),
        (status = 400, description = "not a valid report, or the hub asks this gateway itself", body = ErrorBody),
        (status = 404, description = "nothing with this id is watched", body = ErrorBody),
    )
)]
pub(super) async fn post_report(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let id = GatewayId::parse(&path)?;
    let body = json_body(&request, payload, &JSON).await?.value;
    let report: PushReport =
        serde_json::from_value(body).map_err(|error| Error::invalid("", error.to_string()))?;
    state.monitor.take_report(id, report).await?;
    Ok(HttpResponse::Accepted().json(AcceptedAnswer { success: true }))
}
