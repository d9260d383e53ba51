//! The actor: reads the log for each sink, posts, keeps the cursors.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::prelude::*;
use futures_util::FutureExt;

use crate::domain::{Seq, Timestamp};
use crate::gateway::{Toolkit, schedule};
use crate::hub::Live;
use crate::store::{Db, EventFilter, Readers, SaveSinks, SinkCursor};
use crate::telemetry::metrics::Metrics;

use super::definition::SinkDefinition;
use super::message::{Event, Message};
use super::report::SinkReport;
use super::sink::{Sink, Step, Unsaved, span};
use super::target::{Refusal, Target};

/// Events that are read for one sink at a time.
const PAGE_EVENTS: usize = 32;
/// How long the log is left alone after it was looked at, so that a burst of changes costs few looks.
const GATHER: Duration = Duration::from_millis(20);
/// How often cursors go to the store where events were settled.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// After so many of these, also where events were only passed over.
const SAVE_ALL_AFTER: u32 = 60;

/// What the notifier works with.
pub struct NotifierParts {
    /// What the hub shows.
    pub live: Arc<Live>,
    /// The log.
    pub readers: Readers,
    /// The writer, for the cursors.
    pub db: Addr<Db>,
    /// The hub's figures.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: fn() -> Timestamp,
    /// The sinks of the configuration file.
    pub definitions: Vec<SinkDefinition>,
    /// How far they were.
    pub cursors: Vec<SinkCursor>,
    /// Where new sinks begin: the end of the log at the start.
    pub newest: Seq,
    /// Whether messages to Slack have buttons: where nobody listens to them they are of no use.
    pub buttons: bool,
}

/// Serves every sink.
pub struct Notifier {
    live: Arc<Live>,
    readers: Readers,
    db: Addr<Db>,
    metrics: Arc<Metrics>,
    clock: fn() -> Timestamp,
    toolkit: Toolkit,
    sinks: Vec<Served>,
    buttons: bool,
    /// Sinks that nobody defines any more: their cursors go.
    gone: Vec<String>,
    saving: bool,
    saves: u32,
    stopping: bool,
}

/// A sink and what it is served with.
struct Served {
    sink: Sink,
    /// Read anew after each failure, so that a secret may change while the hub runs.
    target: Option<Rc<Target>>,
    host: Option<String>,
    timer: Option<(Instant, SpawnHandle)>,
}

impl Served {
    fn target(&mut self, toolkit: &Toolkit) -> Result<Rc<Target>, String> {
        if let Some(target) = &self.target {
            return Ok(target.clone());
        }
        let target = Rc::new(Target::new(&self.sink.definition, toolkit)?);
        self.host = Some(target.host().to_owned());
        Ok(self.target.insert(target).clone())
    }
}

impl Notifier {
    /// A notifier that begins to serve when it is started.
    pub fn new(parts: NotifierParts) -> Notifier {
        let NotifierParts { live, readers, db, metrics, clock, definitions, cursors, newest, buttons } =
            parts;
        let mut cursors: BTreeMap<_, _> =
            cursors.into_iter().map(|cursor| (cursor.id.clone(), cursor)).collect();
        let run = uuid::Uuid::new_v4().as_u64_pair().0;
        let serve = |definition: SinkDefinition| {
            let seed = schedule::seed_of(&definition.id) ^ run;
            let stored = cursors.remove(&definition.id);
            let sink = Sink::new(definition, stored, newest, seed);
            Served { sink, target: None, host: None, timer: None }
        };
        let sinks = definitions.into_iter().map(serve).collect();
        Notifier {
            live,
            readers,
            db,
            metrics,
            clock,
            toolkit: Toolkit::new(),
            sinks,
            buttons,
            gone: cursors.into_keys().collect(),
            saving: false,
            saves: 0,
            stopping: false,
        }
    }

    /// Does for a sink what is to be done next.
    fn advance(&mut self, place: usize, ctx: &mut Context<Self>) {
        let Some(served) = self.sinks.get_mut(place).filter(|_| !self.stopping) else { return };
        let (now, at, newest) = (Instant::now(), (self.clock)(), self.live.committed().seq);
        let given_up = served.sink.give_up_old(at);
        self.metrics.sink_gave_up(&served.sink.definition.id, given_up);
        match served.sink.step(now, at, newest) {
            Step::Rest => {}
            Step::Wait(until) => self.wait(place, until, ctx),
            Step::Read(since) => self.read(place, since, ctx),
            Step::Post(event) => self.post(place, event, ctx),
        }
        self.show(place, newest);
    }

    fn wait(&mut self, place: usize, until: Instant, ctx: &mut Context<Self>) {
        let Some(served) = self.sinks.get_mut(place) else { return };
        match served.timer {
            Some((set, _)) if set == until => return,
            Some((_, handle)) => _ = ctx.cancel_future(handle),
            None => {}
        }
        let delay = until.saturating_duration_since(Instant::now());
        let handle = ctx.run_later(delay, move |notifier, ctx| {
            if let Some(served) = notifier.sinks.get_mut(place) {
                served.timer = None;
            }
            notifier.advance(place, ctx);
        });
        served.timer = Some((until, handle));
    }

    fn read(&mut self, place: usize, since: Seq, ctx: &mut Context<Self>) {
        let Some(served) = self.sinks.get(place) else { return };
        let kinds = served.sink.definition.events.clone();
        let filter = EventFilter {
            since: Some(since),
            until: Some(span(since)),
            kinds,
            limit: PAGE_EVENTS,
            ..EventFilter::default()
        };
        let readers = self.readers.clone();
        let page = async move { readers.page(filter).await };
        ctx.spawn(page.into_actor(self).map(move |page, notifier, ctx| {
            let Some(served) = notifier.sinks.get_mut(place) else { return };
            let lost = served.sink.read(page, Instant::now());
            notifier.metrics.sink_gave_up(&served.sink.definition.id, lost);
            notifier.advance(place, ctx);
        }));
    }

    fn post(&mut self, place: usize, event: Rc<Event>, ctx: &mut Context<Self>) {
        let Some(served) = self.sinks.get_mut(place) else { return };
        let (format, timeout) = (served.sink.definition.format, served.sink.definition.timeout());
        let target = served.target(&self.toolkit).map_err(Refusal::new);
        let (live, buttons, now) = (self.live.clone(), self.buttons, (self.clock)());
        let call = async move {
            let target = target?;
            let message = Message::new(format, &event, live.epoch(), target.secret(), buttons, now);
            target.post(&message, timeout, now).await
        };
        let call = AssertUnwindSafe(call).catch_unwind();
        let begun = Instant::now();
        let done = wrap_future::<_, Self>(call).map(move |outcome, notifier, ctx| {
            let outcome = outcome.unwrap_or_else(|_| Err(Refusal::new("the attempt panicked")));
            let Some(served) = notifier.sinks.get_mut(place) else { return };
            if outcome.is_err() {
                served.target = None;
            }
            let (now, at) = (Instant::now(), (notifier.clock)());
            notifier.metrics.sink_posted(&served.sink.definition.id, outcome.is_ok(), now - begun);
            served.sink.posted(outcome, now, at);
            notifier.advance(place, ctx);
        });
        ctx.spawn(done);
    }

    fn show(&self, place: usize, newest: Seq) {
        if let Some(Served { sink, .. }) = self.sinks.get(place) {
            self.metrics.sink_is_behind(&sink.definition.id, sink.behind(newest));
        }
    }

    /// Stores cursors where at least so much is unsaved, one message under way at a time.
    fn save(&mut self, least: Unsaved, ctx: &mut Context<Self>) {
        if self.saving {
            return;
        }
        let Some(message) = self.unsaved(least) else { return };
        self.saving = true;
        let saved = self.db.send(message).into_actor(self).map(|saved, notifier, _| {
            notifier.saving = false;
            match saved {
                Ok(Ok(())) => notifier.gone.clear(),
                Ok(Err(error)) => {
                    log::warn!("the cursors of sinks could not be stored yet: {error}");
                    notifier.sinks.iter_mut().for_each(|served| served.sink.not_saved());
                }
                Err(gone) => log::error!("the database actor is gone: {gone}"),
            }
        });
        ctx.spawn(saved);
    }

    fn unsaved(&mut self, least: Unsaved) -> Option<SaveSinks> {
        let rows: Vec<_> =
            self.sinks.iter_mut().filter_map(|served| served.sink.take_unsaved(least)).collect();
        let message = SaveSinks { rows, gone: self.gone.clone(), at: (self.clock)() };
        (!message.rows.is_empty() || !message.gone.is_empty()).then_some(message)
    }
}

impl Actor for Notifier {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let at = (self.clock)();
        for served in &mut self.sinks {
            self.metrics.announce_sink(&served.sink.definition.id);
            if let Err(why) = served.target(&self.toolkit) {
                let id = &served.sink.definition.id;
                log::error!(sink = id; "sink {id} cannot be served as it is: {why}");
                served.sink.cannot_serve(why, at);
            }
        }
        self.save(Unsaved::PassedOver, ctx);
        if self.sinks.is_empty() {
            return;
        }
        ctx.run_interval(SAVE_EVERY, |notifier, ctx| {
            notifier.saves = (notifier.saves + 1) % SAVE_ALL_AFTER;
            let least = if notifier.saves == 0 { Unsaved::PassedOver } else { Unsaved::Settled };
            notifier.save(least, ctx);
        });
        (0..self.sinks.len()).for_each(|place| self.advance(place, ctx));
        // One message under way at a time: what is committed meanwhile is seen with the next one.
        let (mut news, notifier) = (self.live.watch_committed(), ctx.address());
        let follow = async move {
            while news.changed().await.is_ok() && notifier.send(Wake).await.is_ok() {
                tokio::time::sleep(GATHER).await;
            }
        };
        ctx.spawn(follow.into_actor(self));
    }
}

/// Changes were committed.
#[derive(Message)]
#[rtype(result = "()")]
struct Wake;

impl Handler<Wake> for Notifier {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        (0..self.sinks.len()).for_each(|place| self.advance(place, ctx));
    }
}

/// Asks how the sinks do.
#[derive(Message)]
#[rtype(result = "Vec<SinkReport>")]
pub(super) struct List;

impl Handler<List> for Notifier {
    type Result = MessageResult<List>;

    fn handle(&mut self, _: List, _: &mut Context<Self>) -> Self::Result {
        let (now, at, newest) = (Instant::now(), (self.clock)(), self.live.committed().seq);
        let reports =
            self.sinks.iter().map(|Served { sink, host, .. }| sink.report(host.clone(), now, at, newest));
        MessageResult(reports.collect())
    }
}

/// Begins no further attempt; answered with how many are under way.
#[derive(Message)]
#[rtype(result = "usize")]
pub(super) struct Cease;

impl Handler<Cease> for Notifier {
    type Result = usize;

    fn handle(&mut self, _: Cease, _: &mut Context<Self>) -> usize {
        self.stopping = true;
        self.sinks.iter().filter(|served| served.sink.is_posting()).count()
    }
}

/// Stores every cursor as it is, at the end.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SaveAll;

impl Handler<SaveAll> for Notifier {
    type Result = ();

    fn handle(&mut self, _: SaveAll, _: &mut Context<Self>) {
        if let Some(message) = self.unsaved(Unsaved::PassedOver) {
            // The writer takes its messages in order, and whoever stops the hub waits for a later one.
            self.db.do_send(message);
        }
    }
}
