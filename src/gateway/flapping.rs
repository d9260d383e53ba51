//! Flapping: a status that changes so often that each change says nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many changes within the window are flapping.
pub const FLAP_CHANGES: usize = 5;
/// The window, unless the interval is so long that [`FLAP_INTERVALS`] need more.
pub const FLAP_WINDOW: Duration = Duration::from_secs(5 * 60);
/// How many intervals the window has at least.
pub const FLAP_INTERVALS: u32 = 20;

/// Counts the changes of one gateway's judged status.
///
/// Flapping begins with [`FLAP_CHANGES`] changes within the window and ends when there was none for
/// half of it.
#[derive(Debug)]
pub(super) struct FlapDetector {
    window: Duration,
    /// The newest changes, at most [`FLAP_CHANGES`].
    changes: VecDeque<Instant>,
    flapping: bool,
}

impl FlapDetector {
    pub(super) fn new(interval: Duration) -> Self {
        let window = FLAP_WINDOW.max(interval.saturating_mul(FLAP_INTERVALS));
        FlapDetector { window, changes: VecDeque::with_capacity(FLAP_CHANGES), flapping: false }
    }

    /// Counts a change.
    pub(super) fn changed(&mut self, now: Instant) {
        if self.changes.len() == FLAP_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(now);
    }

    /// Tells whether it flaps `now`.
    pub(super) fn judge(&mut self, now: Instant) -> bool {
        let since = |at: Option<&Instant>| at.map(|&at| now.saturating_duration_since(at));
        if self.flapping {
            self.flapping = since(self.changes.back()).is_some_and(|calm| calm < self.window / 2);
            if !self.flapping {
                self.changes.clear();
            }
        } else {
            let full = self.changes.len() == FLAP_CHANGES;
            self.flapping = full && since(self.changes.front()).is_some_and(|age| age <= self.window);
        }
        self.flapping
    }

    /// Forgets every change, after a time in which none was to be counted.
    pub(super) fn forget(&mut self) {
        self.changes.clear();
        self.flapping = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn five_changes_in_five_minutes_flap_until_half_of_that_is_calm() {
        let start = Instant::now();
        let mut detector = FlapDetector::new(Duration::from_secs(10));
        for change in 0..5 {
            assert!(!detector.judge(after(start, change * 60)));
            detector.changed(after(start, change * 60));
        }
        assert!(detector.judge(after(start, 240)));
        assert!(detector.judge(after(start, 389)), "149 s of calm");
        assert!(!detector.judge(after(start, 390)), "150 s of calm");
        detector.changed(after(start, 391));
        assert!(!detector.judge(after(start, 391)), "it counts from the beginning again");
    }

    #[test]
    fn slow_changes_do_not_flap() {
        let start = Instant::now();
        let mut detector = FlapDetector::new(Duration::from_secs(10));
        for change in 0..50 {
            detector.changed(after(start, change * 76));
            assert!(!detector.judge(after(start, change * 76)), "the fifth is 304 s after the first");
        }
    }

    #[test]
    fn a_long_interval_has_a_longer_window() {
        let start = Instant::now();
        let mut detector = FlapDetector::new(Duration::from_secs(60));
        for change in 0..5 {
            detector.changed(after(start, change * 300));
        }
        assert!(detector.judge(after(start, 1200)), "20 intervals of a minute");
        detector.forget();
        assert!(!detector.judge(after(start, 1200)));
    }
}
