//! The way from the fan-out to a connection: a response body that drains what waits.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

use crate::domain::Seq;
use crate::hub::Admission;
use crate::logs::Lease;
use crate::protocol::{LogFilter, StateReason, Topics};

use super::mirror::{Mirror, Shared};
use super::report::Identity;
use super::socket::SharedSocket;
use super::subscriber::Subscriber;
use super::wire::Wire;
use super::writer::Progress;

/// What a session holds of its connection: everything goes out through here, in order.
///
/// Nothing here ever waits: what cannot be sent yet is bounded by the subscriber's own rules.
#[derive(Clone)]
pub struct Outbox {
    mirror: Rc<Mirror>,
    subscriber: Shared,
    id: u64,
}

impl Outbox {
    /// Adds a connection to its worker. The body goes into the response, the outbox to whoever
    /// speaks for the connection.
    ///
    /// With a `socket` the frames are written to it as soon as the response's head is out, and the body
    /// gives none: that is for upgraded connections only, whose bytes nobody frames any more.
    pub fn open(
        mirror: Rc<Mirror>,
        mut subscriber: Subscriber,
        socket: Option<SharedSocket>,
        admission: Admission,
    ) -> (Outbox, OutboxBody) {
        if let Some(socket) = socket {
            subscriber.set_wire(Wire::new(socket));
        }
        let (id, subscriber) = mirror.add(subscriber);
        let outbox = Outbox { mirror, subscriber, id };
        (outbox.clone(), OutboxBody { outbox, _admission: admission })
    }

    /// The worker's side of the fan-out.
    pub fn mirror(&self) -> &Rc<Mirror> {
        &self.mirror
    }

    /// Sends a frame, after everything that this worker was told by now.
    pub fn push(&self, frame: Bytes) {
        self.mirror.push(&self.subscriber, frame);
    }

    /// Sends a frame before everything of the stream.
    pub fn push_first(&self, frame: Bytes) {
        self.subscriber.borrow_mut().push_ahead(frame, Instant::now());
    }

    /// Sends a frame that must not come before change `seq`, which is committed.
    pub fn push_after(&self, seq: Seq, frame: Bytes) {
        if self.mirror.newest() < seq {
            self.mirror.pull();
        }
        self.push(frame);
    }

    /// Sends the newest state.
    pub fn push_state(&self, reason: StateReason) {
        self.mirror.push_state(&self.subscriber, reason);
    }

    /// Sends the newest document (plain).
    pub fn push_document(&self) {
        self.subscriber.borrow_mut().push_document(Instant::now());
    }

    /// Joins the stream at `position`, or at its end.
    pub fn attach(&self, position: Option<u64>, seen: Seq) {
        self.mirror.attach(&self.subscriber, position, seen);
    }

    /// Joins the stream at its end, with the newest state in place of everything before.
    pub fn attach_with_state(&self, reason: StateReason) {
        self.mirror.pull();
        self.mirror.attach_with_state(&self.subscriber, reason);
    }

    /// Adds frames of a replay.
    pub(super) fn push_replayed<'a>(&self, frames: impl Iterator<Item = &'a crate::protocol::Frame>) {
        let (mut subscriber, now) = (self.subscriber.borrow_mut(), Instant::now());
        frames.for_each(|frame| subscriber.push_replayed(frame, now));
    }

    /// What is received.
    pub fn topics(&self) -> Topics {
        self.subscriber.borrow().topics()
    }

    /// Changes what is received.
    pub fn set_topics(&self, topics: Topics) {
        self.mirror.set_topics(&self.subscriber, topics);
    }

    /// Says whether the state may be told, whatever is received.
    pub fn set_sees_state(&self, sees: bool) {
        self.subscriber.borrow_mut().set_sees_state(sees);
    }

    /// Which log lines are received.
    pub fn log_filter(&self) -> Option<LogFilter> {
        self.subscriber.borrow().log_filter()
    }

    /// Changes which log lines are received.
    pub fn set_logs(&self, lease: Option<Lease>) {
        self.mirror.set_logs(self.id, &self.subscriber, lease);
    }

    /// Who is at the other end.
    pub fn identity(&self) -> Identity {
        self.subscriber.borrow().identity().clone()
    }

    /// Says who is at the other end, where that was not known at the beginning.
    pub fn set_actor(&self, actor: &str) {
        self.subscriber.borrow_mut().set_actor(actor);
    }

    /// Sends `last`, a word and the close frame, and nothing after that; the connection stays open until
    /// the other side has answered or [`Outbox::finish`] is called.
    pub fn begin_close(&self, last: impl IntoIterator<Item = Bytes>) {
        self.subscriber.borrow_mut().begin_close(last, Instant::now());
    }

    /// Since when the connection is closing.
    pub fn closing_since(&self) -> Option<Instant> {
        self.subscriber.borrow().closing_since()
    }

    /// Sends what waits for this connection alone, and then ends it.
    pub fn finish(&self) {
        self.subscriber.borrow_mut().finish();
    }

    /// Ends the connection at once.
    pub fn close(&self) {
        self.subscriber.borrow_mut().close();
    }

    /// Whether the connection has ended.
    pub fn is_over(&self) -> bool {
        self.subscriber.borrow().is_over()
    }

    /// For how long the client has taken no byte of what waits.
    pub fn stalled_for(&self) -> std::time::Duration {
        self.subscriber.borrow().stalled_for(Instant::now())
    }

    /// Ready when there is room for answers; never more than a full outbox waits.
    pub fn poll_room(&self, waker: &Waker) -> Poll<()> {
        let mut subscriber = self.subscriber.borrow_mut();
        if !subscriber.is_full() {
            return Poll::Ready(());
        }
        subscriber.set_drained_waker(waker);
        Poll::Pending
    }

    /// Ready when at most half of the outbox is taken, or the connection has ended.
    pub(super) fn poll_drained(&self, waker: &Waker) -> Poll<()> {
        let mut subscriber = self.subscriber.borrow_mut();
        if subscriber.is_over() || subscriber.is_half_empty() {
            return Poll::Ready(());
        }
        subscriber.set_drained_waker(waker);
        Poll::Pending
    }
}

/// The body of the response that became the connection.
pub struct OutboxBody {
    outbox: Outbox,
    _admission: Admission,
}

impl MessageBody for OutboxBody {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let Outbox { mirror, subscriber, .. } = &self.outbox;
        let mut subscriber = subscriber.borrow_mut();
        if subscriber.wire_mut().is_some() {
            return poll_wire(mirror, &mut subscriber, cx).map(|()| None);
        }
        match mirror.take(&mut subscriber) {
            Some(piece) => Poll::Ready(Some(Ok(piece))),
            None if subscriber.is_over() => Poll::Ready(None),
            None => {
                subscriber.set_waker(cx.waker());
                Poll::Pending
            }
        }
    }
}

/// Writes to the connection's own socket; ready when it is over.
fn poll_wire(mirror: &Mirror, subscriber: &mut Subscriber, cx: &mut Context<'_>) -> Poll<()> {
    if let Some(wire) = subscriber.wire_mut() {
        ready!(wire.poll_handshake(cx));
    }
    subscriber.set_blocked(false);
    loop {
        let progress = mirror.write(subscriber);
        if subscriber.is_over() {
            return Poll::Ready(());
        }
        subscriber.set_waker(cx.waker());
        match progress {
            Progress::Done => return Poll::Pending,
            Progress::Blocked => {}
            Progress::Broken => subscriber.close(),
        }
        let Some(wire) = subscriber.wire_mut() else { return Poll::Ready(()) };
        match wire.poll_writable(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => subscriber.close(),
            Poll::Pending => {
                subscriber.set_blocked(true);
                return Poll::Pending;
            }
        }
    }
}

impl Drop for OutboxBody {
    fn drop(&mut self) {
        self.outbox.close();
        self.outbox.mirror.remove(self.outbox.id);
    }
}
