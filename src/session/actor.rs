//! The session actor: what every connection has, whatever it speaks.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;

use crate::auth::{Access, Lease, Principal};
use crate::domain::Error;
use crate::fanout::{self, Outbox};
use crate::hub::HubHandle;
use crate::logs::Logs;
use crate::protocol::frame::{close_frame, encode_message, ping_frame, pong_frame, text_frame};
use crate::protocol::server::Closing;
use crate::protocol::{Close, CloseCode, ErrorObject, ServerMessage};
use crate::store::Readers;
use crate::telemetry::clock::now;
use crate::telemetry::metrics::Metrics;

use super::framing::Received;
use super::handshake::{Accept, Protocol};
use super::limits::{BadFrames, MessageRate, Verdict};

/// The latest time for a client that the hub closes to come back, in milliseconds.
const RETRY_MS: u64 = 2_000;

/// How long a client has to say who it is.
const AUTH_WAIT: Duration = Duration::from_secs(5);
/// In the place of the name of somebody who has not said who they are.
pub const UNKNOWN_ACTOR: &str = "(not admitted)";

/// The limits of a session.
#[derive(Debug, Clone, Copy)]
pub struct SessionSettings {
    /// Between two pings.
    pub heartbeat: Duration,
    /// A connection that was silent for so long is closed.
    pub silence: Duration,
    /// A client that took no byte for so long is disconnected.
    pub stall: Duration,
    /// How long the other side's close frame is waited for.
    pub close_wait: Duration,
    /// Messages a second.
    pub messages_per_second: NonZeroU32,
    /// Messages at once.
    pub messages_burst: NonZeroU32,
    /// How long a client may go on after it was told that it sends too much.
    pub excess: Duration,
    /// Frames a minute that may be nonsense.
    pub bad_frames_per_minute: u32,
    /// What a resume may cost, in bytes.
    pub resume_bytes: u64,
}

/// What a session works with.
pub struct SessionParts {
    /// What it asked for.
    pub accept: Accept,
    /// Who it is; none where it has to say so first.
    pub principal: Option<Principal>,
    /// From where it comes.
    pub peer: Option<IpAddr>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// The way to its client.
    pub outbox: Outbox,
    /// The door to the hub.
    pub hub: HubHandle,
    /// The log.
    pub readers: Readers,
    /// Its limits.
    pub settings: SessionSettings,
    /// The log lines.
    pub logs: Arc<Logs>,
    /// The hub's figures.
    pub metrics: Arc<Metrics>,
    /// WebSocket clients connected now, this one included.
    pub client_count: usize,
}

/// One WebSocket connection.
pub struct Session {
    pub(super) accept: Accept,
    /// None until the client has said who it is.
    pub(super) principal: Option<Principal>,
    pub(super) peer: Option<IpAddr>,
    pub(super) access: Arc<Access>,
    pub(super) session_id: String,
    pub(super) outbox: Outbox,
    pub(super) hub: HubHandle,
    pub(super) readers: Readers,
    pub(super) logs: Arc<Logs>,
    pub(super) settings: SessionSettings,
    pub(super) metrics: Arc<Metrics>,
    pub(super) client_count: usize,
    pub(super) requests: u64,
    rate: MessageRate,
    bad_frames: BadFrames,
    /// Waits for the end of what the client was let in by.
    lease_watch: Option<SpawnHandle>,
    began_at: Instant,
    heard_at: Instant,
    pinged_at: Instant,
}

impl Session {
    /// The session of a connection that was let in.
    pub fn new(parts: SessionParts) -> Session {
        let SessionParts {
            accept,
            principal,
            peer,
            access,
            outbox,
            hub,
            readers,
            settings,
            logs,
            metrics,
            client_count,
        } = parts;
        let now = Instant::now();
        Session {
            accept,
            principal,
            peer,
            access,
            session_id: outbox.identity().session_id,
            outbox,
            hub,
            readers,
            logs,
            settings,
            metrics,
            client_count,
            requests: 0,
            rate: MessageRate::new(settings.messages_per_second, settings.messages_burst, settings.excess),
            bad_frames: BadFrames::new(settings.bad_frames_per_minute),
            lease_watch: None,
            began_at: now,
            heard_at: now,
            pinged_at: now,
        }
    }

    /// Who makes its changes.
    pub(super) fn actor(&self) -> &str {
        self.principal.as_ref().map_or(UNKNOWN_ACTOR, |principal| &principal.name)
    }

    /// Whatever was said while a request was under way could not be heard.
    pub(super) fn waited(&mut self) {
        self.heard_at = Instant::now();
    }

    /// Sends a message to this client alone.
    pub(super) fn send(&self, message: ServerMessage, request_id: Option<String>) {
        let frame = encoded(message, request_id);
        // Answers have their place in the stream; who was not let in has no stream.
        if self.principal.is_some() { self.outbox.push(frame) } else { self.outbox.push_first(frame) }
    }

    /// Tells an error to this client.
    pub(super) fn send_error(&mut self, error: &Error, request_id: Option<String>) {
        let (_, error_type) = error.spec();
        self.metrics.rejected.with_label_values(&[error_type]).inc();
        let known_as = request_id.clone().unwrap_or_else(|| self.next_request_id());
        self.send(ServerMessage::Error(ErrorObject::new(error, known_as, now())), request_id);
    }

    /// An id for a request that came without one.
    pub(super) fn next_request_id(&mut self) -> String {
        self.requests += 1;
        format!("{}-{}", self.session_id, self.requests)
    }

    /// Refuses a frame that could not be understood; too many of them end the connection.
    pub(super) fn refuse_frame(&mut self, error: &Error, request_id: Option<String>) {
        self.send_error(error, request_id);
        if self.bad_frames.count(Instant::now()) {
            self.close(&Close::new(CloseCode::BadFrames));
        }
    }

    /// Closes the connection with a word, a close frame and time for the answer.
    pub(super) fn close(&mut self, close: &Close) {
        if self.outbox.closing_since().is_some() {
            return;
        }
        let code = close.code.code();
        log::info!(session_id = self.session_id.as_str(), actor = self.actor(); "closing session {}: {close}", self.session_id);
        self.metrics.sessions_closed.with_label_values(&[&code.to_string()]).inc();
        let retry_ms = fanout::spread(RETRY_MS);
        let word = ServerMessage::Closing(Closing { reason: close.reason.clone(), retry_ms });
        let word = (self.accept.protocol == Protocol::V1).then(|| encoded(word, None));
        self.outbox.begin_close(word.into_iter().chain([close_frame(Some(code), &close.reason)]));
    }

    /// Looks at the clock: pings, silence, stalls, closes that nobody answers.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        let instant = Instant::now();
        if self.outbox.is_over() {
            return ctx.stop();
        }
        if let Some(since) = self.outbox.closing_since() {
            if instant.duration_since(since) >= self.settings.close_wait {
                self.outbox.finish();
                ctx.stop();
            }
            return;
        }
        let stalled = self.outbox.stalled_for();
        if stalled >= self.settings.stall {
            self.tell_stalled(stalled);
            self.outbox.close();
            return ctx.stop();
        }
        let over = match &self.principal {
            Some(principal) => principal.is_over(now()),
            None => instant.duration_since(self.began_at) >= AUTH_WAIT,
        };
        if over {
            return self.close(&Close::new(CloseCode::NotAuthenticated));
        }
        if instant.duration_since(self.heard_at) >= self.settings.silence {
            return self.close(&Close::new(CloseCode::HeartbeatMissed));
        }
        if instant.duration_since(self.pinged_at) >= self.settings.heartbeat {
            self.pinged_at = instant;
            self.outbox.push(ping_frame(&[]));
        }
    }

    fn tell_stalled(&self, stalled: Duration) {
        log::warn!(session_id = self.session_id.as_str(), actor = self.actor();
            "client {} took no byte for {} s and is disconnected", self.session_id, stalled.as_secs());
        self.metrics.sessions_closed.with_label_values(&["stalled"]).inc();
    }

    fn receive_text(&mut self, text: &Bytes, ctx: &mut Context<Self>) {
        match self.accept.protocol {
            Protocol::Plain => self.receive_plain(text),
            Protocol::V1 => self.receive_v1(text, ctx),
        }
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        log::debug!(session_id = self.session_id.as_str(), actor = self.actor(); "session {} begins", self.session_id);
        match self.accept.protocol {
            Protocol::Plain => self.begin_plain(),
            // Who has not said who it is gets nothing yet.
            Protocol::V1 if self.principal.is_none() => {}
            Protocol::V1 => self.begin_v1(ctx),
        }
        self.follow_lease(ctx);
        ctx.run_interval(tick_every(&self.settings), |session, ctx| session.tick(ctx));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        log::debug!(session_id = self.session_id.as_str(); "session {} ends", self.session_id);
    }
}

impl StreamHandler<Result<Received, Close>> for Session {
    fn handle(&mut self, received: Result<Received, Close>, ctx: &mut Context<Self>) {
        self.heard_at = Instant::now();
        let received = match received {
            Ok(Received::Close(code)) => {
                self.outbox.begin_close([close_frame(code, "")]);
                self.outbox.finish();
                return;
            }
            _ if self.outbox.closing_since().is_some() => return,
            Ok(received) => received,
            Err(close) => return self.close(&close),
        };
        self.metrics.messages_received.inc();
        match self.rate.judge(self.heard_at) {
            Verdict::Take => {}
            Verdict::Refuse => return self.send_error(&Error::RateLimited, None),
            Verdict::Ignore => return,
            Verdict::End => return self.close(&Close::new(CloseCode::RateLimit)),
        }
        match received {
            Received::Text(text) => self.receive_text(&text, ctx),
            Received::Binary(_) => self.close(&Close::new(CloseCode::Unsupported)),
            Received::Ping(payload) => self.outbox.push(pong_frame(&payload)),
            Received::Pong | Received::Close(_) => {}
        }
    }

    fn finished(&mut self, ctx: &mut Context<Self>) {
        // Whether the client went or broke the protocol: what waits for it may still be sent.
        if self.outbox.closing_since().is_none() {
            // The kernel ends a connection whose client takes nothing at about the same time as the tick.
            let stalled = self.outbox.stalled_for();
            if stalled >= self.settings.stall / 2 {
                self.tell_stalled(stalled);
            }
            self.outbox.close();
            ctx.stop();
        }
    }
}

impl Session {
    /// Whether what the client was let in by lets nobody in any more.
    pub(super) fn is_let_in_no_more(&self) -> bool {
        self.principal.as_ref().is_some_and(|principal| {
            principal.is_over(now()) || principal.lease.as_ref().is_some_and(Lease::is_over)
        })
    }

    /// Ends the connection when what it was let in by is taken back.
    pub(super) fn follow_lease(&mut self, ctx: &mut Context<Self>) {
        let Some(lease) = self.principal.as_ref().and_then(|principal| principal.lease.clone()) else {
            return;
        };
        let ended = lease.clone().ended().into_actor(self).map(move |(), session, _| {
            // The client may have shown another token since.
            let current = session.principal.as_ref().and_then(|principal| principal.lease.as_ref());
            if current == Some(&lease) {
                session.close(&Close::because(CloseCode::NotAuthenticated, "what you showed was taken back"));
            }
        });
        // One watch at a time, however often the client shows its token.
        if let Some(before) = self.lease_watch.replace(ctx.spawn(ended)) {
            ctx.cancel_future(before);
        }
    }
}

/// Often enough that no limit is missed by more than a quarter of it.
fn tick_every(settings: &SessionSettings) -> Duration {
    let shortest = AUTH_WAIT
        .min(settings.heartbeat)
        .min(settings.silence)
        .min(settings.stall)
        .min(settings.close_wait * 4);
    (shortest / 4).clamp(Duration::from_millis(20), Duration::from_secs(2))
}

/// A whole frame for one client.
pub(super) fn encoded(message: ServerMessage, request_id: Option<String>) -> Bytes {
    text_frame(&encode_message(message, now(), None, request_id))
}
