//! A worker's copy of the ring, and the subscribers that read from it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::domain::{Seq, Timestamp};
use crate::hub::{Committed, Live, Lost, News, Ring};
use crate::protocol::frame::{close_frame, encode_message, text_frame};
use crate::protocol::server::Closing;
use crate::protocol::{CloseCode, ServerMessage, StateReason, Topics};
use crate::telemetry::metrics::Metrics;

use super::encoding::Encoding;
use super::report::ConnectionReport;
use super::subscriber::{Announced, Subscriber};
use super::writer::Due;

/// The frames and the state that belong to the same moment of this worker.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) ring: Ring,
    pub(super) committed: Arc<Committed>,
}

/// A subscriber that the mirror and its connection share; both live on one worker.
pub(super) type Shared = Rc<RefCell<Subscriber>>;

/// One worker's side of the fan-out. The frames are shared with the hub's ring, only pointers are
/// copied, and only once for each worker.
#[derive(Debug)]
pub struct Mirror {
    live: Arc<Live>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stream: RefCell<Stream>,
    subscribers: RefCell<HashMap<u64, Shared>>,
    next_id: Cell<u64>,
    sent_frames: Cell<u64>,
    sent_bytes: Cell<u64>,
    /// The time of the last news or sweep: near enough for limits of seconds, and it saves a look at
    /// the clock for each delivery.
    pub(super) about_now: Cell<Instant>,
    pub(super) due: Due,
    /// Those of the subscribers that get log lines.
    pub(super) log_subscribers: RefCell<HashMap<u64, Shared>>,
    /// The next moment of log lines to fetch.
    pub(super) next_tick: Cell<u64>,
}

impl Mirror {
    /// The mirror of a worker that has no subscribers yet.
    pub fn new(live: Arc<Live>, metrics: Arc<Metrics>, ring_bytes: usize) -> Rc<Mirror> {
        let stream = Stream { ring: Ring::new(ring_bytes), committed: live.committed() };
        let mirror = Mirror {
            live,
            metrics,
            stream: RefCell::new(stream),
            subscribers: RefCell::default(),
            next_id: Cell::new(0),
            sent_frames: Cell::new(0),
            sent_bytes: Cell::new(0),
            about_now: Cell::new(Instant::now()),
            due: Due::default(),
            log_subscribers: RefCell::default(),
            next_tick: Cell::new(0),
        };
        mirror.pull();
        Rc::new(mirror)
    }

    /// Fetches what is new and tells every subscriber.
    ///
    /// Anyone on the worker may call it: whoever has learned that a change is committed sees it here
    /// afterwards.
    pub fn pull(&self) {
        let mut stream = self.stream.borrow_mut();
        let from = stream.ring.end();
        let News { frames, end, committed } = self.live.news_since(from);
        stream.committed = committed;
        match frames {
            Ok(frames) if frames.is_empty() => return,
            Ok(frames) => frames.into_iter().for_each(|frame| stream.ring.push(frame)),
            Err(Lost) => stream.ring.restart_at(end),
        }
        let stream = &*stream;
        let now = Instant::now();
        self.about_now.set(now);
        let known = from.max(stream.ring.first());
        for subscriber in self.subscribers.borrow().values() {
            let news = stream.ring.since(known).into_iter().flatten().map(AsRef::as_ref);
            let announced = subscriber.borrow_mut().announce(news, stream, now);
            match announced {
                Announced::Nothing => {}
                Announced::News => self.due.add(subscriber, now),
                Announced::Overflow => self.metrics.outbox_overflows.inc(),
            }
        }
    }

    /// Adds a subscriber; it is attached to the stream later.
    pub(super) fn add(&self, subscriber: Subscriber) -> (u64, Shared) {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        self.metrics.connections.with_label_values(&[subscriber.identity().protocol.as_str()]).inc();
        let shared = Rc::new(RefCell::new(subscriber));
        self.subscribers.borrow_mut().insert(id, shared.clone());
        (id, shared)
    }

    /// Takes a subscriber away.
    pub(super) fn remove(&self, id: u64) {
        self.log_subscribers.borrow_mut().remove(&id);
        if let Some(gone) = self.subscribers.borrow_mut().remove(&id) {
            let gone = gone.borrow();
            self.metrics.connections.with_label_values(&[gone.identity().protocol.as_str()]).dec();
        }
    }

    /// How many connections this worker has.
    pub(super) fn len(&self) -> usize {
        self.subscribers.borrow().len()
    }

    /// The newest committed change that this worker shows.
    pub fn newest(&self) -> Seq {
        self.stream.borrow().committed.seq
    }

    /// The log that the numbers count in.
    pub fn epoch(&self) -> &str {
        self.live.epoch().as_str()
    }

    /// Takes the next piece of bytes for a subscriber.
    pub(super) fn take(&self, subscriber: &mut Subscriber) -> Option<Bytes> {
        let begins = subscriber.is_between_frames();
        let piece = subscriber.next(&self.stream.borrow(), self.about_now.get())?;
        self.sent_frames.set(self.sent_frames.get() + u64::from(begins));
        self.sent_bytes.set(self.sent_bytes.get() + piece.len() as u64);
        Some(piece)
    }

    /// Sends a frame to one subscriber, after everything that is announced on this worker by now.
    pub(super) fn push(&self, subscriber: &Shared, frame: Bytes) {
        let end = self.stream.borrow().ring.end();
        subscriber.borrow_mut().push(frame, end, Instant::now());
    }

    /// Sends the newest state to one subscriber.
    pub(super) fn push_state(&self, subscriber: &Shared, reason: StateReason) {
        subscriber.borrow_mut().push_state(reason, &self.stream.borrow(), Instant::now());
    }

    /// Lets one subscriber join at the end, with the newest state in place of everything before.
    pub(super) fn attach_with_state(&self, subscriber: &Shared, reason: StateReason) {
        let stream = self.stream.borrow();
        let mut subscriber = subscriber.borrow_mut();
        subscriber.attach(stream.ring.end(), stream.committed.seq, &stream);
        subscriber.conflate(reason);
    }

    /// Lets one subscriber join at `position`, or at the end.
    pub(super) fn attach(&self, subscriber: &Shared, position: Option<u64>, seen: Seq) {
        let stream = self.stream.borrow();
        subscriber.borrow_mut().attach(position.unwrap_or_else(|| stream.ring.end()), seen, &stream);
    }

    /// Changes what one subscriber receives.
    pub(super) fn set_topics(&self, subscriber: &Shared, topics: Topics) {
        subscriber.borrow_mut().set_topics(topics, &self.stream.borrow());
    }

    /// Where a connection that has seen everything through `seq` goes on in the ring.
    pub(super) fn resume_after(&self, seq: Seq) -> Result<u64, Lost> {
        let stream = self.stream.borrow();
        stream.ring.resume_after(seq, stream.committed.seq)
    }

    /// What the ring holds from `position` on, in bytes.
    pub(super) fn bytes_from(&self, position: u64) -> u64 {
        let stream = self.stream.borrow();
        let frames = stream.ring.since(position).into_iter().flatten();
        frames.map(|frame| frame.wire_len() as u64).sum()
    }

    /// The connections of this worker.
    pub(super) fn reports(&self) -> Vec<ConnectionReport> {
        let (newest, now) = (self.newest(), Instant::now());
        self.subscribers.borrow().values().map(|subscriber| subscriber.borrow().report(newest, now)).collect()
    }

    /// Tells every subscriber that the hub goes away.
    pub(super) fn close_all(&self, reason: &str, retry_ms: impl Fn() -> u64, now: Timestamp) {
        for subscriber in self.subscribers.borrow().values() {
            let mut subscriber = subscriber.borrow_mut();
            let closing = Closing { reason: reason.to_owned(), retry_ms: retry_ms() };
            let text = encode_message(ServerMessage::Closing(closing), now, None, None);
            let code = CloseCode::GoingAway;
            let last = close_frame(Some(code.code()), reason);
            match subscriber.encoding() {
                Encoding::V1 => subscriber.begin_close([text_frame(&text), last], Instant::now()),
                Encoding::Plain => subscriber.begin_close([last], Instant::now()),
                Encoding::Events => {
                    subscriber.begin_close([format!("data: {text}\n\n").into()], Instant::now());
                    subscriber.finish();
                }
            }
            self.metrics.sessions_closed.with_label_values(&[&code.code().to_string()]).inc();
        }
    }

    /// Ends every subscriber at once.
    pub(super) fn drop_all(&self) {
        self.subscribers.borrow().values().for_each(|subscriber| subscriber.borrow_mut().close());
    }

    /// Once a second: hands the figures over and names who has become slow.
    pub(super) fn sweep(&self) {
        self.metrics.frames_sent.inc_by(self.sent_frames.take());
        self.metrics.bytes_sent.inc_by(self.sent_bytes.take());
        let now = Instant::now();
        self.about_now.set(now);
        for subscriber in self.subscribers.borrow().values() {
            let mut subscriber = subscriber.borrow_mut();
            if let Some(state) = subscriber.worsened(now) {
                let identity = subscriber.identity();
                log::warn!(
                    session_id = identity.session_id.as_str(), actor = identity.actor.as_str();
                    "client {} of {} is {state:?}: {} bytes wait for it",
                    identity.session_id, identity.address, subscriber.queued_bytes()
                );
            }
        }
    }
}
