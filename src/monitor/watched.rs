//! One gateway while it is watched.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use actix::SpawnHandle;

use crate::domain::{Gateway, GatewayChange, GatewayStatus, Timestamp};
use crate::gateway::{
    Action, Definition, Judge, Origin, ProbeResult, Prober, PushMonitor, Recovery, RecoveryRules, Rollup,
    Schedule, StoredBucket, Toolkit, schedule,
};

/// Changes of one gateway that wait for the hub; older changes of its status make room.
const WAITING_MAX: usize = 32;

/// A gateway and all that is known of it.
pub(super) struct Watched {
    pub(super) definition: Definition,
    pub(super) origin: Origin,
    /// Tells the results of this definition from those of one before.
    pub(super) generation: u64,
    pub(super) judge: Judge,
    pub(super) asking: Asking,
    pub(super) recovery: Option<(Recovery, Result<Action, String>)>,
    pub(super) rollup: Rollup,
    pub(super) last: Option<(Timestamp, ProbeResult)>,
    /// The newest latency that no frame has told yet.
    pub(super) untold: Option<Option<Duration>>,
    /// What the hub has to be told, in order.
    pub(super) waiting: VecDeque<GatewayChange>,
    /// Whether the hub is being told.
    pub(super) telling: bool,
    /// The timer of the next probe, or the missing report.
    pub(super) timer: Option<SpawnHandle>,
    /// The probe that runs.
    pub(super) running: Option<SpawnHandle>,
    /// The attempt of a recovery that runs.
    pub(super) attempt: Option<SpawnHandle>,
    /// The timer of the recovery.
    pub(super) recovery_timer: Option<SpawnHandle>,
}

/// How results come.
pub(super) enum Asking {
    /// The hub asks.
    Probe(Prober, Schedule),
    /// The service reports.
    Push(PushMonitor),
    /// It cannot be asked as it is defined.
    Broken(String, Schedule),
}

/// What a gateway is watched with.
pub(super) struct Begin<'a> {
    pub(super) definition: Definition,
    pub(super) origin: Origin,
    pub(super) generation: u64,
    pub(super) shown: Option<&'a Gateway>,
    pub(super) stored: Vec<StoredBucket>,
    pub(super) delay: Duration,
    pub(super) now: (Instant, Timestamp),
}

impl Watched {
    /// Begins to watch a gateway where the document and the history left it.
    pub(super) fn new(begin: Begin<'_>, toolkit: &Toolkit) -> Watched {
        let Begin { definition, origin, generation, shown, stored, delay, now: (now, at) } = begin;
        let status = shown.map_or(GatewayStatus::Unknown, |gateway| gateway.status);
        let schedule =
            Schedule::new(definition.interval(), now + delay, schedule::seed_of(definition.id.as_str()));
        let asking = match Prober::new(&definition, toolkit) {
            Ok(Some(prober)) => Asking::Probe(prober, schedule),
            Ok(None) => Asking::Push(PushMonitor::new(now, definition.interval())),
            Err(why) => Asking::Broken(why, schedule),
        };
        let recovery = definition
            .recovery
            .as_ref()
            .map(|spec| (Recovery::new(RecoveryRules::from(spec)), Action::new(spec, toolkit)));
        Watched {
            judge: Judge::restored(definition.thresholds(), status),
            rollup: Rollup::restore(at, status, definition.interval(), stored),
            definition,
            origin,
            generation,
            asking,
            recovery,
            last: None,
            untold: None,
            waiting: VecDeque::new(),
            telling: false,
            timer: None,
            running: None,
            attempt: None,
            recovery_timer: None,
        }
    }

    /// Notes what the hub has to be told. A status that was not told yet gives way to the newest one
    /// where too much waits: what is between them is of no interest any more.
    pub(super) fn tell(&mut self, change: GatewayChange) {
        if self.waiting.len() >= WAITING_MAX {
            let first = usize::from(self.telling);
            let is_status = |change: &GatewayChange| matches!(change, GatewayChange::Status { .. });
            let oldest = self.waiting.iter().skip(first).position(is_status).map_or(first, |at| at + first);
            self.waiting.remove(oldest);
        }
        self.waiting.push_back(change);
    }

    /// The timers and tasks to end when it is watched no more.
    pub(super) fn handles(&mut self) -> impl Iterator<Item = SpawnHandle> {
        [self.timer.take(), self.running.take(), self.attempt.take(), self.recovery_timer.take()]
            .into_iter()
            .flatten()
    }
}
