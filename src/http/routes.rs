//! Which route is where.

use actix_service::ServiceFactory;
use actix_web::body::BoxBody;
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::guard;
use actix_web::http::Method;
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{Resource, Route};

use crate::domain::Error;

use super::error::ApiError;
use super::rights::authorize;
use super::state::AppState;
use super::{
    admin, auth, changes, connections, docs, events, gateways, health, login, logs, page, sinks, slack,
    stream, system, ws,
};

/// Puts every route on its path. Large answers are compressed, streams never.
pub fn routes(config: &mut ServiceConfig) {
    config
        .app_data(docs::config())
        .service(at("/", "GET, HEAD").route(get().to(page::get_root)))
        .service(at("/dashboard", "GET, HEAD").route(get().to(page::get_dashboard)))
        .service(at("/ui/{path:.*}", "GET, HEAD").route(get().to(page::get_ui_file)))
        .service(at("/health", "GET, HEAD").route(get().to(health::get_health)))
        .service(at("/livez", "GET, HEAD").route(get().to(health::get_livez)))
        .service(at("/readyz", "GET, HEAD").route(get().to(health::get_readyz)))
        .service(at("/metrics", "GET, HEAD").route(get().to(health::get_metrics)))
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
        .service(at("/api/gateways", "GET, HEAD").route(get().to(gateways::get_gateways)))
        .service(
            at("/api/gateways/{id}", "GET, HEAD, PUT, DELETE")
                .route(get().to(gateways::get_gateway))
                .route(web::put().to(gateways::put_gateway))
                .route(web::delete().to(gateways::delete_gateway)),
        )
        .service(at("/api/gateways/{id}/history", "GET, HEAD").route(get().to(gateways::get_history)))
        .service(at("/api/gateways/{id}/report", "POST").route(web::post().to(gateways::post_report)))
        .service(at("/api/connections", "GET, HEAD").route(get().to(connections::get_connections)))
        .service(at("/api/sinks", "GET, HEAD").route(get().to(sinks::get_sinks)))
        .service(at("/api/events", "GET, HEAD").route(get().to(events::get_events)).wrap(Compress::default()))
        .service(at("/api/events/stream", "GET").route(web::get().to(stream::get_stream)))
        .service(
            at("/api/logs", "GET, HEAD, POST")
                .route(get().to(logs::get_logs))
                .route(web::post().to(logs::post_logs))
                .wrap(Compress::default()),
        )
        .service(at("/api/auth/me", "GET, HEAD").route(get().to(auth::get_me)))
        .service(
            at("/api/auth/session", "POST, DELETE")
                .route(web::post().to(auth::post_session))
                .route(web::delete().to(auth::delete_session)),
        )
        .service(at("/api/auth/setup", "POST").route(web::post().to(auth::post_setup)))
        .service(at("/api/auth/password", "PUT").route(web::put().to(auth::put_password)))
        .service(at("/api/auth/ws-ticket", "POST").route(web::post().to(auth::post_ticket)))
        .service(at("/api/auth/login", "POST").route(web::post().to(login::post_login)))
        .service(at("/api/auth/refresh", "POST").route(web::post().to(login::post_refresh)))
        .service(at("/api/auth/logout", "POST").route(web::post().to(login::post_logout)))
        .service(
            at("/api/tokens", "GET, HEAD, POST")
                .route(get().to(admin::get_tokens))
                .route(web::post().to(admin::post_token)),
        )
        .service(
            at("/api/tokens/{name}", "PATCH, DELETE")
                .route(web::patch().to(admin::patch_token))
                .route(web::delete().to(admin::delete_token)),
        )
        .service(
            at("/api/users", "GET, HEAD, POST")
                .route(get().to(admin::get_users))
                .route(web::post().to(admin::post_user)),
        )
        .service(
            at("/api/users/{email}", "PATCH, DELETE")
                .route(web::patch().to(admin::patch_user))
                .route(web::delete().to(admin::delete_user)),
        )
        .service(at("/api/sessions", "GET, HEAD").route(get().to(admin::get_sessions)))
        .service(at("/api/sessions/{id}", "DELETE").route(web::delete().to(admin::end_session)))
        .service(at("/api/audit", "GET, HEAD").route(get().to(admin::get_audit)))
        .service(of_slack("/integrations/slack/commands").route(web::post().to(slack::post_command)))
        .service(of_slack("/integrations/slack/interactions").route(web::post().to(slack::post_interaction)))
        .service(at("/ws", "GET").route(web::get().to(ws::get_ws)))
        .default_service(web::to(not_found));
}

/// Not for HEAD: asking about it must not start anything.
#[expect(deprecated, reason = "GET is kept for old callers")]
fn trigger_collection() -> impl HttpServiceFactory {
    at("/api/trigger_collection", "GET, POST")
        .route(web::post().to(system::trigger_collection))
        .route(web::get().to(system::trigger_collection_by_get))
}

/// A path that is there where Slack has a door.
fn of_slack(path: &'static str) -> Resource<impl Guarded> {
    let refuse = web::to(|state: web::Data<AppState>| async move {
        let is_there = state.slack.is_some();
        let error =
            if is_there { Error::MethodNotAllowed { allowed: "POST".to_owned() } } else { Error::NotFound };
        Err::<String, _>(ApiError(error))
    });
    guarded(path, refuse)
}

/// A path and the methods that it has; who may use them stands in the table of rights.
fn at(path: &'static str, allowed: &'static str) -> Resource<impl Guarded> {
    let refuse = web::to(move || async move {
        Err::<String, _>(ApiError(Error::MethodNotAllowed { allowed: allowed.to_owned() }))
    });
    guarded(path, refuse)
}

/// A path behind the guard that goes by the table of rights; `refuse` answers methods that it has not.
fn guarded(path: &'static str, refuse: Route) -> Resource<impl Guarded> {
    let guard = from_fn(move |request, next| authorize(path, request, next));
    web::resource(path).default_service(refuse).wrap(guard)
}

/// What a resource with a guard around it is.
trait Guarded:
    ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    > + 'static
{
}

impl<T> Guarded for T where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<BoxBody>,
            Error = actix_web::Error,
            InitError = (),
        > + 'static
{
}

/// GET, and HEAD with it (RFC 9110 section 9.3.2).
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Method(Method::HEAD)))
}

async fn not_found() -> Result<String, ApiError> {
    Err(Error::NotFound.into())
}
