//! Notification sinks: how they do.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::error::ApiError;
use super::state::AppState;
use super::types::SinksAnswer;

/// Every notification sink: how far it is, what it waits for, what was given up.
#[utoipa::path(
    get, path = "/api/sinks", tag = "operations",
    responses((status = 200, description = "in the order of the configuration", body = SinksAnswer))
)]
pub(super) async fn get_sinks(state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(SinksAnswer { sinks: state.notifier.list().await? }))
}
