//! The tap in the chain of loggers: takes the hub's own records, and never makes anybody wait.
//!
//! A record goes into a bounded queue without a lock; what finds it full is counted and gone. Cleaning,
//! masking and sending are the pump's work, on a thread of its own.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use log::{Level, Record};
use serde_json::{Map, Value};

use crate::domain::Timestamp;
use crate::protocol::LogLevel;
use crate::telemetry::clock;
use crate::telemetry::logging;

use super::line::{Draft, LINE_MAX_BYTES, Said};

/// Records that may wait for the pump.
const QUEUE_MAX_RECORDS: usize = 8_192;
/// What they may take, in bytes.
const QUEUE_MAX_BYTES: usize = 8 * 1024 * 1024;
/// What of a message is taken: more than is shown, since cleaning may make it shorter.
const TAKEN_MAX_BYTES: usize = LINE_MAX_BYTES + 1024;
/// What a record costs beside its texts, in bytes.
const OVERHEAD_BYTES: usize = 128;

/// What log lines pass through on their way out. A line from here would make the next one, and so on.
const NOT_STREAMED: [&str; 11] = [
    "opshub::fanout",
    "opshub::session",
    "opshub::logs",
    "opshub::http::listen",
    "opshub::http::logs",
    "opshub::http::stream",
    "opshub::http::ws",
    // The stack below them.
    "actix",
    "mio",
    "tokio",
    "awc",
];

/// Wakes the pump's thread, which sleeps while there is nothing to do.
#[derive(Debug, Default)]
pub(super) struct Waker {
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Waker {
    /// Names the thread to wake.
    pub(super) fn set(&self, thread: Thread) {
        // There is one pump: a second one would be woken by its own waker.
        let _ = self.thread.set(thread);
    }

    /// Wakes the thread if it sleeps; never waits.
    pub(super) fn wake(&self) {
        if self.asleep.load(Ordering::SeqCst)
            && self.asleep.swap(false, Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Says that the thread is about to sleep; whoever adds something from here on wakes it.
    pub(super) fn announce_sleep(&self, asleep: bool) {
        self.asleep.store(asleep, Ordering::SeqCst);
    }
}

/// Takes records from the chain of loggers.
#[derive(Debug)]
pub struct Tap {
    queue: SyncSender<Taken>,
    shared: Arc<Shared>,
}

/// The pump's end of the tap.
#[derive(Debug)]
pub struct Records {
    queue: Receiver<Taken>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicUsize,
    /// Records that found the queue full, by level.
    lost: [AtomicU64; LogLevel::ALL.len()],
    waker: OnceLock<Arc<Waker>>,
}

/// A record while it waits.
#[derive(Debug)]
struct Taken {
    at: Timestamp,
    level: LogLevel,
    source: String,
    message: Bounded,
    pairs: Vec<(String, Value)>,
    bytes: usize,
}

impl Tap {
    /// A tap and its other end.
    pub fn new() -> (Tap, Records) {
        let (sender, receiver) = sync_channel(QUEUE_MAX_RECORDS);
        let shared = Arc::<Shared>::default();
        (Tap { queue: sender, shared: shared.clone() }, Records { queue: receiver, shared })
    }

    /// Takes a record. Never waits, for nobody: a record that finds the queue full is counted as lost.
    pub fn take(&self, record: &Record<'_>) {
        if !is_streamed(record) {
            return;
        }
        let level = level_of(record.level());
        let mut message = Bounded::default();
        // Whatever could not be written is a message that ends there.
        let _ = message.write_fmt(*record.args());
        let pairs = logging::pairs(record);
        let source = record.module_path().unwrap_or(record.target()).to_owned();
        let texts: usize = pairs.iter().map(|(key, value)| key.len() + size(value)).sum();
        let bytes = OVERHEAD_BYTES + message.text.len() + source.len() + texts;
        let at = clock::now();
        let room = self.shared.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= QUEUE_MAX_BYTES;
        let taken = Taken { at, level, source, message, pairs, bytes };
        if !room || self.queue.try_send(taken).is_err() {
            self.shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.shared.lost[level as usize].fetch_add(1, Ordering::Relaxed);
        }
        if let Some(waker) = self.shared.waker.get() {
            waker.wake();
        }
    }
}

impl Records {
    /// Wakes by `waker` from now on.
    pub(super) fn wake_by(&self, waker: Arc<Waker>) {
        // Set once, when the pump takes this end over.
        let _ = self.shared.waker.set(waker);
    }

    /// Takes at most `max` records that wait, as lines.
    pub fn drain(&self, max: usize) -> Vec<Draft> {
        let mut drafts = Vec::new();
        while drafts.len() < max
            && let Ok(taken) = self.queue.try_recv()
        {
            self.shared.bytes.fetch_sub(taken.bytes, Ordering::Relaxed);
            drafts.push(taken.into_draft());
        }
        drafts
    }

    /// Takes how many records were lost, by level.
    pub(super) fn take_lost(&self) -> [(LogLevel, u64); LogLevel::ALL.len()] {
        LogLevel::ALL.map(|level| (level, self.shared.lost[level as usize].swap(0, Ordering::Relaxed)))
    }
}

impl Taken {
    fn into_draft(self) -> Draft {
        let mut metadata = Map::new();
        for (key, value) in self.pairs {
            metadata.insert(key, value);
        }
        Draft::new(Said {
            at: self.at,
            level: self.level,
            message: self.message.whole_words(),
            gone: self.message.gone,
            source: &self.source,
            metadata,
        })
    }
}

fn size(value: &Value) -> usize {
    value.as_str().map_or(16, str::len)
}

fn level_of(level: Level) -> LogLevel {
    match level {
        Level::Error => LogLevel::Error,
        Level::Warn => LogLevel::Warn,
        Level::Info => LogLevel::Info,
        Level::Debug | Level::Trace => LogLevel::Debug,
    }
}

/// Whether a record may become a line.
fn is_streamed(record: &Record<'_>) -> bool {
    let passes = |path: &str| NOT_STREAMED.iter().all(|prefix| !path.starts_with(prefix));
    record.module_path().is_none_or(passes) && passes(record.target())
}

/// A text that takes what has room, and counts the rest.
#[derive(Debug, Default)]
struct Bounded {
    text: String,
    gone: usize,
}

impl Bounded {
    /// What was taken, without a last word that may be cut in two: half a secret looks like none.
    fn whole_words(&self) -> &str {
        if self.gone == 0 {
            return &self.text;
        }
        let end = self.text.rfind(char::is_whitespace);
        self.text[..end.unwrap_or_default()].trim_end()
    }
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut end = text.len().min(TAKEN_MAX_BYTES.saturating_sub(self.text.len()));
        // What comes after a gap is not taken.
        if self.gone > 0 {
            end = 0;
        }
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&text[..end]);
        self.gone += text.len() - end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(tap: &Tap, module: &str, message: &str) {
        tap.take(
            &Record::builder()
                .level(Level::Warn)
                .target(module)
                .module_path(Some(module))
                .args(format_args!("{message}"))
                .build(),
        );
    }

    #[test]
    fn what_carries_log_lines_is_not_streamed() {
        let (tap, records) = Tap::new();
        for module in
            ["opshub::fanout::mirror", "opshub::session::actor", "opshub::logs::pump", "actix_http::h1"]
        {
            logged(&tap, module, "a client is slow");
        }
        logged(&tap, "opshub::hub::chores", "the disk is full");
        assert_eq!(records.drain(10).len(), 1);
    }

    #[test]
    fn a_full_queue_loses_records_and_counts_them() {
        let (tap, records) = Tap::new();
        for _ in 0..QUEUE_MAX_RECORDS + 7 {
            logged(&tap, "opshub::hub", "x");
        }
        assert_eq!(records.take_lost()[LogLevel::Warn as usize], (LogLevel::Warn, 7));
        assert_eq!(records.drain(usize::MAX).len(), QUEUE_MAX_RECORDS);
        logged(&tap, "opshub::hub", "again");
        assert_eq!((records.drain(10).len(), records.shared.bytes.load(Ordering::Relaxed)), (1, 0));
    }

    #[test]
    fn the_queue_is_bounded_in_bytes_too() {
        let (tap, records) = Tap::new();
        let long = "long ".repeat(TAKEN_MAX_BYTES / 5);
        for _ in 0..2_000 {
            logged(&tap, "opshub::hub", &long);
        }
        let held = records.drain(usize::MAX).len();
        assert!(held * TAKEN_MAX_BYTES <= QUEUE_MAX_BYTES + TAKEN_MAX_BYTES && held > 100, "{held}");
        assert_eq!(records.take_lost()[LogLevel::Warn as usize].1 as usize, 2_000 - held);
    }

    #[test]
    fn a_message_that_is_cut_ends_with_a_whole_word() {
        let mut message = Bounded::default();
        write!(message, "{} https://user:secr", "word ".repeat(TAKEN_MAX_BYTES / 5)).unwrap();
        write!(message, "et@host").unwrap();
        assert!(message.gone > 0 && message.whole_words().ends_with("word"));
    }
}
