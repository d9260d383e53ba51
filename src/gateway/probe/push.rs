//! Services that report by themselves, and are missed when they do not.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::gateway::result::{FailureKind, Outcome, ProbeResult, bounded};

/// What a service reports of itself: `POST /api/gateways/{id}/report`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushReport {
    /// How it is; HEALTHY when not given.
    #[serde(default)]
    pub status: ReportedStatus,
    /// What it has to say, cut at 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long its work takes at the moment, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
}

/// How a service says that it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReportedStatus {
    /// As it should be.
    #[default]
    Healthy,
    /// It works, but not well.
    Degraded,
    /// It fails.
    Unhealthy,
}

/// Judges a service by the time since its last report. It has no clock: whoever calls says what time
/// it is, and calls [`PushMonitor::missed`] at [`PushMonitor::due`].
#[derive(Debug)]
pub struct PushMonitor {
    interval: Duration,
    last: Instant,
    due: Instant,
    reported: bool,
}

impl PushMonitor {
    /// Begins `now`: the first report has an interval's time to come.
    pub fn new(now: Instant, interval: Duration) -> Self {
        PushMonitor { interval, last: now, due: now + interval, reported: false }
    }

    /// Takes a report, and says what it is worth.
    pub fn report(&mut self, now: Instant, report: &PushReport) -> ProbeResult {
        (self.last, self.due, self.reported) = (now, now + self.interval, true);
        let latency = Duration::from_millis(report.latency_ms.unwrap_or(0));
        let message = report.message.as_deref().map(bounded).filter(|message| !message.is_empty());
        let outcome = match report.status {
            ReportedStatus::Healthy => Outcome::Ok { message },
            ReportedStatus::Degraded => Outcome::Degraded { message },
            ReportedStatus::Unhealthy => Outcome::Failed {
                kind: FailureKind::Reported,
                message: message.unwrap_or_else(|| "it reports that it fails".to_owned()),
            },
        };
        ProbeResult { latency, outcome }
    }

    /// Returns when the next report will be missed.
    pub const fn due(&self) -> Instant {
        self.due
    }

    /// Says that a report is missed if one is, once for each interval.
    pub fn missed(&mut self, now: Instant) -> Option<ProbeResult> {
        if now < self.due {
            return None;
        }
        let silence = now.saturating_duration_since(self.last);
        let intervals = silence.as_nanos() / self.interval.as_nanos().max(1) + 1;
        self.due = self.last + self.interval.saturating_mul(u32::try_from(intervals).unwrap_or(u32::MAX));
        let since = if self.reported { "the last one" } else { "the beginning" };
        let message = format!("no report for {} ms, since {since}", silence.as_millis());
        Some(ProbeResult::failed(Duration::ZERO, FailureKind::Missing, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_service_is_missed_after_its_interval_and_once_for_each() {
        let now = || tokio::time::Instant::now().into_std();
        let mut monitor = PushMonitor::new(now(), INTERVAL);
        let pass = |millis| tokio::time::advance(Duration::from_millis(millis));
        pass(9_000).await;
        assert_eq!(monitor.missed(now()), None);
        assert!(monitor.report(now(), &PushReport::default()).is_ok());
        pass(9_999).await;
        assert_eq!(monitor.missed(now()), None);
        pass(1).await;
        assert_eq!(monitor.due(), now());
        let missed = monitor.missed(now()).unwrap();
        assert_eq!(missed.message(), Some("no report for 10000 ms, since the last one"));
        assert_eq!(missed.failure(), Some(FailureKind::Missing));
        assert_eq!(monitor.missed(now()), None);
        pass(25_000).await;
        assert!(monitor.missed(now()).is_some());
        assert_eq!(monitor.due() - now(), Duration::from_secs(5), "missed ones are not made up for");
    }

    #[test]
    fn a_report_says_how_the_service_is() {
        let mut monitor = PushMonitor::new(Instant::now(), INTERVAL);
        let mut report = |text: &str| {
            let report: PushReport = serde_json::from_str(text).unwrap();
            monitor.report(Instant::now(), &report)
        };
        let message = Some("a b".to_owned());
        let healthy = report(r#"{"message": "a\nb", "latency_ms": 7}"#);
        assert_eq!(healthy.outcome, Outcome::Ok { message: message.clone() });
        assert_eq!(healthy.latency, Duration::from_millis(7));
        assert_eq!(
            report(r#"{"status": "DEGRADED", "message": "a\nb"}"#).outcome,
            Outcome::Degraded { message }
        );
        assert_eq!(report(r#"{"status": "UNHEALTHY"}"#).failure(), Some(FailureKind::Reported));
        assert!(serde_json::from_str::<PushReport>(r#"{"state": "HEALTHY"}"#).is_err());
    }
}
