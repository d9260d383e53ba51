//! What each route needs of whoever asks: the one table, and the guard that goes by it.
//!
//! A route without a line is for admins alone, and a test fails until it has one.

use std::net::IpAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};

use crate::auth::{Credential, Incident, IncidentKind, Principal};
use crate::domain::{Error, Right};
use crate::protocol::Topic;
use crate::session::Shown;
use crate::session::admit::identify;

use super::error::ApiError;
use super::guard::{client, hold_principal};
use super::origin::refuse_unproven;
use super::state::AppState;

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing; it may still tell more to those it knows.
    Nothing,
    /// What the route itself finds out: it has another way of knowing who asks.
    Itself,
    /// To know who it is.
    Known,
    /// That they have this right.
    May(Right),
    /// That they may read, and this topic is one of theirs.
    Receive(Topic),
}

use Need::{Itself, Known, May, Nothing, Receive};

/// Every route, by method and pattern. HEAD goes with GET.
pub(super) const TABLE: &[(&str, &str, Need)] = &[
    // What it takes to show the page, to sign in, and to see that the process lives.
    ("GET", "/", Nothing),
    ("GET", "/dashboard", Nothing),
    ("GET", "/ui/{path}", Nothing),
    ("GET", "/health", Nothing),
    ("GET", "/livez", Nothing),
    ("GET", "/readyz", Nothing),
    ("GET", "/api/auth/me", Nothing),
    ("POST", "/api/auth/session", Nothing),
    ("POST", "/api/auth/setup", Nothing),
    // What is in their bodies says who it is.
    ("POST", "/api/auth/login", Nothing),
    ("POST", "/api/auth/refresh", Nothing),
    ("POST", "/api/auth/logout", Nothing),
    // The handshake judges by itself: who speaks opshub.v1 may say who they are in the first frame.
    ("GET", "/ws", Itself),
    // Slack signs what it sends, and its users have roles of their own.
    ("POST", "/integrations/slack/commands", Itself),
    ("POST", "/integrations/slack/interactions", Itself),
    ("DELETE", "/api/auth/session", Known),
    ("PUT", "/api/auth/password", Known),
    ("POST", "/api/auth/ws-ticket", May(Right::Read)),
    ("GET", "/metrics", May(Right::Read)),
    ("GET", "/docs", May(Right::Read)),
    ("GET", "/docs/{file}", May(Right::Read)),
    ("GET", "/openapi.json", May(Right::Read)),
    ("GET", "/asyncapi.json", May(Right::Read)),
    ("GET", "/api/state", Receive(Topic::State)),
    ("PATCH", "/api/state", May(Right::Feed)),
    ("PUT", "/api/items/{list}/{id}", May(Right::Feed)),
    ("DELETE", "/api/items/{list}/{id}", May(Right::Feed)),
    ("GET", "/api/system/status", Receive(Topic::State)),
    ("POST", "/api/system/status", May(Right::Feed)),
    // Beside this, what the command itself needs.
    ("POST", "/api/command", May(Right::Read)),
    ("POST", "/api/trigger_collection", May(Right::Command)),
    ("GET", "/api/trigger_collection", May(Right::Command)),
    ("GET", "/api/gateways", Receive(Topic::Gateways)),
    ("GET", "/api/gateways/{id}", Receive(Topic::Gateways)),
    ("GET", "/api/gateways/{id}/history", Receive(Topic::Gateways)),
    ("PUT", "/api/gateways/{id}", May(Right::Administer)),
    ("DELETE", "/api/gateways/{id}", May(Right::Administer)),
    ("POST", "/api/gateways/{id}/report", May(Right::Feed)),
    ("GET", "/api/connections", Receive(Topic::Presence)),
    ("GET", "/api/sinks", May(Right::Read)),
    ("GET", "/api/events", Receive(Topic::State)),
    // Beside this, that its topics are theirs.
    ("GET", "/api/events/stream", May(Right::Read)),
    ("GET", "/api/logs", Receive(Topic::Logs)),
    ("POST", "/api/logs", May(Right::Feed)),
    ("GET", "/api/tokens", May(Right::Administer)),
    ("POST", "/api/tokens", May(Right::Administer)),
    ("PATCH", "/api/tokens/{name}", May(Right::Administer)),
    ("DELETE", "/api/tokens/{name}", May(Right::Administer)),
    ("GET", "/api/users", May(Right::Administer)),
    ("POST", "/api/users", May(Right::Administer)),
    ("PATCH", "/api/users/{email}", May(Right::Administer)),
    ("DELETE", "/api/users/{email}", May(Right::Administer)),
    ("GET", "/api/sessions", May(Right::Administer)),
    ("DELETE", "/api/sessions/{id}", May(Right::Administer)),
    ("GET", "/api/audit", May(Right::Administer)),
];

/// What a route needs; `pattern` is its path as [`super::routes`] has it.
pub(super) fn need(method: &Method, pattern: &str) -> Need {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    // Patterns tell their form after a colon, the API's document does not.
    let pattern = pattern.replace(":.*}", "}");
    let line = TABLE.iter().find(|(of, path, _)| *of == method && *path == pattern);
    line.map_or(May(Right::Administer), |(_, _, need)| *need)
}

/// Finds out who asks at the path `pattern`, and turns away who may not.
///
/// It stands around each resource, behind the routing: what a request is judged by is where it got to, however
/// its path was spelled.
///
/// # Errors
/// `not_authenticated`, `forbidden`, or `origin_refused` where a browser's cookie may have been used by another
/// page; the route was not reached.
pub(super) async fn authorize<B: MessageBody>(
    pattern: &'static str,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    if let Shown::Bearer(text) = Shown::in_headers(request.headers(), client(request.request()).secure)
        && let Some(state) = request.app_data::<Data<AppState>>().cloned()
    {
        state.access.learn_keys(&text).await;
    }
    if let Some(principal) = judge(request.request(), pattern).map_err(ApiError)? {
        // Somebody unknown is held to the rate of their address alone.
        if principal.credential != Credential::Open {
            hold_principal(request.request(), &principal.name)?;
        }
        request.extensions_mut().insert(principal);
    }
    next.call(request).await
}

fn judge(request: &HttpRequest, pattern: &str) -> Result<Option<Principal>, Error> {
    let state =
        request.app_data::<Data<AppState>>().ok_or_else(|| Error::internal("a request without the state"))?;
    let need = need(request.method(), pattern);
    if need == Itself {
        return Ok(None);
    }
    let (shown, peer) = (Shown::in_headers(request.headers(), client(request).secure), peer(request));
    let known = match identify(&state.access, &shown, peer) {
        // What is open to all is open also to who shows something that ran out.
        Err(_) if need == Nothing => return Ok(None),
        known => known?,
    };
    // Links from elsewhere lead to the page, and must; what it then asks for comes from itself.
    if need != Nothing && matches!((&shown, &known), (Shown::Cookie(_), Some(_))) {
        refuse_unproven(request, pattern)?;
    }
    let Some(principal) = known else {
        return match need {
            Nothing => Ok(None),
            _ => Err(Error::NotAuthenticated {
                message: "say who you are: show a token or sign in".to_owned(),
            }),
        };
    };
    let judged = match need {
        Nothing | Itself | Known => Ok(()),
        May(right) => principal.check(right),
        Receive(topic) => principal.check(Right::Read).and_then(|()| principal.check_topics(topic.into())),
    };
    if let Err(error) = judged {
        let incident = Incident::new(IncidentKind::Forbidden, &principal.name, peer)
            .about("asked_for", format!("{} {pattern}", request.method()));
        state.access.tell(incident);
        return Err(error);
    }
    Ok(Some(principal))
}

/// From where a request comes.
pub(super) fn peer(request: &HttpRequest) -> Option<IpAddr> {
    client(request).ip
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_document_has_a_line_and_every_line_a_route() {
        let document = serde_json::to_value(super::super::openapi::document(true)).unwrap();
        let mut routes = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in ["get", "put", "post", "delete", "patch"] {
                if item.get(method).is_some() {
                    routes.push((method.to_uppercase(), path.clone()));
                }
            }
        }
        let mut lines: Vec<(String, String)> =
            TABLE.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
        // Swagger UI's own files are not in the document that it shows.
        lines.retain(|(_, path)| path != "/docs/{file}");
        routes.sort();
        lines.sort();
        assert_eq!(routes, lines);
    }

    #[test]
    fn a_route_without_a_line_is_for_admins_alone() {
        assert_eq!(need(&Method::GET, "/api/secrets"), May(Right::Administer));
        assert_eq!(need(&Method::DELETE, "/api/state"), May(Right::Administer));
        assert_eq!(need(&Method::HEAD, "/api/state"), Receive(Topic::State));
        assert_eq!(need(&Method::GET, "/ui/{path:.*}"), Nothing);
    }
}
