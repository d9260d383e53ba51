//! Which route is where.

use actix_web::guard;
use actix_web::http::Method;
use actix_web::middleware::Compress;
use actix_web::web::{self, ServiceConfig};
use actix_web::{Resource, Route};

use crate::domain::Error;

use super::error::ApiError;
use super::{changes, connections, docs, events, health, stream, system, ws};

/// Puts every route on its path. Large answers are compressed, streams never.
pub fn routes(config: &mut ServiceConfig) {
    config
        .app_data(docs::config())
        .service(at("/", "GET, HEAD").route(get().to(health::get_root)))
        .service(at("/health", "GET, HEAD").route(get().to(health::get_health)))
        .service(at("/livez", "GET, HEAD").route(get().to(health::get_livez)))
        .service(at("/readyz", "GET, HEAD").route(get().to(health::get_readyz)))
        .service(at("/metrics", "GET, HEAD").route(get().to(health::get_metrics)))
        .service(at("/dashboard", "GET, HEAD").route(get().to(docs::get_dashboard)))
        .service(at("/docs", "GET, HEAD").route(get().to(docs::get_docs)))
        .service(
            at("/docs/{file:.*}", "GET, HEAD").route(get().to(docs::get_docs_file)).wrap(Compress::default()),
        )
        .service(
            at("/openapi.json", "GET, HEAD").route(get().to(docs::get_openapi)).wrap(Compress::default()),
        )
        .service(
            at("/asyncapi.json", "GET, HEAD").route(get().to(docs::get_asyncapi)).wrap(Compress::default()),
        )
        .service(
            at("/api/state", "GET, HEAD, PATCH")
                .route(get().to(changes::get_state))
                .route(web::patch().to(changes::patch_state))
                .wrap(Compress::default()),
        )
        .service(
            at("/api/items/{list}/{id}", "PUT, DELETE")
                .route(web::put().to(changes::put_item))
                .route(web::delete().to(changes::delete_item)),
        )
        .service(
            at("/api/system/status", "GET, HEAD, POST")
                .route(get().to(system::get_status))
                .route(web::post().to(system::post_status)),
        )
        .service(at("/api/command", "POST").route(web::post().to(system::post_command)))
        .service(trigger_collection())
        .service(at("/api/connections", "GET, HEAD").route(get().to(connections::get_connections)))
        .service(at("/api/events", "GET, HEAD").route(get().to(events::get_events)).wrap(Compress::default()))
        .service(at("/api/events/stream", "GET").route(web::get().to(stream::get_stream)))
        .service(at("/ws", "GET").route(web::get().to(ws::get_ws)))
        .default_service(web::to(not_found));
}

/// Not for HEAD: asking about it must not start anything.
#[expect(deprecated, reason = "GET is kept for old callers")]
fn trigger_collection() -> Resource {
    at("/api/trigger_collection", "GET, POST")
        .route(web::post().to(system::trigger_collection))
        .route(web::get().to(system::trigger_collection_by_get))
}

/// A path and the methods that it has.
fn at(path: &str, allowed: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move || async move {
        Err::<String, _>(ApiError(Error::MethodNotAllowed { allowed: allowed.to_owned() }))
    }))
}

/// GET, and HEAD with it (RFC 9110 section 9.3.2).
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Method(Method::HEAD)))
}

async fn not_found() -> Result<String, ApiError> {
    Err(Error::NotFound.into())
}
