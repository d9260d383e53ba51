//! The actor: who is watched, and what happens when a result comes.

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::prelude::*;
use chrono_tz::Tz;
use futures_util::FutureExt;

use crate::domain::{Gateway, GatewayChange, GatewayId, GatewayStatus, Timestamp};
use crate::gateway::{
    Definition, FailureKind, Origin, PauseReason, ProbeResult, StoredBucket, Toolkit, Transition, schedule,
};
use crate::hub::{HubHandle, Live};
use crate::store::{Db, HistoryRow};
use crate::telemetry::metrics::Metrics;

use super::watched::{Asking, Begin, Watched};

/// How often latencies are told and maintenance windows are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often closed spans of the history go to the store.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// What the monitor works with.
pub struct MonitorParts {
    /// The door to the hub.
    pub hub: HubHandle,
    /// What the hub shows.
    pub live: Arc<Live>,
    /// The writer, for the history.
    pub db: Addr<Db>,
    /// The hub's figures.
    pub metrics: Arc<Metrics>,
    /// Whose nights maintenance windows mean.
    pub timezone: Tz,
    /// The clock.
    pub clock: fn() -> Timestamp,
    /// The gateways of the configuration file.
    pub configured: Vec<Definition>,
    /// Those that were registered at run time.
    pub registered: Vec<Definition>,
    /// What is kept of the past of all of them.
    pub history: Vec<HistoryRow>,
}

/// Watches every gateway.
pub struct Monitor {
    pub(super) hub: HubHandle,
    pub(super) live: Arc<Live>,
    pub(super) db: Addr<Db>,
    pub(super) metrics: Arc<Metrics>,
    timezone: Tz,
    pub(super) clock: fn() -> Timestamp,
    pub(super) toolkit: Toolkit,
    pub(super) watched: BTreeMap<GatewayId, Watched>,
    /// How many changes are being proposed.
    pub(super) telling: usize,
    /// Gateways whose changes wait for others to be proposed.
    pub(super) queue: VecDeque<GatewayId>,
    begin: Vec<(Definition, Origin)>,
    history: Vec<HistoryRow>,
    /// Gateways whose history goes with them.
    pub(super) gone: Vec<String>,
    generation: u64,
}

impl Monitor {
    /// A monitor that begins to watch when it is started.
    pub fn new(parts: MonitorParts) -> Monitor {
        let MonitorParts { hub, live, db, metrics, timezone, clock, configured, registered, history } = parts;
        let configured = configured.into_iter().map(|definition| (definition, Origin::Configured));
        let mut begin: Vec<_> = configured.collect();
        for definition in registered {
            // What stands in the file now goes before what was registered under its name.
            if begin.iter().all(|(known, _)| known.id != definition.id) {
                begin.push((definition, Origin::Registered));
            }
        }
        Monitor {
            hub,
            live,
            db,
            metrics,
            timezone,
            clock,
            toolkit: Toolkit::new(),
            watched: BTreeMap::new(),
            telling: 0,
            queue: VecDeque::new(),
            begin,
            history,
            gone: Vec::new(),
            generation: 0,
        }
    }

    /// Begins to watch a gateway, or goes on by another definition.
    pub(super) fn watch(
        &mut self,
        definition: Definition,
        origin: Origin,
        stored: Vec<StoredBucket>,
        delay: Duration,
        ctx: &mut Context<Self>,
    ) {
        let id = definition.id.clone();
        let document = self.live.committed().document.clone();
        let shown = Gateway::of(document.gateways(), id.as_str());
        self.generation += 1;
        let begin = Begin {
            definition,
            origin,
            generation: self.generation,
            shown: shown.as_ref(),
            stored,
            delay,
            now: (Instant::now(), (self.clock)()),
        };
        let mut watched = Watched::new(begin, &self.toolkit);
        if let Some(mut before) = self.watched.remove(&id) {
            for handle in before.handles() {
                ctx.cancel_future(handle);
            }
            watched.rollup = before.rollup;
        }
        if shown.as_ref().is_none_or(|shown| shown.gateway_type != watched.definition.gateway_type) {
            let status = shown.as_ref().map_or(GatewayStatus::Unknown, |gateway| gateway.status);
            let change = status_change(&watched.definition, status, None, serde_json::Map::new());
            watched.tell(change);
        }
        if shown.as_ref().is_some_and(Gateway::is_held) {
            watched.judge.pause(Instant::now(), PauseReason::Operator);
        }
        self.watched.insert(id.clone(), watched);
        self.look_at_windows(&id, ctx);
        self.tell_hub(&id, ctx);
        self.schedule(&id, true, ctx);
    }

    /// Ends the watch over a gateway.
    pub(super) fn forget(&mut self, id: &GatewayId, ctx: &mut Context<Self>) {
        if let Some(mut watched) = self.watched.remove(id) {
            for handle in watched.handles() {
                ctx.cancel_future(handle);
            }
            self.gone.push(id.as_str().to_owned());
            self.metrics.forget_gateway(id.as_str());
        }
    }

    /// Sets the timer of the next probe.
    fn schedule(&mut self, id: &GatewayId, first: bool, ctx: &mut Context<Self>) {
        let Some(watched) = self.watched.get_mut(id) else { return };
        let now = Instant::now();
        let at = match &mut watched.asking {
            Asking::Probe(_, schedule) | Asking::Broken(_, schedule) if first => schedule.first(),
            Asking::Probe(_, schedule) | Asking::Broken(_, schedule) => schedule.next(now),
            Asking::Push(push) => push.due(),
        };
        let (id, generation) = (id.clone(), watched.generation);
        watched.timer = Some(ctx.run_later(at.saturating_duration_since(now), move |monitor, ctx| {
            monitor.ask(&id, generation, ctx);
        }));
    }

    /// Asks a gateway whose turn has come.
    fn ask(&mut self, id: &GatewayId, generation: u64, ctx: &mut Context<Self>) {
        let Some(watched) = self.watched.get_mut(id).filter(|watched| watched.generation == generation)
        else {
            return;
        };
        match &mut watched.asking {
            Asking::Push(push) => {
                if let Some(missed) = push.missed(Instant::now()) {
                    self.observe(id, missed, ctx);
                }
                self.schedule(id, false, ctx);
            }
            Asking::Broken(why, _) => {
                let failed = ProbeResult::failed(Duration::ZERO, FailureKind::Setup, why.as_str());
                self.observe(id, failed, ctx);
                self.schedule(id, false, ctx);
            }
            Asking::Probe(prober, _) => {
                let prober = prober.clone();
                let asked = async move { AssertUnwindSafe(prober.run()).catch_unwind().await };
                let id = id.clone();
                let then = wrap_future::<_, Self>(asked).map(move |result, monitor, ctx| {
                    let result = result.unwrap_or_else(|_| {
                        monitor.metrics.gateway_panics.inc();
                        log::error!("the probe of gateway {id} panicked; it is asked again next time");
                        ProbeResult::failed(Duration::ZERO, FailureKind::Setup, "the probe panicked")
                    });
                    monitor.observe(&id, result, ctx);
                    monitor.schedule(&id, false, ctx);
                });
                watched.running = Some(ctx.spawn(then));
            }
        }
    }

    /// Takes a result: counts it, has it judged, and tells what it changes.
    pub(super) fn observe(&mut self, id: &GatewayId, result: ProbeResult, ctx: &mut Context<Self>) {
        let Some(watched) = self.watched.get_mut(id) else { return };
        let (now, at) = (Instant::now(), (self.clock)());
        self.metrics.gateway_checked(id.as_str(), result.is_ok(), result.latency);
        watched.rollup.check(at, result.is_ok(), result.latency);
        watched.untold = Some(result.is_ok().then_some(result.latency));
        let transition = watched.judge.observe(now, &result);
        watched.last = Some((at, result));
        self.shown(id, transition, ctx);
        self.recover(id, ctx);
    }

    /// Tells what is shown from now on.
    pub(super) fn shown(&mut self, id: &GatewayId, transition: Option<Transition>, ctx: &mut Context<Self>) {
        let (Some(watched), Some(transition)) = (self.watched.get_mut(id), transition) else { return };
        watched.rollup.status((self.clock)(), transition.current);
        let Transition { previous, current, message, metadata } = transition;
        self.metrics.gateway_is_up(id.as_str(), current.is_up());
        log::info!(gateway_id = id.as_str(); "gateway {id}: {previous} to {current}{}", because(message.as_deref()));
        let metadata = match serde_json::to_value(&metadata) {
            Ok(serde_json::Value::Object(mut fields)) => {
                fields.retain(|_, value| !value.is_null());
                fields
            }
            _ => serde_json::Map::new(),
        };
        let change = status_change(&watched.definition, current, message, metadata);
        watched.tell(change);
        self.tell_hub(id, ctx);
    }

    /// Pauses for an open maintenance window, and goes on after it.
    fn look_at_windows(&mut self, id: &GatewayId, ctx: &mut Context<Self>) {
        let Some(watched) = self.watched.get_mut(id) else { return };
        let (now, at) = (Instant::now(), (self.clock)());
        let open = watched.definition.maintenance.iter().any(|window| window.contains(at, self.timezone));
        let transition = if open {
            watched.judge.pause(now, PauseReason::Maintenance)
        } else {
            watched.judge.resume(now, PauseReason::Maintenance)
        };
        if transition.is_some() {
            self.shown(id, transition, ctx);
            self.recover(id, ctx);
        }
    }

    /// Follows what people decided: pauses, approvals.
    fn follow(&mut self, ctx: &mut Context<Self>) {
        let document = self.live.committed().document.clone();
        let ids: Vec<GatewayId> = self.watched.keys().cloned().collect();
        for id in ids {
            let Some(gateway) = Gateway::of(document.gateways(), id.as_str()) else { continue };
            let Some(watched) = self.watched.get_mut(&id) else { continue };
            let now = Instant::now();
            let transition = if gateway.is_held() {
                watched.judge.pause(now, PauseReason::Operator);
                None
            } else {
                watched.judge.resume(now, PauseReason::Operator)
            };
            self.shown(&id, transition, ctx);
            self.judged(&id, &gateway, ctx);
            self.recover(&id, ctx);
        }
    }
}

/// The change that shows a gateway with `status`.
fn status_change(
    definition: &Definition,
    status: GatewayStatus,
    message: Option<String>,
    mut metadata: serde_json::Map<String, serde_json::Value>,
) -> GatewayChange {
    for (key, value) in &definition.metadata {
        metadata.entry(key.clone()).or_insert_with(|| value.clone());
    }
    GatewayChange::Status {
        id: definition.id.clone(),
        gateway_type: definition.gateway_type.clone(),
        status,
        message,
        metadata,
    }
}

fn because(message: Option<&str>) -> String {
    message.map(|message| format!(" ({message})")).unwrap_or_default()
}

impl Actor for Monitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let begin = std::mem::take(&mut self.begin);
        let mut history = super::history::by_gateway(std::mem::take(&mut self.history));
        self.remove_unknown(&begin, ctx);
        let count = begin.len();
        for (place, (definition, origin)) in begin.into_iter().enumerate() {
            let delay = schedule::first_delay(place, count, definition.interval());
            let stored = history.remove(definition.id.as_str()).unwrap_or_default();
            self.watch(definition, origin, stored, delay, ctx);
        }
        self.gone.extend(history.into_keys());
        ctx.run_interval(TICK, |monitor, ctx| {
            let ids: Vec<GatewayId> = monitor.watched.keys().cloned().collect();
            ids.iter().for_each(|id| monitor.look_at_windows(id, ctx));
            monitor.tell_latencies();
        });
        ctx.run_interval(SAVE_EVERY, |monitor, _| monitor.save_history(false));
        // One message under way at a time: what changes meanwhile is seen with the next one.
        let (mut news, monitor) = (self.live.watch_gateways(), ctx.address());
        ctx.spawn(
            async move { while news.changed().await.is_ok() && monitor.send(Follow).await.is_ok() {} }
                .into_actor(self),
        );
    }
}

/// Gateways of the document have changed.
#[derive(Message)]
#[rtype(result = "()")]
struct Follow;

impl Handler<Follow> for Monitor {
    type Result = ();

    fn handle(&mut self, _: Follow, ctx: &mut Context<Self>) {
        self.follow(ctx);
    }
}
