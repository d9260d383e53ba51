//! The actor of each worker: wakes, lists, ends.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;

use crate::hub::{AddFanout, HubHandle, Wake};
use crate::logs::{AddLogSink, LogWake, Logs};
use crate::telemetry::clock;

use super::mirror::Mirror;
use super::report::ConnectionReport;

/// Connections from which on a wave of writes takes longer than [`GATHER`].
const CROWD: usize = 200;
/// How long a worker with a crowd waits for more changes, so that they leave in one write.
const GATHER: Duration = Duration::from_millis(1);
/// How often a worker looks for slow clients.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Moves news to the subscribers of its worker.
pub struct Fanout {
    mirror: Rc<Mirror>,
    hub: HubHandle,
    awake: Arc<AtomicBool>,
    logs: Arc<Logs>,
    logs_awake: Arc<AtomicBool>,
}

impl Fanout {
    /// The fan-out of the worker that owns `mirror`.
    pub fn new(mirror: Rc<Mirror>, hub: HubHandle, logs: Arc<Logs>) -> Fanout {
        Fanout { mirror, hub, awake: Arc::default(), logs, logs_awake: Arc::default() }
    }
}

impl Actor for Fanout {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let wake = ctx.address().recipient();
        self.hub.addr().do_send(AddFanout { wake, awake: self.awake.clone() });
        let wake = ctx.address().recipient();
        self.logs.add_sink(AddLogSink { wake, awake: self.logs_awake.clone() });
        // What was shown before the hub knew this worker.
        self.mirror.pull();
        let mirror = self.mirror.clone();
        ctx.spawn(actix::fut::wrap_future(std::future::poll_fn(move |cx| mirror.poll_due(cx))));
        ctx.run_interval(SWEEP_EVERY, |fanout, _| fanout.mirror.sweep());
    }
}

impl Handler<Wake> for Fanout {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        if self.mirror.len() < CROWD {
            self.pull();
        } else {
            ctx.run_later(GATHER, |fanout, _| fanout.pull());
        }
    }
}

impl Handler<LogWake> for Fanout {
    type Result = ();

    fn handle(&mut self, _: LogWake, _: &mut Context<Self>) {
        self.logs_awake.store(false, Ordering::Release);
        self.mirror.pull_logs(&self.logs);
    }
}

impl Fanout {
    fn pull(&mut self) {
        // Cleared first: what is shown from here on wakes again.
        self.awake.store(false, Ordering::Release);
        self.mirror.pull();
    }
}

/// Asks who is connected to this worker.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<ConnectionReport>")]
pub struct ListConnections;

impl Handler<ListConnections> for Fanout {
    type Result = MessageResult<ListConnections>;

    fn handle(&mut self, _: ListConnections, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.mirror.reports())
    }
}

/// Ends every connection of this worker.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum CloseAll {
    /// With a word and a close frame; clients come back within `retry_ms`, each at a time of its own.
    Gracefully {
        /// Why, for people.
        reason: String,
        /// The latest time to come back, in milliseconds.
        retry_ms: u64,
    },
    /// At once.
    Now,
}

impl Handler<CloseAll> for Fanout {
    type Result = ();

    fn handle(&mut self, close: CloseAll, _: &mut Context<Self>) {
        match close {
            CloseAll::Gracefully { reason, retry_ms } => {
                self.mirror.pull();
                let now = clock::now();
                self.mirror.close_all(&reason, || spread(retry_ms), now);
            }
            CloseAll::Now => self.mirror.drop_all(),
        }
    }
}

/// A time between half of `retry_ms` and all of it, so that not all come back at once.
pub fn spread(retry_ms: u64) -> u64 {
    let half = (retry_ms / 2).max(1);
    half + u64::from(uuid::Uuid::new_v4().as_fields().0) % half
}

/// The fan-out actors of all workers.
#[derive(Clone, Default)]
pub struct Fanouts(Arc<Mutex<Vec<Addr<Fanout>>>>);

impl Fanouts {
    /// Adds a worker.
    pub fn add(&self, fanout: Addr<Fanout>) {
        self.0.lock().expect("nothing panics while it holds this lock").push(fanout);
    }

    /// Whether every worker is there.
    pub fn all_alive(&self) -> bool {
        self.all().iter().all(Addr::connected)
    }

    fn all(&self) -> Vec<Addr<Fanout>> {
        self.0.lock().expect("nothing panics while it holds this lock").clone()
    }

    /// Who is connected, oldest first.
    pub async fn connections(&self) -> Vec<ConnectionReport> {
        let mut reports = Vec::new();
        for fanout in self.all() {
            // A worker that is gone has no connections.
            reports.extend(fanout.send(ListConnections).await.unwrap_or_default());
        }
        reports.sort_by(|a, b| {
            let key = |report: &ConnectionReport| {
                (report.identity.connected_at, report.identity.session_id.clone())
            };
            key(a).cmp(&key(b))
        });
        reports
    }

    /// Ends every connection.
    pub async fn close_all(&self, close: CloseAll) {
        for fanout in self.all() {
            // A worker that is gone has no connections.
            let _ = fanout.send(close.clone()).await;
        }
    }
}
