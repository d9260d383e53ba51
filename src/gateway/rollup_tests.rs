//! The promises of histories.

use std::time::Duration;

use super::bucket::Tier;
use super::rollup::{HistoryWindow, PENDING_MAX, Rollup, StoredBucket};
use crate::domain::GatewayStatus::{self, *};
use crate::domain::Timestamp;

/// Midnight of a day, so that spans begin with it.
const DAY: i64 = 1_767_225_600_000;
const INTERVAL: Duration = Duration::from_secs(10);

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(DAY + ms)
}

fn rollup(status: GatewayStatus) -> Rollup {
    Rollup::new(at(0), status, INTERVAL)
}

/// Probes each ten seconds from one time to the other, in seconds.
fn probe(rollup: &mut Rollup, seconds: std::ops::Range<i64>, ok: bool, latency_ms: u64) {
    for second in seconds.step_by(10) {
        rollup.check(at(second * 1_000), ok, Duration::from_millis(latency_ms));
    }
}

#[test]
fn an_hour_is_told_to_the_millisecond() {
    let mut rollup = rollup(Healthy);
    probe(&mut rollup, 0..2_700, true, 10);
    rollup.status(at(2_700_000), Unhealthy);
    probe(&mut rollup, 2_700..3_600, false, 5_000);
    let hour = rollup.summary(at(3_600_000), HistoryWindow::Hour);
    assert_eq!(hour.uptime, Some(0.75));
    assert_eq!((hour.checks, hour.failures), (360, 90));
    assert_eq!(hour.status_ms, [("HEALTHY", 2_700_000), ("UNHEALTHY", 900_000)].into());
    assert_eq!((hour.from, hour.until), (at(0), at(3_600_000)));
    let latency = hour.latency.unwrap();
    assert!(
        (9.0..11.5).contains(&latency.p50) && latency.p99 < 11.5,
        "failures have no latency: {latency:?}"
    );
    assert_eq!(rollup.summary(at(3_600_000), HistoryWindow::Month).uptime, Some(0.75));
}

#[test]
fn what_is_not_judged_counts_neither_for_nor_against_it() {
    let mut rollup = rollup(Unknown);
    let empty = rollup.summary(at(1_000), HistoryWindow::Hour);
    assert_eq!((empty.uptime, empty.latency), (None, None));
    rollup.status(at(60_000), Healthy);
    rollup.status(at(120_000), Paused);
    rollup.status(at(240_000), Recovering);
    assert_eq!(rollup.summary(at(300_000), HistoryWindow::Hour).uptime, Some(0.5));
}

#[test]
fn what_is_older_than_the_window_is_left_out() {
    let mut rollup = rollup(Unhealthy);
    probe(&mut rollup, 0..3_600, false, 1);
    rollup.status(at(3_600_000), Healthy);
    probe(&mut rollup, 3_600..7_200, true, 1);
    let hour = rollup.summary(at(7_200_000), HistoryWindow::Hour);
    assert_eq!((hour.uptime, hour.failures, hour.from), (Some(1.0), 0, at(3_600_000)));
    assert_eq!(rollup.summary(at(7_200_000), HistoryWindow::Day).uptime, Some(0.5));
}

#[test]
fn time_in_which_nobody_looked_is_counted_for_nothing() {
    let mut rollup = rollup(Healthy);
    probe(&mut rollup, 0..60, true, 1);
    probe(&mut rollup, 40_000..40_060, true, 1);
    let day = rollup.summary(at(40_060_000), HistoryWindow::Day);
    assert_eq!(day.status_ms, [("HEALTHY", 110_000)].into());
    rollup.check(at(30_000_000), true, INTERVAL);
    assert_eq!(rollup.summary(at(40_060_000), HistoryWindow::Day).until, at(40_060_000), "never back");
}

/// Probes for days, and gives everything closed to a store as the monitor does.
fn months(days: i64, store: &mut Vec<StoredBucket>) -> Rollup {
    let mut rollup = rollup(Healthy);
    for minute in 0..days * 24 * 60 {
        probe(&mut rollup, minute * 60..minute * 60 + 60, minute % 7 != 0, 1 + (minute % 50) as u64);
        for bucket in rollup.take_closed() {
            store.retain(|stored| (stored.tier, stored.start_ms) != (bucket.tier, bucket.start_ms));
            store.push(bucket);
            if store.len() > 4_000 {
                store.drain(..1_000);
            }
        }
    }
    rollup
}

#[test]
fn memory_is_bounded_and_a_month_is_whole() {
    let mut rollup = rollup(Healthy);
    let mut sizes = Vec::new();
    for day in 0..40 {
        for minute in day * 1_440..(day + 1) * 1_440 {
            probe(&mut rollup, minute * 60..minute * 60 + 60, minute % 7 != 0, 1 + (minute % 50) as u64);
        }
        rollup.take_closed();
        sizes.push(rollup.memory_bytes());
    }
    assert!(sizes[39] < 128 * 1024, "{sizes:?}");
    assert_eq!(sizes[35], sizes[39], "{sizes:?}");
    let month = rollup.summary(at(40 * 86_400_000), HistoryWindow::Month);
    assert_eq!(month.checks, 30 * 8_640);
    assert_eq!(month.from, at(10 * 86_400_000));
}

#[test]
fn what_waits_for_the_store_is_bounded() {
    let mut rollup = rollup(Healthy);
    probe(&mut rollup, 0..86_400, true, 1);
    assert_eq!(rollup.take_closed().len(), PENDING_MAX);
    assert!(rollup.take_closed().is_empty());
}

#[test]
fn a_restart_forgets_nothing() {
    let mut store = Vec::new();
    let mut before = months(1, &mut store);
    let now = at(86_400_000 - 5_000);
    store.extend(before.open_minute());
    let mut after = Rollup::restore(now, Healthy, INTERVAL, store);
    for window in HistoryWindow::ALL {
        let (before, after) = (before.summary(now, window), after.summary(now, window));
        assert_eq!((after.checks, after.failures), (before.checks, before.failures), "{window:?}");
        assert_eq!(after.latency, before.latency, "{window:?}");
    }
    probe(&mut after, 86_400..86_460, true, 1);
    let closed = after.take_closed();
    assert!(
        closed.iter().any(|bucket| bucket.tier == Tier::Hour),
        "the hour that was under way is closed whole"
    );
}

#[test]
fn a_crash_costs_the_open_minute_alone() {
    let mut store = Vec::new();
    let mut before = months(1, &mut store);
    let now = at(86_400_000 - 1);
    let lost = 6;
    let mut after = Rollup::restore(now, Healthy, INTERVAL, store);
    for window in HistoryWindow::ALL {
        let (before, after) = (before.summary(now, window), after.summary(now, window));
        assert_eq!(after.checks + lost, before.checks, "{window:?}");
    }
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let broken = StoredBucket { tier: Tier::Hour, start_ms: DAY, bytes: vec![9, 9, 9] };
    let future = StoredBucket { tier: Tier::Minute, start_ms: DAY * 2, bytes: vec![1, 1, 0, 0, 0] };
    let mut rollup = Rollup::restore(at(0), Healthy, INTERVAL, vec![broken, future]);
    assert_eq!(rollup.summary(at(0), HistoryWindow::Month).checks, 0);
}
