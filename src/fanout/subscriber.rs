//! One connection as the fan-out sees it: where it stands in the stream of frames, and what waits
//! for it alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::domain::Seq;
use crate::logs::{Batch, Lease};
use crate::protocol::{Frame, LogFilter, StateReason, Topics};

use super::encoding::Encoding;
use super::logs::{LogSide, OUTBOX_PART};
use super::mirror::Stream;
use super::private::Private;
use super::report::{ConnectionReport, ConnectionState, Identity};
use super::wire::Wire;

mod taking;
mod waking;

/// The limits of an outbox.
#[derive(Debug, Clone, Copy)]
pub struct OutboxLimits {
    /// What may wait before changes are conflated, in bytes.
    pub outbox_bytes: usize,
    /// A connection that took no byte for this long, although something waits, is stalled.
    pub stalled_after: Duration,
}

/// What frames mean for a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announced {
    /// They are not for it, or something that waits stands for them too.
    Nothing,
    /// They wait now.
    News,
    /// Its outbox is full: the state takes the place of what waited.
    Overflow,
}

/// One connection's place in the stream.
#[derive(Debug)]
pub struct Subscriber {
    identity: Identity,
    encoding: Encoding,
    limits: OutboxLimits,
    topics: Topics,
    epoch: String,
    /// The next frame of the mirror; none before the connection is attached to it.
    cursor: Option<u64>,
    /// Where the stream ended when it was attached.
    live_from: u64,
    /// Still on the way to the newest frame after a resume: the ring bounds it, not the outbox.
    catching_up: bool,
    /// What waits in the mirror for this connection, in bytes.
    queued: usize,
    private: Private,
    /// Whether it may be told the state.
    sees_state: bool,
    /// A `state` frame stands for everything that waits.
    resync: Option<StateReason>,
    /// A document waits (plain).
    document_due: bool,
    /// The rest of the frame that is being sent.
    sending: VecDeque<Bytes>,
    /// Since when its close frame waits or was sent: nothing goes after that.
    closing_since: Option<Instant>,
    finished: bool,
    closed: bool,
    seen: Seq,
    conflated: u64,
    /// Its log lines, where it gets some: beside the stream, and only where that leaves room.
    logs: Option<Box<LogSide>>,
    log_lines_dropped: u64,
    /// Since when something waits without a byte being taken.
    waiting_since: Option<Instant>,
    reported: Option<ConnectionState>,
    /// Its socket, where it is written without the HTTP stack between.
    wire: Option<Wire>,
    /// The kernel takes nothing more for it: only the end is worth a wake-up.
    blocked: bool,
    /// Whether the worker has it on its list already.
    due: bool,
    /// Whether the connection waits to be woken. The waker is kept, since it hardly ever changes.
    asleep: bool,
    waker: Option<Waker>,
    drained: Vec<Waker>,
}

impl Subscriber {
    /// A connection that is not attached to the stream yet.
    pub fn new(
        identity: Identity,
        encoding: Encoding,
        topics: Topics,
        epoch: String,
        limits: OutboxLimits,
    ) -> Self {
        Subscriber {
            identity,
            encoding,
            limits,
            topics,
            epoch,
            cursor: None,
            live_from: 0,
            catching_up: false,
            queued: 0,
            private: Private::default(),
            sees_state: true,
            resync: None,
            document_due: false,
            sending: VecDeque::new(),
            closing_since: None,
            finished: false,
            closed: false,
            seen: Seq::ZERO,
            conflated: 0,
            logs: None,
            log_lines_dropped: 0,
            waiting_since: None,
            reported: None,
            wire: None,
            blocked: false,
            due: false,
            asleep: false,
            waker: None,
            drained: Vec::new(),
        }
    }

    /// Who is at the other end.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Names who is at the other end.
    pub(super) fn set_actor(&mut self, actor: &str) {
        self.identity.actor = actor.to_owned();
    }

    /// Says whether it may be told the state.
    pub(super) fn set_sees_state(&mut self, sees: bool) {
        self.sees_state = sees;
    }

    /// What it receives.
    pub fn topics(&self) -> Topics {
        self.topics
    }

    /// Changes what it receives, from whatever waits on.
    pub(super) fn set_topics(&mut self, topics: Topics, stream: &Stream) {
        self.topics = topics;
        self.recount(stream);
    }

    fn wants(&self, frame: &Frame) -> bool {
        match self.encoding {
            Encoding::Plain => frame.has_patch(),
            Encoding::V1 | Encoding::Events => frame.is_for(self.topics),
        }
    }

    /// What was announced before the connection came is of interest only where it was committed.
    fn wants_at(&self, position: u64, frame: &Frame) -> bool {
        (frame.seq().is_some() || position >= self.live_from) && self.wants(frame)
    }

    /// Joins the stream at `position`; a resumed connection may be behind by all that the ring holds.
    pub(super) fn attach(&mut self, position: u64, seen: Seq, stream: &Stream) {
        self.cursor = Some(position);
        self.live_from = stream.ring.end();
        self.seen = self.seen.max(seen);
        self.recount(stream);
        self.catching_up = self.queued > self.limits.outbox_bytes;
        self.wake();
    }

    fn recount(&mut self, stream: &Stream) {
        let (Some(cursor), None) = (self.cursor, self.resync) else { return };
        let Ok(frames) = stream.ring.since(cursor) else { return };
        let wanted = (cursor..).zip(frames).filter(|(position, frame)| self.wants_at(*position, frame));
        self.queued = wanted.map(|(_, frame)| frame.wire_len()).sum();
    }

    /// Whether it takes part in the stream.
    pub fn is_attached(&self) -> bool {
        self.cursor.is_some()
    }

    /// Takes note of frames that were just added to the mirror. Whoever calls it sees to it that they are
    /// sent.
    pub(super) fn announce<'a>(
        &mut self,
        news: impl Iterator<Item = &'a Frame>,
        stream: &Stream,
        now: Instant,
    ) -> Announced {
        if self.closing_since.is_some() || self.finished {
            return Announced::Nothing;
        }
        let Some(cursor) = self.cursor else { return Announced::Nothing };
        // The ring has dropped frames before this connection, or even its worker, saw them.
        let lost = stream.ring.first() > cursor;
        if self.encoding == Encoding::Plain {
            self.cursor = Some(stream.ring.end());
            let mut news = news;
            if !lost && !news.any(Frame::has_patch) {
                return Announced::Nothing;
            }
            self.document_due = true;
            self.waiting_since.get_or_insert(now);
            return Announced::News;
        }
        if self.resync.is_some() {
            // The state frame that waits will stand for these too.
            return Announced::Nothing;
        }
        let empty = self.queued_bytes() == 0;
        let (mut wanted, mut changes) = (0, false);
        for frame in news.filter(|frame| self.wants(frame)) {
            wanted += frame.wire_len();
            changes |= frame.seq().is_some();
        }
        if wanted == 0 && self.queued == 0 && !lost {
            self.cursor = Some(stream.ring.end());
            return Announced::Nothing;
        }
        self.queued += wanted;
        self.make_room();
        let full = self.queued_bytes() > self.limits.outbox_bytes;
        self.catching_up &= full;
        self.waiting_since.get_or_insert(now);
        // What is not committed never makes an outbox overflow: it is small, and rare by itself.
        let overflows = lost || (full && changes && !empty && !self.catching_up);
        if !overflows {
            return Announced::News;
        }
        self.conflate(StateReason::Lagging);
        self.conflated += 1;
        Announced::Overflow
    }

    /// Which log lines it gets.
    pub(super) fn log_filter(&self) -> Option<LogFilter> {
        self.logs.as_ref().map(|logs| logs.filter().clone())
    }

    /// Changes which log lines it gets; what waits of others goes.
    pub(super) fn set_logs(&mut self, lease: Option<Lease>) {
        self.logs = lease.filter(|_| !self.is_ending()).map(|lease| Box::new(LogSide::new(lease)));
    }

    /// Takes note of log lines; tells how many were dropped for it. Whoever calls it sees to it that they
    /// are sent.
    pub(super) fn announce_logs(&mut self, batch: &Arc<Batch>, now: Instant) -> (Announced, u64) {
        let (idle, room) = (!self.has_waiting(), self.room_for_logs());
        let Some(dropped) = self.logs.as_mut().and_then(|logs| logs.add(batch, room, idle)) else {
            return (Announced::Nothing, 0);
        };
        self.log_lines_dropped += dropped;
        self.waiting_since.get_or_insert(now);
        (Announced::News, dropped)
    }

    /// What changes and answers leave of the outbox, a part of the whole at most.
    fn room_for_logs(&self) -> usize {
        let whole = self.limits.outbox_bytes;
        (whole / OUTBOX_PART).min(whole.saturating_sub(self.queued_bytes()))
    }

    /// Log lines make room for what counts more.
    fn make_room(&mut self) {
        let room = self.room_for_logs();
        if let Some(logs) = self.logs.as_mut().filter(|_| room < self.limits.outbox_bytes / OUTBOX_PART) {
            self.log_lines_dropped += logs.trim(room);
        }
    }

    /// One `state` frame takes the place of everything of the stream that waits. Who may not be told the state
    /// has to come back instead: nothing else stands for what it would miss.
    pub(super) fn conflate(&mut self, reason: StateReason) {
        if !self.sees_state {
            return self.close();
        }
        self.resync = Some(reason);
        self.queued = 0;
        self.private.drop_stream();
        self.wake();
    }

    fn is_ending(&self) -> bool {
        self.finished || self.closing_since.is_some()
    }

    /// Adds a frame that goes before the stream.
    pub(super) fn push_ahead(&mut self, frame: Bytes, now: Instant) {
        if !self.is_ending() {
            let bytes = frame.len();
            self.private.push_ahead([frame, Bytes::new(), Bytes::new()], bytes, None);
            self.note_waiting(now);
        }
    }

    /// Adds a frame for this connection alone, after everything that was announced up to `position`.
    pub(super) fn push(&mut self, frame: Bytes, position: u64, now: Instant) {
        if !self.is_ending() {
            self.private.push_answer(position, frame);
            self.note_waiting(now);
        }
    }

    /// Adds the newest state, after everything that was announced up to now; one at a time is enough.
    pub(super) fn push_state(&mut self, reason: StateReason, stream: &Stream, now: Instant) {
        if !self.is_ending() && self.resync.is_none() && self.sees_state {
            self.private.push_state(stream.ring.end(), reason);
            self.note_waiting(now);
        }
    }

    /// Adds a change of a replay.
    pub(super) fn push_replayed(&mut self, frame: &Frame, now: Instant) {
        if self.is_ending() {
            return;
        }
        if self.wants(frame) {
            let pieces = self.encoding.frame(frame, &self.epoch);
            self.private.push_ahead(pieces, frame.wire_len(), frame.seq());
            self.note_waiting(now);
        }
    }

    /// Makes the newest document due (plain).
    pub(super) fn push_document(&mut self, now: Instant) {
        self.document_due = true;
        self.note_waiting(now);
    }

    /// Sends the answers whose turn has come and then `last`, a word and the close frame, and nothing
    /// after that; the connection stays open for the other side's close frame.
    pub(super) fn begin_close(&mut self, last: impl IntoIterator<Item = Bytes>, now: Instant) {
        // An answer whose change will not go any more must not go either.
        self.private.drop_answers_after(self.cursor.unwrap_or_default());
        last.into_iter().for_each(|frame| self.push(frame, 0, now));
        self.closing_since.get_or_insert(now);
        self.logs = None;
        self.queued = 0;
        self.resync = None;
        self.document_due = false;
    }

    /// Since when it is closing.
    pub fn closing_since(&self) -> Option<Instant> {
        self.closing_since
    }

    /// Sends what waits for this connection alone, and then ends it.
    pub fn finish(&mut self) {
        self.finished = true;
        self.logs = None;
        self.queued = 0;
        self.resync = None;
        self.document_due = false;
        self.wake();
    }

    /// Ends it at once; what waits is dropped.
    pub fn close(&mut self) {
        self.closed = true;
        self.private.clear();
        self.sending.clear();
        if let Some(wire) = self.wire.take() {
            wire.give_up();
        }
        self.waiting_since = None;
        self.finish();
    }

    /// Whether nothing will be sent any more.
    pub fn is_over(&self) -> bool {
        let written = self.wire.as_ref().is_none_or(Wire::is_empty);
        self.closed || (self.finished && written && self.private.is_empty() && self.sending.is_empty())
    }

    /// Whether the outbox is so full that the connection's own requests must wait.
    pub fn is_full(&self) -> bool {
        self.private.bytes() >= self.limits.outbox_bytes
    }

    /// What waits, in bytes.
    pub fn queued_bytes(&self) -> usize {
        self.queued + self.private.bytes()
    }

    /// Whether there is room for another page of a replay.
    pub(super) fn is_half_empty(&self) -> bool {
        self.private.ahead_bytes() <= self.limits.outbox_bytes / 2
    }

    /// How frames become bytes.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// For how long something has waited without a byte being taken.
    pub fn stalled_for(&self, now: Instant) -> Duration {
        self.waiting_since.map(|since| now.saturating_duration_since(since)).unwrap_or_default()
    }

    /// How well it keeps up.
    pub fn state(&self, now: Instant) -> ConnectionState {
        if self.stalled_for(now) >= self.limits.stalled_after {
            ConnectionState::Stalled
        } else if self.resync.is_some() {
            ConnectionState::Lagging
        } else {
            ConnectionState::Live
        }
    }

    /// The state, where it has got worse since the last call.
    pub(super) fn worsened(&mut self, now: Instant) -> Option<ConnectionState> {
        let state = self.state(now);
        let changed = self.reported.replace(state) != Some(state);
        (changed && state != ConnectionState::Live).then_some(state)
    }

    /// The connection as `/api/connections` shows it.
    pub(super) fn report(&self, newest: Seq, now: Instant) -> ConnectionReport {
        let seen = if self.queued == 0 && self.resync.is_none() && !self.document_due && self.is_attached() {
            newest
        } else {
            self.seen
        };
        ConnectionReport {
            identity: self.identity.clone(),
            topics: self.topics,
            seq: seen,
            behind: newest.get().saturating_sub(seen.get()),
            queued_bytes: self.queued_bytes() + self.logs.as_ref().map_or(0, |logs| logs.bytes()),
            conflated: self.conflated,
            log_lines_dropped: self.log_lines_dropped,
            state: self.state(now),
        }
    }
}
