//! Writing to sockets: by the worker itself where news comes for many, by a connection's own task else.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::mirror::{Mirror, Shared};
use super::subscriber::Subscriber;

/// Connections that are written to before the worker does other work.
const TURN: usize = 64;

/// The connections of a worker for which there is news, first come first served.
#[derive(Debug, Default)]
pub(super) struct Due {
    waiting: RefCell<VecDeque<Shared>>,
    waker: RefCell<Option<Waker>>,
    /// Since when there are any.
    since: Cell<Option<Instant>>,
}

impl Due {
    /// Puts a subscriber on the list, or wakes its own task where that has to send.
    pub(super) fn add(&self, shared: &Shared, now: Instant) {
        let mut subscriber = shared.borrow_mut();
        if !subscriber.claim() {
            return subscriber.wake();
        }
        drop(subscriber);
        self.waiting.borrow_mut().push_back(shared.clone());
        if self.since.get().is_none() {
            self.since.set(Some(now));
            self.waker.borrow().as_ref().inspect(|waker| waker.wake_by_ref());
        }
    }
}

/// What became of an attempt to write all that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing is left.
    Done,
    /// The kernel takes no more.
    Blocked,
    /// The connection is gone.
    Broken,
}

impl Mirror {
    /// Writes to the connections for which there is news, never ready: between two turns the worker does
    /// whatever else there is to do.
    pub(super) fn poll_due(&self, cx: &mut Context<'_>) -> Poll<()> {
        *self.due.waker.borrow_mut() = Some(cx.waker().clone());
        for _ in 0..TURN {
            let next = self.due.waiting.borrow_mut().pop_front();
            let Some(shared) = next else {
                if let Some(since) = self.due.since.take() {
                    self.metrics.fanout_seconds.observe(since.elapsed().as_secs_f64());
                }
                return Poll::Pending;
            };
            let mut subscriber = shared.borrow_mut();
            if !subscriber.release() {
                continue;
            }
            match self.write(&mut subscriber) {
                Progress::Done if !subscriber.is_over() => {}
                // Its task waits for the kernel, or ends the connection.
                Progress::Done | Progress::Blocked => subscriber.wake(),
                Progress::Broken => subscriber.close(),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what waits for a subscriber to its own socket, as far as the kernel takes it.
    pub(super) fn write(&self, subscriber: &mut Subscriber) -> Progress {
        loop {
            let since = subscriber.waiting_since();
            while subscriber.wire_mut().is_some_and(|wire| wire.has_room())
                && let Some(piece) = self.take(subscriber)
                && let Some(wire) = subscriber.wire_mut()
            {
                wire.add(piece);
            }
            let Some(wire) = subscriber.wire_mut().filter(|wire| !wire.is_empty()) else {
                return Progress::Done;
            };
            match wire.write() {
                Ok(_) => subscriber.note_taken(self.about_now.get()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    subscriber.note_not_taken(since, self.about_now.get());
                    return Progress::Blocked;
                }
                Err(_) => return Progress::Broken,
            }
        }
    }
}
