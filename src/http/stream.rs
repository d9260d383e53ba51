//! Server-sent events: the live frames for everything that speaks HTTP and no WebSocket.

use std::time::Duration;

use actix_web::http::header::{self, ContentEncoding, HeaderName};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde::Deserialize;

use crate::auth::{Lease, Principal};
use crate::domain::{Epoch, Error, Seq};
use crate::fanout::{
    Encoding, Identity, Outbox, OutboxLimits, Resume, ResumePoint, SharedSocket, Subscriber, decide_resume,
};
use crate::hub::ConnectionKind;
use crate::protocol::error::ErrorBody;
use crate::protocol::logs::log_filter;
use crate::protocol::{LogLevel, Topics};
use crate::session::admit::allowed;
use crate::session::query;
use crate::telemetry::clock::now;

use super::error::ApiError;
use super::guard::client;
use super::request::{Caller, parse_tag};
use super::state::{AppState, Worker};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Keeps proxies from closing a quiet stream.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// How often a stream is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The name of streams among the connections.
const PROTOCOL: &str = "sse";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamQuery {
    since: Option<Seq>,
    epoch: Option<String>,
    topics: Option<String>,
    log_level: Option<String>,
    log_source: Option<String>,
}

/// Live frames as server-sent events; resumes by `Last-Event-ID` or `since`.
#[utoipa::path(
    get, path = "/api/events/stream", tag = "events",
    params(
        ("Last-Event-ID" = Option<String>, Header, description = "\"<epoch>-<seq>\" of the last event that was seen"),
        ("since" = Option<u64>, Query, description = "the last seq that was seen"),
        ("epoch" = Option<String>, Query, description = "the epoch of since; ours where it is left out"),
        ("topics" = Option<String>, Query, description = "comma-separated topics; all but logs where it is left out"),
        ("log_level" = Option<LogLevel>, Query, description = "with the topic logs: the lowest level (INFO)"),
        ("log_source" = Option<String>, Query, description = "with the topic logs: what their sources begin with"),
    ),
    responses(
        (status = 200, description = "`id:` is <epoch>-<seq>, `data:` the frame", content_type = "text/event-stream"),
        (status = 400, description = "an unknown topic", body = ErrorBody),
        (status = 429, description = "too many connections from this address", body = ErrorBody),
        (status = 503, description = "too many connections", body = ErrorBody),
    )
)]
pub(super) async fn get_stream(
    request: HttpRequest,
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let query: StreamQuery = query::read(request.query_string())?;
    let topics = match &query.topics {
        Some(list) => Topics::parse_list(list)?,
        None => allowed(&caller.principal, Topics::default_set()),
    };
    caller.principal.check_topics(topics)?;
    let logs = log_filter(topics, None, query.log_level.as_deref(), query.log_source.as_deref())?;
    let lease = logs.map(|filter| state.logs.subscribe(filter)).transpose()?;
    let point = resume_point(&request, query, &state);
    let worker = request.app_data::<Worker>().ok_or_else(|| Error::internal("no worker"))?;
    let place = state.network.place(&client(&request))?;
    let admission = state.connections.admit(ConnectionKind::Stream)?.at(place);
    let identity = identity(&request, caller.principal.name.clone(), PROTOCOL);
    let limits = OutboxLimits { outbox_bytes: state.outbox_bytes, stalled_after: state.session.stall / 3 };
    let epoch = state.live.epoch().to_string();
    let subscriber = Subscriber::new(identity, Encoding::Events, topics, epoch, limits);
    let (outbox, body) = Outbox::open(worker.mirror.clone(), subscriber, None, admission);
    outbox.set_sees_state(caller.principal.check_state().is_ok());
    outbox.set_logs(lease);
    state.metrics.connections_opened.with_label_values(&[PROTOCOL]).inc();
    // The stream is looked after by tasks of its worker; they end with the connection.
    actix_web::rt::spawn(begin(outbox.clone(), point, state.clone()));
    let socket = request.conn_data::<SharedSocket>().cloned();
    actix_web::rt::spawn(look_after(outbox, caller.principal, socket, state.session.stall));
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        // Events are compressed by nobody: a compressor would hold them back.
        .insert_header(ContentEncoding::Identity)
        .body(body))
}

/// The header goes before the query: a browser that reconnects sends both.
fn resume_point(request: &HttpRequest, query: StreamQuery, state: &AppState) -> Option<ResumePoint> {
    let last = request.headers().get(LAST_EVENT_ID);
    if let Some(last) = last.and_then(|value| value.to_str().ok()).filter(|last| !last.is_empty()) {
        // An id that is none of ours is like one of another log: the state comes first.
        let unknown = || (Epoch::new(""), Seq::ZERO);
        let (epoch, since) = parse_tag(last).unwrap_or_else(unknown);
        return Some(ResumePoint { epoch, since });
    }
    let epoch = query.epoch.map_or_else(|| state.live.epoch().clone(), Epoch::new);
    query.since.map(|since| ResumePoint { epoch, since })
}

async fn begin(outbox: Outbox, point: Option<ResumePoint>, state: Data<AppState>) {
    let resume = match &point {
        Some(point) => decide_resume(&outbox, &state.readers, point, state.session.resume_bytes).await,
        None => Resume::State,
    };
    let since = point.map(|point| point.since).unwrap_or_default();
    let replay = resume.renewed(&outbox, since).join(&outbox, &state.readers, since);
    if let Some(replay) = replay {
        replay.await;
    }
}

/// Sends a comment now and then, and ends a stream whose client takes nothing or may no longer be here.
async fn look_after(outbox: Outbox, principal: Principal, socket: Option<SharedSocket>, stall: Duration) {
    let mut since_comment = Duration::ZERO;
    let every = LOOK_EVERY.min(stall / 4).max(Duration::from_millis(20));
    while !outbox.is_over() {
        tokio::time::sleep(every).await;
        since_comment += every;
        let taken_back = principal.lease.as_ref().is_some_and(Lease::is_over);
        if taken_back || principal.is_over(now()) {
            // `EventSource` comes back by itself, and is told then.
            return outbox.close();
        }
        if outbox.stalled_for() >= stall {
            let id = outbox.identity().session_id;
            log::warn!(session_id = id.as_str(); "stream {id} took no byte for too long and is disconnected");
            outbox.close();
            // The HTTP stack is blocked in a write, or waits for HTTP/2 to let it send.
            socket.inspect(SharedSocket::abort);
            return;
        }
        if since_comment >= COMMENT_EVERY {
            since_comment = Duration::ZERO;
            outbox.push(Bytes::from_static(b":\n\n"));
        }
    }
}

/// Who is at the other end of a request that stays open.
pub(super) fn identity(request: &HttpRequest, actor: String, protocol: &str) -> Identity {
    let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Identity {
        session_id: uuid::Uuid::new_v4().to_string(),
        actor,
        address: client(request).shown(),
        user_agent: user_agent.map(|text| text.chars().take(256).collect()),
        protocol: protocol.to_owned(),
        connected_at: now(),
    }
}
