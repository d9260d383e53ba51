//! What the hub does by the clock: heartbeats, presence, health, collections that nobody ends,
//! pruning, trial writes; and the end.

use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::domain::{Change, Timestamp};
use crate::protocol::server::{DatabaseStatus, Heartbeat, Presence};
use crate::protocol::{Health, HealthStatus, ServerMessage, Topic};
use crate::store::{Checkpoint, Probe, Prune, SaveSnapshot, Snapshot, StoreError, TryWrite};

use super::actor::{Hub, Storage};
use super::handle::{HubHandle, Proposal};

/// How often the hub looks whether something is due.
const TICK: Duration = Duration::from_millis(250);
/// How often presence is told at most.
const PRESENCE_EVERY: Duration = Duration::from_secs(1);
/// How often health is told at least.
const HEALTH_EVERY: Duration = Duration::from_secs(30);
/// How often a degraded hub tries to write.
const TRIAL_EVERY: Duration = Duration::from_secs(1);
/// How often the old end of the log is looked at; while there is more to cut, at each tick.
const PRUNE_EVERY: Duration = Duration::from_secs(10);
/// How long answers to idempotency keys are kept.
const KEYS_KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Who makes the changes that the hub makes by itself.
const HUB_ACTOR: &str = "hub";

/// When each chore was done last, and which are due.
#[derive(Debug, Default)]
pub(super) struct Chores {
    started: Option<Instant>,
    heartbeat: Option<Instant>,
    presence: Option<Instant>,
    health: Option<Instant>,
    trial: Option<Instant>,
    prune: Option<Instant>,
    client_count: usize,
    pub(super) health_due: bool,
    health_under_way: bool,
    trial_under_way: bool,
    prune_under_way: bool,
    snapshot_under_way: bool,
    timeout_under_way: bool,
}

/// Tells whether `every` has passed since `last`, and remembers it.
fn is_due(last: &mut Option<Instant>, every: Duration, now: Instant) -> bool {
    let due = last.is_none_or(|last| now.duration_since(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}

/// Refuses new changes, finishes those under way and stores a snapshot; answered when that is done.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

impl Handler<Drain> for Hub {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) -> Self::Result {
        let (done, drained) = oneshot::channel();
        self.refusing = true;
        self.draining = Some(done);
        self.finish_drain(ctx);
        Box::pin(async move {
            // An error means that the hub is gone: then there is nothing left to wait for.
            let _ = drained.await;
        })
    }
}

impl Hub {
    pub(super) fn start_chores(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        self.chores.started = Some(now);
        self.chores.heartbeat = Some(now);
        self.chores.health = Some(now);
        ctx.run_interval(TICK, |hub, ctx| hub.tick(ctx));
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        self.finish_drain(ctx);
        self.tell_presence(now);
        if is_due(&mut self.chores.heartbeat, Duration::from_millis(self.settings.heartbeat_ms), now) {
            self.tell_heartbeat();
        }
        if is_due(&mut self.chores.health, HEALTH_EVERY, now) || self.chores.health_due {
            self.tell_health(ctx);
        }
        match self.storage {
            Storage::Healthy => self.give_up_collection(ctx),
            Storage::Degraded { .. } => self.try_to_write(now, ctx),
            Storage::Foreign => {}
        }
        // Also while degraded: on a full disk it makes the room that heals.
        self.prune(now, ctx);
    }

    /// Every change up to `seq` was pushed before it, so every client gets it before.
    fn tell_heartbeat(&mut self) {
        let heartbeat =
            Heartbeat { seq: self.committed.seq, state_hash: self.committed.state.document.hash() };
        self.announce(None, ServerMessage::Heartbeat(heartbeat));
    }

    fn tell_presence(&mut self, now: Instant) {
        let client_count = self.connections.websockets();
        if client_count != self.chores.client_count && is_due(&mut self.chores.presence, PRESENCE_EVERY, now)
        {
            self.chores.client_count = client_count;
            self.announce(Some(Topic::Presence), ServerMessage::Presence(Presence { client_count }));
        }
    }

    fn tell_health(&mut self, ctx: &mut Context<Self>) {
        if self.chores.health_under_way {
            // The disk hangs: that is the news, whatever the probe says in the end.
            return self.announce_health(false);
        }
        self.chores.health_due = false;
        self.chores.health_under_way = true;
        let probe = self.db.send(Probe).into_actor(self).map(|probe, hub, _| {
            hub.chores.health_under_way = false;
            let writes = matches!(probe, Ok(Ok(_))) && matches!(hub.storage, Storage::Healthy);
            hub.announce_health(writes);
        });
        ctx.spawn(probe);
    }

    fn announce_health(&mut self, writes: bool) {
        self.chores.health_due = false;
        let health = self.health(writes);
        self.announce(Some(Topic::Health), ServerMessage::SystemHealth(health));
    }

    fn health(&self, writes: bool) -> Health {
        let uptime = self.chores.started.map(|started| started.elapsed()).unwrap_or_default();
        Health {
            status: if writes { HealthStatus::Healthy } else { HealthStatus::Degraded },
            service: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            database: if writes { DatabaseStatus::Connected } else { DatabaseStatus::Disconnected },
            websocket: self.connections.health(),
            seq: self.committed.seq,
            uptime_s: uptime.as_secs(),
            timestamp: (self.clock)(),
        }
    }

    /// While the disk takes no writes: tries one, and reads back what became of an unresolved batch.
    fn try_to_write(&mut self, now: Instant, ctx: &mut Context<Self>) {
        if self.chores.trial_under_way || !is_due(&mut self.chores.trial, TRIAL_EVERY, now) {
            return;
        }
        self.chores.trial_under_way = true;
        let trial = TryWrite { expected_last: self.committed.seq };
        let trial = self.db.send(trial).into_actor(self).map(|trial, hub, ctx| {
            hub.chores.trial_under_way = false;
            let newest = match trial {
                Ok(Ok(newest)) => newest,
                Ok(Err(error @ StoreError::Conflict { .. })) => return hub.abandon_log(&error),
                Ok(Err(error)) => return log::debug!("the database takes no writes yet: {error}"),
                Err(gone) => return log::error!("the database actor is gone: {gone}"),
            };
            let storage = std::mem::replace(&mut hub.storage, Storage::Healthy);
            if let Storage::Degraded { unresolved } = storage
                && newest > hub.committed.seq
            {
                log::warn!(
                    "{} changes that could not be acknowledged are stored, and shown now",
                    unresolved.len()
                );
                let frames = unresolved.iter().map(|staged| (staged.frame.clone(), staged.kind)).collect();
                if let Some(last) = unresolved.last() {
                    hub.show(last.head.clone(), frames);
                }
            }
            hub.pending = hub.committed.clone();
            hub.live.set_storage_ok(true);
            hub.metrics.storage_up.set(1);
            hub.chores.health_due = true;
            log::info!("the database takes writes again, after {}", hub.committed.seq);
            hub.commit_next(ctx);
        });
        ctx.spawn(trial);
    }

    /// Ends a collection that nobody ended in time, so that a lost feeder blocks nothing.
    fn give_up_collection(&mut self, ctx: &mut Context<Self>) {
        let Some(collection) = &self.pending.state.collection else { return };
        let age = self.now().millis() - collection.started_at.millis();
        let timeout = i64::try_from(self.settings.collection_timeout_ms).unwrap_or(i64::MAX);
        if age < timeout || self.chores.timeout_under_way || self.refusing {
            return;
        }
        self.chores.timeout_under_way = true;
        log::warn!("collection {} was not ended in time and is given up", collection.id);
        let proposal = Proposal {
            change: Change::EndCollection { id: collection.id.clone() },
            actor: HUB_ACTOR.to_owned(),
            request_id: format!("collection-timeout-{}", collection.id),
            idempotency: None,
            expectation: None,
            bytes: 0,
        };
        let handle = HubHandle::new(ctx.address(), 1);
        let given_up =
            async move { handle.propose(proposal).await }.into_actor(self).map(|result, hub, _| {
                hub.chores.timeout_under_way = false;
                if let Err(error) = result {
                    log::warn!("the collection could not be given up yet: {error}");
                }
            });
        ctx.spawn(given_up);
    }

    fn prune(&mut self, now: Instant, ctx: &mut Context<Self>) {
        if self.chores.prune_under_way || !is_due(&mut self.chores.prune, PRUNE_EVERY, now) {
            return;
        }
        self.chores.prune_under_way = true;
        let clock = (self.clock)().millis();
        let prune = Prune {
            keep_events: self.settings.keep_events,
            oldest: Timestamp::from_millis(clock - i64::from(self.settings.keep_days) * DAY_MS),
            oldest_key: Timestamp::from_millis(clock - KEYS_KEPT_MS),
        };
        let pruned = self.db.send(prune).into_actor(self).map(|pruned, hub, _| {
            hub.chores.prune_under_way = false;
            match pruned {
                Ok(Ok(pruned)) => {
                    let kept = (hub.committed.seq.get() + 1).saturating_sub(pruned.first_seq.get());
                    hub.metrics.events_kept.set(i64::try_from(kept).unwrap_or(i64::MAX));
                    if pruned.more {
                        hub.chores.prune = None;
                    }
                }
                Ok(Err(error)) => log::warn!("the log could not be pruned: {error}"),
                Err(gone) => log::error!("the database actor is gone: {gone}"),
            }
        });
        ctx.spawn(pruned);
    }

    /// Stores a snapshot after every so many events; it goes behind the batch that comes next.
    pub(super) fn snapshot_if_due(&mut self, ctx: &mut Context<Self>) {
        if self.events_since_snapshot < self.settings.snapshot_every || self.chores.snapshot_under_way {
            return;
        }
        self.chores.snapshot_under_way = true;
        self.events_since_snapshot = 0;
        let saved = self.db.send(SaveSnapshot(self.snapshot())).into_actor(self).map(|saved, hub, _| {
            hub.chores.snapshot_under_way = false;
            match saved {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    log::warn!("a snapshot could not be stored, the log has everything: {error}")
                }
                Err(gone) => log::error!("the database actor is gone: {gone}"),
            }
        });
        ctx.spawn(saved);
    }

    fn snapshot(&self) -> Snapshot {
        let head = &self.committed;
        Snapshot {
            seq: head.seq,
            state_seq: head.state_seq,
            at: head.at,
            document: head.state.document.to_json(),
        }
    }

    /// Ends the drain when nothing is under way any more.
    pub(super) fn finish_drain(&mut self, ctx: &mut Context<Self>) {
        let idle = !self.in_flight && self.gathering.is_empty() && self.one_by_one.is_empty();
        if !idle || !self.keyed.is_empty() {
            return;
        }
        let Some(done) = self.draining.take() else { return };
        let (db, snapshot, seq) = (self.db.clone(), self.snapshot(), self.committed.seq);
        let saved = async move {
            db.send(SaveSnapshot(snapshot)).await??;
            db.send(Checkpoint).await??;
            Ok::<(), Box<dyn std::error::Error>>(())
        };
        ctx.spawn(saved.into_actor(self).map(move |saved, _, _| {
            match saved {
                Ok(()) => log::info!("everything through {seq} is stored"),
                Err(error) => {
                    log::warn!("the last snapshot could not be stored, the log has everything: {error}")
                }
            }
            // Whoever asked may have given up waiting.
            let _ = done.send(());
        }));
    }
}
