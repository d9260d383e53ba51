//! When each gateway is asked: its interval, spread and jittered so that no two hundred fire at once.

use std::time::{Duration, Instant};

/// Within this time of the start every gateway is asked for the first time.
pub const FIRST_WITHIN: Duration = Duration::from_secs(10);
/// The longest pause between the first probes of two gateways.
pub const FIRST_GAP_MAX: Duration = Duration::from_millis(50);
/// The share of the interval by which a probe may come later, in percent.
pub const JITTER_PERCENT: u32 = 10;

/// The ticks of one gateway: a grid of its interval, each tick somewhat later by chance.
///
/// The chance comes from a seed, so that a test can repeat it. Ticks that were missed are left out,
/// never made up for.
#[derive(Clone, Debug)]
pub struct Schedule {
    interval: Duration,
    grid: Instant,
    chance: u64,
    skipped: u64,
}

impl Schedule {
    /// Begins at `first`; the first tick has no jitter.
    pub fn new(interval: Duration, first: Instant, seed: u64) -> Self {
        Schedule { interval: interval.max(Duration::from_millis(1)), grid: first, chance: seed, skipped: 0 }
    }

    /// Returns the first tick.
    pub const fn first(&self) -> Instant {
        self.grid
    }

    /// Returns the next tick after `now`, to be called when the probe of the last one has ended.
    pub fn next(&mut self, now: Instant) -> Instant {
        let late = now.saturating_duration_since(self.grid);
        let passed = late.as_nanos() / self.interval.as_nanos();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        self.skipped = self.skipped.saturating_add(passed);
        let steps = u32::try_from(passed.saturating_add(1)).unwrap_or(u32::MAX);
        self.grid += self.interval.saturating_mul(steps);
        self.grid + self.jitter()
    }

    /// Returns how many ticks were left out, since a probe took longer than its interval.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    fn jitter(&mut self) -> Duration {
        let most = self.interval * JITTER_PERCENT / 100;
        let share = splitmix(&mut self.chance) >> 32;
        let nanos = (most.as_nanos() * u128::from(share)) >> 32;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Returns when the gateway at `place` of `count` is asked first: one after the other, all within
/// [`FIRST_WITHIN`] and their interval, with at most [`FIRST_GAP_MAX`] between two.
pub fn first_delay(place: usize, count: usize, interval: Duration) -> Duration {
    let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    let place = u32::try_from(place).unwrap_or(u32::MAX) % count;
    (interval.min(FIRST_WITHIN) / count).min(FIRST_GAP_MAX).saturating_mul(place)
}

/// Returns a seed that is the gateway's own and the same at each start.
pub fn seed_of(id: &str) -> u64 {
    // FNV-1a: nothing depends on it but that names differ.
    id.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// SplitMix64, which needs no more than one number of state.
pub(crate) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn ticks_keep_their_grid_for_hours() {
        let start = tokio::time::Instant::now().into_std();
        let mut schedule = Schedule::new(SECOND, start, 7);
        let mut at = schedule.first();
        for tick in 0..10_000 {
            tokio::time::sleep_until(at.into()).await;
            let now = tokio::time::Instant::now().into_std();
            let offset = now - start - SECOND * tick;
            assert!(offset <= SECOND / 10 + Duration::from_millis(1), "{offset:?} at {tick}");
            at = schedule.next(now);
        }
        assert_eq!(schedule.skipped(), 0);
    }

    #[test]
    fn what_was_missed_is_left_out() {
        let start = Instant::now();
        let mut schedule = Schedule::new(SECOND, start, 7);
        let next = schedule.next(start + Duration::from_millis(5_500));
        assert!((6_000..=6_100).contains(&(next - start).as_millis()));
        assert_eq!(schedule.skipped(), 5);
    }

    #[test]
    fn five_hundred_gateways_are_spread_over_their_interval() {
        let ticks: Vec<_> = (0..500).map(|place| first_delay(place, 500, SECOND)).collect();
        assert!(ticks.windows(2).all(|two| two[1] - two[0] == Duration::from_millis(2)));
        assert_eq!(
            first_delay(2, 3, Duration::from_secs(3600)),
            Duration::from_millis(100),
            "few need not wait"
        );
        assert!(first_delay(9_999, 10_000, Duration::from_secs(3600)) < FIRST_WITHIN);
        assert_eq!(first_delay(0, 0, SECOND), Duration::ZERO);
    }

    #[test]
    fn a_seed_repeats_and_names_differ() {
        let ticks = |seed| {
            let start = Instant::now();
            let mut schedule = Schedule::new(SECOND, start, seed);
            (0..20).map(|tick| schedule.next(start + SECOND * tick) - start).collect::<Vec<_>>()
        };
        assert_eq!(ticks(seed_of("a")), ticks(seed_of("a")));
        assert_ne!(ticks(seed_of("a")), ticks(seed_of("b")));
    }

    proptest! {
        /// A tick is always ahead, and after the next one on the grid by a tenth of the interval at most.
        #[test]
        fn a_tick_is_ahead_and_near(millis in 1u64..100_000, seed: u64, late in prop::collection::vec(0u64..300_000, 1..50)) {
            let (interval, start) = (Duration::from_millis(millis), Instant::now());
            let mut schedule = Schedule::new(interval, start, seed);
            let mut now = start;
            for wait in late {
                let next = schedule.next(now);
                prop_assert!(next > now);
                prop_assert!(next - now <= interval + interval / 10 + interval);
                now = next + Duration::from_millis(wait);
            }
        }
    }
}
