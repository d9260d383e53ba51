//! Log lines on their way to connections: in frames that all with the same filter share, as long as a
//! connection keeps up; where it does not, the lines that have room, with a count of the others.

use std::sync::Arc;
use std::time::Instant;

use crate::logs::{Batch, Lease, Logs, Pending, frame};
use crate::protocol::{Frame, LogFilter};
use crate::telemetry::clock;

use super::mirror::{Mirror, Shared};
use super::subscriber::Announced;

/// What log lines may take of an outbox: one part of so many. Changes may take all of it.
pub(super) const OUTBOX_PART: usize = 4;

/// The log lines of one connection.
#[derive(Debug)]
pub(super) struct LogSide {
    lease: Lease,
    /// Lines of the filter that were judged so far.
    seen: u64,
    waiting: Waiting,
    /// Lines that were dropped since the last frame.
    dropped: u64,
}

/// What waits to be sent.
#[derive(Debug)]
enum Waiting {
    Nothing,
    /// A frame that others get too.
    Shared(Arc<Batch>),
    /// What is left of several, for this connection alone.
    Own(Pending),
}

/// A frame as it is taken.
pub(super) enum LogFrame {
    /// One that others get too.
    Shared(Arc<Batch>),
    /// One for this connection alone.
    Own(Frame),
}

impl LogFrame {
    /// The frame itself.
    pub(super) fn frame(&self) -> &Frame {
        match self {
            LogFrame::Shared(batch) => &batch.frame,
            LogFrame::Own(frame) => frame,
        }
    }
}

impl LogSide {
    pub(super) fn new(lease: Lease) -> LogSide {
        LogSide { seen: lease.seen(), lease, waiting: Waiting::Nothing, dropped: 0 }
    }

    /// Which lines.
    pub(super) fn filter(&self) -> &LogFilter {
        self.lease.filter()
    }

    /// Adds the lines of a moment, as far as there is room; an idle connection takes any one frame.
    /// Tells how many lines were dropped for it, or that they are of another filter.
    pub(super) fn add(&mut self, batch: &Arc<Batch>, room: usize, idle: bool) -> Option<u64> {
        if batch.filter != self.lease.id() || batch.through <= self.seen {
            return None;
        }
        let begin = batch.lines.partition_point(|line| line.id < self.lease.from());
        let fresh = &batch.lines[begin..];
        let missed = (batch.through - self.seen).saturating_sub(fresh.len() as u64);
        self.seen = batch.through;
        let whole = begin == 0 && missed == batch.dropped && self.dropped == 0;
        if whole && matches!(self.waiting, Waiting::Nothing) && (idle || batch.frame.wire_len() <= room) {
            self.waiting = Waiting::Shared(batch.clone());
            return Some(0);
        }
        let own = self.own();
        fresh.iter().for_each(|line| own.push(line.clone()));
        self.dropped += missed;
        // Moments that went by unseen: the worker, and with it the connection, was too slow.
        self.lease.count_dropped(missed.saturating_sub(batch.dropped));
        Some(self.trim(room))
    }

    /// Drops lines until what waits takes at most `room`; tells how many.
    pub(super) fn trim(&mut self, room: usize) -> u64 {
        if self.bytes() <= room {
            return 0;
        }
        let dropped = self.own().trim(usize::MAX, room);
        self.dropped += dropped;
        self.lease.count_dropped(dropped);
        dropped
    }

    /// Turns what waits into lines of its own.
    fn own(&mut self) -> &mut Pending {
        if let Waiting::Shared(batch) = &self.waiting {
            let mut pending = Pending::default();
            batch.lines.iter().for_each(|line| pending.push(line.clone()));
            self.dropped += batch.dropped;
            self.waiting = Waiting::Own(pending);
        } else if matches!(self.waiting, Waiting::Nothing) {
            self.waiting = Waiting::Own(Pending::default());
        }
        match &mut self.waiting {
            Waiting::Own(pending) => pending,
            Waiting::Shared(_) | Waiting::Nothing => unreachable!("made its own just now"),
        }
    }

    /// Takes the next frame.
    pub(super) fn take(&mut self) -> Option<LogFrame> {
        match std::mem::replace(&mut self.waiting, Waiting::Nothing) {
            Waiting::Nothing => None,
            Waiting::Shared(batch) => Some(LogFrame::Shared(batch)),
            Waiting::Own(mut pending) => {
                let now = clock::now();
                let dropped = std::mem::take(&mut self.dropped);
                Some(LogFrame::Own(frame(&pending.take(), dropped, now)))
            }
        }
    }

    /// Whether anything waits.
    pub(super) fn is_waiting(&self) -> bool {
        !matches!(self.waiting, Waiting::Nothing)
    }

    /// What waits, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match &self.waiting {
            Waiting::Nothing => 0,
            Waiting::Shared(batch) => batch.frame.wire_len(),
            Waiting::Own(pending) => pending.bytes(),
        }
    }
}

impl Mirror {
    /// Fetches the log lines of the last moments for the subscribers that want some.
    pub(super) fn pull_logs(&self, logs: &Logs) {
        let (ticks, next) = logs.ticks_since(self.next_tick.get());
        self.next_tick.set(next);
        let now = Instant::now();
        self.about_now.set(now);
        for subscriber in self.log_subscribers.borrow().values() {
            let (mut news, mut dropped) = (false, 0);
            for batch in ticks.iter().flat_map(|tick| &tick.batches) {
                if let (Announced::News, lost) = subscriber.borrow_mut().announce_logs(batch, now) {
                    news = true;
                    dropped += lost;
                }
            }
            if dropped > 0 {
                self.metrics.outbox_overflows.inc();
            }
            if news {
                self.due.add(subscriber, now);
            }
        }
    }

    /// Lets a subscriber have the log lines of `lease` from now on, or none.
    pub(super) fn set_logs(&self, id: u64, subscriber: &Shared, lease: Option<Lease>) {
        match &lease {
            Some(_) => self.log_subscribers.borrow_mut().insert(id, subscriber.clone()),
            None => self.log_subscribers.borrow_mut().remove(&id),
        };
        subscriber.borrow_mut().set_logs(lease);
    }
}
