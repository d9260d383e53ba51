//! The promises of recoveries, in virtual time.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::recovery::RecoveryStep::{self, *};
use super::recovery::{BACKOFF_MAX, Recovery, RecoveryRules};
use crate::domain::GatewayStatus::{self, *};

fn rules() -> RecoveryRules {
    RecoveryRules {
        attempts: 3,
        backoff: Duration::from_secs(10),
        cooldown: Duration::from_secs(300),
        dry_run: false,
        require_approval: false,
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

/// Waits until something is due, does it, and tells how many seconds passed.
async fn due(recovery: &mut Recovery) -> (u64, Vec<RecoveryStep>) {
    let wait = recovery.due().unwrap() - now();
    tokio::time::advance(wait).await;
    (wait.as_secs(), recovery.wake(now()))
}

fn unhelpful(attempt: u32) -> RecoveryStep {
    Failed { attempt, error: "the gateway did not become healthy".into() }
}

#[tokio::test(start_paused = true)]
async fn attempts_come_with_a_doubled_backoff_and_then_it_gives_up() {
    let mut recovery = Recovery::new(rules());
    assert_eq!(recovery.observe(now(), Healthy), []);
    assert_eq!(recovery.observe(now(), Unhealthy), [Requested, Started { attempt: 1 }]);
    assert!(recovery.is_active() && recovery.due().is_none(), "the action says when it ends");
    assert_eq!(recovery.attempt_ended(now(), Ok(())), []);
    assert_eq!(due(&mut recovery).await, (10, vec![unhelpful(1), Started { attempt: 2 }]));
    let failed = Failed { attempt: 2, error: "exit code 1".into() };
    assert_eq!(recovery.attempt_ended(now(), Err("exit code 1".into())), [failed]);
    assert_eq!(due(&mut recovery).await, (20, vec![Started { attempt: 3 }]), "what failed is told once");
    recovery.attempt_ended(now(), Ok(()));
    assert_eq!(due(&mut recovery).await, (40, vec![unhelpful(3), GaveUp { attempts: 3 }]));
    assert!(!recovery.is_active());
    pass(10_000).await;
    assert_eq!((recovery.observe(now(), Unhealthy), recovery.due()), (vec![], None), "it stays given up");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_comes_back_ends_it_and_the_cool_down_holds() {
    let mut recovery = Recovery::new(rules());
    recovery.observe(now(), Disconnected);
    recovery.attempt_ended(now(), Ok(()));
    pass(5).await;
    assert_eq!(recovery.observe(now(), Degraded), [Succeeded { attempts: 1 }]);
    pass(100).await;
    assert_eq!(recovery.observe(now(), Unhealthy), []);
    assert_eq!(due(&mut recovery).await, (200, vec![Requested, Started { attempt: 1 }]));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_up_before_the_action_ends_is_a_success_at_its_end() {
    let mut recovery = Recovery::new(rules());
    recovery.observe(now(), Unhealthy);
    assert_eq!(recovery.observe(now(), Healthy), []);
    assert_eq!(recovery.attempt_ended(now(), Err("timed out".into())), [Succeeded { attempts: 1 }]);
}

#[tokio::test(start_paused = true)]
async fn approval_is_waited_for() {
    let mut recovery = Recovery::new(RecoveryRules { require_approval: true, ..rules() });
    assert_eq!(recovery.approve(now()), None, "nothing is to be approved");
    assert_eq!(recovery.observe(now(), Unhealthy), [Requested, AwaitingApproval]);
    pass(100_000).await;
    assert_eq!(recovery.observe(now(), Unhealthy), []);
    assert!(recovery.is_awaiting() && !recovery.is_active());
    assert_eq!(recovery.approve(now()), Some(vec![Approved, Started { attempt: 1 }]));
    assert_eq!((recovery.approve(now()), recovery.reject(now())), (None, None), "it runs");
}

#[tokio::test(start_paused = true)]
async fn what_was_rejected_is_asked_for_again_after_the_next_failure() {
    let mut recovery = Recovery::new(RecoveryRules { require_approval: true, ..rules() });
    recovery.observe(now(), Unhealthy);
    assert_eq!(recovery.reject(now()), Some(vec![Rejected]));
    pass(1_000).await;
    assert_eq!(recovery.observe(now(), Unhealthy), []);
    recovery.observe(now(), Healthy);
    assert_eq!(recovery.observe(now(), Unhealthy), [Requested, AwaitingApproval]);
}

#[tokio::test(start_paused = true)]
async fn a_recovery_that_nobody_needs_any_more_is_cancelled() {
    let mut recovery = Recovery::new(RecoveryRules { require_approval: true, ..rules() });
    recovery.observe(now(), Unhealthy);
    assert_eq!(recovery.observe(now(), Healthy), [Cancelled { reason: "the gateway is up again".into() }]);
    recovery.observe(now(), Unhealthy);
    recovery.approve(now());
    assert_eq!(recovery.observe(now(), Paused), [Cancelled { reason: "the gateway is paused".into() }]);
    assert_eq!(recovery.attempt_ended(now(), Ok(())), [], "an attempt that was dropped ends nothing");
    assert!(!recovery.is_active());
}

#[tokio::test(start_paused = true)]
async fn somebody_may_begin_anew_where_the_hub_gave_up() {
    let mut recovery = Recovery::new(RecoveryRules { attempts: 1, ..rules() });
    recovery.observe(now(), Unhealthy);
    recovery.attempt_ended(now(), Ok(()));
    assert_eq!(due(&mut recovery).await.1, [unhelpful(1), GaveUp { attempts: 1 }]);
    assert_eq!(recovery.approve(now()), Some(vec![Approved, Started { attempt: 1 }]));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_only_tells() {
    let mut recovery = Recovery::new(RecoveryRules { dry_run: true, ..rules() });
    assert_eq!(recovery.observe(now(), Unhealthy), [Requested, DryRun]);
    assert!(!recovery.is_active());
    assert_eq!(recovery.observe(now(), Unhealthy), [], "it is told once");
    let mut asked = Recovery::new(RecoveryRules { dry_run: true, require_approval: true, ..rules() });
    asked.observe(now(), Unhealthy);
    assert_eq!(asked.approve(now()), Some(vec![Approved, DryRun]));
}

#[test]
fn a_step_on_the_wire() {
    let text = |step: &RecoveryStep| serde_json::to_string(step).unwrap();
    assert_eq!(text(&Started { attempt: 2 }), r#"{"step":"started","attempt":2}"#);
    assert_eq!(text(&AwaitingApproval), r#"{"step":"awaiting_approval"}"#);
}

#[derive(Clone, Debug)]
enum Input {
    Observe(GatewayStatus),
    Wake(u64),
    End(bool),
    Approve,
    Reject,
}

fn any_input() -> impl Strategy<Value = Input> {
    let status = prop::sample::select(GatewayStatus::ALL.to_vec());
    prop_oneof![
        4 => status.prop_map(Input::Observe),
        3 => (0u64..100).prop_map(Input::Wake),
        2 => any::<bool>().prop_map(Input::End),
        1 => Just(Input::Approve),
        1 => Just(Input::Reject),
    ]
}

proptest! {
    /// Whatever comes: attempts count up from 1, never more than allowed, never two at once, and none
    /// without approval where it is required.
    #[test]
    fn attempts_are_bounded_and_approved(inputs in prop::collection::vec(any_input(), 1..300), ask in any::<bool>()) {
        let mut recovery = Recovery::new(RecoveryRules { require_approval: ask, ..rules() });
        let mut at = std::time::Instant::now();
        let (mut last, mut running, mut approved) = (0, false, false);
        for input in inputs {
            let steps = match input {
                Input::Observe(status) => recovery.observe(at, status),
                Input::Wake(seconds) => {
                    at += Duration::from_secs(seconds);
                    recovery.wake(at)
                }
                Input::End(good) => {
                    running = false;
                    recovery.attempt_ended(at, if good { Ok(()) } else { Err("no".into()) })
                }
                Input::Approve => recovery.approve(at).unwrap_or_default(),
                Input::Reject => recovery.reject(at).unwrap_or_default(),
            };
            for step in steps {
                match step {
                    Approved => (approved, last) = (true, 0),
                    Requested => (approved, last) = (false, 0),
                    Started { attempt } => {
                        prop_assert!(!running && (approved || !ask));
                        prop_assert_eq!(attempt, last + 1);
                        prop_assert!(attempt <= 3);
                        (last, running) = (attempt, true);
                    }
                    Cancelled { .. } => running = false,
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn no_backoff_is_longer_than_an_hour(attempts in 1u32..60) {
        let mut recovery = Recovery::new(RecoveryRules { attempts, ..rules() });
        let mut at = std::time::Instant::now();
        recovery.observe(at, Unhealthy);
        for _ in 0..attempts {
            recovery.attempt_ended(at, Ok(()));
            let until = recovery.due().unwrap();
            prop_assert!(until - at <= BACKOFF_MAX);
            at = until;
            recovery.wake(at);
        }
        prop_assert!(!recovery.is_active());
    }
}
