//! For admins: tokens, people, sessions, and who did what.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::auth::admin::{
    AdminAnswer, AdminRequest, CreatedToken, NewToken, NewUser, SessionInfo, TokenChange, TokenInfo,
    UserChange, UserInfo,
};
use crate::domain::{self, Error, Timestamp};
use crate::protocol::error::ErrorBody;
use crate::session::query;
use crate::store::JournalPage;

use super::error::ApiError;
use super::request::{Caller, JSON, json_body};
use super::rights::peer;
use super::state::AppState;

/// Entries of the journal that are told where nobody says how many.
const ENTRIES_DEFAULT: usize = 100;
/// And at most.
const ENTRIES_MAX: usize = 1_000;

/// The tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct TokensAnswer {
    /// By name.
    tokens: Vec<TokenInfo>,
}

/// The people.
#[derive(Serialize, ToSchema)]
pub(super) struct UsersAnswer {
    /// By e-mail address.
    users: Vec<UserInfo>,
}

/// Where people are signed in.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionsAnswer {
    /// In no order.
    sessions: Vec<SessionInfo>,
}

/// An entry of the journal.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditEntry {
    /// Its number.
    id: u64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What happened.
    #[schema(example = "signed_in")]
    kind: String,
    /// Who did it, or who they said they were.
    actor: String,
    /// To whom or what, from where, and what else is known.
    #[schema(value_type = Object)]
    entry: Value,
}

/// A page of the journal.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditAnswer {
    /// Newest first.
    entries: Vec<AuditEntry>,
    /// For `before`, to read on; null at the end.
    next: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    before: Option<u64>,
    actor: Option<String>,
    limit: Option<usize>,
}

/// The tokens of programs.
#[utoipa::path(
    get, path = "/api/tokens", tag = "access",
    responses((status = 200, description = "without their texts, which nobody has", body = TokensAnswer))
)]
pub(super) async fn get_tokens(request: HttpRequest, state: Data<AppState>, caller: Caller) -> Answered {
    answer(&request, &state, caller, AdminRequest::ListTokens).await
}

/// Makes a token; its text is told this once.
#[utoipa::path(
    post, path = "/api/tokens", tag = "access",
    request_body = NewToken,
    responses(
        (status = 201, description = "made", body = CreatedToken),
        (status = 400, description = "a name that is taken or none, or a time that has passed", body = ErrorBody),
    )
)]
pub(super) async fn post_token(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    caller: Caller,
) -> Answered {
    let new: NewToken = domain::decode(json_body(&request, payload, &JSON).await?.value)?;
    answer(&request, &state, caller, AdminRequest::CreateToken(new)).await
}

/// Lets a token hold until another time; where that is earlier than before, what was let in by it is closed.
#[utoipa::path(
    patch, path = "/api/tokens/{name}", tag = "access",
    params(("name" = String, Path, description = "the token's name")),
    request_body = TokenChange,
    responses(
        (status = 200, description = "changed; show it again to go on with a live connection", body = TokenInfo),
        (status = 400, description = "a time that has passed", body = ErrorBody),
        (status = 404, description = "no token has this name", body = ErrorBody),
    )
)]
pub(super) async fn patch_token(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    state: Data<AppState>,
    caller: Caller,
) -> Answered {
    let change: TokenChange = domain::decode(json_body(&request, payload, &JSON).await?.value)?;
    answer(&request, &state, caller, AdminRequest::RenewToken { name: path.into_inner(), change }).await
}

/// Takes a token back; what was let in by it is closed.
#[utoipa::path(
    delete, path = "/api/tokens/{name}", tag = "access",
    params(("name" = String, Path, description = "the token's name")),
    responses(
        (status = 204, description = "it lets nobody in any more"),
        (status = 404, description = "no token has this name", body = ErrorBody),
    )
)]
pub(super) async fn delete_token(
    request: HttpRequest,
    path: Path<String>,
    state: Data<AppState>,
    caller: Caller,
) -> Answered {
    answer(&request, &state, caller, AdminRequest::RevokeToken { name: path.into_inner() }).await
}

/// The people.
#[utoipa::path(
    get, path = "/api/users", tag = "access",
    responses((status = 200, description = "by e-mail address", body = UsersAnswer))
)]
pub(super) async fn get_users(request: HttpRequest, state: Data<AppState>, caller: Caller) -> Answered {
    answer(&request, &state, caller, AdminRequest::ListUsers).await
}

/// Adds a person.
#[utoipa::path(
    post, path = "/api/users", tag = "access",
    request_body = NewUser,
    responses(
        (status = 201, description = "added", body = UserInfo),
        (status = 400, description = "an address that is taken or none, or a password that cannot be taken", body = ErrorBody),
    )
)]
pub(super) async fn post_user(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    caller: Caller,
) -> Answered {
    let new: NewUser = domain::decode(json_body(&request, payload, &JSON).await?.value)?;
    answer(&request, &state, caller, AdminRequest::AddUser(new)).await
}

/// Gives a person another role or password.
#[utoipa::path(
    patch, path = "/api/users/{email}", tag = "access",
    params(("email" = String, Path, description = "whose")),
    request_body = UserChange,
    responses(
        (status = 200, description = "changed", body = UserInfo),
        (status = 400, description = "a password that cannot be taken", body = ErrorBody),
        (status = 404, description = "nobody has this address", body = ErrorBody),
    )
)]
pub(super) async fn patch_user(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    state: Data<AppState>,
    caller: Caller,
) -> Answered {
    let change: UserChange = domain::decode(json_body(&request, payload, &JSON).await?.value)?;
    let request_of = AdminRequest::ChangeUser { email: path.to_lowercase(), change };
    // Not new, so not 201.
    match state.access.administer(request_of, &caller.principal.name, peer(&request)).await? {
        AdminAnswer::User(user) => Ok(HttpResponse::Ok().json(user)),
        other => Err(unexpected(&other)),
    }
}

/// Removes a person, and ends their sessions.
#[utoipa::path(
    delete, path = "/api/users/{email}", tag = "access",
    params(("email" = String, Path, description = "whose")),
    responses(
        (status = 204, description = "gone"),
        (status = 404, description = "nobody has this address", body = ErrorBody),
    )
)]
pub(super) async fn delete_user(
    request: HttpRequest,
    path: Path<String>,
    state: Data<AppState>,
    caller: Caller,
) -> Answered {
    answer(&request, &state, caller, AdminRequest::RemoveUser { email: path.to_lowercase() }).await
}

/// Where people are signed in.
#[utoipa::path(
    get, path = "/api/sessions", tag = "access",
    responses((status = 200, description = "every session", body = SessionsAnswer))
)]
pub(super) async fn get_sessions(request: HttpRequest, state: Data<AppState>, caller: Caller) -> Answered {
    answer(&request, &state, caller, AdminRequest::ListSessions).await
}

/// Ends a session; what was let in by it is closed.
#[utoipa::path(
    delete, path = "/api/sessions/{id}", tag = "access",
    params(("id" = String, Path, description = "the session's id")),
    responses(
        (status = 204, description = "over"),
        (status = 404, description = "no session has this id", body = ErrorBody),
    )
)]
pub(super) async fn end_session(
    request: HttpRequest,
    path: Path<String>,
    state: Data<AppState>,
    caller: Caller,
) -> Answered {
    answer(&request, &state, caller, AdminRequest::EndSession { id: path.into_inner() }).await
}

/// Sign-ins, refusals, and changes of who may do what; `/api/events` has what was done to the state.
#[utoipa::path(
    get, path = "/api/audit", tag = "access",
    params(
        ("before" = Option<u64>, Query, description = "only entries before this one"),
        ("actor" = Option<String>, Query, description = "only those of this actor"),
        ("limit" = Option<usize>, Query, description = "at most so many: 1 to 1,000 (100)"),
    ),
    responses(
        (status = 200, description = "newest first", body = AuditAnswer),
        (status = 400, description = "a limit out of range", body = ErrorBody),
        (status = 503, description = "the journal could not be read", body = ErrorBody),
    )
)]
pub(super) async fn get_audit(request: HttpRequest, state: Data<AppState>) -> Answered {
    let AuditQuery { before, actor, limit } = query::read(request.query_string())?;
    let limit = limit.unwrap_or(ENTRIES_DEFAULT);
    if !(1..=ENTRIES_MAX).contains(&limit) {
        return Err(Error::invalid(
            "limit",
            format!("limit must be between 1 and {ENTRIES_MAX}, got {limit}"),
        )
        .into());
    }
    let entries = state.access.journal(JournalPage { before, actor, limit }).await?;
    let next = (entries.len() == limit).then(|| entries.last().map(|entry| entry.id)).flatten();
    let told = |entry: crate::store::JournalEntry| AuditEntry {
        id: entry.id,
        at: entry.at,
        kind: entry.kind,
        actor: entry.actor,
        entry: entry.entry,
    };
    Ok(HttpResponse::Ok().json(AuditAnswer { entries: entries.into_iter().map(told).collect(), next }))
}

type Answered = Result<HttpResponse, ApiError>;

/// Has a request done, and writes its answer.
async fn answer(request: &HttpRequest, state: &AppState, caller: Caller, wanted: AdminRequest) -> Answered {
    let answer = state.access.administer(wanted, &caller.principal.name, peer(request)).await?;
    Ok(match answer {
        AdminAnswer::TokenCreated(token) => HttpResponse::build(StatusCode::CREATED).json(token),
        AdminAnswer::Token(token) => HttpResponse::Ok().json(token),
        AdminAnswer::Tokens { tokens } => HttpResponse::Ok().json(TokensAnswer { tokens }),
        AdminAnswer::User(user) => HttpResponse::build(StatusCode::CREATED).json(user),
        AdminAnswer::Users { users } => HttpResponse::Ok().json(UsersAnswer { users }),
        AdminAnswer::Sessions { sessions } => HttpResponse::Ok().json(SessionsAnswer { sessions }),
        AdminAnswer::Done => HttpResponse::NoContent().finish(),
    })
}

fn unexpected(answer: &AdminAnswer) -> ApiError {
    Error::internal(format!("a change of a person gave {answer:?}")).into()
}
