//! One span of a gateway's history, and the three widths of such spans.

use std::time::Duration;

use super::histogram::Histogram;
use super::varint;
use crate::domain::GatewayStatus;

const STATUSES: usize = GatewayStatus::ALL.len();
/// The first byte of a stored bucket, so that a later form can be told from this one.
const FORM: u8 = 1;

/// How wide the spans of a series are, and how many of them are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Minutes, for the last hour.
    Minute,
    /// Ten minutes each, for the last day.
    TenMinutes,
    /// Hours, for the last month.
    Hour,
}

impl Tier {
    /// Every tier, the finest first.
    pub const ALL: [Tier; 3] = [Tier::Minute, Tier::TenMinutes, Tier::Hour];

    /// Returns the width of one span in milliseconds.
    pub const fn width_ms(self) -> i64 {
        match self {
            Tier::Minute => 60_000,
            Tier::TenMinutes => 600_000,
            Tier::Hour => 3_600_000,
        }
    }

    /// Returns how many closed spans are kept: those of its window and the one that it begins in.
    pub const fn keep(self) -> usize {
        match self {
            Tier::Minute => 61,
            Tier::TenMinutes => 145,
            Tier::Hour => 721,
        }
    }

    /// Returns its number in the store, which never changes.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Returns the tier with this number.
    pub fn from_number(number: u8) -> Option<Tier> {
        Tier::ALL.into_iter().find(|tier| tier.number() == number)
    }

    /// Returns the start of the span that `at_ms` lies in.
    pub const fn start_of(self, at_ms: i64) -> i64 {
        at_ms - at_ms.rem_euclid(self.width_ms())
    }
}

/// What happened in one span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// The span's start, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// How many probes ended.
    pub checks: u32,
    /// How many of them failed.
    pub failures: u32,
    /// How long each status was shown, by its number.
    pub status_ms: [u32; STATUSES],
    /// The latencies of the probes that did not fail.
    pub latency: Histogram,
}

impl Bucket {
    /// Begins an empty one.
    pub fn new(start_ms: i64) -> Self {
        Bucket { start_ms, ..Bucket::default() }
    }

    /// Tells whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.checks == 0 && self.status_ms.iter().all(|&ms| ms == 0)
    }

    /// Adds the end of a probe.
    pub fn add_check(&mut self, ok: bool, latency: Duration) {
        self.checks = self.checks.saturating_add(1);
        if ok {
            self.latency.record(latency);
        } else {
            self.failures = self.failures.saturating_add(1);
        }
    }

    /// Adds the time for which a status was shown.
    pub fn add_time(&mut self, status: GatewayStatus, millis: i64) {
        let shown = &mut self.status_ms[status.index()];
        *shown = shown.saturating_add(u32::try_from(millis).unwrap_or(0));
    }

    /// Adds what happened in another one.
    pub fn merge(&mut self, other: &Bucket) {
        self.checks = self.checks.saturating_add(other.checks);
        self.failures = self.failures.saturating_add(other.failures);
        for (mine, theirs) in self.status_ms.iter_mut().zip(&other.status_ms) {
            *mine = mine.saturating_add(*theirs);
        }
        self.latency.merge(&other.latency);
    }

    /// Writes everything but the start, in some twenty bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORM];
        varint::put(&mut bytes, self.checks.into());
        varint::put(&mut bytes, self.failures.into());
        let used = |place: &usize| self.status_ms[*place] > 0;
        bytes.push((0..STATUSES).filter(used).fold(0, |mask, place| mask | 1 << place));
        for place in (0..STATUSES).filter(used) {
            varint::put(&mut bytes, self.status_ms[place].into());
        }
        self.latency.encode(&mut bytes);
        bytes
    }

    /// Reads what [`Bucket::encode`] wrote; `None` for anything else.
    pub fn decode(start_ms: i64, mut bytes: &[u8]) -> Option<Bucket> {
        let number = |bytes: &mut &[u8]| u32::try_from(varint::take(bytes)?).ok();
        let mut bucket = Bucket::new(start_ms);
        if varint::byte(&mut bytes)? != FORM {
            return None;
        }
        bucket.checks = number(&mut bytes)?;
        bucket.failures = number(&mut bytes).filter(|&failures| failures <= bucket.checks)?;
        let mask = varint::byte(&mut bytes)?;
        if mask >> STATUSES != 0 {
            return None;
        }
        for place in (0..STATUSES).filter(|place| mask & (1 << place) != 0) {
            bucket.status_ms[place] = number(&mut bytes)?;
        }
        bucket.latency = Histogram::decode(&mut bytes)?;
        bytes.is_empty().then_some(bucket)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_bucket() -> impl Strategy<Value = Bucket> {
        let checks = prop::collection::vec((any::<bool>(), 0u64..10_000), 0..100);
        let times = prop::collection::vec((0..STATUSES, 0i64..60_000), 0..5);
        (checks, times).prop_map(|(checks, times)| {
            let mut bucket = Bucket::new(60_000);
            checks.into_iter().for_each(|(ok, ms)| bucket.add_check(ok, Duration::from_millis(ms)));
            times.into_iter().for_each(|(place, ms)| bucket.add_time(GatewayStatus::ALL[place], ms));
            bucket
        })
    }

    #[test]
    fn a_minute_of_a_steady_gateway_takes_twenty_bytes() {
        let mut bucket = Bucket::new(0);
        bucket.add_time(GatewayStatus::Healthy, 60_000);
        (0..6).for_each(|check| bucket.add_check(true, Duration::from_micros(1_000 + 200 * check)));
        assert!(bucket.encode().len() <= 20, "{}", bucket.encode().len());
    }

    #[test]
    fn a_span_begins_where_its_width_says() {
        assert_eq!(Tier::TenMinutes.start_of(1_199_999), 600_000);
        assert_eq!(Tier::Minute.start_of(-1), -60_000);
        for tier in Tier::ALL {
            assert_eq!(Tier::from_number(tier.number()), Some(tier));
        }
        assert_eq!(Tier::from_number(3), None);
    }

    proptest! {
        #[test]
        fn it_reads_as_it_is_written(bucket in any_bucket()) {
            prop_assert_eq!(Bucket::decode(60_000, &bucket.encode()), Some(bucket));
        }

        #[test]
        fn bytes_that_are_none_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(bucket) = Bucket::decode(0, &bytes) {
                prop_assert_eq!(Bucket::decode(0, &bucket.encode()), Some(bucket));
            }
        }

        #[test]
        fn the_order_of_merging_does_not_matter(one in any_bucket(), two in any_bucket()) {
            let (mut left, mut right) = (one.clone(), two.clone());
            left.merge(&two);
            right.merge(&one);
            prop_assert_eq!(left, right);
        }
    }
}
