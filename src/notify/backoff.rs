//! How long to wait after a failed attempt.

use std::time::Duration;

use crate::gateway::schedule::splitmix;

/// The longest pause after the first failure; doubled for each further one.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest pause of all.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5 * 60);
/// The longest pause that a receiver may ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);
/// No pause is shorter, whatever chance says.
const BACKOFF_LEAST: Duration = Duration::from_millis(100);

/// Pauses that grow with the failures in a row, each anything up to its bound by chance, so that a
/// receiver that comes back is not met by every hub at once.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    chance: u64,
}

impl Backoff {
    /// Begins without a failure; the chance comes from `seed`.
    pub(super) const fn new(seed: u64) -> Backoff {
        Backoff { failures: 0, chance: seed }
    }

    /// Returns how many attempts in a row have failed.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Notes a failure; returns the pause after it, which is not shorter than what the receiver asked for.
    pub(super) fn failed(&mut self, asked: Option<Duration>) -> Duration {
        let most = BACKOFF_FIRST.saturating_mul(1 << self.failures.min(16)).min(BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        let share = splitmix(&mut self.chance) >> 32;
        let nanos = (most.as_nanos() * u128::from(share)) >> 32;
        let pause = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).max(BACKOFF_LEAST);
        pause.max(asked.unwrap_or_default().min(RETRY_AFTER_MAX))
    }

    /// Forgets the failures: an attempt worked.
    pub(super) const fn worked(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_fill_a_bound_that_doubles_up_to_five_minutes() {
        let mut seen = [Duration::ZERO; 14];
        for seed in 0..2_000 {
            let mut backoff = Backoff::new(seed);
            for (failures, longest) in seen.iter_mut().enumerate() {
                let bound = Duration::from_secs(1 << failures).min(BACKOFF_MAX);
                let pause = backoff.failed(None);
                assert!((BACKOFF_LEAST..=bound).contains(&pause), "{pause:?} after {failures}");
                *longest = pause.max(*longest);
            }
        }
        for (failures, longest) in seen.iter().enumerate() {
            let bound = Duration::from_secs(1 << failures).min(BACKOFF_MAX);
            assert!(*longest > bound.mul_f64(0.95), "{longest:?} of {bound:?}");
        }
    }

    #[test]
    fn short_pauses_are_as_likely_as_long_ones() {
        let pauses = (0..1_000).map(|seed| {
            let mut backoff = Backoff::new(seed);
            (0..20).for_each(|_| _ = backoff.failed(None));
            backoff.failed(None)
        });
        let short = pauses.filter(|pause| *pause < BACKOFF_MAX / 2).count();
        assert!((400..600).contains(&short), "{short} of 1000");
    }

    #[test]
    fn a_receiver_is_left_alone_for_as_long_as_it_asks_within_an_hour() {
        let mut backoff = Backoff::new(7);
        assert_eq!(backoff.failed(Some(Duration::from_secs(90))), Duration::from_secs(90));
        assert_eq!(backoff.failed(Some(Duration::from_secs(1 << 40))), RETRY_AFTER_MAX);
        assert!(backoff.failed(Some(Duration::ZERO)) <= Duration::from_secs(4));
    }

    #[test]
    fn success_begins_anew() {
        let mut backoff = Backoff::new(7);
        (0..1_000).for_each(|_| _ = backoff.failed(None));
        assert_eq!(backoff.failures(), 1_000);
        backoff.worked();
        assert!(backoff.failed(None) <= BACKOFF_FIRST);
    }
}
