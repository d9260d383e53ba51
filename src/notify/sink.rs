//! One sink's way along the log. It has no clock and no network: whoever calls says what time it is and
//! what became of what it asked for.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::domain::{Seq, Timestamp};
use crate::store::{Page, SinkCursor, StoreError};

use super::backoff::Backoff;
use super::definition::SinkDefinition;
use super::message::Event;
use super::report::{SinkError, SinkReport, SinkState};
use super::target::Refusal;

/// How long the log is left alone after it could not be read.
const READ_PAUSE: Duration = Duration::from_secs(1);
/// How many changes of any kind one read looks at: those of several kinds are sorted before the first
/// few are taken, which must not cost more the further a sink is behind.
const READ_SPAN: u64 = 512;

/// What is to be done for a sink next.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Nothing, until something changes.
    Rest,
    /// Nothing before then.
    Wait(Instant),
    /// Read the log after this change, up to the end of its [`span`], and tell [`Sink::read`].
    Read(Seq),
    /// Post this event, and tell [`Sink::posted`].
    Post(Rc<Event>),
}

/// Returns the last change that a read after `since` looks at.
pub(super) fn span(since: Seq) -> Seq {
    Seq::new(since.get().saturating_add(READ_SPAN))
}

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Busy {
    No,
    Reading,
    Posting,
}

/// What of a sink is newer than its row in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unsaved {
    /// Nothing.
    Nothing,
    /// Its cursor went over events that are none of its kinds: reading them again costs little.
    PassedOver,
    /// Events were delivered or given up.
    Settled,
}

/// One sink.
pub(super) struct Sink {
    pub(super) definition: SinkDefinition,
    /// Everything up to here is done with.
    cursor: Seq,
    /// Everything up to here was read.
    read_through: Seq,
    /// What was read and is not done with, oldest first.
    queue: VecDeque<Rc<Event>>,
    busy: Busy,
    backoff: Backoff,
    next_try: Option<Instant>,
    next_read: Option<Instant>,
    last_error: Option<SinkError>,
    /// Since the start of the process.
    delivered: u64,
    /// Since the sink was first seen.
    given_up: u64,
    /// Whether it was logged that events are given up; once until one is delivered again.
    told_given_up: bool,
    unsaved: Unsaved,
}

impl Sink {
    /// Goes on where the store left the sink; one that is new, or whose log is another one that is
    /// shorter, begins behind `newest`.
    pub(super) fn new(
        definition: SinkDefinition,
        stored: Option<SinkCursor>,
        newest: Seq,
        seed: u64,
    ) -> Sink {
        let id = &definition.id;
        let given_up = stored.as_ref().map_or(0, |stored| stored.given_up);
        let (cursor, unsaved) = match stored {
            Some(stored) if stored.seq <= newest => (stored.seq, Unsaved::Nothing),
            Some(stored) => {
                log::warn!(
                    "sink {id} was told events through {}, but this log ends at {newest}: it goes on from there",
                    stored.seq
                );
                (newest, Unsaved::Settled)
            }
            None => {
                log::info!("sink {id} is new and begins after event {newest}");
                (newest, Unsaved::Settled)
            }
        };
        Sink {
            definition,
            cursor,
            read_through: cursor,
            queue: VecDeque::new(),
            busy: Busy::No,
            backoff: Backoff::new(seed),
            next_try: None,
            next_read: None,
            last_error: None,
            delivered: 0,
            given_up,
            told_given_up: false,
            unsaved,
        }
    }

    /// Says what to do next at `now`, which is `at` by the calendar, where the log ends at `newest`.
    pub(super) fn step(&mut self, now: Instant, at: Timestamp, newest: Seq) -> Step {
        if self.busy != Busy::No {
            return Step::Rest;
        }
        let Some(event) = self.queue.front() else {
            return match self.next_read {
                _ if newest <= self.read_through => Step::Rest,
                Some(next) if next > now => Step::Wait(next),
                _ => {
                    self.busy = Busy::Reading;
                    Step::Read(self.read_through)
                }
            };
        };
        match self.next_try {
            Some(next) if next > now => {
                let left = (self.expiry_ms(event) - at.millis()).max(0);
                let expires = now + Duration::from_millis(u64::try_from(left).unwrap_or_default());
                Step::Wait(next.min(expires))
            }
            _ => {
                self.busy = Busy::Posting;
                Step::Post(event.clone())
            }
        }
    }

    /// Gives up what has become too old; returns how many events that were.
    pub(super) fn give_up_old(&mut self, at: Timestamp) -> u64 {
        let mut count = 0;
        while self.busy != Busy::Posting
            && let Some(event) = self.queue.front()
            && self.expiry_ms(event) <= at.millis()
        {
            let seq = event.seq;
            count += 1;
            self.settle();
            if !self.told_given_up {
                self.told_given_up = true;
                let (id, age) = (&self.definition.id, self.definition.max_age_s);
                let why = self.last_error.as_ref().map_or("it was never sent", |error| &error.message);
                log::error!(sink = id; "sink {id} gives up event {seq}, which is older than {age} s: {why}; so it will with others that become as old");
            }
        }
        self.given_up += count;
        count
    }

    /// Takes a page of the log after [`Step::Read`]; returns how many events were given up since they are
    /// not there any more, or cannot be read.
    pub(super) fn read(&mut self, page: Result<Page, StoreError>, now: Instant) -> u64 {
        self.busy = Busy::No;
        self.next_read = None;
        let id = &self.definition.id;
        let mut lost = 0;
        let until = span(self.read_through);
        match page {
            Ok(page) => {
                for (seq, text) in page.events {
                    self.read_through = seq;
                    match Event::read(seq, text) {
                        Ok(event) => self.queue.push_back(Rc::new(event)),
                        Err(error) => {
                            log::error!(sink = id; "sink {id} gives up event {seq}, which cannot be read: {error}");
                            lost += 1;
                        }
                    }
                }
                if !page.more {
                    self.read_through = self.read_through.max(page.last_seq.min(until));
                }
            }
            Err(StoreError::Pruned { first, .. }) => {
                let from = self.read_through.next();
                self.read_through = Seq::new(first.saturating_sub(1)).max(self.read_through);
                lost = (self.read_through.get() + 1).saturating_sub(from.get());
                log::error!(
                    sink = id;
                    "sink {id} gives up events {from} through {}, which the log no longer has", self.read_through
                );
            }
            Err(error) => {
                log::warn!(sink = id; "the log cannot be read for sink {id}: {error}");
                self.next_read = Some(now + READ_PAUSE);
            }
        }
        self.given_up += lost;
        if lost > 0 {
            self.unsaved = Unsaved::Settled;
        }
        if self.queue.is_empty() && self.cursor < self.read_through {
            self.cursor = self.read_through;
            self.unsaved = self.unsaved.max(Unsaved::PassedOver);
        }
        lost
    }

    /// Takes what became of the event of [`Step::Post`].
    pub(super) fn posted(&mut self, outcome: Result<(), Refusal>, now: Instant, at: Timestamp) {
        self.busy = Busy::No;
        let id = &self.definition.id;
        match outcome {
            Ok(()) => {
                if self.backoff.failures() > 0 {
                    log::info!(sink = id; "sink {id} takes events again, after {} failed attempts", self.backoff.failures());
                }
                self.backoff.worked();
                (self.next_try, self.told_given_up) = (None, false);
                self.delivered += 1;
                self.settle();
            }
            Err(Refusal { message, retry_after }) => {
                let pause = self.backoff.failed(retry_after);
                self.next_try = Some(now + pause);
                if self.backoff.failures() == 1 {
                    log::warn!(sink = id; "sink {id} did not take an event: {message}; it is tried again");
                } else {
                    log::debug!(sink = id; "sink {id} failed {} times: {message}; next in {pause:?}", self.backoff.failures());
                }
                self.last_error = Some(SinkError { at, message });
            }
        }
    }

    /// Notes what keeps the sink from being served, before anything was tried.
    pub(super) fn cannot_serve(&mut self, message: String, at: Timestamp) {
        self.last_error = Some(SinkError { at, message });
    }

    /// Is done with the oldest event.
    fn settle(&mut self) {
        if let Some(event) = self.queue.pop_front() {
            self.cursor = if self.queue.is_empty() { self.read_through } else { event.seq };
            self.unsaved = Unsaved::Settled;
        }
    }

    /// When an event is too old, in milliseconds since the Unix epoch.
    fn expiry_ms(&self, event: &Event) -> i64 {
        event.at.millis().saturating_add(self.definition.max_age_ms())
    }

    /// Tells whether an attempt is under way.
    pub(super) fn is_posting(&self) -> bool {
        self.busy == Busy::Posting
    }

    /// How many changes of any kind lie between the cursor and the end of the log.
    pub(super) fn behind(&self, newest: Seq) -> u64 {
        newest.get().saturating_sub(self.cursor.get())
    }

    /// Returns the row to store where at least so much is unsaved; it counts as saved from then on.
    pub(super) fn take_unsaved(&mut self, least: Unsaved) -> Option<SinkCursor> {
        if self.unsaved == Unsaved::Nothing || self.unsaved < least {
            return None;
        }
        self.unsaved = Unsaved::Nothing;
        Some(SinkCursor { id: self.definition.id.clone(), seq: self.cursor, given_up: self.given_up })
    }

    /// Notes that the row could not be stored.
    pub(super) fn not_saved(&mut self) {
        self.unsaved = Unsaved::Settled;
    }

    /// Tells how the sink does.
    pub(super) fn report(
        &self,
        host: Option<String>,
        now: Instant,
        at: Timestamp,
        newest: Seq,
    ) -> SinkReport {
        let state = match (self.queue.is_empty(), self.backoff.failures()) {
            (true, _) => SinkState::Idle,
            (false, 0) => SinkState::Delivering,
            (false, _) => SinkState::Retrying,
        };
        let waits = state == SinkState::Retrying && self.busy == Busy::No;
        let next_try = self.next_try.filter(|next| waits && *next > now).map(|next| {
            let left = i64::try_from((next - now).as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(at.millis().saturating_add(left))
        });
        SinkReport {
            id: self.definition.id.clone(),
            format: self.definition.format,
            host,
            events: self.definition.events.clone(),
            state,
            failures: self.backoff.failures(),
            next_try,
            last_error: self.last_error.clone(),
            cursor: self.cursor,
            behind: self.behind(newest),
            delivered: self.delivered,
            given_up: self.given_up,
        }
    }
}
