//! Latencies in fixed buckets of a logarithmic scale, of which only the used ones take space.

use std::time::Duration;

use super::varint;

/// How many buckets there are.
pub const BUCKETS: usize = 128;
/// The upper edge of the first bucket in microseconds.
const FIRST_MICROS: f64 = 100.0;
/// Each edge to the one below it; a percentile is off by at most this share.
const GROWTH: f64 = 1.125;

/// How many latencies fell into each bucket: from 0.1 ms up to four and a half minutes, an eighth apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Bucket and count, in the order of the buckets.
    used: Vec<(u8, u32)>,
}

impl Histogram {
    /// Counts one latency.
    pub fn record(&mut self, latency: Duration) {
        self.add(bucket_of(latency), 1);
    }

    /// Counts everything that the other one counted.
    pub fn merge(&mut self, other: &Histogram) {
        for &(bucket, count) in &other.used {
            self.add(bucket, count);
        }
    }

    /// Returns how many latencies were counted.
    pub fn count(&self) -> u64 {
        self.used.iter().map(|&(_, count)| u64::from(count)).sum()
    }

    /// Returns the latency in milliseconds below which `percent` of a hundred lie; none when empty.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let wanted = percent.clamp(0.0, 100.0) / 100.0 * self.count() as f64;
        let mut below = 0.0;
        for &(bucket, count) in &self.used {
            let inside = f64::from(count);
            if below + inside >= wanted {
                let share = ((wanted - below) / inside).clamp(0.0, 1.0);
                let (low, high) = edges(bucket);
                return Some((low + (high - low) * share).round() / 1_000.0);
            }
            below += inside;
        }
        None
    }

    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        varint::put(bytes, self.used.len() as u64);
        for &(bucket, count) in &self.used {
            bytes.push(bucket);
            varint::put(bytes, count.into());
        }
    }

    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Histogram> {
        let count = usize::try_from(varint::take(bytes)?).ok().filter(|&count| count <= BUCKETS)?;
        let mut used = Vec::with_capacity(count);
        for _ in 0..count {
            let bucket = varint::byte(bytes)?;
            let after_last = used.last().is_none_or(|&(last, _)| bucket > last);
            if usize::from(bucket) >= BUCKETS || !after_last {
                return None;
            }
            used.push((bucket, u32::try_from(varint::take(bytes)?).ok()?));
        }
        Some(Histogram { used })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.used.capacity() * size_of::<(u8, u32)>()
    }

    fn add(&mut self, bucket: u8, count: u32) {
        match self.used.binary_search_by_key(&bucket, |&(bucket, _)| bucket) {
            Ok(place) => self.used[place].1 = self.used[place].1.saturating_add(count),
            Err(place) => self.used.insert(place, (bucket, count)),
        }
    }
}

fn bucket_of(latency: Duration) -> u8 {
    let micros = latency.as_secs_f64() * 1_000_000.0;
    let steps = (micros / FIRST_MICROS).max(1.0).ln() / GROWTH.ln();
    // A value on an edge belongs below it, also where the logarithm is off by its last bit.
    (steps - 1e-9).ceil().clamp(0.0, (BUCKETS - 1) as f64) as u8
}

/// The lower and upper edge of a bucket in microseconds.
fn edges(bucket: u8) -> (f64, f64) {
    let high = FIRST_MICROS * GROWTH.powi(bucket.into());
    if bucket == 0 { (0.0, high) } else { (high / GROWTH, high) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(micros: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        micros.iter().for_each(|&micros| histogram.record(Duration::from_micros(micros)));
        histogram
    }

    #[test]
    fn the_scale_goes_from_a_tenth_of_a_millisecond_to_minutes() {
        assert_eq!(bucket_of(Duration::ZERO), 0);
        assert_eq!(bucket_of(Duration::from_micros(100)), 0);
        assert_eq!(bucket_of(Duration::from_micros(101)), 1);
        assert!(usize::from(bucket_of(Duration::from_secs(270))) < BUCKETS - 1);
        assert_eq!(usize::from(bucket_of(Duration::from_secs(86_400))), BUCKETS - 1);
        assert_eq!(Histogram::default().percentile(50.0), None);
    }

    #[test]
    fn an_impossible_text_is_refused() {
        for bytes in [&[][..], &[1], &[1, 200, 1], &[2, 5, 1, 5, 1], &[200, 1]] {
            assert_eq!(Histogram::decode(&mut &bytes[..]), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn a_percentile_is_off_by_an_eighth_at_most(mut micros in prop::collection::vec(100u64..100_000_000, 1..300), percent in 1.0f64..100.0) {
            let histogram = of(&micros);
            micros.sort_unstable();
            let rank = (percent / 100.0 * micros.len() as f64).ceil() as usize;
            let exact = micros[rank.max(1) - 1] as f64 / 1_000.0;
            let found = histogram.percentile(percent).unwrap();
            prop_assert!(found <= exact * 1.126 + 0.001 && found >= exact / 1.126 - 0.001, "{found} for {exact}");
        }

        #[test]
        fn merging_is_recording_everything(one in prop::collection::vec(0u64..1_000_000, 0..100), two in prop::collection::vec(0u64..1_000_000, 0..100)) {
            let mut merged = of(&one);
            merged.merge(&of(&two));
            prop_assert_eq!(merged, of(&[one, two].concat()));
        }

        #[test]
        fn it_reads_as_it_is_written(micros in prop::collection::vec(0u64..1_000_000_000, 0..200)) {
            let (histogram, mut bytes) = (of(&micros), Vec::new());
            histogram.encode(&mut bytes);
            let mut rest = &bytes[..];
            prop_assert_eq!(Histogram::decode(&mut rest), Some(histogram));
            prop_assert!(rest.is_empty());
        }
    }
}
