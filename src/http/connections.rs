//! Who is connected.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::state::AppState;
use super::types::ConnectionsAnswer;

/// Who is connected, and who is slow.
#[utoipa::path(
    get, path = "/api/connections", tag = "operations",
    responses((status = 200, description = "oldest first", body = ConnectionsAnswer))
)]
pub(super) async fn get_connections(state: Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().json(ConnectionsAnswer { connections: state.fanouts.connections().await })
}
