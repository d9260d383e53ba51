//! How much a client may say: messages a second, bad frames a minute.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// A pause in which nothing was refused ends an excess.
const CALM: Duration = Duration::from_secs(1);

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Do what it asks.
    Take,
    /// Refuse it, with an `error`: the first one of an excess.
    Refuse,
    /// Refuse it in silence.
    Ignore,
    /// End the connection: the excess has lasted too long.
    End,
}

/// The message rate of one connection.
pub(super) struct MessageRate {
    limiter: DefaultDirectRateLimiter,
    patience: Duration,
    excess: Option<Excess>,
}

struct Excess {
    since: Instant,
    last: Instant,
}

impl MessageRate {
    pub(super) fn new(per_second: NonZeroU32, burst: NonZeroU32, patience: Duration) -> MessageRate {
        let limiter = RateLimiter::direct(Quota::per_second(per_second).allow_burst(burst));
        MessageRate { limiter, patience, excess: None }
    }

    /// Judges one message that arrived `now`.
    pub(super) fn judge(&mut self, now: Instant) -> Verdict {
        if self.limiter.check().is_ok() {
            return Verdict::Take;
        }
        match &mut self.excess {
            Some(excess) if now.duration_since(excess.last) < CALM => {
                excess.last = now;
                if now.duration_since(excess.since) >= self.patience { Verdict::End } else { Verdict::Ignore }
            }
            _ => {
                self.excess = Some(Excess { since: now, last: now });
                Verdict::Refuse
            }
        }
    }
}

/// Frames that could not be understood, counted by the minute.
#[derive(Debug)]
pub(super) struct BadFrames {
    per_minute: u32,
    minute_began: Option<Instant>,
    count: u32,
}

impl BadFrames {
    pub(super) fn new(per_minute: u32) -> BadFrames {
        BadFrames { per_minute, minute_began: None, count: 0 }
    }

    /// Counts one; tells whether it is one too many.
    pub(super) fn count(&mut self, now: Instant) -> bool {
        let began = *self.minute_began.get_or_insert(now);
        if now.duration_since(began) >= Duration::from_secs(60) {
            self.minute_began = Some(now);
            self.count = 0;
        }
        self.count += 1;
        self.count > self.per_minute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(burst: u32) -> MessageRate {
        let one = NonZeroU32::MIN;
        MessageRate::new(one, NonZeroU32::new(burst).unwrap(), Duration::from_secs(5))
    }

    #[test]
    fn a_burst_is_taken_and_the_excess_told_once() {
        let (mut rate, now) = (rate(3), Instant::now());
        let verdicts: Vec<_> = (0..6).map(|_| rate.judge(now)).collect();
        use Verdict::{Ignore, Refuse, Take};
        assert_eq!(verdicts, [Take, Take, Take, Refuse, Ignore, Ignore]);
    }

    #[test]
    fn an_excess_that_lasts_ends_the_connection_and_a_pause_forgives_it() {
        let (mut rate, start) = (rate(1), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(rate.judge(at(0)), Verdict::Take);
        assert_eq!(rate.judge(at(0)), Verdict::Refuse);
        for millis in (500..5_000).step_by(500) {
            assert_eq!(rate.judge(at(millis)), Verdict::Ignore);
        }
        assert_eq!(rate.judge(at(5_000)), Verdict::End);
        assert_eq!(rate.judge(at(6_500)), Verdict::Refuse);
    }

    #[test]
    fn bad_frames_are_counted_by_the_minute() {
        let (mut bad, start) = (BadFrames::new(2), Instant::now());
        assert!(!bad.count(start));
        assert!(!bad.count(start));
        assert!(bad.count(start));
        assert!(!bad.count(start + Duration::from_secs(60)));
    }
}
