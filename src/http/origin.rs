//! Which web pages may use the API: the Origin rule for what changes something, the Host rule for
//! everything, CORS for the rest.

use actix_cors::Cors;
use actix_web::HttpRequest;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::domain::Error;

use super::error::ApiError;
use super::guard::client;
use super::headers::host;
use super::state::AppState;

/// What can be asked with GET and changes something all the same.
const CHANGES_BY_GET: &str = "/api/trigger_collection";

/// Refuses requests for names that are none of the hub's, and those of foreign pages that would change
/// something; what may be asked with GET and changes something all the same calls `refuse_foreign`
/// itself.
///
/// # Errors
/// `origin_refused` or `host_refused`; the route was not reached.
pub async fn check_origin<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if !safe {
        refuse_foreign(request.request())?;
    }
    let origins = &state(request.request())?.origins;
    origins.check_host(request.headers()).map_err(ApiError)?;
    origins
        .check_authority(request.uri().authority().map(|authority| authority.as_str()))
        .map_err(ApiError)?;
    next.call(request).await
}

/// Refuses a request that a foreign page has made.
///
/// # Errors
/// `origin_refused`.
pub(super) fn refuse_foreign(request: &HttpRequest) -> Result<(), ApiError> {
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("null"));
    let (state, secure) = (state(request)?, client(request).secure);
    let foreign = match (text(header::ORIGIN.as_str()), text("sec-fetch-site")) {
        (Some(origin), _) => !state.origins.allows(Some(origin), secure),
        // An image or a link of a page sends no Origin with its GET, but browsers say where it comes
        // from (Fetch Metadata); and a page that made its name point here is told by that name.
        (None, Some("same-origin" | "none")) => {
            let (scheme, host) = (if secure { "https" } else { "http" }, host(request));
            !state.origins.allows(Some(&format!("{scheme}://{host}")), secure)
        }
        (None, Some(_)) => true,
        (None, None) => false,
    };
    if foreign { Err(Error::OriginRefused.into()) } else { Ok(()) }
}

/// Refuses a request with a browser's cookie unless the browser itself says that a page of ours has made it:
/// cookies are sent whoever asks. What only reads may come from nowhere in particular, as when an address
/// is typed in.
///
/// # Errors
/// `origin_refused`.
pub(super) fn refuse_unproven(request: &HttpRequest, pattern: &str) -> Result<(), Error> {
    refuse_foreign(request).map_err(|ApiError(error)| error)?;
    let says = |name: &str| request.headers().contains_key(name);
    let reads = [Method::GET, Method::HEAD].contains(request.method()) && pattern != CHANGES_BY_GET;
    let proven = reads || says(header::ORIGIN.as_str()) || says("sec-fetch-site");
    if proven { Ok(()) } else { Err(Error::OriginRefused) }
}

fn state(request: &HttpRequest) -> Result<&Data<AppState>, ApiError> {
    Ok(request.app_data::<Data<AppState>>().ok_or_else(|| Error::internal("a request without the state"))?)
}

/// The headers that let pages of the configured origins read answers.
pub fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
        .allowed_headers([
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "prefer",
            "x-request-id",
            "last-event-id",
        ])
        .expose_headers([
            "etag",
            "x-request-id",
            "idempotency-replayed",
            "retry-after",
            "ratelimit",
            "ratelimit-policy",
        ])
        .supports_credentials()
        .block_on_origin_mismatch(false)
        .max_age(3_600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin.trim_end_matches('/')))
}
