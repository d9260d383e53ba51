//! The actor: what it owns, and how a proposal becomes a staged change.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use actix::prelude::*;
use chrono_tz::Tz;

use crate::domain::{
    self, Change, CollectionId, Command, CommandOutcome, Context as DecideContext, Error, Limits, Seq, State,
    Timestamp,
};
use crate::store::{Db, IdempotencyKey, Inbox, Readers, Recovered};
use crate::telemetry::metrics::Metrics;

use super::announce::FanoutLink;
use super::batch::{Entry, Staged};
use super::connections::Connections;
use super::handle::{Accepted, DryRun, Expectation, Proposal, Propose, Reply};
use super::live::Live;

/// What the hub is told at its start.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// What a change may make of the document.
    pub limits: Limits,
    /// Whose days `brief` means.
    pub timezone: Tz,
    /// Events between two snapshots.
    pub snapshot_every: u64,
    /// Events that are kept at least.
    pub keep_events: u64,
    /// Days that events are kept.
    pub keep_days: u32,
    /// Between two heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// After which a collection that nobody ended is given up, in milliseconds.
    pub collection_timeout_ms: u64,
}

/// What the hub works with.
pub struct HubParts {
    /// Its settings.
    pub settings: HubSettings,
    /// What the log adds up to.
    pub recovered: Recovered,
    /// The writer.
    pub db: Addr<Db>,
    /// The readers.
    pub readers: Readers,
    /// Where it shows what is committed.
    pub live: Arc<Live>,
    /// Who is connected.
    pub connections: Arc<Connections>,
    /// Its figures.
    pub metrics: Arc<Metrics>,
    /// The clock; changes never go behind the last one, whatever it says.
    pub clock: fn() -> Timestamp,
}

/// A point of the log and the state there.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) state: State,
    pub(super) seq: Seq,
    pub(super) state_seq: Seq,
    pub(super) at: Timestamp,
}

/// Whether the disk takes writes.
#[derive(Debug)]
pub(super) enum Storage {
    /// It does.
    Healthy,
    /// It did not; every change is refused until a trial write works.
    Degraded {
        /// Changes that were refused and may be on disk all the same; empty where that is known.
        unresolved: Vec<Staged>,
    },
    /// Another program wrote to the log, so that it no longer adds up to the state here: every change is
    /// refused until a start reads it anew.
    Foreign,
}

/// The central actor. Never waits: for the disk, for a client, for anybody.
pub struct Hub {
    pub(super) settings: HubSettings,
    pub(super) db: Addr<Db>,
    pub(super) readers: Readers,
    pub(super) live: Arc<Live>,
    pub(super) connections: Arc<Connections>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: fn() -> Timestamp,
    /// What is on disk.
    pub(super) committed: Head,
    /// What will be, when everything that is under way is on disk.
    pub(super) pending: Head,
    /// What was decided and is not on disk yet, in order.
    pub(super) gathering: VecDeque<Entry>,
    /// The records of it that the store has not taken yet.
    pub(super) inbox: Arc<Inbox>,
    /// Whether a batch is on its way to the disk.
    pub(super) in_flight: bool,
    /// Changes that go to the disk one by one, since one of them broke a batch.
    pub(super) one_by_one: VecDeque<(Proposal, Reply)>,
    /// Requests with an idempotency key that are under way, and the duplicates that wait with them.
    pub(super) keyed: HashMap<IdempotencyKey, InProgress>,
    pub(super) fanouts: Vec<FanoutLink>,
    pub(super) storage: Storage,
    pub(super) events_since_snapshot: u64,
    pub(super) chores: super::chores::Chores,
    pub(super) draining: Option<tokio::sync::oneshot::Sender<()>>,
    pub(super) refusing: bool,
}

/// A keyed request under way.
#[derive(Debug)]
pub(super) struct InProgress {
    pub(super) fingerprint: String,
    pub(super) duplicates: Vec<Reply>,
}

impl Hub {
    /// A hub that goes on where the log ends.
    pub fn new(parts: HubParts) -> Hub {
        let HubParts { settings, recovered, db, readers, live, connections, metrics, clock } = parts;
        let head = Head {
            state: recovered.state,
            seq: recovered.seq,
            state_seq: recovered.state_seq,
            at: recovered.at.unwrap_or(Timestamp::from_millis(0)),
        };
        metrics.seq.set(i64::try_from(head.seq.get()).unwrap_or(i64::MAX));
        metrics.state_bytes.set(head.state.document.size() as i64);
        metrics.storage_up.set(1);
        Hub {
            settings,
            db,
            readers,
            live,
            connections,
            metrics,
            clock,
            committed: head.clone(),
            pending: head,
            gathering: VecDeque::new(),
            inbox: Arc::default(),
            in_flight: false,
            one_by_one: VecDeque::new(),
            keyed: HashMap::new(),
            fanouts: Vec::new(),
            storage: Storage::Healthy,
            events_since_snapshot: recovered.since_snapshot,
            chores: super::chores::Chores::default(),
            draining: None,
            refusing: false,
        }
    }

    /// The time of the next change: the later of the clock and the last change.
    pub(super) fn now(&self) -> Timestamp {
        (self.clock)().max(self.pending.at)
    }

    /// Validates a proposal against the newest pending state and stages what it decides.
    pub(super) fn stage(&mut self, proposal: Proposal, reply: Reply) {
        match self.decide(&proposal) {
            Ok(Decided { seq, outcome, staged }) => {
                self.gathering.push_back(Entry { proposal, reply, seq, outcome, staged });
            }
            Err(error) => self.finish(&proposal, reply, Err(error)),
        }
    }

    fn decide(&mut self, proposal: &Proposal) -> Result<Decided, Error> {
        self.check_expectation(proposal.expectation.as_ref())?;
        let now = self.now();
        let context = self.context(&proposal.change, now);
        let decision = domain::decide(&self.pending.state, &proposal.change, &context)?;
        let outcome = decision.outcome.clone();
        let mut head = self.pending.clone();
        let (mut staged, mut records) = (Vec::new(), Vec::new());
        let mut events = decision.events().peekable();
        while let Some(event) = events.next() {
            let joined = events.peek().is_some();
            let limits = &self.settings.limits;
            let (stage, record) = Staged::new(proposal, &outcome, event, &head, now, limits, joined)?;
            head = stage.head.clone();
            staged.push(stage);
            records.push(record);
        }
        self.inbox.extend(records);
        self.pending = head;
        Ok(Decided { seq: self.pending.seq, outcome, staged })
    }

    fn check_expectation(&self, expected: Option<&Expectation>) -> Result<(), Error> {
        let Some(expected) = expected else { return Ok(()) };
        let is_ours = expected.epoch == *self.live.epoch();
        if is_ours && self.pending.state_seq <= expected.seq && expected.seq <= self.pending.seq {
            return Ok(());
        }
        Err(Error::PreconditionFailed { current: format!("{}-{}", self.live.epoch(), self.pending.seq) })
    }

    fn context(&self, change: &Change, now: Timestamp) -> DecideContext<'_> {
        let starts = matches!(change, Change::StartCollection | Change::Command(Command::Refresh));
        let new_collection_id = if starts { uuid::Uuid::new_v4().to_string() } else { String::new() };
        DecideContext {
            now,
            seq: self.pending.seq.next(),
            limits: &self.settings.limits,
            timezone: self.settings.timezone,
            new_collection_id: CollectionId::new(new_collection_id),
        }
    }

    /// Answers a request and every duplicate of it.
    pub(super) fn finish(&mut self, proposal: &Proposal, reply: Reply, result: Result<Accepted, Error>) {
        if let Some(idempotency) = &proposal.idempotency
            && let Some(in_progress) = self.keyed.remove(&idempotency.key)
        {
            for duplicate in in_progress.duplicates {
                duplicate.send(
                    result.clone().map(|accepted| Accepted { replayed: accepted.committed, ..accepted }),
                );
            }
        }
        reply.send(result);
    }

    /// Takes a request that is neither a duplicate nor answered before.
    fn admit(&mut self, proposal: Proposal, reply: Reply, ctx: &mut Context<Self>) {
        let cause = match self.storage {
            Storage::Healthy => None,
            Storage::Degraded { .. } => Some("the disk takes no writes since an earlier change"),
            Storage::Foreign => Some("another program wrote to the log"),
        };
        if let Some(cause) = cause {
            let error = Error::StorageUnavailable { cause: cause.to_owned() };
            return self.finish(&proposal, reply, Err(error));
        }
        if self.one_by_one.is_empty() {
            self.stage(proposal, reply);
        } else {
            self.one_by_one.push_back((proposal, reply));
        }
        self.commit_next(ctx);
    }
}

/// What a proposal was found to mean.
struct Decided {
    seq: Seq,
    outcome: domain::Outcome,
    staged: Vec<Staged>,
}

impl Actor for Hub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.start_chores(ctx);
    }
}

impl Handler<Propose> for Hub {
    type Result = ();

    fn handle(&mut self, Propose { proposal, reply }: Propose, ctx: &mut Context<Self>) {
        if self.refusing {
            return reply.send(Err(Error::ShuttingDown));
        }
        let Some(idempotency) = proposal.idempotency.clone() else {
            return self.admit(proposal, reply, ctx);
        };
        if let Some(in_progress) = self.keyed.get_mut(&idempotency.key) {
            if in_progress.fingerprint == idempotency.fingerprint {
                in_progress.duplicates.push(reply);
            } else {
                reply.send(Err(Error::IdempotencyMismatch));
            }
            return;
        }
        // The look-up begins after the key is marked as under way: an earlier request with it is
        // either marked itself or already on disk, where the look-up finds it.
        let in_progress = InProgress { fingerprint: idempotency.fingerprint.clone(), duplicates: Vec::new() };
        self.keyed.insert(idempotency.key.clone(), in_progress);
        let readers = self.readers.clone();
        let lookup = async move { readers.stored_answer(idempotency.key).await };
        let then = lookup.into_actor(self).map(move |stored, hub, ctx| match stored {
            Ok(None) => hub.admit(proposal, reply, ctx),
            Ok(Some(stored)) => {
                let same =
                    proposal.idempotency.as_ref().is_some_and(|key| key.fingerprint == stored.fingerprint);
                let answer = if same {
                    Ok(Accepted { seq: stored.seq, outcome: stored.outcome, committed: true, replayed: true })
                } else {
                    Err(Error::IdempotencyMismatch)
                };
                hub.finish(&proposal, reply, answer);
            }
            Err(error) => hub.finish(&proposal, reply, Err(error.into())),
        });
        ctx.spawn(then);
    }
}

impl Handler<DryRun> for Hub {
    type Result = Result<CommandOutcome, Error>;

    fn handle(&mut self, DryRun(command): DryRun, _: &mut Context<Self>) -> Self::Result {
        let now = self.now();
        let change = Change::Command(command.clone());
        domain::dry_run(&self.pending.state, &command, &self.context(&change, now))
    }
}
