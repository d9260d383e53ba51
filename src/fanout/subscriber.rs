//! One connection as the fan-out sees it: where it stands in the stream of frames, and what waits
//! for it alone.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Seq, Timestamp};
use crate::protocol::frame::{state_parts, text_header};
use crate::protocol::{Frame, StateReason, Topic, Topics};

use super::mirror::Stream;

/// The largest piece that is handed to a connection at once: whatever is not taken yet by the client
/// is copied by the HTTP stack below, so that large frames go in slices.
const PIECE_MAX_BYTES: usize = 16 * 1024;

/// How frames become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Typed envelopes on a WebSocket.
    V1,
    /// The newest whole document on a WebSocket.
    Plain,
    /// Typed envelopes as server-sent events.
    Events,
}

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// Names the connection in the log and in `/api/connections`.
    pub session_id: String,
    /// Who makes its changes.
    pub actor: String,
    /// The address it comes from.
    pub address: String,
    /// What it calls itself.
    pub user_agent: Option<String>,
    /// `opshub.v1`, `plain` or `sse`.
    pub protocol: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub connected_at: Timestamp,
}

/// How well a connection keeps up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// It takes what there is.
    Live,
    /// Its outbox overflowed: a `state` frame waits in place of what it missed.
    Lagging,
    /// It has taken no byte for a while although something waits.
    Stalled,
}

/// A connection in `/api/connections`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConnectionReport {
    /// Who is at the other end.
    #[serde(flatten)]
    pub identity: Identity,
    /// What it receives.
    #[schema(value_type = Vec<Topic>)]
    pub topics: Topics,
    /// The newest change that it took.
    #[schema(value_type = u64)]
    pub seq: Seq,
    /// How many changes came after that.
    pub behind: u64,
    /// What waits for it, in bytes.
    pub queued_bytes: usize,
    /// How often its outbox overflowed.
    pub conflated: u64,
    /// How well it keeps up.
    pub state: ConnectionState,
}

/// The limits of an outbox.
#[derive(Debug, Clone, Copy)]
pub struct OutboxLimits {
    /// What may wait before changes are conflated, in bytes.
    pub outbox_bytes: usize,
    /// A connection that took no byte for this long, although something waits, is stalled.
    pub stalled_after: Duration,
}

/// Something that waits for one connection alone.
#[derive(Debug)]
struct Direct {
    /// The position that must be reached before: what was announced earlier goes first.
    after: u64,
    pieces: Pieces,
    /// What it counts for in the outbox; shared snapshots count nothing.
    counted: usize,
    seq: Option<Seq>,
    is_state: bool,
}

/// One frame in up to three parts that are sent one after the other.
type Pieces = [Bytes; 3];

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
    direct: VecDeque<Direct>,
    direct_bytes: usize,
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
    /// Since when something waits without a byte being taken.
    waiting_since: Option<Instant>,
    reported: Option<ConnectionState>,
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
            direct: VecDeque::new(),
            direct_bytes: 0,
            resync: None,
            document_due: false,
            sending: VecDeque::new(),
            closing_since: None,
            finished: false,
            closed: false,
            seen: Seq::ZERO,
            conflated: 0,
            waiting_since: None,
            reported: None,
            asleep: false,
            waker: None,
            drained: Vec::new(),
        }
    }

    /// Who is at the other end.
    pub fn identity(&self) -> &Identity {
        &self.identity
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
        let Some(cursor) = self.cursor else { return };
        let Ok(frames) = stream.ring.since(cursor) else { return };
        let wanted = (cursor..).zip(frames).filter(|(position, frame)| self.wants_at(*position, frame));
        self.queued = wanted.map(|(_, frame)| frame.wire_len()).sum();
    }

    /// Whether it takes part in the stream.
    pub fn is_attached(&self) -> bool {
        self.cursor.is_some()
    }

    /// Takes note of frames that were just added to the mirror. Tells whether the outbox overflowed.
    pub(super) fn announce<'a>(
        &mut self,
        news: impl Iterator<Item = &'a Frame>,
        stream: &Stream,
        now: Instant,
    ) -> bool {
        if self.closing_since.is_some() || self.finished {
            return false;
        }
        let Some(cursor) = self.cursor else { return false };
        // The ring has dropped frames before this connection, or even its worker, saw them.
        let lost = stream.ring.first() > cursor;
        if self.encoding == Encoding::Plain {
            self.cursor = Some(stream.ring.end());
            let mut news = news;
            if lost || news.any(Frame::has_patch) {
                self.push_document(now);
            }
            return false;
        }
        if self.resync.is_some() {
            // The state frame that waits will stand for these too.
            return false;
        }
        let empty = self.queued == 0 && self.direct_bytes == 0;
        let (mut wanted, mut changes) = (0, false);
        for frame in news.filter(|frame| self.wants(frame)) {
            wanted += frame.wire_len();
            changes |= frame.seq().is_some();
        }
        if wanted == 0 && self.queued == 0 && !lost {
            self.cursor = Some(stream.ring.end());
            return false;
        }
        self.queued += wanted;
        let full = self.queued + self.direct_bytes > self.limits.outbox_bytes;
        self.catching_up &= full;
        self.note_waiting(now);
        // What is not committed never makes an outbox overflow: it is small, and rare by itself.
        let overflows = lost || (full && changes && !empty && !self.catching_up);
        if overflows {
            self.conflate(StateReason::Lagging);
            self.conflated += 1;
        } else {
            self.wake();
        }
        overflows
    }

    /// One `state` frame takes the place of everything of the stream that waits.
    pub(super) fn conflate(&mut self, reason: StateReason) {
        self.resync = Some(reason);
        self.queued = 0;
        self.wake();
    }

    /// Adds a frame for this connection alone, after everything that was announced before.
    pub(super) fn push(&mut self, frame: Bytes, seq: Option<Seq>, position: u64, now: Instant) {
        let counted = frame.len();
        self.push_pieces([frame, Bytes::new(), Bytes::new()], counted, seq, position, false);
        self.note_waiting(now);
    }

    fn push_pieces(&mut self, pieces: Pieces, counted: usize, seq: Option<Seq>, after: u64, is_state: bool) {
        if self.finished || self.closing_since.is_some() {
            return;
        }
        self.direct_bytes += counted;
        self.direct.push_back(Direct { after, pieces, counted, seq, is_state });
        self.wake();
    }

    /// Adds the newest document as a `state` frame, unless one waits already.
    pub(super) fn push_state(&mut self, reason: StateReason, stream: &Stream, now: Instant) {
        if self.resync.is_some() || self.direct.iter().any(|direct| direct.is_state) {
            return;
        }
        let pieces = self.state_pieces(reason, stream);
        // What waits was announced before the document was taken, and goes before it.
        self.push_pieces(pieces, 0, Some(stream.committed.seq), stream.ring.end(), true);
        self.note_waiting(now);
    }

    /// Makes the newest document due (plain).
    pub(super) fn push_document(&mut self, now: Instant) {
        self.document_due = true;
        self.note_waiting(now);
        self.wake();
    }

    /// Sends what waits for this connection alone and then `last`, its close frame, and nothing after
    /// that; the connection stays open for the other side's close frame.
    pub fn begin_close(&mut self, last: Bytes, now: Instant) {
        self.push(last, None, 0, now);
        self.closing_since.get_or_insert(now);
        self.queued = 0;
        self.resync = None;
        self.document_due = false;
        self.wake();
    }

    /// Since when it is closing.
    pub fn closing_since(&self) -> Option<Instant> {
        self.closing_since
    }

    /// Sends what waits for this connection alone, and then ends it.
    pub fn finish(&mut self) {
        self.finished = true;
        self.queued = 0;
        self.resync = None;
        self.document_due = false;
        self.wake();
    }

    /// Ends it at once; what waits is dropped.
    pub fn close(&mut self) {
        self.finish();
        self.closed = true;
        self.direct.clear();
        self.sending.clear();
        self.direct_bytes = 0;
        self.waiting_since = None;
    }

    /// Whether nothing will be sent any more.
    pub fn is_over(&self) -> bool {
        self.closed || (self.finished && self.direct.is_empty() && self.sending.is_empty())
    }

    /// Whether the outbox is so full that the connection's own requests must wait.
    pub fn is_full(&self) -> bool {
        self.direct_bytes >= self.limits.outbox_bytes
    }

    /// What waits, in bytes.
    pub fn queued_bytes(&self) -> usize {
        self.queued + self.direct_bytes
    }

    /// Whether half of the outbox is free of what waits for this connection alone.
    pub(super) fn is_half_empty(&self) -> bool {
        self.direct_bytes <= self.limits.outbox_bytes / 2
    }

    /// How frames become bytes.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The next piece of bytes; none where nothing waits.
    pub(super) fn next(&mut self, stream: &Stream, now: Instant) -> Option<Bytes> {
        if self.sending.is_empty() {
            let pieces = self.next_frame(stream)?;
            self.sending.extend(pieces.into_iter().filter(|piece| !piece.is_empty()));
        }
        let first = self.sending.front_mut()?;
        let piece = if first.len() > PIECE_MAX_BYTES {
            first.split_to(PIECE_MAX_BYTES)
        } else {
            self.sending.pop_front()?
        };
        self.waiting_since = self.has_waiting().then_some(now);
        Some(piece)
    }

    fn has_waiting(&self) -> bool {
        !self.sending.is_empty()
            || !self.direct.is_empty()
            || self.queued > 0
            || self.resync.is_some()
            || self.document_due
    }

    fn note_waiting(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
    }

    fn next_frame(&mut self, stream: &Stream) -> Option<Pieces> {
        if self.finished || self.closing_since.is_some() || self.cursor.is_none() {
            return self.next_direct();
        }
        if let Some(reason) = self.resync.take() {
            let pieces = self.state_pieces(reason, stream);
            self.cursor = Some(stream.ring.end());
            self.seen = self.seen.max(stream.committed.seq);
            return Some(pieces);
        }
        if self.document_due {
            self.document_due = false;
            self.seen = stream.committed.seq;
            let text = stream.committed.text();
            return Some([text_header(text.len()), text, Bytes::new()]);
        }
        if self.queued == 0 {
            self.cursor = Some(stream.ring.end());
        }
        // Whatever was announced before an answer goes before it, and nothing that came after.
        while let Some(cursor) = self.cursor
            && self.direct.front().is_none_or(|direct| direct.after > cursor)
            && let Some(frame) = stream.ring.get(cursor)
        {
            self.cursor = Some(cursor + 1);
            if self.wants_at(cursor, frame) {
                self.queued = self.queued.saturating_sub(frame.wire_len());
                self.seen = frame.seq().unwrap_or(self.seen);
                return Some(self.encode(frame));
            }
        }
        self.next_direct()
    }

    fn next_direct(&mut self) -> Option<Pieces> {
        let direct = self.direct.pop_front()?;
        self.direct_bytes -= direct.counted;
        if let Some(seq) = direct.seq {
            self.seen = self.seen.max(seq);
        }
        if self.is_half_empty() {
            self.drained.drain(..).for_each(Waker::wake);
        }
        Some(direct.pieces)
    }

    /// A shared frame in the bytes of this connection.
    pub(super) fn encode(&self, frame: &Frame) -> Pieces {
        match self.encoding {
            Encoding::V1 | Encoding::Plain => [frame.wire(), Bytes::new(), Bytes::new()],
            Encoding::Events => [self.event_head(frame.seq()), frame.text(), Bytes::from_static(EVENT_END)],
        }
    }

    fn state_pieces(&self, reason: StateReason, stream: &Stream) -> Pieces {
        let committed = &stream.committed;
        let (head, tail) = state_parts(reason.as_str(), committed.seq, committed.at);
        let document = committed.text();
        match self.encoding {
            Encoding::V1 | Encoding::Plain => {
                let header = text_header(head.len() + document.len() + tail.len());
                let head = [header.as_ref(), head.as_bytes()].concat();
                [head.into(), document, Bytes::from_static(tail.as_bytes())]
            }
            Encoding::Events => {
                let mut begin = self.event_head(Some(committed.seq)).to_vec();
                begin.extend_from_slice(head.as_bytes());
                [begin.into(), document, [tail.as_bytes(), EVENT_END].concat().into()]
            }
        }
    }

    /// What stands before the text of a server-sent event: its id, if it is committed.
    fn event_head(&self, seq: Option<Seq>) -> Bytes {
        match seq {
            Some(seq) => format!("id: {}-{seq}\ndata: ", self.epoch).into(),
            None => Bytes::from_static(b"data: "),
        }
    }

    /// Pushes a frame of a replay, in the bytes of this connection.
    pub(super) fn push_replayed(&mut self, frame: &Frame, now: Instant) {
        self.seen = self.seen.max(frame.seq().unwrap_or_default());
        if self.wants(frame) {
            let pieces = self.encode(frame);
            self.push_pieces(pieces, frame.wire_len(), frame.seq(), 0, false);
            self.note_waiting(now);
        }
    }

    /// Remembers whom to wake when there is something to send.
    pub(super) fn set_waker(&mut self, waker: &Waker) {
        self.asleep = true;
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }

    /// Remembers whom to wake when half of the outbox is free again.
    pub(super) fn set_drained_waker(&mut self, waker: &Waker) {
        if !self.drained.iter().any(|known| known.will_wake(waker)) {
            self.drained.push(waker.clone());
        }
    }

    fn wake(&mut self) {
        if std::mem::take(&mut self.asleep)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
        if self.is_over() {
            self.drained.drain(..).for_each(Waker::wake);
        }
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
            queued_bytes: self.queued_bytes(),
            conflated: self.conflated,
            state: self.state(now),
        }
    }
}

/// What ends a server-sent event.
const EVENT_END: &[u8] = b"\n\n";
