//! The history's way to the store and back.

use std::collections::HashMap;

use crate::gateway::StoredBucket;
use crate::gateway::bucket::Tier;
use crate::store::{HistoryRow, SaveHistory};

use super::actor::Monitor;

impl Monitor {
    /// Stores the spans that were closed; with `all`, at the end, also the open minutes.
    pub(super) fn save_history(&mut self, all: bool) {
        let now = (self.clock)();
        let mut rows = Vec::new();
        for (id, watched) in &mut self.watched {
            watched.rollup.advance(now);
            let open = all.then(|| watched.rollup.open_minute()).flatten();
            let closed = watched.rollup.take_closed().into_iter().chain(open);
            rows.extend(closed.map(|stored| row(id.as_str(), stored)));
        }
        let gone = std::mem::take(&mut self.gone);
        let forget = Tier::ALL.map(|tier| {
            let (width, kept) = (tier.width_ms(), i64::try_from(tier.keep()).unwrap_or(i64::MAX));
            (width / 1_000, (now.millis() - width * (kept + 1)) / 1_000)
        });
        // Whatever becomes of it: the next one is due in a minute, and the log is not concerned.
        self.db.do_send(SaveHistory { rows, forget: forget.to_vec(), gone });
    }
}

fn row(id: &str, stored: StoredBucket) -> HistoryRow {
    HistoryRow {
        gateway_id: id.to_owned(),
        span_s: stored.tier.width_ms() / 1_000,
        start_s: stored.start_ms / 1_000,
        data: stored.bytes,
    }
}

/// Sorts what was stored by gateway; rows of a width that is none are left out.
pub(super) fn by_gateway(rows: Vec<HistoryRow>) -> HashMap<String, Vec<StoredBucket>> {
    let mut all: HashMap<String, Vec<StoredBucket>> = HashMap::new();
    for HistoryRow { gateway_id, span_s, start_s, data } in rows {
        let tier = Tier::ALL.into_iter().find(|tier| tier.width_ms() == span_s.saturating_mul(1_000));
        if let Some(tier) = tier {
            let start_ms = start_s.saturating_mul(1_000);
            all.entry(gateway_id).or_default().push(StoredBucket { tier, start_ms, bytes: data });
        }
    }
    all
}
