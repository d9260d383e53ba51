//! Signing in and out, tickets for WebSockets, and who one is.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{Credential, CredentialKind, Place, Principal, SignedIn};
use crate::domain::{self, Error, Role, Timestamp};
use crate::protocol::error::ErrorBody;
use crate::session::handshake::COOKIES;

use super::error::ApiError;
use super::guard::client;
use super::request::{Caller, JSON, json_body};
use super::rights::peer;
use super::state::AppState;

/// The body of a sign-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// Whose account.
    #[schema(example = "ana@example.com")]
    pub(super) email: String,
    /// Its password.
    pub(super) password: String,
}

/// The body of a set-up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUp {
    /// What the hub printed when it started.
    setup: String,
    /// The first admin's e-mail address.
    #[schema(example = "ana@example.com")]
    email: String,
    /// Their password: at least 12 characters.
    #[schema(min_length = 12, max_length = 256)]
    password: String,
}

/// The body of a new password for oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// The password so far.
    current: String,
    /// The password from now on: at least 12 characters.
    #[schema(min_length = 12, max_length = 256)]
    new: String,
}

/// Who somebody is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Caller)]
pub(super) struct Identity {
    /// The actor of what they do.
    #[schema(example = "ana@example.com")]
    name: String,
    /// What they may do.
    role: Role,
    /// What they were let in by.
    kind: CredentialKind,
    /// When that ends; null for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl From<&Principal> for Identity {
    fn from(principal: &Principal) -> Self {
        let Principal { name, role, expires_at, .. } = principal;
        Identity { name: name.clone(), role: *role, kind: principal.kind(), expires_at: *expires_at }
    }
}

/// What a page has to know before it shows anything.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// `open` where nobody needs to sign in, else `required`.
    mode: &'static str,
    /// Who asks; null where that is not known.
    identity: Option<Identity>,
    /// Whether the hub waits for its first admin.
    setup: bool,
    /// Whether everybody who reaches the hub from elsewhere may do everything.
    open_to_network: bool,
}

/// A ticket for one WebSocket.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ticket {
    /// For `/ws?ticket=`, once.
    #[schema(example = "opt_…")]
    ticket: String,
    /// How long it lets somebody in, in seconds.
    expires_in_s: u32,
}

/// Who asks, and whether they have to sign in.
#[utoipa::path(
    get, path = "/api/auth/me", tag = "access",
    responses((status = 200, description = "who asks", body = Me))
)]
pub(super) async fn get_me(request: HttpRequest, state: Data<AppState>) -> HttpResponse {
    let identity = request.extensions().get::<Principal>().map(Identity::from);
    let mode = if state.access.is_required() { "required" } else { "open" };
    let (setup, open_to_network) = (state.access.awaits_setup(), state.open_to_network);
    HttpResponse::Ok().json(Me { mode, identity, setup, open_to_network })
}

/// Signs a person in; the answer sets the session's cookie.
#[utoipa::path(
    post, path = "/api/auth/session", tag = "access",
    request_body = SignIn,
    responses(
        (status = 200, description = "signed in", body = Identity),
        (status = 401, description = "e-mail address or password is wrong", body = ErrorBody),
        (status = 429, description = "too many tries", body = ErrorBody),
    )
)]
pub(super) async fn post_session(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let SignIn { email, password } = domain::decode(json_body(&request, payload, &JSON).await?.value)?;
    let signed_in = state.access.sign_in(&email, password, place(&request)).await?;
    Ok(welcome(&request, &state, &signed_in))
}

/// Makes the first admin, by what the hub printed when it started, and signs them in.
#[utoipa::path(
    post, path = "/api/auth/setup", tag = "access",
    request_body = SetUp,
    responses(
        (status = 200, description = "signed in", body = Identity),
        (status = 400, description = "an address or a password that cannot be taken", body = ErrorBody),
        (status = 401, description = "the link is none, or was used already", body = ErrorBody),
    )
)]
pub(super) async fn post_setup(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let SetUp { setup, email, password } = domain::decode(json_body(&request, payload, &JSON).await?.value)?;
    let signed_in = state.access.set_up(&setup, &email, password, place(&request)).await?;
    Ok(welcome(&request, &state, &signed_in))
}

/// Signs out; what was signed in elsewhere stays so.
#[utoipa::path(
    delete, path = "/api/auth/session", tag = "access",
    responses(
        (status = 204, description = "signed out"),
        (status = 401, description = "nobody was signed in", body = ErrorBody),
    )
)]
pub(super) async fn delete_session(
    request: HttpRequest,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    state.access.sign_out(&caller.principal, peer(&request)).await?;
    let mut cookie = cookie(&request, String::new());
    cookie.make_removal();
    Ok(HttpResponse::NoContent().cookie(cookie).finish())
}

/// Changes one's own password; ends one's sessions elsewhere and here.
#[utoipa::path(
    put, path = "/api/auth/password", tag = "access",
    request_body = NewPassword,
    responses(
        (status = 200, description = "changed, and signed in anew", body = Identity),
        (status = 400, description = "the new password cannot be taken", body = ErrorBody),
        (status = 401, description = "the password so far is another one", body = ErrorBody),
        (status = 403, description = "who asks is no person", body = ErrorBody),
        (status = 429, description = "too many tries", body = ErrorBody),
    )
)]
pub(super) async fn put_password(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let NewPassword { current, new } = domain::decode(json_body(&request, payload, &JSON).await?.value)?;
    if !matches!(caller.principal.credential, Credential::Session(_)) {
        return Err(Error::Forbidden { message: "only who has signed in has a password".to_owned() }.into());
    }
    let email = caller.principal.name;
    let signed_in = state.access.change_password(&email, current, new, place(&request)).await?;
    Ok(welcome(&request, &state, &signed_in))
}

/// Gives out a ticket that lets one WebSocket in, for programs that cannot set its headers.
#[utoipa::path(
    post, path = "/api/auth/ws-ticket", tag = "access",
    responses(
        (status = 200, description = "for `/ws?ticket=`, once, within 30 seconds", body = Ticket),
        (status = 401, description = "nobody knows who asks", body = ErrorBody),
        (status = 503, description = "too many tickets are out", body = ErrorBody),
    )
)]
pub(super) async fn post_ticket(state: Data<AppState>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let secret = state.access.ticket(caller.principal)?;
    let ticket = Ticket { ticket: secret.reveal().to_owned(), expires_in_s: 30 };
    Ok(HttpResponse::Ok().json(ticket))
}

/// The answer to who has just signed in.
fn welcome(request: &HttpRequest, state: &AppState, signed_in: &SignedIn) -> HttpResponse {
    let mut cookie = cookie(request, signed_in.secret.reveal().to_owned());
    cookie.set_max_age(Duration::milliseconds(state.access.session_max_ms()));
    HttpResponse::Ok().cookie(cookie).json(Identity::from(&signed_in.principal))
}

/// The session's cookie (RFC 6265bis): for no script, no other site, and over TLS for this host alone.
fn cookie(request: &HttpRequest, value: String) -> Cookie<'static> {
    let [held_to_host, plain] = COOKIES;
    let secure = client(request).secure;
    Cookie::build(if secure { held_to_host } else { plain }, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(secure)
        .finish()
}

/// Where somebody signs in.
pub(super) fn place(request: &HttpRequest) -> Place<'_> {
    let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Place { from: peer(request), user_agent }
}
