//! The typed protocol `opshub.v1`: welcome, resume, subscriptions, requests.

use actix::prelude::*;
use bytes::Bytes;

use crate::auth::{Credential, Principal};
use crate::domain::{Error, Right};

use crate::fanout::{Resume, decide_resume};
use crate::hub::Executed;
use crate::protocol::client::{Auth, Rejected, Subscribe};
use crate::protocol::logs::log_filter;
use crate::protocol::server::{Authenticated, Connected, Empty, Subscribed};
use crate::protocol::{
    Close, CloseCode, Command, Request, ServerMessage, StateReason, Topic, Topics, decode,
};

use super::actor::{Session, encoded};
use super::admit::{allowed, check, identify};
use super::handshake::Shown;

/// What a frame needs of those who were let in; `subscribe` beside that needs its topics.
///
/// The one table of frames; a new one does not compile without its line.
fn check_request(principal: &Principal, request: &Request) -> Result<(), Error> {
    match request {
        Request::Auth(_) | Request::Ping | Request::Echo(_) => Ok(()),
        Request::Subscribe(_) | Request::Unsubscribe(_) => principal.check(Right::Read),
        Request::GetState => principal.check_state(),
        Request::Command(command) => principal.check_command(command),
    }
}

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
        self.follow_rights();
        let since = self.accept.resume.as_ref().map(|point| point.since).unwrap_or_default();
        let resume = resume.renewed(&self.outbox, since);
        let mirror = self.outbox.mirror();
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
        if let Some(replay) = resume.join(&self.outbox, &self.readers, since) {
            ctx.spawn(replay.into_actor(self));
        }
    }

    pub(super) fn receive_v1(&mut self, text: &Bytes, ctx: &mut Context<Self>) {
        if self.is_let_in_no_more() {
            // The news of it may be on its way still.
            return self.close(&Close::new(CloseCode::NotAuthenticated));
        }
        let (request_id, request) = match decode(text) {
            Ok(request) => request,
            Err(Rejected { request_id, error }) => return self.refuse_frame(&error, request_id),
        };
        let Some(principal) = &self.principal else {
            return match request {
                Request::Auth(auth) => self.with_keys(auth, request_id, ctx, Session::authenticate),
                Request::Ping => self.send(ServerMessage::Pong(Empty {}), request_id),
                _ => {
                    let message =
                        "say who you are first: {\"type\":\"auth\",\"data\":{\"token\":…}}".to_owned();
                    self.refuse_frame(&Error::NotAuthenticated { message }, request_id);
                }
            };
        };
        if let Err(error) = check_request(principal, &request) {
            return self.send_error(&error, request_id);
        }
        match request {
            Request::Auth(auth) => self.with_keys(auth, request_id, ctx, Session::renew),
            Request::Ping => self.send(ServerMessage::Pong(Empty {}), request_id),
            Request::GetState => {
                // This worker may not have been told yet what the client knows to be committed.
                self.outbox.mirror().pull();
                self.outbox.push_state(StateReason::Requested);
            }
            Request::Echo(data) => self.send(ServerMessage::Echo(data), request_id),
            Request::Subscribe(asked) => self.subscribe(&asked, request_id),
            Request::Unsubscribe(topics) => self.unsubscribe(topics, request_id),
            Request::Command(command) => self.run(command, request_id, ctx),
        }
    }

    /// Judges what the client shows, once the keys for that are known; nothing is read before.
    fn with_keys(
        &mut self,
        auth: Auth,
        request_id: Option<String>,
        ctx: &mut Context<Self>,
        judge: fn(&mut Session, &Auth, Option<String>, &mut Context<Self>),
    ) {
        let (access, token) = (self.access.clone(), auth.token.clone());
        let learned = async move { access.learn_keys(&token).await };
        ctx.wait(learned.into_actor(self).map(move |(), session, ctx| {
            session.waited();
            judge(session, &auth, request_id, ctx);
        }));
    }

    fn follow_rights(&self) {
        let sees_state = self.principal.as_ref().is_some_and(|principal| principal.check_state().is_ok());
        self.outbox.set_sees_state(sees_state);
    }

    /// Lets the client in, or not.
    fn authenticate(&mut self, auth: &Auth, request_id: Option<String>, ctx: &mut Context<Self>) {
        let principal = match self.shown(auth).and_then(|principal| {
            check(&principal, &self.accept)?;
            Ok(principal)
        }) {
            Ok(principal) => principal,
            Err(error) => return self.refuse_frame(&error, request_id),
        };
        let lease = self.accept.logs.clone().map(|filter| self.logs.subscribe(filter)).transpose();
        match lease {
            Ok(lease) => self.outbox.set_logs(lease),
            Err(error) => return self.send_error(&error, request_id),
        }
        self.outbox.set_topics(allowed(&principal, self.accept.topics));
        self.outbox.set_actor(&principal.name);
        self.principal = Some(principal);
        self.follow_lease(ctx);
        self.begin_v1(ctx);
    }

    /// Goes on with another token; whose it is must stay the same.
    fn renew(&mut self, auth: &Auth, request_id: Option<String>, ctx: &mut Context<Self>) {
        let renewed = self.shown(auth).and_then(|principal| {
            // Who was let in as nobody in particular may still say who they are.
            let unnamed = self.principal.as_ref().is_some_and(|known| known.credential == Credential::Open);
            if principal.name != self.actor() && !unnamed {
                let message = format!("this connection is that of {}, open another one", self.actor());
                return Err(Error::Forbidden { message });
            }
            principal.check(Right::Read)?;
            principal.check_topics(self.outbox.topics())?;
            Ok(principal)
        });
        match renewed {
            Ok(principal) => {
                let Principal { name, role, expires_at, .. } = principal.clone();
                self.outbox.set_actor(&name);
                self.principal = Some(principal);
                self.follow_rights();
                self.follow_lease(ctx);
                self.send(ServerMessage::Authenticated(Authenticated { name, role, expires_at }), request_id);
            }
            Err(error) => self.refuse_frame(&error, request_id),
        }
    }

    fn shown(&self, auth: &Auth) -> Result<Principal, Error> {
        let shown = Shown::Bearer(auth.token.clone());
        let known = identify(&self.access, &shown, self.peer)?;
        known.ok_or_else(|| Error::NotAuthenticated { message: "this token lets nobody in".to_owned() })
    }

    fn subscribe(&mut self, asked: &Subscribe, request_id: Option<String>) {
        if let Some(Err(error)) =
            self.principal.as_ref().map(|principal| principal.check_topics(asked.topics))
        {
            return self.send_error(&error, request_id);
        }
        let topics = self.outbox.topics().union(asked.topics);
        let before = self.outbox.log_filter();
        let (level, source) = (asked.log_level.as_deref(), asked.log_source.as_deref());
        let filter = match log_filter(topics, before.clone(), level, source) {
            Ok(filter) => filter,
            Err(error) => return self.refuse_frame(&error, request_id),
        };
        if filter != before {
            match filter.map(|filter| self.logs.subscribe(filter)).transpose() {
                Ok(lease) => self.outbox.set_logs(lease),
                Err(error) => return self.send_error(&error, request_id),
            }
        }
        self.set_topics(topics, request_id);
    }

    fn unsubscribe(&mut self, topics: Topics, request_id: Option<String>) {
        if topics.contains(Topic::Logs) {
            self.outbox.set_logs(None);
        }
        self.set_topics(self.outbox.topics().without(topics), request_id);
    }

    fn set_topics(&mut self, topics: Topics, request_id: Option<String>) {
        self.outbox.set_topics(topics);
        let subscribed = Subscribed::new(topics, self.outbox.log_filter());
        self.send(ServerMessage::Subscribed(subscribed), request_id);
    }

    /// Runs a command; the requests of one connection are answered in their order, so the next one is
    /// read when this one has its answer.
    fn run(&mut self, command: Command, request_id: Option<String>, ctx: &mut Context<Self>) {
        let log_id = request_id.clone().unwrap_or_else(|| self.next_request_id());
        let (hub, actor) = (self.hub.clone(), self.actor().to_owned());
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
