//! The door of Slack: slash commands and presses of buttons.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::rt;
use actix_web::rt::task::JoinHandle;
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use serde_json::Value;

use crate::auth::{Incident, IncidentKind};
use crate::domain::{Change, Command, CommandOutcome, Error, Outcome};
use crate::hub::{Idempotency, Proposal};
use crate::protocol::error::ErrorBody;
use crate::slack::interaction::Press;
use crate::slack::people::{Known, UserId};
use crate::slack::signature::{self, Signed, Unsigned};
use crate::slack::slash::{Said, Slash};
use crate::slack::{Refusal, ResponseUrl, Slack, Turned, refuse, views};
use crate::telemetry::clock::now;

use super::error::ApiError;
use super::observe::RequestId;
use super::request::{mark_replayed, raw_body};
use super::rights::peer;
use super::state::AppState;

/// The type of Slack's bodies.
const FORM: &str = "application/x-www-form-urlencoded";
/// The largest body of Slack's.
const BODY_BYTES: usize = 64 * 1024;
/// How long an answer may take to be the request's own: Slack waits 3 s, the way there and back included.
const ANSWER_WAIT: Duration = Duration::from_millis(2_000);

/// A command that somebody typed in Slack.
#[utoipa::path(
    post, path = "/integrations/slack/commands", tag = "slack",
    params(
        ("X-Slack-Signature" = String, Header, description = "`v0=` and the HMAC-SHA256 of `v0:<timestamp>:<body>` under the app's signing secret"),
        ("X-Slack-Request-Timestamp" = i64, Header, description = "Unix time in seconds, within 5 minutes of the hub's"),
        ("X-Slack-Retry-Num" = Option<u32>, Header, description = "how often Slack tried before; a `trigger_id` that was carried out is answered from the log"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`command`, `text`, `user_id`, `trigger_id`, `response_url`, as Slack sends them; at most 64 KiB"),
    responses(
        (status = 200, description = "a message in Block Kit; a command that is refused is told in one too", body = Object),
        (status = 400, description = "the body is no slash command, or its response_url leads elsewhere", body = ErrorBody),
        (status = 401, description = "not signed by Slack, or too long ago", body = ErrorBody),
        (status = 404, description = "no signing secret is configured", body = ErrorBody),
        (status = 413, description = "the body is too large", body = ErrorBody),
        (status = 415, description = "the body is no form", body = ErrorBody),
    )
)]
pub(super) async fn post_command(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let door = Door::open(&request, &state)?;
    let body = door.body(&request, payload).await?;
    let Slash::Said(said) = Slash::parse(&body)? else { return Ok(HttpResponse::Ok().finish()) };
    let url = said.response_url.as_deref().map(|url| door.slack.hosts.check(url)).transpose()?;
    Ok(match door.command(&said, url).await {
        Ok(told) => told,
        Err(error) => HttpResponse::Ok().json(views::told(&door.refused(&error))),
    })
}

/// A button that somebody pressed in Slack.
#[utoipa::path(
    post, path = "/integrations/slack/interactions", tag = "slack",
    params(
        ("X-Slack-Signature" = String, Header, description = "as for slash commands"),
        ("X-Slack-Request-Timestamp" = i64, Header, description = "as for slash commands"),
        ("X-Slack-Retry-Num" = Option<u32>, Header, description = "as for slash commands"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`payload`: JSON of the type `block_actions` with one action of the hub's; at most 64 KiB"),
    responses(
        (status = 200, description = "taken; what came of it is posted to the payload's `response_url`"),
        (status = 400, description = "the payload is no press of a button of the hub's, or its response_url leads elsewhere", body = ErrorBody),
        (status = 401, description = "not signed by Slack, or too long ago", body = ErrorBody),
        (status = 404, description = "no signing secret is configured", body = ErrorBody),
        (status = 413, description = "the body is too large", body = ErrorBody),
        (status = 415, description = "the body is no form", body = ErrorBody),
    )
)]
pub(super) async fn post_interaction(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let door = Door::open(&request, &state)?;
    let press = Press::parse(&door.body(&request, payload).await?)?;
    let url = press.response_url.as_deref().map(|url| door.slack.hosts.check(url)).transpose()?;
    let pressed = rt::spawn(async move { door.press(&press, url).await });
    // Slack shows nothing of this answer: only that there was one, and soon.
    let mut response = HttpResponse::Ok();
    match tokio::time::timeout(ANSWER_WAIT, pressed).await {
        Ok(Ok(true)) => mark_replayed(&mut response),
        Ok(Err(error)) => return Err(Error::internal(format!("a press in Slack: {error}")).into()),
        // It goes on by itself.
        Ok(Ok(false)) | Err(_) => {}
    }
    Ok(response.finish())
}

/// One request, at a door that is open.
#[derive(Clone)]
struct Door {
    state: Data<AppState>,
    slack: std::sync::Arc<Slack>,
    path: String,
    peer: Option<IpAddr>,
    request_id: String,
}

/// A command that was carried out.
struct Done {
    outcome: CommandOutcome,
    replayed: bool,
}

impl Door {
    fn open(request: &HttpRequest, state: &Data<AppState>) -> Result<Door, Error> {
        let slack = state.slack.clone().ok_or(Error::NotFound)?;
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let peer = peer(request);
        Ok(Door { state: state.clone(), slack, path: request.path().to_owned(), peer, request_id })
    }

    /// Reads the body as it came, if it is Slack's.
    async fn body(&self, request: &HttpRequest, payload: Payload) -> Result<Bytes, Error> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let unsigned = |why: Unsigned| self.refuse(Turned::Unsigned(why));
        let signed = Signed::read(header(signature::TIMESTAMP), header(signature::SIGNATURE), now());
        let signed = signed.map_err(unsigned)?;
        if !request.content_type().eq_ignore_ascii_case(FORM) {
            return Err(Error::UnsupportedMediaType { expected: FORM.to_owned() });
        }
        let body = raw_body(request, payload, BODY_BYTES).await?;
        signed.check(&self.slack.secret, &body).map_err(unsigned)?;
        if let Some(retry) = header(signature::RETRY) {
            log::info!(request_id = self.request_id.as_str(); "Slack delivers a request to {} again, {retry:?}", self.path);
        }
        Ok(body)
    }

    fn refuse(&self, why: Turned<'_>) -> Error {
        let refusal = Refusal { why, door: &self.path, peer: self.peer, request_id: &self.request_id };
        let incident = Incident::new(IncidentKind::SlackRefused, why.actor(), self.peer)
            .about("asked_for", &*self.path)
            .about("reason", why.reason());
        self.state.access.tell(incident);
        refuse(&self.state.metrics, &refusal)
    }

    /// Who it is, if they may say this.
    fn admit(&self, user: &UserId, guest: bool, command: &Command) -> Result<Known, Error> {
        let known = self.slack.people.find(user, guest);
        let known = known.ok_or_else(|| self.refuse(Turned::Stranger(user)))?;
        if !known.role.may(command.right()) {
            return Err(self.refuse(Turned::Forbidden(user, command, known.role)));
        }
        Ok(known)
    }

    /// What people are told of an error that is no fault of the request's form.
    fn refused(&self, error: &Error) -> String {
        self.state.metrics.rejected.with_label_values(&[error.spec().1]).inc();
        match error {
            Error::Internal { cause } => {
                log::error!(request_id = self.request_id.as_str(); "internal error: {cause}");
            }
            Error::StorageUnavailable { cause } => {
                log::warn!(request_id = self.request_id.as_str(); "storage unavailable: {cause}");
            }
            _ => {}
        }
        format!("Sorry, {error}")
    }

    async fn command(&self, said: &Said, url: Option<ResponseUrl>) -> Result<HttpResponse, Error> {
        let text = if said.text.is_empty() { "help" } else { &said.text };
        let parsed = Command::parse(text);
        // A stranger learns nothing of commands.
        let asks = parsed.as_ref().unwrap_or(&Command::Status);
        let known = self.admit(&said.user, false, asks)?;
        let command = parsed?;
        match &command {
            Command::Status => {
                let may_decide = known.role.may(crate::domain::Right::Command);
                let committed = self.state.live.committed();
                return Ok(HttpResponse::Ok().json(views::status(&committed.document, may_decide)));
            }
            Command::Help(name) => {
                return Ok(HttpResponse::Ok().json(views::help(&said.slash, name.as_deref())));
            }
            _ => {}
        }
        let mut work = self.spawn(&said.user, &known, command.clone(), &said.trigger_id)?;
        if let Ok(done) = tokio::time::timeout(ANSWER_WAIT, &mut work).await {
            let done = joined(done)?;
            let mut response = HttpResponse::Ok();
            if done.replayed {
                mark_replayed(&mut response);
            }
            return Ok(response.json(self.said(&said.user, &known, &command, &done)));
        }
        // It goes on by itself, whoever waits for it.
        let Some(url) = url else {
            return Ok(
                HttpResponse::Ok().json(views::told("It is taking long. Ask for `status` in a while."))
            );
        };
        let (door, user) = (self.clone(), said.user.clone());
        rt::spawn(async move {
            let body = match joined(work.await) {
                Ok(done) => door.said(&user, &known, &command, &done),
                Err(error) => views::told(&door.refused(&error)),
            };
            door.slack.replies.post(url, &body, door.request_id.clone());
        });
        Ok(HttpResponse::Ok().json(views::told("It is under way; what comes of it is told here.")))
    }

    fn said(&self, user: &UserId, known: &Known, command: &Command, done: &Done) -> Value {
        let committed = self.state.live.committed();
        let brief = committed.document.active_brief().filter(|_| matches!(command, Command::Brief(_)));
        views::outcome(user, known, &done.outcome, brief)
    }

    /// Carries a press out and tells what came of it; tells whether it had been carried out before.
    async fn press(&self, press: &Press, url: Option<ResponseUrl>) -> bool {
        let done = match self.admit(&press.user, press.guest, &press.command) {
            Ok(known) => match self.spawn(&press.user, &known, press.command.clone(), &press.trigger_id) {
                Ok(work) => joined(work.await).map(|done| (known, done)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let replayed = done.as_ref().is_ok_and(|(_, done)| done.replayed);
        let body = match &done {
            Ok((known, done)) => {
                let committed = self.state.live.committed();
                let who = (&press.user, known);
                let shown = press.message.as_ref();
                views::pressed(who, &done.outcome, &press.block_id, shown, &committed.document)
            }
            Err(error) => views::refused_press(&self.refused(error)),
        };
        if let Some(url) = url {
            self.slack.replies.post(url, &body, self.request_id.clone());
        }
        replayed
    }

    /// Begins a command that changes something; it is carried out even if nobody waits for it any more.
    fn spawn(
        &self,
        user: &UserId,
        known: &Known,
        command: Command,
        trigger_id: &str,
    ) -> Result<JoinHandle<Result<Done, Error>>, Error> {
        let scope = format!("POST {}", self.path);
        let text = command.text();
        let idempotency = Idempotency::new(&user.principal(), &scope, trigger_id, text.as_bytes())?;
        let proposal = Proposal {
            change: Change::Command(command),
            actor: known.actor.clone(),
            request_id: self.request_id.clone(),
            idempotency: Some(idempotency),
            expectation: None,
            bytes: text.len(),
        };
        let hub = self.state.hub.clone();
        Ok(rt::spawn(async move {
            let accepted = hub.propose(proposal).await?;
            match accepted.outcome {
                Outcome::Command(outcome) => Ok(Done { outcome, replayed: accepted.replayed }),
                other => Err(Error::internal(format!("a command gave {other:?}"))),
            }
        }))
    }
}

fn joined(done: Result<Result<Done, Error>, rt::task::JoinError>) -> Result<Done, Error> {
    done.unwrap_or_else(|error| Err(Error::internal(format!("a command of Slack's: {error}"))))
}
