//! The compact history of one gateway: what it needs for an hour, a day, a week and a month.
//!
//! Every probe and every millisecond of a status is counted in three series of spans ([`Tier`]):
//! minutes for the last hour, ten minutes each for the last day, hours for the last month. With a probe
//! each ten seconds that is some 70 KB for a gateway, whatever its age; [`Rollup::memory_bytes`] tells.
//!
//! Closed spans go to the store by [`Rollup::take_closed`]; only whole ones do, but for the open minute
//! at a shutdown ([`Rollup::open_minute`]). [`Rollup::restore`] makes the open coarse ones good from the
//! minutes, so a crash costs a minute at most. Time in which nobody looked, as when the hub was down, is
//! counted for no status.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::bucket::{Bucket, Tier};
use super::series::Series;
use crate::domain::{GatewayStatus, Timestamp};

/// How many closed spans wait for the store at most; the oldest are left out of it then.
pub const PENDING_MAX: usize = 128;

/// The history of one gateway. It has no clock: whoever calls says what time it is.
#[derive(Debug)]
pub struct Rollup {
    series: [Series; 3],
    status: GatewayStatus,
    /// Until when time was counted.
    counted_ms: i64,
    /// The longest time between two calls that was watched.
    gap_max_ms: i64,
    pending: VecDeque<StoredBucket>,
}

/// One span as the store keeps it, under its gateway, tier and start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBucket {
    /// The width of the span.
    pub tier: Tier,
    /// Its start, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// What happened, as [`Bucket::encode`] writes it.
    pub bytes: Vec<u8>,
}

/// How far back a summary looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryWindow {
    /// The last hour, `1h`.
    Hour,
    /// The last 24 hours, `24h`.
    Day,
    /// The last seven days, `7d`.
    Week,
    /// The last thirty days, `30d`.
    Month,
}

/// What happened within a window.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Summary {
    /// The share of the judged time in which it was HEALTHY or DEGRADED, from 0 to 1; null without any.
    ///
    /// PAUSED, UNKNOWN and the time in which the hub was down are not judged.
    pub uptime: Option<f64>,
    /// How many probes ended.
    pub checks: u64,
    /// How many of them failed.
    pub failures: u64,
    /// Of the probes that did not fail; null without any.
    pub latency: Option<LatencySummary>,
    /// How long each status was shown, in milliseconds.
    pub status_ms: BTreeMap<&'static str, u64>,
    /// The start of the first span that was looked at.
    pub from: Timestamp,
    /// Now.
    pub until: Timestamp,
}

/// Latencies in milliseconds, off by at most an eighth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct LatencySummary {
    /// Half of them are below.
    pub p50: f64,
    /// 95 of a hundred are below.
    pub p95: f64,
    /// 99 of a hundred are below.
    pub p99: f64,
}

impl Rollup {
    /// Begins `now` with a gateway that shows `status` and is probed each `interval`.
    pub fn new(now: Timestamp, status: GatewayStatus, interval: Duration) -> Self {
        let interval_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        Rollup {
            series: Tier::ALL.map(Series::new),
            status,
            counted_ms: now.millis(),
            gap_max_ms: interval_ms.saturating_mul(3).max(5 * 60_000),
            pending: VecDeque::new(),
        }
    }

    /// Goes on from what the store kept, in any order; what cannot be read is left out.
    pub fn restore(
        now: Timestamp,
        status: GatewayStatus,
        interval: Duration,
        mut stored: Vec<StoredBucket>,
    ) -> Self {
        let mut rollup = Rollup::new(now, status, interval);
        stored.retain(|stored| stored.start_ms <= now.millis());
        stored.sort_by_key(|stored| (stored.tier.number(), stored.start_ms));
        let read =
            |stored: &StoredBucket| Some((stored.tier, Bucket::decode(stored.start_ms, &stored.bytes)?));
        let mut minutes = Vec::new();
        for (tier, bucket) in stored.iter().filter_map(read) {
            match tier {
                Tier::Minute => minutes.push(bucket),
                coarse => rollup.series[usize::from(coarse.number())].keep(&bucket),
            }
        }
        for minute in &minutes {
            for series in &mut rollup.series[1..] {
                let whole_until = series.newest_ms().map_or(i64::MIN, |at| at + series.tier().width_ms());
                if minute.start_ms >= whole_until {
                    let (bucket, closed) = series.at(minute.start_ms);
                    bucket.merge(minute);
                    enqueue(&mut rollup.pending, series.tier(), closed);
                }
            }
        }
        for minute in minutes {
            let (bucket, _) = rollup.series[0].at(minute.start_ms);
            bucket.merge(&minute);
        }
        rollup
    }

    /// Counts a probe that ended `now`.
    pub fn check(&mut self, now: Timestamp, ok: bool, latency: Duration) {
        self.advance(now);
        for series in &mut self.series {
            let (bucket, closed) = series.at(self.counted_ms);
            bucket.add_check(ok, latency);
            enqueue(&mut self.pending, series.tier(), closed);
        }
    }

    /// Shows another status from `now` on.
    pub fn status(&mut self, now: Timestamp, status: GatewayStatus) {
        self.advance(now);
        self.status = status;
    }

    /// Counts the time until `now`; a clock that was set back counts nothing.
    pub fn advance(&mut self, now: Timestamp) {
        let (from, until) = (self.counted_ms, now.millis());
        if until <= from {
            return;
        }
        self.counted_ms = until;
        if until - from > self.gap_max_ms {
            return;
        }
        for series in &mut self.series {
            let mut at = from;
            while at < until {
                let end = (series.tier().start_of(at) + series.tier().width_ms()).min(until);
                let (bucket, closed) = series.at(at);
                bucket.add_time(self.status, end - at);
                enqueue(&mut self.pending, series.tier(), closed);
                at = end;
            }
        }
    }

    /// Says what happened within `window` until `now`.
    pub fn summary(&mut self, now: Timestamp, window: HistoryWindow) -> Summary {
        self.advance(now);
        let until = self.counted_ms;
        let series = &self.series[usize::from(window.tier().number())];
        let from = series.tier().start_of(until - window.millis());
        let mut sum = Bucket::new(until);
        let (mut checks, mut failures, mut status_ms) = (0u64, 0u64, [0u64; GatewayStatus::ALL.len()]);
        series.each(|bucket| {
            if bucket.start_ms < from {
                return;
            }
            sum.start_ms = sum.start_ms.min(bucket.start_ms);
            checks += u64::from(bucket.checks);
            failures += u64::from(bucket.failures);
            for (total, &ms) in status_ms.iter_mut().zip(&bucket.status_ms) {
                *total += u64::from(ms);
            }
            sum.latency.merge(&bucket.latency);
        });
        let spent = |wanted: fn(GatewayStatus) -> bool| {
            let each = GatewayStatus::ALL.into_iter().filter(|&status| wanted(status));
            each.map(|status| status_ms[status.index()]).sum::<u64>()
        };
        let up = spent(GatewayStatus::is_up);
        let judged = up + spent(|status| status.is_down() || status == GatewayStatus::Recovering);
        let share = (up as f64 / judged as f64 * 1e6).round() / 1e6;
        let percentile = |percent| sum.latency.percentile(percent);
        let latency = || {
            let (p50, p95, p99) = (percentile(50.0)?, percentile(95.0)?, percentile(99.0)?);
            Some(LatencySummary { p50, p95, p99 })
        };
        Summary {
            uptime: (judged > 0).then_some(share),
            checks,
            failures,
            latency: latency(),
            status_ms: named(&status_ms),
            from: Timestamp::from_millis(sum.start_ms),
            until: Timestamp::from_millis(until),
        }
    }

    /// Takes the spans that were closed since the last call, to be stored over what is stored of them.
    pub fn take_closed(&mut self) -> Vec<StoredBucket> {
        self.pending.drain(..).collect()
    }

    /// Returns the open minute, to be stored at a shutdown.
    pub fn open_minute(&self) -> Option<StoredBucket> {
        let open = self.series[0].open().filter(|bucket| !bucket.is_empty())?;
        Some(StoredBucket { tier: Tier::Minute, start_ms: open.start_ms, bytes: open.encode() })
    }

    /// Returns how many bytes of memory it takes, those of the allocator aside.
    pub fn memory_bytes(&self) -> usize {
        let waiting = self.pending.iter().map(|waiting| waiting.bytes.capacity()).sum::<usize>();
        let pending = self.pending.capacity() * size_of::<StoredBucket>() + waiting;
        size_of::<Rollup>() + pending + self.series.iter().map(Series::heap_bytes).sum::<usize>()
    }
}

fn enqueue(pending: &mut VecDeque<StoredBucket>, tier: Tier, closed: Option<Bucket>) {
    let Some(bucket) = closed else { return };
    if pending.len() == PENDING_MAX {
        pending.pop_front();
    }
    pending.push_back(StoredBucket { tier, start_ms: bucket.start_ms, bytes: bucket.encode() });
}

fn named(status_ms: &[u64]) -> BTreeMap<&'static str, u64> {
    let shown = GatewayStatus::ALL.into_iter().map(|status| (status.as_str(), status_ms[status.index()]));
    shown.filter(|&(_, ms)| ms > 0).collect()
}

impl HistoryWindow {
    /// Every window, the shortest first.
    pub const ALL: [HistoryWindow; 4] =
        [HistoryWindow::Hour, HistoryWindow::Day, HistoryWindow::Week, HistoryWindow::Month];

    /// Returns its name: `1h`, `24h`, `7d`, `30d`.
    pub const fn name(self) -> &'static str {
        match self {
            HistoryWindow::Hour => "1h",
            HistoryWindow::Day => "24h",
            HistoryWindow::Week => "7d",
            HistoryWindow::Month => "30d",
        }
    }

    const fn tier(self) -> Tier {
        match self {
            HistoryWindow::Hour => Tier::Minute,
            HistoryWindow::Day => Tier::TenMinutes,
            HistoryWindow::Week | HistoryWindow::Month => Tier::Hour,
        }
    }

    const fn millis(self) -> i64 {
        let hours = match self {
            HistoryWindow::Hour => 1,
            HistoryWindow::Day => 24,
            HistoryWindow::Week => 7 * 24,
            HistoryWindow::Month => 30 * 24,
        };
        hours * 3_600_000
    }
}
