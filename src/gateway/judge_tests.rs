//! The promises of the judge, in virtual time.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::domain::GatewayStatus::{self, *};

const INTERVAL: Duration = Duration::from_secs(10);

fn thresholds() -> Thresholds {
    Thresholds {
        interval: INTERVAL,
        unhealthy_after: 3,
        healthy_after: 2,
        degraded_over: Some(Duration::from_millis(200)),
    }
}

fn ok() -> ProbeResult {
    ProbeResult::ok(Duration::from_millis(5))
}

fn slow() -> ProbeResult {
    ProbeResult::ok(Duration::from_millis(500))
}

fn bad() -> ProbeResult {
    ProbeResult::failed(Duration::from_millis(7), FailureKind::Status, "status 500")
}

fn cut() -> ProbeResult {
    ProbeResult::failed(Duration::from_millis(9), FailureKind::Unreachable, "no route to host")
}

/// A judge whose results come in the interval of its gateway.
struct Bench(Judge);

impl Bench {
    /// Waits for an interval, gives a result, and tells what is shown then.
    async fn feed(&mut self, result: &ProbeResult) -> GatewayStatus {
        tokio::time::advance(INTERVAL).await;
        let before = self.0.status();
        let transition = self.0.observe(Instant::now().into_std(), result);
        if let Some(transition) = transition {
            assert_eq!((transition.previous, transition.current), (before, self.0.status()));
        } else {
            assert_eq!(before, self.0.status(), "what changes is told");
        }
        self.0.status()
    }

    async fn feed_all(&mut self, results: &[ProbeResult]) -> Vec<GatewayStatus> {
        let mut shown = Vec::new();
        for result in results {
            shown.push(self.feed(result).await);
        }
        shown
    }
}

fn bench() -> Bench {
    Bench(Judge::new(thresholds()))
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

#[tokio::test(start_paused = true)]
async fn good_news_is_believed_at_once_and_bad_news_after_three() {
    assert_eq!(bench().feed(&ok()).await, Healthy);
    assert_eq!(bench().feed(&slow()).await, Degraded);
    assert_eq!(bench().feed_all(&[bad(), bad(), bad()]).await, [Unknown, Unknown, Unhealthy]);
}

#[tokio::test(start_paused = true)]
async fn one_lost_packet_changes_nothing() {
    let shown = bench().feed_all(&[ok(), bad(), bad(), ok(), bad(), ok()]).await;
    assert_eq!(shown, [Healthy; 6]);
}

#[tokio::test(start_paused = true)]
async fn three_failures_make_it_unhealthy_and_two_successes_healthy() {
    let shown = bench().feed_all(&[ok(), bad(), bad(), bad(), ok(), bad(), ok(), ok()]).await;
    assert_eq!(shown, [Healthy, Healthy, Healthy, Unhealthy, Unhealthy, Unhealthy, Unhealthy, Healthy]);
}

#[tokio::test(start_paused = true)]
async fn a_cut_way_is_told_from_a_wrong_answer() {
    let mut bench = bench();
    assert_eq!(bench.feed_all(&[ok(), bad(), bad(), cut()]).await[3], Disconnected, "the last one decides");
    assert_eq!(bench.feed_all(&[bad(), bad(), cut(), bad(), bad()]).await, [Disconnected; 5]);
    assert_eq!(bench.feed(&bad()).await, Unhealthy);
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_says_that_the_service_is_gone() {
    let refused = ProbeResult::failed(Duration::ZERO, FailureKind::Refused, "connection refused");
    let mut bench = bench();
    bench.0.set_thresholds(Thresholds { unhealthy_after: 1, ..thresholds() });
    assert_eq!(bench.feed_all(&[ok(), refused]).await, [Healthy, Unhealthy]);
}

#[tokio::test(start_paused = true)]
async fn slow_or_unsteady_answers_degrade_it() {
    let mut bench = bench();
    assert_eq!(bench.feed_all(&[ok(), slow(), slow(), slow()]).await, [Healthy, Healthy, Healthy, Degraded]);
    assert_eq!(bench.feed_all(&[ok(), ok()]).await, [Degraded, Healthy]);
    assert_eq!(bench.feed_all(&[bad(), slow(), bad()]).await, [Healthy, Healthy, Degraded]);
    assert_eq!(
        bench.feed_all(&[bad(), bad(), slow(), slow()]).await,
        [Degraded, Unhealthy, Unhealthy, Degraded]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_known_stands_in_the_transition() {
    let mut judge = Judge::new(thresholds());
    judge.observe(now(), &bad());
    judge.observe(now(), &bad());
    let transition = judge.observe(now(), &bad()).unwrap();
    assert_eq!(transition.message.as_deref(), Some("status 500"));
    let expected = StatusMetadata {
        latency_ms: Some(7.0),
        error: Some("status 500".into()),
        error_kind: Some(FailureKind::Status),
        attempts: 3,
        flapping: false,
        paused_by: None,
    };
    assert_eq!(transition.metadata, expected);
}

/// Two successes and three failures again and again: five changes in about two minutes.
async fn flap(bench: &mut Bench) {
    bench.feed(&ok()).await;
    for _ in 0..2 {
        bench.feed_all(&[bad(), bad(), bad(), ok(), ok()]).await;
    }
    bench.feed_all(&[bad(), bad()]).await;
    assert_eq!(bench.0.status(), Healthy, "four changes are none too many");
}

#[tokio::test(start_paused = true)]
async fn flapping_is_told_once_and_damped_until_it_is_calm() {
    let mut bench = bench();
    flap(&mut bench).await;
    tokio::time::advance(INTERVAL).await;
    let fifth = bench.0.observe(now(), &bad()).unwrap();
    assert_eq!((fifth.current, fifth.metadata.flapping), (Degraded, true));
    for _ in 0..5 {
        assert_eq!(bench.feed_all(&[ok(), ok(), bad(), bad(), bad()]).await, [Degraded; 5]);
    }
    assert_eq!(bench.0.judged(), Unhealthy);
    // The last change is now; 150 s of calm are 15 results.
    assert_eq!(bench.feed_all(&vec![bad(); 14]).await, [Degraded; 14]);
    tokio::time::advance(INTERVAL).await;
    let end = bench.0.observe(now(), &bad()).unwrap();
    assert_eq!((end.previous, end.current, end.metadata.flapping), (Degraded, Unhealthy, false));
}

#[tokio::test(start_paused = true)]
async fn flapping_that_ends_where_it_was_shown_is_told_too() {
    let mut bench = bench();
    flap(&mut bench).await;
    assert_eq!(bench.feed(&bad()).await, Degraded);
    bench.feed_all(&[slow(), slow()]).await;
    bench.feed_all(&vec![slow(); 14]).await;
    tokio::time::advance(INTERVAL).await;
    let end = bench.0.observe(now(), &slow()).unwrap();
    assert_eq!((end.previous, end.current, end.metadata.flapping), (Degraded, Degraded, false));
}

#[tokio::test(start_paused = true)]
async fn a_pause_hides_what_happens_and_ends_with_the_truth() {
    let mut bench = bench();
    bench.feed(&ok()).await;
    let paused = bench.0.pause(now(), PauseReason::Operator).unwrap();
    assert_eq!((paused.current, paused.metadata.paused_by), (Paused, Some(PauseReason::Operator)));
    assert_eq!(bench.0.pause(now(), PauseReason::Maintenance), None);
    assert_eq!(bench.feed_all(&[bad(), bad(), bad()]).await, [Paused; 3]);
    assert_eq!(bench.0.resume(now(), PauseReason::Maintenance), None, "the operator has not resumed it");
    let resumed = bench.0.resume(now(), PauseReason::Operator).unwrap();
    assert_eq!((resumed.previous, resumed.current), (Paused, Unhealthy));
    assert_eq!(bench.0.resume(now(), PauseReason::Operator), None);
}

#[tokio::test(start_paused = true)]
async fn changes_during_a_pause_are_no_flapping() {
    let mut bench = bench();
    bench.feed(&ok()).await;
    bench.0.pause(now(), PauseReason::Maintenance);
    for _ in 0..5 {
        bench.feed_all(&[bad(), bad(), bad(), ok(), ok()]).await;
    }
    assert_eq!(bench.0.resume(now(), PauseReason::Maintenance).unwrap().current, Healthy);
    assert_eq!(bench.feed_all(&[bad(), bad(), bad()]).await[2], Unhealthy);
}

#[tokio::test(start_paused = true)]
async fn a_recovery_is_shown_until_it_ends_or_helps() {
    let mut bench = bench();
    bench.feed_all(&[ok(), bad(), bad(), bad()]).await;
    assert_eq!(bench.0.recovery_began(now()).unwrap().current, Recovering);
    assert_eq!(bench.feed_all(&[bad(), ok(), ok()]).await, [Recovering, Recovering, Healthy]);
    assert_eq!(bench.0.recovery_ended(now()), None);
    bench.feed_all(&[bad(), bad(), bad()]).await;
    bench.0.recovery_began(now());
    assert_eq!(bench.0.recovery_ended(now()).unwrap().current, Unhealthy);
    assert_eq!(bench.feed_all(&[ok(), ok()]).await[1], Healthy);
    assert_eq!(bench.0.recovery_began(now()), None, "nothing is to be recovered");
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_it_goes_on_from_what_was_shown() {
    let mut healthy = Bench(Judge::restored(thresholds(), Healthy));
    assert_eq!(healthy.feed_all(&[bad(), bad(), bad()]).await, [Healthy, Healthy, Unhealthy]);
    let mut recovering = Bench(Judge::restored(thresholds(), Recovering));
    assert_eq!(recovering.feed(&bad()).await, Unhealthy, "no recovery outlives the process");
    let mut paused = Bench(Judge::restored(thresholds(), Paused));
    assert_eq!(paused.0.pause(now(), PauseReason::Operator), None, "it was shown so already");
    assert_eq!(paused.feed(&ok()).await, Paused);
    assert_eq!(paused.0.resume(now(), PauseReason::Operator).unwrap().current, Healthy);
}

fn any_result() -> impl Strategy<Value = ProbeResult> {
    prop_oneof![Just(ok()), Just(slow()), Just(bad()), Just(cut())]
}

proptest! {
    /// Whatever comes: transitions join up, and streaks of the required length are believed.
    #[test]
    fn transitions_join_up_and_streaks_are_believed(results in prop::collection::vec(any_result(), 1..200)) {
        let mut judge = Judge::new(thresholds());
        let (mut shown, mut at) = (Unknown, std::time::Instant::now());
        let (mut failures, mut quick) = (0, 0);
        for result in &results {
            at += Duration::from_secs(3600);
            if let Some(transition) = judge.observe(at, result) {
                prop_assert_eq!(transition.previous, shown);
                prop_assert_ne!(transition.current, shown);
                shown = transition.current;
            }
            failures = if result.is_ok() { 0 } else { failures + 1 };
            quick = if *result == ok() { quick + 1 } else { 0 };
            prop_assert_eq!(judge.metadata().attempts, failures);
            prop_assert!(failures < 3 || shown.is_down());
            prop_assert!(quick < 2 || shown == Healthy);
            prop_assert!(!shown.is_down() || failures > 0 || quick < 2);
        }
    }

    /// However fast it changes, what is shown changes at most a few times in each window.
    #[test]
    fn flapping_bounds_what_is_shown(results in prop::collection::vec(any_result(), 300..600)) {
        let thresholds = Thresholds { unhealthy_after: 1, healthy_after: 1, ..thresholds() };
        let mut judge = Judge::new(thresholds);
        let mut at = std::time::Instant::now();
        let mut told = Vec::new();
        for result in &results {
            at += INTERVAL;
            if judge.observe(at, result).is_some() {
                told.push(at);
            }
        }
        // In the 150 s that flapping lasts at least, and the five changes before it.
        for window in told.windows(8) {
            prop_assert!(window[7] - window[0] >= Duration::from_secs(150));
        }
    }
}
