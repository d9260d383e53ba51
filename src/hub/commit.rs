//! Group commit: while one batch is on its way to the disk the next one gathers.

use std::collections::VecDeque;
use std::time::Instant;

use actix::prelude::*;

use crate::domain::Error;
use crate::store::{Append, Appended, Snapshot, StoreError};

use super::actor::{Hub, Storage};
use super::batch::{BATCH_MAX_BYTES, BATCH_MAX_CHANGES, Entry, Staged};
use super::live::Committed;

impl Hub {
    /// Sends what has gathered to the disk, unless a batch is under way.
    pub(super) fn commit_next(&mut self, ctx: &mut Context<Self>) {
        while self.in_flight.is_none() {
            if self.gathering.is_empty() {
                let Some((proposal, reply)) = self.one_by_one.pop_front() else { break };
                self.stage(proposal, reply);
                continue;
            }
            let batch = self.take_batch();
            if batch.iter().all(|entry| entry.staged.is_none()) {
                // Nothing of it goes to the disk, and everything that it rests on is there.
                self.answer(batch);
                continue;
            }
            self.send(batch, ctx);
        }
        self.finish_drain(ctx);
    }

    /// Cuts the front of what has gathered, bounded in number and bytes.
    fn take_batch(&mut self) -> VecDeque<Entry> {
        let (mut count, mut bytes) = (0, 0);
        for entry in &self.gathering {
            bytes += entry.staged.as_ref().map_or(0, |staged| staged.frame.wire_len());
            if count == BATCH_MAX_CHANGES || (bytes > BATCH_MAX_BYTES && count > 0) {
                break;
            }
            count += 1;
        }
        let rest = self.gathering.split_off(count);
        std::mem::replace(&mut self.gathering, rest)
    }

    fn send(&mut self, batch: VecDeque<Entry>, ctx: &mut Context<Self>) {
        let staged = || batch.iter().filter_map(|entry| entry.staged.as_ref());
        let records: Vec<_> = staged().map(|staged| staged.record.clone()).collect();
        let due = self.events_since_snapshot + records.len() as u64 >= self.settings.snapshot_every;
        let snapshot = staged().next_back().filter(|_| due).map(|staged| Snapshot {
            seq: staged.head.seq,
            state_seq: staged.head.state_seq,
            at: staged.head.at,
            chain: None,
            document: staged.head.state.document.to_json(),
        });
        let request_ids = staged().zip(&batch).map(|(_, entry)| entry.proposal.request_id.clone()).collect();
        self.metrics.commit_batch_size.observe(records.len() as f64);
        let append = Append { expected_last: self.committed.seq, records, snapshot, request_ids };
        self.in_flight = Some(batch);
        let begun = Instant::now();
        let sent = self.db.send(append).into_actor(self).map(move |appended, hub, ctx| {
            hub.metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
            let gone = |_| Appended::Unknown(StoreError::Io { cause: "the database actor is gone".into() });
            hub.committed(appended.unwrap_or_else(gone), due, ctx);
        });
        ctx.spawn(sent);
    }

    /// The one place where a batch's fate is decided.
    fn committed(&mut self, appended: Appended, had_snapshot: bool, ctx: &mut Context<Self>) {
        let batch = self.in_flight.take().expect("a batch is answered once, while it is under way");
        match appended {
            Appended::Done => {
                let changes = batch.iter().filter(|entry| entry.staged.is_some()).count() as u64;
                self.events_since_snapshot =
                    if had_snapshot { 0 } else { self.events_since_snapshot + changes };
                self.show(&batch.iter().filter_map(|entry| entry.staged.as_ref()).collect::<Vec<_>>());
                self.answer(batch);
            }
            Appended::Failed(error @ StoreError::Constraint { .. }) => self.separate(batch, &error),
            Appended::Failed(error) => {
                self.degrade(&error);
                self.refuse(batch, &error);
                self.storage = Storage::Degraded { unresolved: Vec::new() };
            }
            Appended::Unknown(error) => {
                self.degrade(&error);
                let unresolved = self.refuse(batch, &error);
                self.storage = Storage::Degraded { unresolved };
            }
        }
        self.commit_next(ctx);
    }

    /// Shows what is on disk now: to the ring, to the state, to the workers, in this order.
    pub(super) fn show(&mut self, staged: &[&Staged]) {
        let Some(last) = staged.last() else { return };
        self.committed = last.head.clone();
        for staged in staged {
            self.metrics.changes.with_label_values(&[staged.record.kind.as_str()]).inc();
        }
        let head = &self.committed;
        self.metrics.seq.set(i64::try_from(head.seq.get()).unwrap_or(i64::MAX));
        self.metrics.state_bytes.set(head.state.document.size() as i64);
        let committed = Committed::new(head.seq, head.state_seq, head.at, head.state.document.clone());
        self.live.show(staged.iter().map(|staged| staged.frame.clone()), committed);
        self.wake_fanouts();
    }

    fn answer(&mut self, batch: VecDeque<Entry>) {
        for entry in batch {
            let accepted = entry.accepted();
            self.finish(&entry.proposal, entry.reply, Ok(accepted));
        }
    }

    /// Refuses a batch that was not acknowledged, and everything that rests on it; gives back what
    /// may yet turn out to be on disk.
    fn refuse(&mut self, batch: VecDeque<Entry>, error: &StoreError) -> Vec<Staged> {
        let mut staged = Vec::new();
        for entry in batch {
            self.finish(&entry.proposal, entry.reply, Err(unavailable(error)));
            staged.extend(entry.staged);
        }
        self.refuse_gathered(error);
        staged
    }

    fn refuse_gathered(&mut self, error: &StoreError) {
        for entry in std::mem::take(&mut self.gathering) {
            self.finish(&entry.proposal, entry.reply, Err(unavailable(error)));
        }
        for (proposal, reply) in std::mem::take(&mut self.one_by_one) {
            self.finish(&proposal, reply, Err(unavailable(error)));
        }
        self.pending = self.committed.clone();
    }

    /// One row broke the batch: its changes are proposed again, each in a transaction of its own, so
    /// that only the one at fault is refused.
    fn separate(&mut self, batch: VecDeque<Entry>, error: &StoreError) {
        self.pending = self.committed.clone();
        let gathered = std::mem::take(&mut self.gathering);
        if batch.iter().filter(|entry| entry.staged.is_some()).count() == 1 {
            for entry in batch {
                log::error!(request_id = entry.proposal.request_id.as_str(); "a change could not be stored: {error}");
                self.finish(&entry.proposal, entry.reply, Err(Error::internal(error.to_string())));
            }
            self.prepend(gathered);
        } else {
            log::warn!("a batch of {} changes was refused, they go one by one: {error}", batch.len());
            self.prepend(gathered);
            self.prepend(batch);
        }
    }

    fn prepend(&mut self, entries: VecDeque<Entry>) {
        for entry in entries.into_iter().rev() {
            self.one_by_one.push_front((entry.proposal, entry.reply));
        }
    }

    fn degrade(&mut self, error: &StoreError) {
        self.metrics.commit_failures.inc();
        self.metrics.storage_up.set(0);
        self.live.set_storage_ok(false);
        log::error!("changes are refused until the database takes writes again: {error}");
        self.chores.health_due = true;
    }
}

fn unavailable(error: &StoreError) -> Error {
    Error::StorageUnavailable { cause: error.to_string() }
}
