//! What all share: the ring, the filters of connections, and the frames of the last moments.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use actix::prelude::*;

use crate::domain::{Error, Timestamp};
use crate::protocol::{Frame, LogFilter, LogLevel};
use crate::telemetry::metrics::Metrics;

use super::filters::{Due, Filters};
use super::line::{Draft, Line, write_array};
use super::posted::Door;
use super::ring::{LogPage, LogQuery, LogRing};
use super::tap::Waker;

/// The shortest time between two frames of one filter.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// What the frames of one filter cost of the time of all: 100 frames a second in all.
const TICK_PER_FILTER: Duration = Duration::from_millis(10);
/// What the frames of the last moments may take, in bytes; the newest stay whatever they take.
const TICKS_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Lines that are added in one go: nobody waits for the lock longer than that takes.
const CHUNK: usize = 256;

/// Tells a worker's fan-out actor that there are frames with log lines.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct LogWake;

/// Adds a worker.
pub struct AddLogSink {
    /// Where wake-ups go.
    pub wake: Recipient<LogWake>,
    /// Whether one is under way; the worker clears it before it looks.
    pub awake: Arc<AtomicBool>,
}

/// The lines of one moment for one filter, and the frame around them.
#[derive(Debug)]
pub struct Batch {
    /// The filter whose lines they are.
    pub filter: u64,
    /// Lines that the filter took up to here; what a connection did not get of them was dropped.
    pub through: u64,
    /// Lines of this moment that did not fit.
    pub dropped: u64,
    /// Oldest first.
    pub lines: Vec<Arc<Line>>,
    /// What connections get that missed nothing before.
    pub frame: Frame,
}

/// The batches of one moment.
#[derive(Debug)]
pub struct Tick {
    /// At most one for each filter.
    pub batches: Vec<Arc<Batch>>,
}

/// Log lines of the hub, shared by whoever brings, keeps, sends or asks for them.
#[derive(Debug)]
pub struct Logs {
    store: Mutex<Store>,
    ticks: Mutex<Ticks>,
    sinks: Mutex<Vec<AddLogSink>>,
    metrics: Arc<Metrics>,
    pub(super) door: Door,
    pub(super) waker: Arc<Waker>,
}

#[derive(Debug)]
struct Store {
    next_id: u64,
    ring: LogRing,
    filters: Filters,
}

#[derive(Debug, Default)]
struct Ticks {
    recent: VecDeque<Arc<Tick>>,
    /// The number of the oldest.
    first: u64,
    bytes: usize,
}

impl std::fmt::Debug for AddLogSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddLogSink").field("awake", &self.awake).finish_non_exhaustive()
    }
}

impl Logs {
    /// No lines yet. Ids begin with the time, so that they rise across restarts too.
    pub fn new(metrics: Arc<Metrics>, now: Timestamp) -> Arc<Logs> {
        let next_id = u64::try_from(now.millis()).unwrap_or_default().saturating_mul(1_000) + 1;
        let store = Store { next_id, ring: LogRing::default(), filters: Filters::default() };
        Arc::new(Logs {
            store: Mutex::new(store),
            ticks: Mutex::default(),
            sinks: Mutex::default(),
            metrics,
            door: Door::default(),
            waker: Arc::default(),
        })
    }

    /// Adds lines, `origin` being `hub` or `posted`; gives the id of the last one.
    pub fn take(&self, origin: &str, drafts: Vec<Draft>) -> Option<u64> {
        self.metrics.log_lines.with_label_values(&[origin]).inc_by(drafts.len() as u64);
        let (mut last, mut dropped, mut bytes) = (None, 0, 0);
        let mut drafts = drafts.into_iter().peekable();
        while drafts.peek().is_some() {
            let mut store = self.lock();
            for draft in drafts.by_ref().take(CHUNK) {
                let line = Arc::new(Line::new(store.next_id, draft));
                last = Some(store.next_id);
                store.next_id += 1;
                dropped += store.filters.offer(&line);
                store.ring.push(line);
            }
            bytes = store.ring.bytes();
        }
        if last.is_some() {
            self.metrics.log_ring_bytes.set(bytes as i64);
            self.count_dropped("burst", dropped);
            self.waker.wake();
        }
        last
    }

    /// Counts records of the hub that could not even be taken.
    pub(super) fn count_lost(&self, level: LogLevel, count: u64) {
        self.lock().filters.count_lost(level, count);
        self.count_dropped("intake", count);
    }

    /// Counts lines that somebody who wanted them did not get.
    pub fn count_dropped(&self, reason: &str, count: u64) {
        if count > 0 {
            self.metrics.log_lines_dropped.with_label_values(&[reason]).inc_by(count);
        }
    }

    /// Reads the recent lines.
    pub fn page(&self, query: &LogQuery) -> LogPage {
        self.lock().ring.page(query)
    }

    /// Joins those that get the lines of `filter`, from the next line on.
    ///
    /// # Errors
    /// `limit_exceeded` where too many different filters are in use.
    pub fn subscribe(self: &Arc<Self>, filter: LogFilter) -> Result<Lease, Error> {
        let mut store = self.lock();
        let (id, seen) = store.filters.lease(&filter)?;
        let from = store.next_id;
        drop(store);
        Ok(Lease { logs: self.clone(), id, filter, from, seen })
    }

    /// Adds a worker, which is woken from now on.
    pub fn add_sink(&self, sink: AddLogSink) {
        self.sinks.lock().expect("nothing panics while it holds this lock").push(sink);
    }

    /// The frames from moment `next` on, as far as they are kept, and the moment after them.
    pub fn ticks_since(&self, next: u64) -> (Vec<Arc<Tick>>, u64) {
        let ticks = self.ticks.lock().expect("nothing panics while it holds this lock");
        let skip = usize::try_from(next.saturating_sub(ticks.first)).unwrap_or(usize::MAX);
        (ticks.recent.iter().skip(skip).cloned().collect(), ticks.first + ticks.recent.len() as u64)
    }

    /// Whether lines wait to be sent.
    pub fn is_due(&self) -> bool {
        self.lock().filters.is_due()
    }

    /// The time between two moments: longer where there are many filters.
    pub fn tick_every(&self) -> Duration {
        let filters = u32::try_from(self.lock().filters.len()).unwrap_or(u32::MAX);
        TICK.max(TICK_PER_FILTER.saturating_mul(filters))
    }

    /// Makes the frames of a moment and wakes the workers.
    pub fn flush(&self, now: Timestamp) {
        let due = self.lock().filters.take();
        if due.is_empty() {
            return;
        }
        let batches: Vec<_> = due.into_iter().map(|due| Arc::new(Batch::new(due, now))).collect();
        self.metrics.log_frames.inc_by(batches.len() as u64);
        self.ticks.lock().expect("nothing panics while it holds this lock").push(Tick { batches });
        let mut sinks = self.sinks.lock().expect("nothing panics while it holds this lock");
        sinks.retain(|sink| sink.wake.connected());
        for sink in sinks.iter() {
            if !sink.awake.swap(true, Ordering::AcqRel) {
                // The flag bounds the mailbox to one message.
                sink.wake.do_send(LogWake);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("nothing panics while it holds this lock")
    }
}

impl Ticks {
    fn push(&mut self, tick: Tick) {
        self.bytes += tick.bytes();
        self.recent.push_back(Arc::new(tick));
        while self.bytes > TICKS_MAX_BYTES && self.recent.len() > 1 {
            let oldest = self.recent.pop_front().expect("there is more than one");
            self.bytes -= oldest.bytes();
            self.first += 1;
        }
    }
}

impl Tick {
    fn bytes(&self) -> usize {
        self.batches.iter().map(|batch| batch.frame.wire_len()).sum()
    }
}

impl Batch {
    fn new(due: Due, now: Timestamp) -> Batch {
        let Due { filter, lines, through, dropped } = due;
        let frame = frame(&lines, dropped, now);
        Batch { filter, through, dropped, lines, frame }
    }
}

/// The frame around lines: one alone is a `system_log`, else they are a `system_log_batch`.
pub fn frame(lines: &[Arc<Line>], dropped: u64, now: Timestamp) -> Frame {
    let size: usize = lines.iter().map(|line| line.encoded_len()).sum();
    let mut text = String::with_capacity(size + 128);
    match lines {
        [line] if dropped == 0 => {
            text.push_str(&format!("{{\"type\":\"system_log\",\"timestamp\":\"{now}\",\"data\":"));
            line.write(&mut text);
        }
        lines => {
            text.push_str(&format!(
                "{{\"type\":\"system_log_batch\",\"timestamp\":\"{now}\",\"data\":{{\"lines\":"
            ));
            write_array(lines.iter().map(AsRef::as_ref), &mut text);
            text.push_str(&format!(",\"dropped\":{dropped}}}"));
        }
    }
    text.push('}');
    Frame::of_logs(&text)
}

/// A connection's part in the lines of a filter; given back when it is dropped.
#[derive(Debug)]
pub struct Lease {
    logs: Arc<Logs>,
    id: u64,
    filter: LogFilter,
    /// The first line that is for the connection.
    from: u64,
    /// Lines that the filter took before.
    seen: u64,
}

impl Lease {
    /// The filter's number, as batches have it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Which lines.
    pub fn filter(&self) -> &LogFilter {
        &self.filter
    }

    /// The id of the first line that is for the connection.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// How many lines the filter had taken when the connection joined.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Counts lines that the connection was too slow for.
    pub fn count_dropped(&self, count: u64) {
        self.logs.count_dropped("slow", count);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.logs.lock().filters.release(self.id);
    }
}
