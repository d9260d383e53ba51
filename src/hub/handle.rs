//! The door to the hub.

use std::sync::Arc;

use actix::prelude::*;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::domain::{Change, Command, CommandOutcome, Epoch, Error, Outcome, Seq};
use crate::protocol::{self, server::CommandResult};
use crate::store::IdempotencyKey;

use super::actor::Hub;

/// A change that somebody wants.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What should change.
    pub change: Change,
    /// Who wants it.
    pub actor: String,
    /// The request that it came with, for the log.
    pub request_id: String,
    /// Makes a repeated request the same request.
    pub idempotency: Option<Idempotency>,
    /// What the proposer thinks the newest state is.
    pub expectation: Option<Expectation>,
    /// The size of the request's body, which is about what it takes while it waits.
    pub bytes: usize,
}

/// A request's idempotency key, and what the request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The key and whose it is.
    pub key: IdempotencyKey,
    /// SHA-256 over the request.
    pub fingerprint: String,
}

/// The longest idempotency key, in bytes.
const IDEMPOTENCY_KEY_MAX_BYTES: usize = 255;

impl Idempotency {
    /// The key of a request: `scope` is its method and path, `request` all that makes it what it is.
    ///
    /// # Errors
    /// `invalid_value` for a key that is empty, too long, or has other than visible characters.
    pub fn new(principal: &str, scope: &str, key: &str, request: &[u8]) -> Result<Idempotency, Error> {
        let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.is_empty() || key.len() > IDEMPOTENCY_KEY_MAX_BYTES || !visible {
            let message =
                format!("idempotency_key must be 1 to {IDEMPOTENCY_KEY_MAX_BYTES} visible ASCII characters");
            return Err(Error::invalid("idempotency_key", message));
        }
        let key =
            IdempotencyKey { principal: principal.to_owned(), scope: scope.to_owned(), key: key.to_owned() };
        let digest = Sha256::digest(request);
        let fingerprint = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Idempotency { key, fingerprint })
    }

    /// The key of a command: the same one at every door, so that a repeat may come through another.
    ///
    /// # Errors
    /// As [`Idempotency::new`].
    pub fn for_command(principal: &str, key: &str, command: &str) -> Result<Idempotency, Error> {
        Idempotency::new(principal, "POST /api/command", key, command.trim().as_bytes())
    }
}

/// Refuses a change where the state was altered after `seq`, or is that of another log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The log.
    pub epoch: Epoch,
    /// The newest change that the proposer knows.
    pub seq: Seq,
}

/// A change that is on disk, or that turned out to alter nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The change's number; the newest one where nothing was altered.
    pub seq: Seq,
    /// The answer.
    pub outcome: Outcome,
    /// Whether anything was committed for it, now or when its key was first used.
    pub committed: bool,
    /// Whether this is the stored answer of an earlier request with the same key.
    pub replayed: bool,
}

/// Proposes changes to the hub; the hub itself bounds how many may wait.
#[derive(Debug, Clone)]
pub struct HubHandle {
    hub: Addr<Hub>,
    places: Arc<Semaphore>,
    /// In units of [`BUDGET_UNIT_BYTES`].
    budget: Arc<Semaphore>,
}

/// What the bodies of all changes that wait may take together.
const BUDGET_BYTES: usize = 64 * 1024 * 1024;
/// The unit in which that is counted.
const BUDGET_UNIT_BYTES: usize = 1024;

impl HubHandle {
    /// A door through which at most `pending_max` changes may wait at a time.
    pub fn new(hub: Addr<Hub>, pending_max: usize) -> HubHandle {
        HubHandle {
            hub,
            places: Arc::new(Semaphore::new(pending_max)),
            budget: Arc::new(Semaphore::new(BUDGET_BYTES / BUDGET_UNIT_BYTES)),
        }
    }

    /// Proposes a change and waits until it is on disk.
    ///
    /// # Errors
    /// Why it was refused; nothing was changed then. A `storage_unavailable` may in rare cases turn
    /// out to be stored after all: then it is shown like any other change.
    pub async fn propose(&self, proposal: Proposal) -> Result<Accepted, Error> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Error::Overloaded)?;
        let units = u32::try_from(proposal.bytes / BUDGET_UNIT_BYTES + 1).unwrap_or(u32::MAX);
        let bytes = self.budget.clone().try_acquire_many_owned(units).map_err(|_| Error::Overloaded)?;
        let (answer, answered) = oneshot::channel();
        self.hub.do_send(Propose { proposal, reply: Reply { answer, _place: (place, bytes) } });
        answered.await.unwrap_or_else(|_| Err(Error::internal("the hub is gone")))
    }

    /// Tells what a command would do, against the newest pending state.
    ///
    /// # Errors
    /// Why it would be refused.
    pub async fn dry_run(&self, command: Command) -> Result<CommandOutcome, Error> {
        let _place = self.places.try_acquire().map_err(|_| Error::Overloaded)?;
        let answer = self.hub.send(DryRun(command)).await;
        answer.unwrap_or_else(|_| Err(Error::internal("the hub is gone")))
    }

    /// Runs one command, whatever door it came through.
    ///
    /// # Errors
    /// Why it was refused; nothing was changed then.
    pub async fn run_command(
        &self,
        actor: &str,
        request: protocol::Command,
        request_id: String,
        expectation: Option<Expectation>,
    ) -> Result<Executed, Error> {
        let command = Command::parse(&request.command)?;
        if request.dry_run {
            let outcome = self.dry_run(command).await?;
            return Ok(Executed { result: command_result(outcome, None), replayed: false });
        }
        let idempotency = match &request.idempotency_key {
            Some(key) => Some(Idempotency::for_command(actor, key, &request.command)?),
            None => None,
        };
        let (actor, bytes) = (actor.to_owned(), request.command.len());
        let change = Change::Command(command);
        let accepted =
            self.propose(Proposal { change, actor, request_id, idempotency, expectation, bytes }).await?;
        match accepted.outcome {
            Outcome::Command(outcome) => {
                let seq = accepted.committed.then_some(accepted.seq);
                Ok(Executed { result: command_result(outcome, seq), replayed: accepted.replayed })
            }
            other => Err(Error::internal(format!("a command gave {other:?}"))),
        }
    }

    /// The actor itself.
    pub fn addr(&self) -> &Addr<Hub> {
        &self.hub
    }
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed {
    /// What every door tells.
    pub result: CommandResult,
    /// Whether this is the stored answer of an earlier request with the same key.
    pub replayed: bool,
}

fn command_result(outcome: CommandOutcome, seq: Option<Seq>) -> CommandResult {
    let CommandOutcome { action, target, success, applied, message, patch } = outcome;
    CommandResult { action, target, success, applied, message, seq, patch }
}

/// Where an answer goes. Dropping it unanswered tells the proposer that the hub is gone.
#[derive(Debug)]
pub(super) struct Reply {
    answer: oneshot::Sender<Result<Accepted, Error>>,
    /// Given back with the answer.
    _place: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl Reply {
    /// Answers; a proposer that left is no error.
    pub(super) fn send(self, result: Result<Accepted, Error>) {
        let _ = self.answer.send(result);
    }
}

/// Asks the hub for a change.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Propose {
    pub(super) proposal: Proposal,
    pub(super) reply: Reply,
}

/// Asks the hub what a command would do.
#[derive(Message)]
#[rtype(result = "Result<CommandOutcome, Error>")]
pub(super) struct DryRun(pub(super) Command);
