//! The typed protocol `opshub.v1`: welcome, resume, subscriptions, requests.

use actix::prelude::*;
use bytes::Bytes;

use crate::fanout::{Resume, decide_resume, replay};
use crate::hub::Executed;
use crate::protocol::client::Rejected;
use crate::protocol::server::{Connected, Empty, Subscribed};
use crate::protocol::{Command, Request, ServerMessage, StateReason, Topics, decode};

use super::actor::{Session, encoded};

impl Session {
    /// Finds out where the connection begins; nothing is received before that is known.
    pub(super) fn begin_v1(&mut self, ctx: &mut Context<Self>) {
        let Some(point) = self.accept.resume.clone() else {
            return self.welcome(Resume::State, ctx);
        };
        let (outbox, readers, max_bytes) =
            (self.outbox.clone(), self.readers.clone(), self.settings.resume_bytes);
        let decided = async move { decide_resume(&outbox, &readers, &point, max_bytes).await };
        ctx.wait(decided.into_actor(self).map(|resume, session, ctx| {
            session.waited();
            session.welcome(resume, ctx);
        }));
    }

    fn welcome(&mut self, resume: Resume, ctx: &mut Context<Self>) {
        let mirror = self.outbox.mirror().clone();
        mirror.pull();
        let since = self.accept.resume.as_ref().map(|point| point.since).unwrap_or_default();
        // What was in the ring when it was asked may have gone since.
        let resume = match resume {
            Resume::Ring(_) => mirror.position_after(since).map_or(Resume::Log(since), Resume::Ring),
            other => other,
        };
        let recovered = resume != Resume::State;
        if self.accept.resume.is_some() {
            self.metrics.resumes.with_label_values(&[if recovered { "recovered" } else { "state" }]).inc();
        }
        let connected = Connected {
            message: "welcome to opshub".to_owned(),
            client_count: self.client_count,
            session_id: self.session_id.clone(),
            epoch: mirror.epoch().to_owned(),
            seq: mirror.newest(),
            heartbeat_ms: u64::try_from(self.settings.heartbeat.as_millis()).unwrap_or(u64::MAX),
            recovered,
        };
        self.outbox.push_first(encoded(ServerMessage::Connected(connected), None));
        match resume {
            Resume::State => {
                self.outbox.push_state(StateReason::Connected);
                self.outbox.attach(None, mirror.newest());
            }
            Resume::Ring(position) => self.outbox.attach(Some(position), since),
            Resume::Log(since) => {
                ctx.spawn(replay(self.outbox.clone(), self.readers.clone(), since).into_actor(self));
            }
        }
    }

    pub(super) fn receive_v1(&mut self, text: &Bytes, ctx: &mut Context<Self>) {
        let (request_id, request) = match decode(text) {
            Ok(request) => request,
            Err(Rejected { request_id, error }) => return self.refuse_frame(&error, request_id),
        };
        match request {
            Request::Ping => self.send(ServerMessage::Pong(Empty {}), request_id),
            Request::GetState => self.outbox.push_state(StateReason::Requested),
            Request::Echo(data) => self.send(ServerMessage::Echo(data), request_id),
            Request::Subscribe(topics) => self.set_topics(self.outbox.topics().union(topics), request_id),
            Request::Unsubscribe(topics) => self.set_topics(self.outbox.topics().without(topics), request_id),
            Request::Command(command) => self.run(command, request_id, ctx),
        }
    }

    fn set_topics(&mut self, topics: Topics, request_id: Option<String>) {
        self.outbox.set_topics(topics);
        self.send(ServerMessage::Subscribed(Subscribed { topics }), request_id);
    }

    /// Runs a command; the requests of one connection are answered in their order, so the next one is
    /// read when this one has its answer.
    fn run(&mut self, command: Command, request_id: Option<String>, ctx: &mut Context<Self>) {
        let log_id = request_id.clone().unwrap_or_else(|| self.next_request_id());
        let (hub, actor) = (self.hub.clone(), self.accept.actor.clone());
        let executed = async move { hub.run_command(&actor, command, log_id, None).await };
        ctx.wait(executed.into_actor(self).map(|result, session, _| {
            session.waited();
            match result {
                Ok(Executed { result, .. }) => {
                    let after = result.seq.unwrap_or_default();
                    let frame = encoded(ServerMessage::CommandResult(result), request_id);
                    session.outbox.push_after(after, frame);
                }
                Err(error) => session.send_error(&error, request_id),
            }
        }));
    }
}
