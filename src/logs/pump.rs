//! The thread that turns what was taken into lines, and lines into frames.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::domain::Timestamp;

use super::store::{Logs, TICK};
use super::tap::Records;

/// Records that are taken in one go.
const TURN: usize = 1_024;
/// How long the thread sleeps while lines come: short enough that the tap's queue has room.
const NAP: Duration = Duration::from_millis(10);
/// How long it waits after a fault of its own.
const AFTER_FAULT: Duration = Duration::from_secs(1);

/// The running pump; it ends when this is dropped.
#[derive(Debug)]
pub struct Pump {
    logs: Arc<Logs>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pump {
    /// Starts the thread that takes `records` and makes the frames of `logs`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(logs: Arc<Logs>, records: Records, clock: fn() -> Timestamp) -> std::io::Result<Pump> {
        records.wake_by(logs.waker.clone());
        let stop = Arc::<AtomicBool>::default();
        let work = Work {
            logs: logs.clone(),
            records,
            clock,
            next_tick: Instant::now(),
            awake_since: Instant::now(),
        };
        let stopped = stop.clone();
        let thread =
            std::thread::Builder::new().name("opshub-logs".to_owned()).spawn(move || work.run(&stopped))?;
        Ok(Pump { logs, stop, thread: Some(thread) })
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.logs.waker.wake();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It catches its own panics; one that got through was told by the hook.
            let _ = thread.join();
        }
    }
}

struct Work {
    logs: Arc<Logs>,
    records: Records,
    clock: fn() -> Timestamp,
    next_tick: Instant,
    /// When there was something to do last.
    awake_since: Instant,
}

impl Work {
    fn run(mut self, stop: &AtomicBool) {
        self.logs.waker.set(std::thread::current());
        while !stop.load(Ordering::SeqCst) {
            match catch_unwind(AssertUnwindSafe(|| self.turn(Instant::now()))) {
                Ok(Some(pause)) => std::thread::park_timeout(pause),
                Ok(None) => self.sleep(stop),
                Err(_) => {
                    log::error!("log lines could not be passed on, trying again");
                    std::thread::park_timeout(AFTER_FAULT);
                }
            }
        }
    }

    /// Does what there is to do; tells how long to pause, none until somebody brings something.
    fn turn(&mut self, now: Instant) -> Option<Duration> {
        let lines = self.records.drain(TURN);
        let full = lines.len() == TURN;
        if !lines.is_empty() {
            self.logs.take("hub", lines);
        }
        for (level, count) in self.records.take_lost() {
            if count > 0 {
                self.logs.count_lost(level, count);
            }
        }
        let due = self.logs.is_due();
        if due {
            self.awake_since = now;
            if now >= self.next_tick {
                self.logs.flush((self.clock)());
                self.next_tick = now + self.logs.tick_every();
            }
        }
        match () {
            () if full => Some(Duration::ZERO),
            () if now.duration_since(self.awake_since) < TICK => Some(NAP),
            () => None,
        }
    }

    /// Sleeps until somebody brings something.
    fn sleep(&mut self, stop: &AtomicBool) {
        self.logs.waker.announce_sleep(true);
        // What came in between found the thread awake.
        let busy = stop.load(Ordering::SeqCst) || self.turn(Instant::now()).is_some();
        if !busy {
            std::thread::park();
        }
        self.logs.waker.announce_sleep(false);
    }
}
