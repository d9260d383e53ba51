//! `GET /ws`: the handshake, and the session it opens.

use std::task::Context;

use actix::{Actor, AsyncContext};
use actix_web::http::Version;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use actix_web_actors::ws;

use crate::domain::Error;
use crate::fanout::{Encoding, Outbox, OutboxLimits, SharedSocket, Subscriber};
use crate::hub::ConnectionKind;
use crate::protocol::error::ErrorBody;
use crate::protocol::{LogLevel, SUBPROTOCOL_V1};
use crate::session::admit::{admit, allowed};
use crate::session::framing::Incoming;
use crate::session::handshake::{self, Handshake};
use crate::session::{Protocol, Session, SessionParts, UNKNOWN_ACTOR};

use super::error::ApiError;
use super::guard::client;
use super::state::{AppState, Worker};
use super::stream::identity;

/// The live protocol; see `/asyncapi.json`.
#[utoipa::path(
    get, path = "/ws", tag = "live",
    params(
        ("Sec-WebSocket-Protocol" = Option<String>, Header, description = "opshub.v1 for typed envelopes; without it bare documents"),
        ("protocol" = Option<String>, Query, description = "the same, where the header cannot be set"),
        ("since" = Option<u64>, Query, description = "resume: the last seq that was seen"),
        ("epoch" = Option<String>, Query, description = "resume: the epoch of since"),
        ("topics" = Option<String>, Query, description = "comma-separated topics; all but logs where it is left out"),
        ("ticket" = Option<String>, Query, description = "lets the connection in, once; `POST /api/auth/ws-ticket` gives it"),
        ("log_level" = Option<LogLevel>, Query, description = "with the topic logs: the lowest level (INFO)"),
        ("log_source" = Option<String>, Query, description = "with the topic logs: what their sources begin with"),
    ),
    responses(
        (status = 101, description = "the connection speaks WebSocket from here on"),
        (status = 400, description = "no handshake, or an unknown protocol or topic", body = ErrorBody),
        (status = 401, description = "what was shown lets nobody in, or nothing was shown without opshub.v1", body = ErrorBody),
        (status = 403, description = "a page of a foreign origin, or who was let in may not read", body = ErrorBody),
        (status = 429, description = "too many connections from this address", body = ErrorBody),
        (status = 503, description = "too many connections", body = ErrorBody),
    )
)]
pub(super) async fn get_ws(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    if request.version() != Version::HTTP_11 {
        // Frames go to the socket itself, which other requests of HTTP/2 share.
        let message = "a websocket is opened by HTTP/1.1".to_owned();
        return Err(Error::BadHandshake { message }.into());
    }
    let client = client(&request);
    let peer = client.ip;
    let asked = Handshake {
        method: request.method(),
        query: request.query_string(),
        headers: request.headers(),
        secure: client.secure,
    };
    let refused = |error: Error| {
        state.metrics.connections_refused.with_label_values(&[error.spec().1]).inc();
        error
    };
    let accept = handshake::decide(&asked, &state.origins).map_err(refused)?;
    let principal = admit(&state.access, &accept, peer).map_err(refused)?;
    // Who has not said who they are yet gets no lines yet.
    let lease = accept.logs.clone().filter(|_| principal.is_some());
    let lease = lease.map(|filter| state.logs.subscribe(filter)).transpose().map_err(refused)?;
    let place = state.network.place(&client).map_err(refused)?;
    let admission = state.connections.admit(ConnectionKind::Websocket).map_err(refused)?.at(place);
    let worker = request.app_data::<Worker>().ok_or_else(|| Error::internal("no worker"))?;
    let mut response = ws::handshake_with_protocols(&request, &[SUBPROTOCOL_V1])
        .map_err(|error| Error::BadHandshake { message: error.to_string() })?;

    let protocol = accept.protocol;
    let encoding = match protocol {
        Protocol::Plain => Encoding::Plain,
        Protocol::V1 => Encoding::V1,
    };
    let actor = principal.as_ref().map_or(UNKNOWN_ACTOR, |principal| &principal.name);
    let identity = identity(&request, actor.to_owned(), protocol.as_str());
    let topics = principal.as_ref().map_or(accept.topics, |principal| allowed(principal, accept.topics));
    let limits = OutboxLimits { outbox_bytes: state.outbox_bytes, stalled_after: state.session.stall / 3 };
    let epoch = state.live.epoch().to_string();
    let subscriber = Subscriber::new(identity, encoding, topics, epoch, limits);
    let socket = request.conn_data::<SharedSocket>().cloned();
    socket.as_ref().inspect(|socket| socket.upgrade());
    let (outbox, body) = Outbox::open(worker.mirror.clone(), subscriber, socket, admission);
    outbox.set_logs(lease);
    state.metrics.connections_opened.with_label_values(&[protocol.as_str()]).inc();

    let session = Session::new(SessionParts {
        accept,
        principal,
        peer,
        access: state.access.clone(),
        outbox: outbox.clone(),
        hub: state.hub.clone(),
        readers: state.readers.clone(),
        logs: state.logs.clone(),
        settings: state.session,
        metrics: state.metrics.clone(),
        client_count: state.connections.websockets(),
    });
    let message_bytes = state.message_bytes;
    // The actor lives on its worker by itself; the response only drains its outbox.
    Session::create(move |ctx| {
        let room = move |cx: &mut Context<'_>| outbox.poll_room(cx.waker());
        ctx.add_stream(Incoming::new(payload, message_bytes, room));
        session
    });
    Ok(response.body(body))
}
