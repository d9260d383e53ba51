//! Log lines: services post theirs, and everybody reads the recent ones.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use crate::domain::Error;
use crate::logs::LogQuery;
use crate::logs::posted::Form;
use crate::protocol::error::ErrorBody;
use crate::protocol::{LogFilter, LogLevel};
use crate::session::query;
use crate::telemetry::clock::now;

use super::error::ApiError;
use super::request::body;
use super::state::AppState;
use super::types::{LogsAccepted, LogsAnswer, PostedLine};

/// The most lines of one page.
const LIMIT_MAX: usize = 1_000;
/// The lines of a page where the caller does not say.
const LIMIT_DEFAULT: usize = 100;
/// Types of bodies: one object or an array, and one object a line.
const TYPES: [&str; 3] = ["application/json", "application/x-ndjson", "application/ndjson"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogsQuery {
    level: Option<String>,
    source: Option<String>,
    since: Option<u64>,
    limit: Option<usize>,
}

/// The recent log lines, oldest first.
#[utoipa::path(
    get, path = "/api/logs", tag = "logs",
    params(
        ("level" = Option<LogLevel>, Query, description = "the lowest level (DEBUG)"),
        ("source" = Option<String>, Query, description = "only lines whose source begins with this"),
        ("since" = Option<u64>, Query, description = "only after this id, the oldest of them first; without it the newest lines"),
        ("limit" = Option<usize>, Query, description = "at most so many, up to 1000 (100)"),
    ),
    responses(
        (status = 200, description = "a page; where first_id is greater than since + 1, lines in between may be gone", body = LogsAnswer),
        (status = 400, description = "a bad parameter", body = ErrorBody),
    )
)]
pub(super) async fn get_logs(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    let query = log_query(query::read(request.query_string())?)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(state.logs.page(&query).to_json()))
}

fn log_query(query: LogsQuery) -> Result<LogQuery, Error> {
    let level = match &query.level {
        Some(level) => LogLevel::read("level", level)?,
        None => LogLevel::Debug,
    };
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let message = format!("limit must be between 1 and {LIMIT_MAX}, got {limit}");
        return Err(Error::invalid("limit", message));
    }
    let filter = LogFilter { level, source: query.source.unwrap_or_default() };
    Ok(LogQuery { filter, since: query.since, limit })
}

/// Takes log lines of services: one, an array, or NDJSON. All of them or none; not durable.
#[utoipa::path(
    post, path = "/api/logs", tag = "logs",
    request_body(
        content((PostedLine = "application/json"), (Vec<PostedLine> = "application/json"), (String = "application/x-ndjson")),
        description = "one line, an array of lines, or one line of JSON for each (NDJSON)"
    ),
    responses(
        (status = 200, description = "taken; secrets are masked, control characters and what is too long are made harmless", body = LogsAccepted),
        (status = 400, description = "what is wrong with which line: nothing was taken", body = ErrorBody),
        (status = 413, description = "the body is too large", body = ErrorBody),
        (status = 503, description = "too many bodies wait: nothing was taken", body = ErrorBody),
    )
)]
pub(super) async fn post_logs(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let (content_type, bytes) = body(&request, payload, &TYPES).await?;
    let form = if content_type == TYPES[0] { Form::Json } else { Form::Lines };
    let posted = state.logs.post(bytes, form, now()).await?;
    Ok(HttpResponse::Ok().json(LogsAccepted {
        success: true,
        accepted: posted.accepted,
        last_id: posted.last_id,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(level: Option<&str>, limit: Option<usize>) -> Result<LogQuery, Error> {
        log_query(LogsQuery { level: level.map(str::to_owned), source: None, since: None, limit })
    }

    #[test]
    fn bad_parameters_are_named() {
        assert_eq!(read(Some("warn"), None).unwrap().filter.level, LogLevel::Warn);
        assert_eq!(read(None, None).unwrap().limit, LIMIT_DEFAULT);
        for (level, limit, word) in
            [(Some("loud"), None, "level"), (None, Some(0), "limit"), (None, Some(1_001), "1000")]
        {
            let message = read(level, limit).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
