//! Changes on their way to the disk.

use std::sync::Arc;

use crate::domain::{Error, Event, EventKind, Limits, Outcome, Seq, Timestamp};
use crate::protocol::{EventFrame, Frame};
use crate::store::{Meta, Record, StoredAnswer};

use super::actor::Head;
use super::handle::{Accepted, Proposal, Reply};

/// A proposal that was decided, and who waits for it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) proposal: Proposal,
    pub(super) reply: Reply,
    pub(super) seq: Seq,
    pub(super) outcome: Outcome,
    /// What goes to the disk, all of it or none; empty where nothing is altered: the answer waits all the same,
    /// since it was found against changes that are not on disk yet.
    pub(super) staged: Vec<Staged>,
}

impl Entry {
    /// The answer, now that everything up to `seq` is on disk.
    pub(super) fn accepted(&self) -> Accepted {
        Accepted {
            seq: self.seq,
            outcome: self.outcome.clone(),
            committed: !self.staged.is_empty(),
            replayed: false,
        }
    }
}

/// One change, numbered and encoded; its record is in the store's inbox.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) kind: EventKind,
    pub(super) frame: Arc<Frame>,
    pub(super) head: Head,
}

impl Staged {
    /// Gives `event` the next number after `before` and encodes it, once and for all readers; the
    /// record is what the store gets; a `joined` one is stored only together with the next.
    ///
    /// # Errors
    /// `limit_exceeded` where the frame is larger than one change may be.
    pub(super) fn new(
        proposal: &Proposal,
        outcome: &Outcome,
        event: Event,
        before: &Head,
        at: Timestamp,
        limits: &Limits,
        joined: bool,
    ) -> Result<(Staged, Record), Error> {
        let seq = before.seq.next();
        let patch = (!event.patch.is_empty()).then_some(&event.patch);
        let has_patch = patch.is_some();
        let text = EventFrame::encode(event.kind, seq, at, &proposal.actor, &event.data, patch);
        if text.len() > limits.change_bytes {
            let message =
                format!("a change must not be larger than {} bytes, got {}", limits.change_bytes, text.len());
            return Err(Error::LimitExceeded { message });
        }
        let (action, target) = match (event.kind, outcome) {
            (EventKind::CommandExecuted, Outcome::Command(command)) => {
                (command.action.clone(), command.target.clone())
            }
            _ => (event.kind.as_str().to_owned(), event.data.target()),
        };
        // The answer to a key belongs to the last event of its change.
        let idempotency = proposal.idempotency.as_ref().filter(|_| !joined).map(|idempotency| StoredAnswer {
            key: idempotency.key.clone(),
            fingerprint: idempotency.fingerprint.clone(),
            outcome: outcome.clone(),
            seq,
        });
        let meta = Meta { idempotency, collection: event.collection, gateway: event.gateway };
        let frame = Arc::new(Frame::committed(seq, event.kind, has_patch, &text));
        let state_seq = if has_patch { seq } else { before.state_seq };
        let head = Head { state: event.next, seq, state_seq, at };
        let record = Record {
            seq,
            at,
            kind: event.kind,
            actor: proposal.actor.clone(),
            action,
            target,
            meta,
            frame: frame.clone(),
            request_id: proposal.request_id.clone(),
            joined,
        };
        Ok((Staged { kind: event.kind, frame, head }, record))
    }
}
