//! The documentation that the hub serves itself: OpenAPI, AsyncAPI, Swagger UI from embedded files.

use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use utoipa_swagger_ui::Config;

use crate::domain::Error;
use crate::protocol::asyncapi;

use super::error::ApiError;
use super::openapi;
use super::state::AppState;

/// Swagger UI styles its page from scripts; nothing may come from another host.
const DOCS_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:";

/// The API document.
#[utoipa::path(get, path = "/openapi.json", tag = "docs", responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(super) async fn get_openapi(state: Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().json(openapi::document(state.slack.is_some()))
}

/// The document of the live protocol.
#[utoipa::path(get, path = "/asyncapi.json", tag = "docs", responses((status = 200, description = "AsyncAPI 3.0", body = Object)))]
pub(super) async fn get_asyncapi() -> HttpResponse {
    HttpResponse::Ok().json(asyncapi::document(env!("CARGO_PKG_VERSION")))
}

/// The API document as a page to try it out.
#[utoipa::path(get, path = "/docs", tag = "docs", responses((status = 200, description = "Swagger UI", content_type = "text/html")))]
pub(super) async fn get_docs() -> HttpResponse {
    // The page's files have relative names.
    HttpResponse::SeeOther().insert_header((header::LOCATION, "/docs/")).finish()
}

/// The files of the page, embedded in the binary.
pub(super) async fn get_docs_file(
    request: HttpRequest,
    path: Path<String>,
    config: Data<Config<'static>>,
) -> Result<HttpResponse, ApiError> {
    let file = utoipa_swagger_ui::serve(&path, config.into_inner())
        .map_err(|error| Error::internal(format!("{}: {error}", request.path())))?;
    match file {
        Some(file) => Ok(HttpResponse::Ok()
            .content_type(file.content_type)
            .insert_header((header::CONTENT_SECURITY_POLICY, DOCS_POLICY))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .body(file.bytes.to_vec())),
        None => Err(Error::NotFound.into()),
    }
}

/// What Swagger UI shows.
pub(super) fn config() -> Data<Config<'static>> {
    Data::new(Config::from("/openapi.json"))
}
