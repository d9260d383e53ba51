//! When the next change is posted, and which of them are still under way.
//!
//! Pure: the clock, the sockets and the books hand their figures in.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::error::{Error, Result};
use crate::http::Answer;
use crate::ledger::Ledger;
use crate::report::latency_histogram;

/// A timer may be late by about as much; only what is later is a delay of the server's making.
const TIMER_SLACK_NS: u64 = 2_000_000;

/// The longest wait for events, so that whoever looks on can take samples.
const TURN_MAX: Duration = Duration::from_millis(20);

/// How changes follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// So many under way; the next is posted when one was answered and has reached every client.
    InFlight(usize),
    /// So many a second, over at most `posters` connections. A change that must wait for a free
    /// connection is timed from when it was due, so that a slow server cannot hide its delays.
    Rate { per_second: f64, posters: usize },
}

/// How many changes are posted, and when it is enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Plan {
    pub(crate) pace: Pace,
    /// At most so many changes.
    pub(crate) count: Option<u64>,
    /// At most for so long.
    pub(crate) duration: Option<Duration>,
    /// How long one change may be under way.
    pub(crate) timeout: Duration,
}

/// What became of the changes.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) posted: u64,
    /// Answered with success, and a change came of it.
    pub(crate) acknowledged: u64,
    /// Answered with success, but nothing was altered.
    pub(crate) unchanged: u64,
    /// Answered otherwise, by status.
    pub(crate) refused: BTreeMap<u16, u64>,
    /// The text of the first refusal or failure.
    pub(crate) refusal: Option<String>,
    /// The connection broke before the answer.
    pub(crate) failed: u64,
    /// Answered, but did not reach every client in time.
    pub(crate) timed_out: u64,
    /// The lowest and the highest number that was acknowledged.
    pub(crate) seqs: Option<(u64, u64)>,
    /// Nanoseconds from posting to the answer.
    pub(crate) answers: Histogram<u64>,
}

/// Posts changes by a [`Plan`].
#[derive(Debug)]
pub(crate) struct Pacer {
    plan: Plan,
    slots: Vec<Slot>,
    started: u64,
    /// When the last change was settled or given up.
    over_since: Option<u64>,
    outcome: Outcome,
}

/// What one posting connection is at. Times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Free,
    Posted {
        sent_at: u64,
    },
    /// Answered, and on its way to the clients.
    Acknowledged {
        seq: u64,
        sent_at: u64,
    },
}

impl Pacer {
    /// Starts at `now`, in nanoseconds.
    pub(crate) fn new(plan: Plan, now: u64) -> Pacer {
        let outcome = Outcome {
            posted: 0,
            acknowledged: 0,
            unchanged: 0,
            refused: BTreeMap::new(),
            refusal: None,
            failed: 0,
            timed_out: 0,
            seqs: None,
            answers: latency_histogram(),
        };
        let slots = vec![Slot::Free; plan.pace.posters()];
        Pacer { plan, slots, started: now, over_since: None, outcome }
    }

    /// The connection to post the next change on, if one is due and a connection is free.
    pub(crate) fn next_post(&mut self, now: u64) -> Option<usize> {
        if self.posting_is_over(now) {
            return None;
        }
        let due = self.next_due();
        if now < due {
            return None;
        }
        let poster = self.slots.iter().position(|slot| *slot == Slot::Free)?;
        let late = now - due > TIMER_SLACK_NS && matches!(self.plan.pace, Pace::Rate { .. });
        self.slots[poster] = Slot::Posted { sent_at: if late { due } else { now } };
        self.outcome.posted += 1;
        Some(poster)
    }

    /// Enters the answer that came at `at`.
    pub(crate) fn answered(&mut self, poster: usize, at: u64, answer: Answer, books: &mut Ledger) {
        let Slot::Posted { sent_at } = self.slots[poster] else {
            return;
        };
        self.slots[poster] = Slot::Free;
        match answer.seq {
            Some(seq) if books.acknowledged(seq, sent_at) => {
                self.outcome.acknowledged += 1;
                self.outcome.answers.saturating_record(at.saturating_sub(sent_at));
                let (low, high) = self.outcome.seqs.unwrap_or((seq, seq));
                self.outcome.seqs = Some((low.min(seq), high.max(seq)));
                if matches!(self.plan.pace, Pace::InFlight(_)) {
                    self.slots[poster] = Slot::Acknowledged { seq, sent_at };
                }
            }
            Some(_) => self.outcome.unchanged += 1,
            None => {
                *self.outcome.refused.entry(answer.status).or_default() += 1;
                self.outcome.refusal = self.outcome.refusal.take().or(answer.refusal);
            }
        }
    }

    /// Enters that a connection broke before its answer.
    pub(crate) fn failed(&mut self, poster: usize, why: String) {
        self.slots[poster] = Slot::Free;
        self.outcome.refusal.get_or_insert(why);
        self.outcome.failed += 1;
    }

    /// Frees the connections whose changes have arrived, or have had their time.
    ///
    /// # Errors
    /// A change was not answered at all in its time.
    pub(crate) fn sweep(&mut self, now: u64, books: &Ledger) -> Result<()> {
        let timeout = nanos(self.plan.timeout);
        for slot in &mut self.slots {
            match *slot {
                Slot::Free => {}
                Slot::Posted { sent_at } if now.saturating_sub(sent_at) > timeout => {
                    let waited = self.plan.timeout.as_secs_f64();
                    let text = format!("a change was not answered within {waited} s");
                    return Err(Error::Unmet(text));
                }
                Slot::Posted { .. } => {}
                Slot::Acknowledged { seq, sent_at } => {
                    let late = now.saturating_sub(sent_at) > timeout;
                    if books.is_settled(seq) {
                        *slot = Slot::Free;
                    } else if late {
                        self.outcome.timed_out += 1;
                        *slot = Slot::Free;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether everything was posted, answered and delivered, or given up.
    pub(crate) fn is_over(&mut self, now: u64, books: &Ledger) -> bool {
        let busy = self.slots.iter().any(|slot| *slot != Slot::Free);
        if busy || !self.posting_is_over(now) {
            return false;
        }
        let since = *self.over_since.get_or_insert(now);
        books.all_settled() || now.saturating_sub(since) > nanos(self.plan.timeout)
    }

    /// How long may be waited for events before something is due.
    pub(crate) fn wait(&self, now: u64) -> Duration {
        let free = self.slots.contains(&Slot::Free);
        if !free || self.posting_is_over(now) {
            return TURN_MAX;
        }
        Duration::from_nanos(self.next_due().saturating_sub(now)).min(TURN_MAX)
    }

    pub(crate) fn into_outcome(self) -> Outcome {
        self.outcome
    }

    fn posting_is_over(&self, now: u64) -> bool {
        let enough = self.plan.count.is_some_and(|count| self.outcome.posted >= count);
        let late = self.plan.duration.is_some_and(|most| now - self.started >= nanos(most));
        enough || late
    }

    fn next_due(&self) -> u64 {
        match self.plan.pace {
            Pace::InFlight(_) => self.started,
            Pace::Rate { per_second, .. } => {
                let after = Duration::from_secs_f64(self.outcome.posted as f64 / per_second);
                self.started + nanos(after)
            }
        }
    }
}

impl Pace {
    /// How many posting connections it takes.
    pub(crate) fn posters(&self) -> usize {
        match *self {
            Pace::InFlight(posters) | Pace::Rate { posters, .. } => posters,
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::frame::{Frame, Kind};

    const MS: u64 = 1_000_000;

    fn plan(pace: Pace, count: u64) -> Plan {
        Plan { pace, count: Some(count), duration: None, timeout: Duration::from_secs(1) }
    }

    fn ok(seq: u64) -> Answer {
        Answer { status: 200, seq: Some(seq), refusal: None }
    }

    /// Books with one client that knows the state at 10.
    fn books() -> Ledger {
        let mut books = Ledger::new(1);
        books.frame(0, 0, Frame { kind: Kind::State { seq: 10 }, bytes: 1 });
        books
    }

    fn arrive(books: &mut Ledger, at: u64, seq: u64) {
        books.frame(0, at, Frame { kind: Kind::Change { seq }, bytes: 1 });
    }

    #[test]
    fn the_next_change_waits_for_the_answer_and_for_the_last_arrival() {
        let (mut pacer, mut books) = (Pacer::new(plan(Pace::InFlight(1), 2), 0), books());
        assert_eq!(pacer.next_post(MS), Some(0));
        assert_eq!(pacer.next_post(MS), None);
        pacer.answered(0, 2 * MS, ok(11), &mut books);
        pacer.sweep(2 * MS, &books).unwrap();
        assert_eq!(pacer.next_post(2 * MS), None, "it has not arrived");
        arrive(&mut books, 3 * MS, 11);
        pacer.sweep(3 * MS, &books).unwrap();
        assert_eq!(pacer.next_post(3 * MS), Some(0));
        arrive(&mut books, 4 * MS, 12);
        pacer.sweep(4 * MS, &books).unwrap();
        assert!(!pacer.is_over(4 * MS, &books), "it was not answered");
        pacer.answered(0, 5 * MS, ok(12), &mut books);
        pacer.sweep(5 * MS, &books).unwrap();
        assert!(pacer.is_over(5 * MS, &books));
        let outcome = pacer.into_outcome();
        assert_eq!((outcome.acknowledged, outcome.seqs), (2, Some((11, 12))));
    }

    #[test]
    fn a_rate_is_kept_and_a_late_change_is_timed_from_when_it_was_due() {
        let pace = Pace::Rate { per_second: 100.0, posters: 1 };
        let (mut pacer, mut books) = (Pacer::new(plan(pace, 10), 0), books());
        assert_eq!(pacer.next_post(0), Some(0));
        assert_eq!(pacer.next_post(9 * MS), None);
        pacer.answered(0, 50 * MS, ok(11), &mut books);
        assert_eq!(pacer.next_post(50 * MS), Some(0));
        assert_eq!(pacer.slots[0], Slot::Posted { sent_at: 10 * MS });
        pacer.answered(0, 51 * MS, ok(12), &mut books);
        assert_eq!(pacer.wait(51 * MS), Duration::ZERO, "two more are overdue");
    }

    #[test]
    fn a_change_that_altered_nothing_or_was_refused_frees_its_connection() {
        let (mut pacer, mut books) = (Pacer::new(plan(Pace::InFlight(1), 3), 0), books());
        arrive(&mut books, 0, 11);
        books.acknowledged(11, 0);
        pacer.next_post(0).unwrap();
        pacer.answered(0, 1, ok(11), &mut books);
        pacer.next_post(2).unwrap();
        let refusal = Some("no".to_owned());
        pacer.answered(0, 3, Answer { status: 503, seq: None, refusal }, &mut books);
        assert!(pacer.next_post(4).is_some());
        let outcome = pacer.into_outcome();
        assert_eq!((outcome.unchanged, outcome.refused[&503]), (1, 1));
        assert_eq!(outcome.refusal.as_deref(), Some("no"));
    }

    #[test]
    fn a_change_that_does_not_arrive_is_given_up_and_one_without_answer_ends_the_run() {
        let (mut pacer, mut books) = (Pacer::new(plan(Pace::InFlight(1), 2), 0), books());
        pacer.next_post(0).unwrap();
        pacer.answered(0, MS, ok(11), &mut books);
        pacer.sweep(1_500 * MS, &books).unwrap();
        assert_eq!(pacer.next_post(1_500 * MS), Some(0));
        let error = pacer.sweep(3_000 * MS, &books).unwrap_err();
        assert_eq!(error.to_string(), "a change was not answered within 1 s");
        assert_eq!(pacer.into_outcome().timed_out, 1);
    }

    #[test]
    fn after_its_duration_nothing_more_is_posted() {
        let duration = Some(Duration::from_millis(10));
        let plan = Plan { count: None, duration, ..plan(Pace::InFlight(2), 0) };
        let mut pacer = Pacer::new(plan, 0);
        assert_eq!(pacer.next_post(9 * MS), Some(0));
        assert_eq!(pacer.next_post(10 * MS), None);
    }
}
