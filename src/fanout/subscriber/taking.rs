//! What a connection takes next.

use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;

use crate::protocol::StateReason;

use super::Subscriber;
use crate::fanout::encoding::{Encoding, Pieces};
use crate::fanout::mirror::Stream;
use crate::fanout::private::Waiting;

/// The largest piece that is handed to a connection at once: whatever is not taken yet by the client
/// is copied by the HTTP stack below, so that large frames go in slices.
const PIECE_MAX_BYTES: usize = 16 * 1024;

impl Subscriber {
    /// Whether the next piece begins a frame.
    pub(in crate::fanout) fn is_between_frames(&self) -> bool {
        self.sending.is_empty()
    }

    /// The next piece of bytes; none where nothing waits.
    pub(in crate::fanout) fn next(&mut self, stream: &Stream, now: Instant) -> Option<Bytes> {
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

    fn next_frame(&mut self, stream: &Stream) -> Option<Pieces> {
        if let Some((pieces, seq)) = self.private.pop_ahead() {
            self.seen = self.seen.max(seq.unwrap_or_default());
            self.tell_room();
            return Some(pieces);
        }
        if self.is_ending() {
            return self.next_answer(stream);
        }
        // Before it is attached only what goes before the stream is sent: answers have their place in it.
        let mut cursor = self.cursor?;
        loop {
            if self.private.is_due(cursor) {
                return self.next_answer(stream);
            }
            if let Some(reason) = self.resync.take() {
                return Some(self.resync(reason, stream));
            }
            if self.document_due {
                self.document_due = false;
                self.seen = stream.committed.seq;
                return Some(Encoding::document(&stream.committed));
            }
            let frame = stream.ring.get(cursor).filter(|_| self.queued > 0);
            let Some(frame) = frame else {
                // Nothing that is wanted is left: whatever stands between here and the end is skipped.
                self.queued = 0;
                self.cursor = Some(stream.ring.end());
                if self.private.is_due(stream.ring.end()) {
                    return self.next_answer(stream);
                }
                // Last of all: whatever else waits goes before log lines.
                let logs = self.logs.as_mut()?.take()?;
                return Some(self.encoding.frame(logs.frame(), &self.epoch));
            };
            let wanted = self.wants_at(cursor, frame);
            cursor += 1;
            self.cursor = Some(cursor);
            if wanted {
                self.queued = self.queued.saturating_sub(frame.wire_len());
                self.seen = frame.seq().unwrap_or(self.seen);
                return Some(self.encoding.frame(frame, &self.epoch));
            }
        }
    }

    fn next_answer(&mut self, stream: &Stream) -> Option<Pieces> {
        let answer = self.private.pop_answer()?;
        self.tell_room();
        match answer {
            Waiting::Frame(frame) => Some([frame, Bytes::new(), Bytes::new()]),
            Waiting::State(reason) => Some(self.resync(reason, stream)),
        }
    }

    /// The newest state, made now; the stream goes on after it.
    fn resync(&mut self, reason: StateReason, stream: &Stream) -> Pieces {
        self.cursor = self.cursor.map(|_| stream.ring.end());
        self.queued = 0;
        self.seen = self.seen.max(stream.committed.seq);
        self.encoding.state(reason, &stream.committed, &self.epoch)
    }

    fn tell_room(&mut self) {
        if !self.is_full() && self.is_half_empty() {
            self.drained.drain(..).for_each(Waker::wake);
        }
    }
}
