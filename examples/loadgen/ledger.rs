//! The books: which change reached which client, when, and what is missing.
//!
//! Pure bookkeeping over numbers; sockets and clocks hand their figures in.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use crate::frame::{Frame, Kind};
use crate::report::latency_histogram;

/// Changes followed at once. The oldest is given up beyond it: it is one that somebody else made,
/// so that its sending time will never be known.
const WINDOW_MAX: usize = 4096;

/// What the clients got. All counts are since the last [`Ledger::begin`].
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Changes received, summed over the clients, and the bytes of their payloads.
    pub(crate) deliveries: u64,
    pub(crate) delivered_bytes: u64,
    /// Changes that a client never got although it got a later one.
    pub(crate) lost: u64,
    /// Changes that a client got again, or after a later one.
    pub(crate) repeated: u64,
    /// Changes that a client got before any state to apply them to.
    pub(crate) unfounded: u64,
    /// Changes in whose place a client got the newer document.
    pub(crate) conflated: u64,
    /// Frames that are no change.
    pub(crate) other_frames: u64,
}

/// Follows changes from their posting to their last arrival.
#[derive(Debug)]
pub(crate) struct Ledger {
    clients: Vec<Reader>,
    /// How many clients have a state and are connected.
    live: usize,
    /// Every change up to this one is done with; `None` until the first is known.
    floor: Option<u64>,
    /// The changes after `floor`, in order, without gaps.
    window: VecDeque<Entry>,
    counts: Counts,
    /// Nanoseconds from posting to each arrival, and to the last arrival.
    arrival: Histogram<u64>,
    spread: Histogram<u64>,
}

#[derive(Debug, Default, Clone)]
struct Reader {
    live: bool,
    /// The newest change that this client knows of.
    last: Option<u64>,
}

#[derive(Debug)]
struct Entry {
    sent_at: Option<u64>,
    /// Arrivals before the posting side knew the change's number.
    early: Vec<u64>,
    last_arrival: u64,
    outstanding: usize,
    /// Whether its last arrival is in the figures.
    recorded: bool,
}

impl Entry {
    fn is_complete(&self) -> bool {
        self.sent_at.is_some() && self.outstanding == 0
    }
}

impl Ledger {
    pub(crate) fn new(clients: usize) -> Ledger {
        Ledger {
            clients: vec![Reader::default(); clients],
            live: 0,
            floor: None,
            window: VecDeque::new(),
            counts: Counts::default(),
            arrival: latency_histogram(),
            spread: latency_histogram(),
        }
    }

    /// Sets counts and latencies to zero; what the clients know stays.
    pub(crate) fn begin(&mut self) {
        self.counts = Counts::default();
        self.arrival.reset();
        self.spread.reset();
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Nanoseconds from posting to each arrival.
    pub(crate) fn arrival(&self) -> &Histogram<u64> {
        &self.arrival
    }

    /// Nanoseconds from posting to the arrival at the last client.
    pub(crate) fn spread(&self) -> &Histogram<u64> {
        &self.spread
    }

    /// The newest change that a client knows of, to resume from.
    pub(crate) fn last_of(&self, client: usize) -> Option<u64> {
        self.clients[client].last
    }

    /// How many clients are in the books.
    pub(crate) fn clients(&self) -> usize {
        self.clients.len()
    }

    /// How many clients are connected and have a state.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Enters a frame that a client got at `at`.
    pub(crate) fn frame(&mut self, client: usize, at: u64, frame: Frame) {
        match frame.kind {
            Kind::Change { seq } => self.change(client, at, seq, frame.bytes),
            Kind::State { seq } => self.state(client, seq),
            Kind::Connected { recovered: true } => self.set_live(client),
            Kind::Connected { recovered: false } => self.clients[client].last = None,
            Kind::Other => {}
        }
        if !matches!(frame.kind, Kind::Change { .. }) {
            self.counts.other_frames += 1;
        }
    }

    /// Enters that a client is gone: nothing more is expected to reach it.
    pub(crate) fn closed(&mut self, client: usize) {
        if std::mem::take(&mut self.clients[client].live) {
            self.live -= 1;
            let after = self.clients[client].last.map_or(0, |last| last + 1);
            self.skip(after, u64::MAX);
        }
    }

    /// Enters that the change posted at `sent_at` got the number `seq`.
    ///
    /// Returns false when no new change came of it: the number was given before.
    pub(crate) fn acknowledged(&mut self, seq: u64, sent_at: u64) -> bool {
        let Some(entry) = self.entry(seq) else {
            return false;
        };
        if entry.sent_at.is_some() {
            return false;
        }
        entry.sent_at = Some(sent_at);
        let early = std::mem::take(&mut entry.early);
        for at in early {
            self.arrival.saturating_record(at.saturating_sub(sent_at));
        }
        self.settle(seq);
        true
    }

    /// Whether this change has reached every client that was to get it.
    pub(crate) fn is_settled(&self, seq: u64) -> bool {
        match self.floor {
            Some(floor) if seq > floor => {
                let at = usize::try_from(seq - floor - 1).unwrap_or(usize::MAX);
                self.window.get(at).is_some_and(Entry::is_complete)
            }
            Some(_) => true,
            None => false,
        }
    }

    /// Whether every change that was acknowledged has reached everyone.
    pub(crate) fn all_settled(&self) -> bool {
        self.window.iter().all(|entry| entry.sent_at.is_none() || entry.is_complete())
    }

    /// Counts as lost what connected clients have not got up to the newest change that anyone got
    /// or posted. To be said once, when nothing more is on its way.
    pub(crate) fn close_books(&mut self) {
        let newest = self.floor.map(|floor| floor + self.window.len() as u64);
        let live = self.clients.iter().filter(|client| client.live);
        let missing = live.filter_map(|client| Some(newest?.saturating_sub(client.last?))).sum::<u64>();
        self.counts.lost += missing;
    }

    fn change(&mut self, client: usize, at: u64, seq: u64, bytes: usize) {
        let reader = &mut self.clients[client];
        match reader.last {
            None => {
                self.counts.unfounded += 1;
                return;
            }
            Some(last) if seq <= last => {
                self.counts.repeated += 1;
                return;
            }
            Some(last) => {
                reader.last = Some(seq);
                if seq > last + 1 {
                    self.counts.lost += seq - last - 1;
                    self.skip(last + 1, seq - 1);
                }
            }
        }
        self.counts.deliveries += 1;
        self.counts.delivered_bytes += bytes as u64;
        let Some(entry) = self.entry(seq) else { return };
        entry.outstanding = entry.outstanding.saturating_sub(1);
        entry.last_arrival = at;
        let Some(sent_at) = entry.sent_at else {
            entry.early.push(at);
            return;
        };
        let complete = entry.is_complete();
        self.arrival.saturating_record(at.saturating_sub(sent_at));
        if complete {
            self.settle(seq);
        }
    }

    fn state(&mut self, client: usize, seq: u64) {
        match self.clients[client].last {
            Some(last) if seq > last => {
                self.counts.conflated += seq - last;
                self.skip(last + 1, seq);
            }
            // A document older than what the client has seen takes changes back.
            Some(last) if seq < last => {
                self.counts.repeated += 1;
                return;
            }
            _ => {}
        }
        if self.floor.is_some() {
            // The changes in this document are not expected at this client.
            self.entry(seq);
        }
        self.clients[client].last = Some(seq);
        self.set_live(client);
    }

    fn set_live(&mut self, client: usize) {
        let live = std::mem::replace(&mut self.clients[client].live, true);
        self.live += usize::from(!live);
    }

    /// The entry of a change, made on its first mention; `None` when it is done with.
    fn entry(&mut self, seq: u64) -> Option<&mut Entry> {
        let floor = *self.floor.get_or_insert(seq.saturating_sub(1));
        let ahead = usize::try_from(seq.checked_sub(floor)?).unwrap_or(usize::MAX);
        if ahead == 0 {
            return None;
        }
        if let Some(gone) = ahead.checked_sub(WINDOW_MAX).filter(|gone| *gone > 0) {
            if gone < self.window.len() {
                self.window.drain(..gone);
                self.floor = Some(floor + gone as u64);
            } else {
                self.window.clear();
                self.floor = Some(seq - 1);
            }
        }
        let at = usize::try_from(seq - self.floor? - 1).ok()?;
        while self.window.len() <= at {
            let outstanding = self.live;
            self.window.push_back(Entry {
                sent_at: None,
                early: Vec::new(),
                last_arrival: 0,
                outstanding,
                recorded: false,
            });
        }
        self.window.get_mut(at)
    }

    /// Expects the changes `from..=to` at one client fewer.
    fn skip(&mut self, from: u64, to: u64) {
        let Some(floor) = self.floor else { return };
        let newest = floor + self.window.len() as u64;
        for seq in from.max(floor + 1)..=to.min(newest) {
            let at = usize::try_from(seq - floor - 1).expect("inside the window");
            if let Some(entry) = self.window.get_mut(at) {
                entry.outstanding = entry.outstanding.saturating_sub(1);
            }
        }
        for seq in from.max(floor + 1)..=to.min(newest) {
            self.settle(seq);
        }
    }

    /// Writes down the last arrival of a change that is complete, and drops what is done with.
    fn settle(&mut self, seq: u64) {
        let Some(at) = self.floor.and_then(|floor| seq.checked_sub(floor + 1)) else {
            return;
        };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let Some(entry) = self.window.get_mut(at) else {
            return;
        };
        let reached_someone = entry.last_arrival > 0;
        if let Some(sent_at) = entry.sent_at
            && entry.outstanding == 0
            && reached_someone
            && !entry.recorded
        {
            entry.recorded = true;
            self.spread.saturating_record(entry.last_arrival.saturating_sub(sent_at));
        }
        while self.window.front().is_some_and(Entry::is_complete) {
            self.window.pop_front();
            self.floor = self.floor.map(|floor| floor + 1);
        }
    }
}

#[cfg(test)]
mod tests;
