//! The spans of one width, the closed ones packed one behind the other.

use std::collections::VecDeque;

use super::bucket::{Bucket, Tier};

/// Start and length stand before each packed bucket.
const HEAD_BYTES: usize = 8 + 2;

/// The spans of one tier: at most [`Tier::keep`] closed ones, packed into bytes, and the open one.
#[derive(Debug)]
pub(super) struct Series {
    tier: Tier,
    packed: VecDeque<u8>,
    newest_ms: Option<i64>,
    open: Option<Bucket>,
}

impl Series {
    pub(super) fn new(tier: Tier) -> Self {
        Series { tier, packed: VecDeque::new(), newest_ms: None, open: None }
    }

    pub(super) fn tier(&self) -> Tier {
        self.tier
    }

    /// The span that is still under way.
    pub(super) fn open(&self) -> Option<&Bucket> {
        self.open.as_ref()
    }

    /// The start of the newest closed span.
    pub(super) fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    /// Returns the span that `at_ms` lies in, and the one that this closes.
    pub(super) fn at(&mut self, at_ms: i64) -> (&mut Bucket, Option<Bucket>) {
        let start = self.tier.start_of(at_ms);
        let closed = match &self.open {
            Some(open) if open.start_ms < start => self.open.take().filter(|bucket| !bucket.is_empty()),
            _ => None,
        };
        if let Some(closed) = &closed {
            self.keep(closed);
        }
        (self.open.get_or_insert_with(|| Bucket::new(start)), closed)
    }

    /// Packs a closed span behind the others, and drops what is too old beside it.
    ///
    /// One that is not newer than the last one is left out: it was kept already.
    pub(super) fn keep(&mut self, bucket: &Bucket) {
        if self.newest_ms.is_some_and(|newest| bucket.start_ms <= newest) {
            return;
        }
        let bytes = bucket.encode();
        let length = u16::try_from(bytes.len()).expect("a bucket has at most 128 entries of 6 bytes");
        self.packed.extend(bucket.start_ms.to_le_bytes());
        self.packed.extend(length.to_le_bytes());
        self.packed.extend(bytes);
        self.newest_ms = Some(bucket.start_ms);
        let span = i64::try_from(self.tier.keep()).unwrap_or(i64::MAX) * self.tier.width_ms();
        while let Some((start, length)) = self.head(0)
            && start <= bucket.start_ms - span
        {
            self.packed.drain(..HEAD_BYTES + length);
        }
    }

    /// Visits the closed spans, the oldest first, and then the open one.
    pub(super) fn each(&self, mut visit: impl FnMut(&Bucket)) {
        let mut place = 0;
        let mut bytes = Vec::new();
        while let Some((start, length)) = self.head(place) {
            place += HEAD_BYTES;
            bytes.clear();
            bytes.extend(self.packed.range(place..place + length));
            if let Some(bucket) = Bucket::decode(start, &bytes) {
                visit(&bucket);
            }
            place += length;
        }
        if let Some(open) = &self.open {
            visit(open);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.packed.capacity() + self.open.as_ref().map_or(0, |open| open.latency.heap_bytes())
    }

    fn head(&self, place: usize) -> Option<(i64, usize)> {
        let byte = |offset: usize| self.packed.get(place + offset).copied();
        let mut start = [0; 8];
        for (offset, target) in start.iter_mut().enumerate() {
            *target = byte(offset)?;
        }
        let length = u16::from_le_bytes([byte(8)?, byte(9)?]);
        Some((i64::from_le_bytes(start), length.into()))
    }
}
