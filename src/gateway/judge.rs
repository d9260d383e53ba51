//! The judge: turns the results of one gateway's probes into its status.
//!
//! Two statuses are kept apart. The *judged* one follows the results by their streaks:
//!
//! - UNKNOWN ends with the first success, or after `unhealthy_after` failures in a row: good news is
//!   believed at once, bad news starts recoveries and is not.
//! - `unhealthy_after` failures in a row make it DISCONNECTED when the last of them says that the way
//!   there is cut ([`FailureKind::is_disconnected`]), else UNHEALTHY; from one to the other it takes as
//!   many of that kind.
//! - `healthy_after` successes in a row make it HEALTHY, or DEGRADED when one of them was slow.
//! - `unhealthy_after` results in a row that are slow or failures, without enough failures in a row,
//!   make it DEGRADED; `healthy_after` quick successes end that.
//!
//! The *shown* one is what the world sees; the first that holds of: PAUSED while an operator or a
//! maintenance window says so, RECOVERING while a recovery runs and the judged one is not up, DEGRADED
//! while the judged one flaps, and else the judged one. Results are counted also while it is PAUSED, so
//! that what is shown afterwards is the truth and not a guess.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::flapping::FlapDetector;
use super::result::{FailureKind, Outcome, ProbeResult};
use crate::domain::GatewayStatus;

/// What the judge goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// The time between two results.
    pub interval: Duration,
    /// How many failures in a row are believed.
    pub unhealthy_after: u32,
    /// How many successes in a row are believed.
    pub healthy_after: u32,
    /// The latency beyond which a success is slow.
    pub degraded_over: Option<Duration>,
}

/// Why a gateway is PAUSED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Somebody paused it.
    Operator,
    /// A maintenance window is open.
    Maintenance,
}

/// A change of the shown status.
///
/// Both are the same in one case: when flapping begins or ends and it is DEGRADED before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// What was shown.
    pub previous: GatewayStatus,
    /// What is shown from now on.
    pub current: GatewayStatus,
    /// What the newest result said, if it said something.
    pub message: Option<String>,
    /// What is known about it.
    pub metadata: StatusMetadata,
}

/// What is known about a status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusMetadata {
    /// The latency of the newest result in milliseconds; null before the first one.
    pub latency_ms: Option<f64>,
    /// What went wrong in the newest result.
    pub error: Option<String>,
    /// In which way.
    pub error_kind: Option<FailureKind>,
    /// How many results in a row were failures.
    pub attempts: u32,
    /// Whether it changes too often to be believed.
    pub flapping: bool,
    /// Why it is PAUSED.
    pub paused_by: Option<PauseReason>,
}

/// The judge of one gateway. It has no clock: whoever calls says what time it is.
#[derive(Debug)]
pub struct Judge {
    thresholds: Thresholds,
    judged: GatewayStatus,
    shown: GatewayStatus,
    shown_flapping: bool,
    by_operator: bool,
    by_maintenance: bool,
    recovering: bool,
    flaps: FlapDetector,
    streaks: Streaks,
    last: Option<ProbeResult>,
}

/// How many of the newest results are all of one kind.
#[derive(Debug, Default)]
struct Streaks {
    successes: u32,
    quick: u32,
    not_quick: u32,
    failures: u32,
    /// Failures that all are, or all are not, a cut way.
    alike: u32,
    cut: bool,
}

impl Judge {
    /// Judges a gateway of which nothing is known.
    pub fn new(thresholds: Thresholds) -> Self {
        Self::restored(thresholds, GatewayStatus::Unknown)
    }

    /// Goes on from what was shown before a restart.
    ///
    /// What ended with the process is made good by the next result: a gateway shown as RECOVERING is
    /// taken as UNHEALTHY, one shown as PAUSED as UNKNOWN unless [`Judge::pause`] is called again.
    pub fn restored(thresholds: Thresholds, shown: GatewayStatus) -> Self {
        let judged = match shown {
            GatewayStatus::Recovering => GatewayStatus::Unhealthy,
            GatewayStatus::Paused => GatewayStatus::Unknown,
            other => other,
        };
        let flaps = FlapDetector::new(thresholds.interval);
        Judge {
            thresholds,
            judged,
            shown,
            shown_flapping: false,
            by_operator: false,
            by_maintenance: false,
            recovering: false,
            flaps,
            streaks: Streaks::default(),
            last: None,
        }
    }

    /// Returns the shown status.
    pub const fn status(&self) -> GatewayStatus {
        self.shown
    }

    /// Returns what the results say, whatever is shown.
    pub const fn judged(&self) -> GatewayStatus {
        self.judged
    }

    /// Returns the newest result.
    pub const fn last(&self) -> Option<&ProbeResult> {
        self.last.as_ref()
    }

    /// Takes one result that came `now`.
    pub fn observe(&mut self, now: Instant, result: &ProbeResult) -> Option<Transition> {
        let slow = match &result.outcome {
            Outcome::Ok { .. } => self.thresholds.degraded_over.is_some_and(|limit| result.latency > limit),
            Outcome::Degraded { .. } => true,
            Outcome::Failed { .. } => false,
        };
        self.streaks.count(result.failure(), slow);
        self.last = Some(result.clone());
        let next = self.streaks.judge(self.judged, &self.thresholds);
        if next != self.judged {
            // The first judgement is news, not a change of mind.
            if self.judged != GatewayStatus::Unknown && !self.is_paused() {
                self.flaps.changed(now);
            }
            self.judged = next;
        }
        if self.judged.is_up() {
            self.recovering = false;
        }
        self.settle(now)
    }

    /// Shows PAUSED until every reason for it is gone.
    pub fn pause(&mut self, now: Instant, reason: PauseReason) -> Option<Transition> {
        *self.pause_flag(reason) = true;
        self.settle(now)
    }

    /// Takes one reason for PAUSED back; what is shown then is what the results said meanwhile.
    pub fn resume(&mut self, now: Instant, reason: PauseReason) -> Option<Transition> {
        let was_paused = self.is_paused();
        *self.pause_flag(reason) = false;
        if was_paused && !self.is_paused() {
            self.flaps.forget();
        }
        self.settle(now)
    }

    /// Tells whether there is a reason for PAUSED.
    pub const fn is_paused(&self) -> bool {
        self.by_operator || self.by_maintenance
    }

    /// Shows RECOVERING until [`Judge::recovery_ended`] or until the results say that it is up.
    pub fn recovery_began(&mut self, now: Instant) -> Option<Transition> {
        self.recovering = !self.judged.is_up();
        self.settle(now)
    }

    /// Shows again what the results say.
    pub fn recovery_ended(&mut self, now: Instant) -> Option<Transition> {
        self.recovering = false;
        self.settle(now)
    }

    /// Goes by other thresholds from the next result on, as after a change of the definition.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        if thresholds.interval != self.thresholds.interval {
            self.flaps = FlapDetector::new(thresholds.interval);
        }
        self.thresholds = thresholds;
    }

    /// Returns what is known about the shown status.
    pub fn metadata(&self) -> StatusMetadata {
        let failure = self.last.as_ref().and_then(|last| last.failure());
        let paused_by = match (self.by_operator, self.by_maintenance) {
            (true, _) => Some(PauseReason::Operator),
            (false, true) => Some(PauseReason::Maintenance),
            (false, false) => None,
        };
        StatusMetadata {
            latency_ms: self.last.as_ref().map(|last| round_ms(last.latency)),
            error: failure.and(self.message()),
            error_kind: failure,
            attempts: self.streaks.failures,
            flapping: self.shown_flapping,
            paused_by,
        }
    }

    fn message(&self) -> Option<String> {
        self.last.as_ref().and_then(|last| last.message()).map(str::to_owned)
    }

    fn pause_flag(&mut self, reason: PauseReason) -> &mut bool {
        match reason {
            PauseReason::Operator => &mut self.by_operator,
            PauseReason::Maintenance => &mut self.by_maintenance,
        }
    }

    /// Brings what is shown into line with everything that is known.
    fn settle(&mut self, now: Instant) -> Option<Transition> {
        let flapping = self.flaps.judge(now) && !self.is_paused() && !self.recovering;
        let current = if self.is_paused() {
            GatewayStatus::Paused
        } else if self.recovering {
            GatewayStatus::Recovering
        } else if flapping {
            GatewayStatus::Degraded
        } else {
            self.judged
        };
        let (previous, was_flapping) = (self.shown, self.shown_flapping);
        (self.shown, self.shown_flapping) = (current, flapping);
        if (previous, was_flapping) == (current, flapping) {
            return None;
        }
        Some(Transition { previous, current, message: self.message(), metadata: self.metadata() })
    }
}

impl Streaks {
    fn count(&mut self, failure: Option<FailureKind>, slow: bool) {
        let grow =
            |streak: &mut u32, goes_on: bool| *streak = if goes_on { streak.saturating_add(1) } else { 0 };
        let quick = failure.is_none() && !slow;
        grow(&mut self.successes, failure.is_none());
        grow(&mut self.failures, failure.is_some());
        grow(&mut self.quick, quick);
        grow(&mut self.not_quick, !quick);
        let cut = failure.is_some_and(FailureKind::is_disconnected);
        self.alike = match failure {
            Some(_) if self.alike > 0 && cut == self.cut => self.alike.saturating_add(1),
            Some(_) => 1,
            None => 0,
        };
        self.cut = cut;
    }

    fn judge(&self, judged: GatewayStatus, thresholds: &Thresholds) -> GatewayStatus {
        use GatewayStatus::{Degraded, Disconnected, Healthy, Unhealthy, Unknown};
        let (unhealthy_after, healthy_after) = (thresholds.unhealthy_after, thresholds.healthy_after);
        let down = if self.cut { Disconnected } else { Unhealthy };
        match judged {
            Unknown if self.quick > 0 => Healthy,
            Unknown if self.successes > 0 => Degraded,
            Unhealthy | Disconnected if self.quick >= healthy_after => Healthy,
            Unhealthy | Disconnected if self.successes >= healthy_after => Degraded,
            Unhealthy | Disconnected if self.alike >= unhealthy_after => down,
            Unhealthy | Disconnected => judged,
            _ if self.failures >= unhealthy_after => down,
            Healthy if self.not_quick >= unhealthy_after => Degraded,
            Degraded if self.quick >= healthy_after => Healthy,
            other => other,
        }
    }
}

/// Milliseconds with three digits after the point, which is all that a latency is worth.
pub(super) fn round_ms(latency: Duration) -> f64 {
    let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1_000.0
}
