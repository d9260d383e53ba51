//! What can be measured, one file for each mode.

pub(crate) mod churn;
pub(crate) mod compare;
pub(crate) mod fanout;
pub(crate) mod idle;
pub(crate) mod stall;
pub(crate) mod writers;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ledger::Counts;
use crate::pacer::Outcome;

/// Whether the hub kept its promises while it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Sound,
    /// A client lost a change or got one twice, or something of the load did not come through.
    Unsound,
}

impl Verdict {
    pub(crate) fn sound_if(sound: bool) -> Verdict {
        if sound { Verdict::Sound } else { Verdict::Unsound }
    }
}

/// What the clients got, as every mode with changes reports it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Delivered {
    pub(crate) deliveries: u64,
    /// Mean payload of a change.
    pub(crate) frame_bytes: f64,
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
    pub(crate) unfounded: u64,
    pub(crate) conflated: u64,
    pub(crate) other_frames: u64,
}

impl Delivered {
    /// Every client got every change once, or a newer document in its place.
    pub(crate) fn is_sound(&self) -> bool {
        self.lost + self.repeated + self.unfounded == 0
    }
}

impl From<&Counts> for Delivered {
    fn from(counts: &Counts) -> Self {
        let mean = crate::report::per(counts.delivered_bytes as f64, counts.deliveries);
        Delivered {
            deliveries: counts.deliveries,
            frame_bytes: crate::report::round(mean, 1),
            lost: counts.lost,
            repeated: counts.repeated,
            unfounded: counts.unfounded,
            conflated: counts.conflated,
            other_frames: counts.other_frames,
        }
    }
}

/// What became of the posts, as every mode with changes reports it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Posted {
    pub(crate) changes: u64,
    pub(crate) unchanged: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    /// By status.
    pub(crate) refused: BTreeMap<u16, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<String>,
}

impl Posted {
    /// Every post became a change that reached everyone in time.
    pub(crate) fn is_sound(&self) -> bool {
        self.failed + self.timed_out == 0 && self.refused.is_empty()
    }
}

impl From<&Outcome> for Posted {
    fn from(outcome: &Outcome) -> Self {
        Posted {
            changes: outcome.acknowledged,
            unchanged: outcome.unchanged,
            failed: outcome.failed,
            timed_out: outcome.timed_out,
            refused: outcome.refused.clone(),
            refusal: outcome.refusal.clone(),
        }
    }
}
