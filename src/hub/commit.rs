//! Group commit: while one batch is on its way to the disk the next one gathers.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;

use crate::domain::{Error, EventKind, Seq};
use crate::protocol::Frame;
use crate::store::{Append, Appended, StoreError};

use super::actor::{Head, Hub, Storage};
use super::batch::Staged;
use super::live::Committed;

impl Hub {
    /// Sends what has gathered to the disk, unless a batch is under way.
    pub(super) fn commit_next(&mut self, ctx: &mut Context<Self>) {
        while !self.in_flight {
            if self.gathering.is_empty() {
                let Some((proposal, reply)) = self.one_by_one.pop_front() else { break };
                self.stage(proposal, reply);
            } else if self.inbox.is_empty() {
                // Nothing of it goes to the disk, and everything that it rests on is there.
                self.answer_through(self.committed.seq);
            } else {
                self.send(ctx);
            }
        }
        self.finish_drain(ctx);
    }

    fn send(&mut self, ctx: &mut Context<Self>) {
        self.in_flight = true;
        let append = Append { expected_last: self.committed.seq, inbox: self.inbox.clone() };
        let begun = Instant::now();
        let sent = self.db.send(append).into_actor(self).map(move |appended, hub, ctx| {
            hub.metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
            hub.in_flight = false;
            let through = hub.pending.seq;
            let gone = |_| Appended::Unknown {
                through,
                error: StoreError::Io { cause: "the database actor is gone".into() },
            };
            hub.committed(appended.unwrap_or_else(gone), ctx);
        });
        ctx.spawn(sent);
    }

    /// The one place where a batch's fate is decided.
    fn committed(&mut self, appended: Appended, ctx: &mut Context<Self>) {
        match appended {
            Appended::Done { through } => {
                let changes = through.get() - self.committed.seq.get();
                self.metrics.commit_batch_size.observe(changes as f64);
                self.events_since_snapshot += changes;
                self.show_through(through);
                self.answer_through(through);
                self.snapshot_if_due(ctx);
            }
            Appended::Failed(error @ StoreError::Constraint { .. }) => self.separate(&error),
            Appended::Failed(error @ StoreError::Conflict { .. }) => {
                self.refuse_all(&error);
                self.abandon_log(&error);
            }
            Appended::Failed(error) => {
                self.degrade(&error);
                self.refuse_all(&error);
                self.storage = Storage::Degraded { unresolved: Vec::new() };
            }
            Appended::Unknown { through, error } => {
                self.degrade(&error);
                let mut unresolved = self.refuse_all(&error);
                unresolved.retain(|staged| staged.head.seq <= through);
                self.storage = Storage::Degraded { unresolved };
            }
        }
        self.commit_next(ctx);
    }

    fn show_through(&mut self, through: Seq) {
        let staged = self.gathering.iter().flat_map(|entry| &entry.staged);
        let stored: Vec<&Staged> = staged.take_while(|staged| staged.head.seq <= through).collect();
        let Some(head) = stored.last().map(|staged| staged.head.clone()) else { return };
        let frames = stored.iter().map(|staged| (staged.frame.clone(), staged.kind)).collect();
        self.show(head, frames);
    }

    /// Shows what is on disk now: to the ring, to the state, to the workers, in this order.
    pub(super) fn show(&mut self, head: Head, frames: Vec<(Arc<Frame>, EventKind)>) {
        for (_, kind) in &frames {
            self.metrics.changes.with_label_values(&[kind.as_str()]).inc();
        }
        self.metrics.seq.set(i64::try_from(head.seq.get()).unwrap_or(i64::MAX));
        self.metrics.state_bytes.set(head.state.document.size() as i64);
        let committed = Committed::new(head.seq, head.state_seq, head.at, head.state.document.clone());
        self.committed = head;
        self.live.show(frames.into_iter().map(|(frame, _)| frame), committed);
        self.wake_fanouts();
    }

    /// Answers everything that rests on changes up to `through`.
    fn answer_through(&mut self, through: Seq) {
        while self.gathering.front().is_some_and(|entry| entry.seq <= through)
            && let Some(entry) = self.gathering.pop_front()
        {
            let accepted = entry.accepted();
            self.finish(&entry.proposal, entry.reply, Ok(accepted));
        }
    }

    /// Refuses everything that is not on disk; gives back what may yet turn out to be.
    fn refuse_all(&mut self, error: &StoreError) -> Vec<Staged> {
        self.metrics.commit_failures.inc();
        self.inbox.clear();
        let mut staged = Vec::new();
        for entry in std::mem::take(&mut self.gathering) {
            self.finish(&entry.proposal, entry.reply, Err(unavailable(error)));
            staged.extend(entry.staged);
        }
        for (proposal, reply) in std::mem::take(&mut self.one_by_one) {
            self.finish(&proposal, reply, Err(unavailable(error)));
        }
        self.pending = self.committed.clone();
        staged
    }

    /// One row broke the batch: everything is proposed again, each change in a transaction of its own,
    /// so that only the one at fault is refused.
    fn separate(&mut self, error: &StoreError) {
        self.inbox.clear();
        self.pending = self.committed.clone();
        let entries = std::mem::take(&mut self.gathering);
        let alone = entries.iter().filter(|entry| !entry.staged.is_empty()).count() == 1;
        if !alone {
            log::warn!("a batch of {} changes was refused, they go one by one: {error}", entries.len());
        }
        for entry in entries.into_iter().rev() {
            if alone && !entry.staged.is_empty() {
                log::error!(request_id = entry.proposal.request_id.as_str(); "a change could not be stored: {error}");
                self.finish(&entry.proposal, entry.reply, Err(Error::internal(error.to_string())));
            } else {
                self.one_by_one.push_front((entry.proposal, entry.reply));
            }
        }
    }

    fn degrade(&mut self, error: &StoreError) {
        log::error!("changes are refused until the database takes writes again: {error}");
        self.show_storage_down();
    }

    /// Gives up writing: what the log ends with is not this hub's.
    pub(super) fn abandon_log(&mut self, error: &StoreError) {
        log::error!("changes are refused until the hub is started again: {error}");
        self.storage = Storage::Foreign;
        self.show_storage_down();
    }

    fn show_storage_down(&mut self) {
        self.metrics.storage_up.set(0);
        self.live.set_storage_ok(false);
        self.chores.health_due = true;
    }
}

fn unavailable(error: &StoreError) -> Error {
    Error::StorageUnavailable { cause: error.to_string() }
}
