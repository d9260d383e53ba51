//! What waits for one connection alone.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::domain::Seq;
use crate::protocol::StateReason;

use super::encoding::Pieces;

/// Two lanes: what goes before the stream (the welcome, a replay), and answers, each at its place in
/// the stream.
#[derive(Debug, Default)]
pub(super) struct Private {
    ahead: VecDeque<Ahead>,
    ahead_bytes: usize,
    answers: VecDeque<Answer>,
    answer_bytes: usize,
}

#[derive(Debug)]
struct Ahead {
    pieces: Pieces,
    bytes: usize,
    /// The change that it replays.
    seq: Option<Seq>,
}

#[derive(Debug)]
struct Answer {
    /// The position that must be reached before: what was announced earlier goes first.
    after: u64,
    what: Waiting,
}

/// An answer when its turn comes.
#[derive(Debug)]
pub(super) enum Waiting {
    /// A frame.
    Frame(Bytes),
    /// The newest state, whatever it is by then.
    State(StateReason),
}

impl Private {
    /// Adds what goes before the stream; with `seq` it replays that change.
    pub(super) fn push_ahead(&mut self, pieces: Pieces, bytes: usize, seq: Option<Seq>) {
        self.ahead_bytes += bytes;
        self.ahead.push_back(Ahead { pieces, bytes, seq });
    }

    /// Adds an answer that goes when the stream was sent up to `after`.
    pub(super) fn push_answer(&mut self, after: u64, frame: Bytes) {
        self.answer_bytes += frame.len();
        self.answers.push_back(Answer { after, what: Waiting::Frame(frame) });
    }

    /// Adds the newest state, unless it waits already.
    pub(super) fn push_state(&mut self, after: u64, reason: StateReason) {
        if !self.answers.iter().any(|answer| matches!(answer.what, Waiting::State(_))) {
            self.answers.push_back(Answer { after, what: Waiting::State(reason) });
        }
    }

    /// Takes what goes before the stream.
    pub(super) fn pop_ahead(&mut self) -> Option<(Pieces, Option<Seq>)> {
        let Ahead { pieces, bytes, seq } = self.ahead.pop_front()?;
        self.ahead_bytes -= bytes;
        if self.ahead.is_empty() {
            // Most connections never need it again after their welcome.
            self.ahead = VecDeque::new();
        }
        Some((pieces, seq))
    }

    /// Whether the next answer's turn has come.
    pub(super) fn is_due(&self, position: u64) -> bool {
        self.answers.front().is_some_and(|answer| answer.after <= position)
    }

    /// Takes the next answer.
    pub(super) fn pop_answer(&mut self) -> Option<Waiting> {
        let answer = self.answers.pop_front()?;
        if let Waiting::Frame(frame) = &answer.what {
            self.answer_bytes -= frame.len();
        }
        if self.answers.is_empty() {
            self.answers = VecDeque::new();
        }
        Some(answer.what)
    }

    /// Drops what a state frame stands for: replayed changes and states.
    pub(super) fn drop_stream(&mut self) {
        self.ahead.retain(|ahead| ahead.seq.is_none());
        self.ahead_bytes = self.ahead.iter().map(|ahead| ahead.bytes).sum();
        self.answers.retain(|answer| matches!(answer.what, Waiting::Frame(_)));
    }

    /// Drops answers whose turn has not come at `position`.
    pub(super) fn drop_answers_after(&mut self, position: u64) {
        self.answers.retain(|answer| answer.after <= position && matches!(answer.what, Waiting::Frame(_)));
        let frames = self.answers.iter().filter_map(|answer| match &answer.what {
            Waiting::Frame(frame) => Some(frame.len()),
            Waiting::State(_) => None,
        });
        self.answer_bytes = frames.sum();
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        *self = Private::default();
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.ahead.is_empty() && self.answers.is_empty()
    }

    /// What waits, in bytes; a state counts nothing, since it is shared and not made yet.
    pub(super) fn bytes(&self) -> usize {
        self.ahead_bytes + self.answer_bytes
    }

    /// What waits to go before the stream, in bytes.
    pub(super) fn ahead_bytes(&self) -> usize {
        self.ahead_bytes
    }
}
