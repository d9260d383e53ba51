//! Which web pages may use the API: the Origin rule for what changes something, CORS for the rest.

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::domain::Error;

use super::error::ApiError;
use super::state::AppState;

/// The path that changes something although it may be asked with GET.
pub(super) const TRIGGER_COLLECTION: &str = "/api/trigger_collection";

/// Refuses requests of foreign pages that would change something.
///
/// # Errors
/// `origin_refused`; the route was not reached.
pub async fn check_origin<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if (!safe || request.path() == TRIGGER_COLLECTION) && is_foreign(&request) {
        return Err(ApiError(Error::OriginRefused).into());
    }
    next.call(request).await
}

fn is_foreign(request: &ServiceRequest) -> bool {
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("null"));
    let origin = text(header::ORIGIN.as_str());
    let allowed = request.app_data::<Data<AppState>>().is_some_and(|state| state.origins.allows(origin));
    // An image or a link of a foreign page sends no Origin with its GET, but browsers say where it
    // comes from in this header (Fetch Metadata).
    let elsewhere = origin.is_none() && matches!(text("sec-fetch-site"), Some("cross-site" | "same-site"));
    !allowed || elsewhere
}

/// The headers that let pages of the configured origins read answers.
pub fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
        .allowed_headers([
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "prefer",
            "x-request-id",
            "last-event-id",
        ])
        .expose_headers(["etag", "x-request-id", "idempotency-replayed", "retry-after"])
        .supports_credentials()
        .block_on_origin_mismatch(false)
        .max_age(3_600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin.trim_end_matches('/')))
}
