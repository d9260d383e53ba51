//! Who sends what waits: the connection's own task, or the worker; and since when something waits.

use std::task::Waker;
use std::time::Instant;

use super::Subscriber;
use crate::fanout::wire::Wire;

impl Subscriber {
    /// Writes to a socket of its own from now on.
    pub(in crate::fanout) fn set_wire(&mut self, wire: Wire) {
        self.wire = Some(wire);
    }

    /// Its own socket, until the connection has ended.
    pub(in crate::fanout) fn wire_mut(&mut self) -> Option<&mut Wire> {
        self.wire.as_mut()
    }

    /// Since when something waits without a byte being taken.
    pub(in crate::fanout) fn waiting_since(&self) -> Option<Instant> {
        self.waiting_since
    }

    /// The kernel took some of what waited.
    pub(in crate::fanout) fn note_taken(&mut self, now: Instant) {
        self.waiting_since = self.has_waiting().then_some(now);
    }

    /// The kernel took nothing of what has waited `since` then.
    pub(in crate::fanout) fn note_not_taken(&mut self, since: Option<Instant>, now: Instant) {
        self.waiting_since = since.or(Some(now));
    }

    /// Whether its own task waits for the kernel, which takes nothing more.
    pub(in crate::fanout) fn set_blocked(&mut self, blocked: bool) {
        self.blocked = blocked;
    }

    /// Whether the worker may put it on its list: its own task has nothing to do, and its socket is free.
    pub(in crate::fanout) fn claim(&mut self) -> bool {
        let free = self.wire.is_some() && self.asleep && !self.blocked && !self.due;
        self.due |= free;
        free
    }

    /// Takes it off the worker's list; tells whether the worker may still write.
    pub(in crate::fanout) fn release(&mut self) -> bool {
        self.due = false;
        self.wire.is_some() && self.asleep && !self.blocked
    }

    /// Remembers whom to wake when there is something to send.
    pub(in crate::fanout) fn set_waker(&mut self, waker: &Waker) {
        self.asleep = true;
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }

    /// Remembers whom to wake when half of the outbox is free again.
    pub(in crate::fanout) fn set_drained_waker(&mut self, waker: &Waker) {
        if !self.drained.iter().any(|known| known.will_wake(waker)) {
            self.drained.push(waker.clone());
        }
    }

    /// Wakes the connection, so that it takes what waits.
    pub(in crate::fanout) fn wake(&mut self) {
        if (!self.blocked || self.is_over())
            && std::mem::take(&mut self.asleep)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
        if self.is_over() {
            self.drained.drain(..).for_each(Waker::wake);
        }
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.sending.is_empty()
            || self.wire.as_ref().is_some_and(|wire| !wire.is_empty())
            || !self.private.is_empty()
            || self.queued > 0
            || self.resync.is_some()
            || self.document_due
            || self.logs.as_ref().is_some_and(|logs| logs.is_waiting())
    }

    /// Something waits: the connection is woken, and the clock runs until it takes a byte.
    pub(super) fn note_waiting(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
        self.wake();
    }
}
