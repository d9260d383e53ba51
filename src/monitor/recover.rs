//! Recoveries: their steps told, their attempts run.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix::fut::wrap_future;
use actix::prelude::*;
use futures_util::FutureExt;

use crate::domain::{Gateway, GatewayChange, GatewayId, GatewayStatus, RecoveryStep as Step};
use crate::gateway::{ActionRequest, RecoveryStep};

use super::actor::Monitor;

impl Monitor {
    /// Lets the recovery of a gateway see how the gateway is.
    pub(super) fn recover(&mut self, id: &GatewayId, ctx: &mut Context<Self>) {
        let Some(watched) = self.watched.get_mut(id) else { return };
        let Some((recovery, _)) = &mut watched.recovery else { return };
        let status = if watched.judge.is_paused() { GatewayStatus::Paused } else { watched.judge.judged() };
        let steps = recovery.observe(Instant::now(), status);
        self.take_steps(id, steps, ctx);
    }

    /// Takes what somebody decided about a recovery, which is in the document already.
    pub(super) fn judged(&mut self, id: &GatewayId, shown: &Gateway, ctx: &mut Context<Self>) {
        let Some((recovery, _)) = self.watched.get_mut(id).and_then(|watched| watched.recovery.as_mut())
        else {
            return;
        };
        let now = Instant::now();
        let steps = match shown.recovery().map(|note| note.step) {
            Some(Step::Approved) => recovery.approve(now),
            Some(Step::Rejected) => recovery.reject(now),
            _ => None,
        };
        let steps = steps.unwrap_or_default().into_iter();
        let told = |step: &RecoveryStep| !matches!(step, RecoveryStep::Approved | RecoveryStep::Rejected);
        self.take_steps(id, steps.filter(told).collect(), ctx);
    }

    /// Tells the steps of a recovery, and does what they say.
    fn take_steps(&mut self, id: &GatewayId, steps: Vec<RecoveryStep>, ctx: &mut Context<Self>) {
        if steps.is_empty() {
            return self.set_recovery_timer(id, ctx);
        }
        for step in steps {
            let Some(watched) = self.watched.get_mut(id) else { return };
            let (told, attempt, message) = wording(&step);
            log::info!(gateway_id = id.as_str(); "gateway {id}: recovery {}{}", told.as_str(), message.as_deref().map(|why| format!(" ({why})")).unwrap_or_default());
            watched.tell(GatewayChange::Recovery { id: id.clone(), step: told, attempt, message });
            match step {
                RecoveryStep::Started { attempt } => {
                    let transition = watched.judge.recovery_began(Instant::now());
                    self.shown(id, transition, ctx);
                    self.attempt(id, attempt, ctx);
                }
                RecoveryStep::Cancelled { .. } => {
                    if let Some(handle) = watched.attempt.take() {
                        ctx.cancel_future(handle);
                    }
                    let transition = watched.judge.recovery_ended(Instant::now());
                    self.shown(id, transition, ctx);
                }
                RecoveryStep::Succeeded { .. } | RecoveryStep::GaveUp { .. } => {
                    let transition = watched.judge.recovery_ended(Instant::now());
                    self.shown(id, transition, ctx);
                }
                _ => {}
            }
        }
        self.tell_hub(id, ctx);
        self.set_recovery_timer(id, ctx);
    }

    /// Runs one attempt.
    fn attempt(&mut self, id: &GatewayId, attempt: u32, ctx: &mut Context<Self>) {
        let Some(watched) = self.watched.get_mut(id) else { return };
        let Some((_, action)) = &watched.recovery else { return };
        let (action, generation) = (action.clone(), watched.generation);
        let request = ActionRequest {
            gateway_id: id.clone(),
            gateway_type: watched.definition.gateway_type.clone(),
            status: watched.judge.judged(),
            attempt,
            error: watched.last.as_ref().and_then(|(_, result)| result.message()).map(str::to_owned),
            timestamp: (self.clock)(),
        };
        let run = async move {
            let action = action?;
            let run = AssertUnwindSafe(action.run(&request)).catch_unwind().await;
            run.unwrap_or_else(|_| Err("the attempt panicked".to_owned())).map(drop)
        };
        let id = id.clone();
        let then = wrap_future::<_, Self>(run).map(move |outcome, monitor, ctx| {
            let Some(watched) =
                monitor.watched.get_mut(&id).filter(|watched| watched.generation == generation)
            else {
                return;
            };
            watched.attempt = None;
            let Some((recovery, _)) = &mut watched.recovery else { return };
            let steps = recovery.attempt_ended(Instant::now(), outcome);
            monitor.take_steps(&id, steps, ctx);
        });
        watched.attempt = Some(ctx.spawn(then));
    }

    fn set_recovery_timer(&mut self, id: &GatewayId, ctx: &mut Context<Self>) {
        let Some(watched) = self.watched.get_mut(id) else { return };
        if let Some(handle) = watched.recovery_timer.take() {
            ctx.cancel_future(handle);
        }
        let Some(due) = watched.recovery.as_ref().and_then(|(recovery, _)| recovery.due()) else { return };
        let (id, delay) = (id.clone(), due.saturating_duration_since(Instant::now()));
        watched.recovery_timer = Some(ctx.run_later(delay, move |monitor, ctx| {
            let Some((recovery, _)) =
                monitor.watched.get_mut(&id).and_then(|watched| watched.recovery.as_mut())
            else {
                return;
            };
            let steps = recovery.wake(Instant::now());
            monitor.take_steps(&id, steps, ctx);
        }));
    }
}

/// A step as the log tells it.
fn wording(step: &RecoveryStep) -> (Step, u32, Option<String>) {
    match step {
        RecoveryStep::Requested => (Step::Requested, 0, None),
        RecoveryStep::AwaitingApproval => (Step::AwaitingApproval, 0, None),
        RecoveryStep::Approved => (Step::Approved, 0, None),
        RecoveryStep::Rejected => (Step::Rejected, 0, None),
        RecoveryStep::Started { attempt } => (Step::Started, *attempt, None),
        RecoveryStep::Succeeded { attempts } => (Step::Succeeded, *attempts, None),
        RecoveryStep::Failed { attempt, error } => (Step::Failed, *attempt, Some(error.clone())),
        RecoveryStep::GaveUp { attempts } => (Step::GaveUp, *attempts, None),
        RecoveryStep::DryRun => (Step::DryRun, 0, None),
        RecoveryStep::Cancelled { reason } => (Step::Cancelled, 0, Some(reason.clone())),
    }
}
