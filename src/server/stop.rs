//! How the hub ends: when it is told to, and when an actor is gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;

use crate::fanout::{CloseAll, Fanouts};
use crate::hub::{Connections, Drain, HubHandle};
use crate::monitor::MonitorHandle;
use crate::notify::NotifierHandle;
use crate::store::Db;

/// The latest time for clients to come back after a shutdown, in milliseconds.
const RETRY_MS: u64 = 4_000;
/// How often the actors are looked after.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How long attempts to tell sinks have to end, at most.
const LAST_POSTS: Duration = Duration::from_millis(500);
/// The exit code where an actor that the hub cannot do without is gone.
const EXIT_BROKEN: i32 = 70;

/// The actors that nothing works without.
pub(super) struct Watched {
    pub(super) hub: HubHandle,
    pub(super) db: Addr<Db>,
    pub(super) fanouts: Fanouts,
    pub(super) monitor: MonitorHandle,
    pub(super) notifier: NotifierHandle,
    pub(super) connections: Arc<Connections>,
}

impl Watched {
    /// Ends the process when one of them is gone: better no hub than one that hangs, and whoever runs
    /// it starts it again.
    pub(super) async fn watch(self) {
        loop {
            tokio::time::sleep(WATCH_EVERY).await;
            if self.connections.is_closed() {
                // The end has begun: they go, as they should.
                return;
            }
            let alive = [
                ("hub", self.hub.addr().connected()),
                ("database", self.db.connected()),
                ("fan-out", self.fanouts.all_alive()),
                ("monitor", self.monitor.addr().connected()),
                ("notifier", self.notifier.addr().connected()),
            ];
            if let Some((name, _)) = alive.into_iter().find(|(_, alive)| !alive) {
                log::error!(
                    "the {name} actor is gone, the process ends; nothing that was acknowledged is lost"
                );
                std::process::exit(EXIT_BROKEN);
            }
        }
    }
}

/// What a shutdown needs.
pub(super) struct Stop {
    pub(super) hub: HubHandle,
    pub(super) monitor: MonitorHandle,
    pub(super) notifier: NotifierHandle,
    pub(super) connections: Arc<Connections>,
    pub(super) fanouts: Fanouts,
    pub(super) limit: Duration,
}

impl Stop {
    /// Waits until it is `told` by a signal, then brings everything to its end: no new connections, what
    /// was proposed is committed, a snapshot is stored, every client is told.
    pub(super) async fn when_told(self, told: impl Future<Output = &'static str>) {
        let signal = told.await;
        log::info!("stopping on {signal}: {} connections", self.connections.total());
        let begun = Instant::now();
        self.connections.close();
        self.monitor.save().await;
        self.notifier.stop(self.limit.mul_f64(0.05).min(LAST_POSTS)).await;
        // A part of the time stays for the goodbyes and for the server's own end.
        let drained = tokio::time::timeout(self.limit.mul_f64(0.5), self.hub.addr().send(Drain)).await;
        if !matches!(drained, Ok(Ok(()))) {
            log::error!("what was under way could not be stored in time, it was not acknowledged");
        }
        let reason = "the hub is going away".to_owned();
        self.fanouts.close_all(CloseAll::Gracefully { reason, retry_ms: RETRY_MS }).await;
        let patience = self.limit.mul_f64(0.7).saturating_sub(begun.elapsed()).min(Duration::from_secs(2));
        let until = Instant::now() + patience;
        while self.connections.total() > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if self.connections.total() > 0 {
            log::info!("{} connections did not say goodbye", self.connections.total());
            self.fanouts.close_all(CloseAll::Now).await;
        }
    }
}

/// Takes SIGTERM and SIGINT from now on; the future ends with the first of them.
#[cfg(unix)]
pub(super) fn signal() -> impl Future<Output = &'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let on = |kind| signal(kind).expect("a signal handler can be set once the runtime runs");
    let (mut term, mut int) = (on(SignalKind::terminate()), on(SignalKind::interrupt()));
    async move {
        tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
pub(super) async fn signal() -> &'static str {
    // Without signals the process is ended by whoever started it.
    let _ = tokio::signal::ctrl_c().await;
    "ctrl-c"
}
