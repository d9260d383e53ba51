//! Tokens for programs that sign in for a person: a password for a pair, one pair for the next.

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::TokenPair;
use crate::domain;
use crate::protocol::error::ErrorBody;

use super::auth::{SignIn, place};
use super::error::ApiError;
use super::request::{JSON, json_body};
use super::rights::peer;
use super::state::AppState;

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    /// The one that was given out last.
    #[schema(example = "opr_…")]
    refresh_token: String,
}

/// Tokens, as RFC 6749 section 5.1 has them.
#[derive(Serialize, ToSchema)]
pub(super) struct Tokens {
    /// For `Authorization: Bearer`, and for `auth` frames.
    #[schema(example = "eyJ…")]
    access_token: String,
    /// `Bearer`
    token_type: &'static str,
    /// How long the access token holds, in seconds.
    #[schema(example = 900)]
    expires_in: u32,
    /// For `POST /api/auth/refresh`, once.
    #[schema(example = "opr_…")]
    refresh_token: String,
}

/// Signs a program in for a person.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "access",
    request_body = SignIn,
    responses(
        (status = 200, description = "an access token for a short time, and a refresh token for the next one", body = Tokens),
        (status = 401, description = "e-mail address or password is wrong", body = ErrorBody),
        (status = 404, description = "the hub has no SECRET_KEY", body = ErrorBody),
        (status = 429, description = "too many tries", body = ErrorBody),
    )
)]
pub(super) async fn post_login(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let SignIn { email, password } = domain::decode(json_body(&request, payload, &JSON).await?.value)?;
    let pair = state.access.log_in(&email, password, place(&request)).await?;
    Ok(answer(pair))
}

/// Gives out the next tokens for a refresh token, which is used up by that. One that is shown again ends all that
/// came of its sign-in.
#[utoipa::path(
    post, path = "/api/auth/refresh", tag = "access",
    request_body = Refresh,
    responses(
        (status = 200, description = "the next tokens", body = Tokens),
        (status = 401, description = "it is none, has ended or was used before", body = ErrorBody),
        (status = 404, description = "the hub has no SECRET_KEY", body = ErrorBody),
        (status = 429, description = "too many tries", body = ErrorBody),
    )
)]
pub(super) async fn post_refresh(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let Refresh { refresh_token } = domain::decode(json_body(&request, payload, &JSON).await?.value)?;
    Ok(answer(state.access.refresh(&refresh_token, peer(&request)).await?))
}

/// Signs a program out: its access and refresh tokens let nobody in any more, live connections are closed.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "access",
    request_body = Refresh,
    responses(
        (status = 204, description = "signed out"),
        (status = 401, description = "it is none, has ended or was used before", body = ErrorBody),
        (status = 404, description = "the hub has no SECRET_KEY", body = ErrorBody),
        (status = 429, description = "too many tries", body = ErrorBody),
    )
)]
pub(super) async fn post_logout(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let Refresh { refresh_token } = domain::decode(json_body(&request, payload, &JSON).await?.value)?;
    state.access.log_out(&refresh_token, peer(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn answer(pair: TokenPair) -> HttpResponse {
    let TokenPair { access_token, expires_in, refresh_token } = pair;
    let refresh_token = refresh_token.reveal().to_owned();
    HttpResponse::Ok()
        // As RFC 6749 section 5.1 asks for.
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Tokens { access_token, token_type: "Bearer", expires_in, refresh_token })
}
