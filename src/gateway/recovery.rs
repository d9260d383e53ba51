//! Recovery: when to try to bring a gateway back, how often, and when to stop.
//!
//! A recovery begins when the gateway is UNHEALTHY or DISCONNECTED and, where that is required, somebody
//! approved it. After each attempt the gateway has the backoff's time to become healthy; then the next
//! attempt begins, or the hub gives up. After a recovery that gave up, was rejected or was a dry run,
//! none begins until the gateway was healthy again, or somebody approves another one; after any, none
//! begins within the cool-down. A pause cancels it; an attempt that runs then is to be dropped.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::definition::RecoverySpec;
use super::probe_spec::ms;
use super::result::bounded;
use crate::domain::GatewayStatus;

/// The longest backoff.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60 * 60);

/// One step of a recovery, as it is told to the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum RecoveryStep {
    /// The gateway is down and has a recovery.
    Requested,
    /// Somebody has to approve it.
    AwaitingApproval,
    /// Somebody approved it.
    Approved,
    /// Somebody rejected it.
    Rejected,
    /// An attempt begins: whoever reads this runs the action.
    Started {
        /// Counted from 1.
        attempt: u32,
    },
    /// The gateway is healthy again.
    Succeeded {
        /// After how many attempts.
        attempts: u32,
    },
    /// An attempt did not help.
    Failed {
        /// Counted from 1.
        attempt: u32,
        /// What went wrong.
        error: String,
    },
    /// Every attempt failed.
    GaveUp {
        /// How many there were.
        attempts: u32,
    },
    /// What would have been begun, were it not a dry run.
    DryRun,
    /// There is no longer a reason for it.
    Cancelled {
        /// Why.
        reason: String,
    },
}

/// What a recovery goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryRules {
    /// How many attempts there are.
    pub attempts: u32,
    /// How long the gateway has after the first attempt; doubled for each further one.
    pub backoff: Duration,
    /// How long after a recovery no other one begins.
    pub cooldown: Duration,
    /// Whether nothing is really done.
    pub dry_run: bool,
    /// Whether somebody has to approve it.
    pub require_approval: bool,
}

impl From<&RecoverySpec> for RecoveryRules {
    fn from(spec: &RecoverySpec) -> Self {
        RecoveryRules {
            attempts: spec.attempts.max(1),
            backoff: ms(spec.backoff_ms),
            cooldown: ms(spec.cooldown_ms),
            dry_run: spec.dry_run,
            require_approval: spec.require_approval,
        }
    }
}

/// The recovery of one gateway. It has no clock: whoever calls says what time it is, and calls
/// [`Recovery::wake`] at [`Recovery::due`].
#[derive(Debug)]
pub struct Recovery {
    rules: RecoveryRules,
    phase: Phase,
    /// What the gateway's results say.
    status: GatewayStatus,
    /// None begins before.
    not_before: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is wrong, or the cool-down holds.
    Idle,
    /// Somebody has to approve it.
    Awaiting,
    /// An attempt runs.
    Running { attempt: u32 },
    /// An attempt ended; the gateway has until then to become healthy.
    Waiting { attempt: u32, until: Instant, told: bool },
    /// It ended without success and waits for the gateway to become healthy by itself.
    Spent,
}

impl Recovery {
    /// Begins with nothing to do.
    pub fn new(rules: RecoveryRules) -> Self {
        Recovery { rules, phase: Phase::Idle, status: GatewayStatus::Unknown, not_before: None }
    }

    /// Tells whether it runs, which is when the gateway is RECOVERING.
    pub const fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Running { .. } | Phase::Waiting { .. })
    }

    /// Tells whether somebody has to approve it.
    pub const fn is_awaiting(&self) -> bool {
        matches!(self.phase, Phase::Awaiting)
    }

    /// Returns when [`Recovery::wake`] is to be called; nothing is due while nothing is waited for.
    pub fn due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting { until, .. } => Some(until),
            Phase::Idle if self.status.is_down() => self.not_before,
            _ => None,
        }
    }

    /// Takes what is known of the gateway: [`super::Judge::judged`], or PAUSED while it is paused.
    pub fn observe(&mut self, now: Instant, status: GatewayStatus) -> Vec<RecoveryStep> {
        self.status = status;
        let mut steps = Vec::new();
        match self.phase {
            _ if status == GatewayStatus::Paused => self.cancel("the gateway is paused", &mut steps),
            Phase::Idle => self.begin(now, &mut steps),
            Phase::Awaiting if status.is_up() => self.cancel("the gateway is up again", &mut steps),
            Phase::Waiting { attempt, .. } if status.is_up() => {
                self.end(now, Phase::Idle, RecoveryStep::Succeeded { attempts: attempt }, &mut steps);
            }
            Phase::Spent if status.is_up() => self.phase = Phase::Idle,
            Phase::Awaiting | Phase::Running { .. } | Phase::Waiting { .. } | Phase::Spent => {}
        }
        steps
    }

    /// Does what has become due.
    pub fn wake(&mut self, now: Instant) -> Vec<RecoveryStep> {
        let mut steps = Vec::new();
        match self.phase {
            Phase::Idle => self.begin(now, &mut steps),
            Phase::Waiting { attempt, until, told } if now >= until => {
                if !told {
                    let error = "the gateway did not become healthy".to_owned();
                    steps.push(RecoveryStep::Failed { attempt, error });
                }
                if attempt < self.rules.attempts {
                    self.start(attempt + 1, &mut steps);
                } else {
                    self.end(now, Phase::Spent, RecoveryStep::GaveUp { attempts: attempt }, &mut steps);
                }
            }
            _ => {}
        }
        steps
    }

    /// Takes the end of the attempt that runs.
    pub fn attempt_ended(&mut self, now: Instant, outcome: Result<(), String>) -> Vec<RecoveryStep> {
        let mut steps = Vec::new();
        let Phase::Running { attempt } = self.phase else { return steps };
        if self.status.is_up() {
            self.end(now, Phase::Idle, RecoveryStep::Succeeded { attempts: attempt }, &mut steps);
            return steps;
        }
        let told = outcome.is_err();
        if let Err(error) = outcome {
            steps.push(RecoveryStep::Failed { attempt, error: bounded(&error) });
        }
        self.phase = Phase::Waiting { attempt, until: now + self.backoff(attempt), told };
        steps
    }

    /// Lets what awaits approval run, or begins anew where the hub gave up.
    ///
    /// Returns `None` when there is nothing to approve.
    pub fn approve(&mut self, now: Instant) -> Option<Vec<RecoveryStep>> {
        let again = self.phase == Phase::Spent && self.status.is_down();
        if !self.is_awaiting() && !again {
            return None;
        }
        let mut steps = vec![RecoveryStep::Approved];
        self.run(now, &mut steps);
        Some(steps)
    }

    /// Refuses what awaits approval; `None` when nothing does.
    pub fn reject(&mut self, now: Instant) -> Option<Vec<RecoveryStep>> {
        let mut steps = Vec::new();
        if !self.is_awaiting() {
            return None;
        }
        self.end(now, Phase::Spent, RecoveryStep::Rejected, &mut steps);
        Some(steps)
    }

    /// Ends whatever is under way, as when the gateway is removed.
    pub fn withdraw(&mut self, reason: &str) -> Vec<RecoveryStep> {
        let mut steps = Vec::new();
        self.cancel(reason, &mut steps);
        steps
    }

    fn begin(&mut self, now: Instant, steps: &mut Vec<RecoveryStep>) {
        if !self.status.is_down() || self.not_before.is_some_and(|at| now < at) {
            return;
        }
        self.not_before = None;
        steps.push(RecoveryStep::Requested);
        if self.rules.require_approval {
            self.phase = Phase::Awaiting;
            steps.push(RecoveryStep::AwaitingApproval);
        } else {
            self.run(now, steps);
        }
    }

    fn run(&mut self, now: Instant, steps: &mut Vec<RecoveryStep>) {
        if self.rules.dry_run {
            self.end(now, Phase::Spent, RecoveryStep::DryRun, steps);
        } else {
            self.start(1, steps);
        }
    }

    fn start(&mut self, attempt: u32, steps: &mut Vec<RecoveryStep>) {
        self.phase = Phase::Running { attempt };
        steps.push(RecoveryStep::Started { attempt });
    }

    fn end(&mut self, now: Instant, phase: Phase, step: RecoveryStep, steps: &mut Vec<RecoveryStep>) {
        self.phase = phase;
        self.not_before = Some(now + self.rules.cooldown);
        steps.push(step);
    }

    fn cancel(&mut self, reason: &str, steps: &mut Vec<RecoveryStep>) {
        if self.is_active() || self.is_awaiting() {
            steps.push(RecoveryStep::Cancelled { reason: reason.to_owned() });
            self.phase = Phase::Idle;
        }
    }

    fn backoff(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.rules.backoff.saturating_mul(1 << doublings).min(BACKOFF_MAX)
    }
}
