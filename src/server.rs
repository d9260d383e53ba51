//! Putting the parts together: store, hub, workers; and taking them apart again.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_web::dev::Extensions;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use socket2::SockRef;

use crate::config::Config;
use crate::domain::{Limits, Timestamp};
use crate::fanout::{CloseAll, Fanout, Fanouts, Mirror};
use crate::http::{AppState, DatabaseProbe, Worker, check_origin, cors, observe, routes};
use crate::hub::{Committed, Connections, Drain, Hub, HubHandle, HubParts, HubSettings, Live};
use crate::session::SessionSettings;
use crate::session::origin::Origins;
use crate::store::{self, Db, Readers, StoreError, StoreOptions};
use crate::telemetry::metrics::Metrics;

/// What the kernel may hold for one connection that takes nothing, in bytes.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Files that the hub needs beside its connections.
const FILES_RESERVED: u64 = 128;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 2_048;
/// Sockets for plain requests, beside the connections that stay open.
const REQUEST_SOCKETS: usize = 1_024;
/// The latest time for clients to come back after a shutdown, in milliseconds.
const RETRY_MS: u64 = 4_000;
/// How often the actors are looked after.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// The exit code where an actor that the hub cannot do without is gone.
const EXIT_BROKEN: i32 = 70;

/// Why the hub did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data directory cannot be made.
    #[error("{} cannot be made: {cause}", path.display())]
    DataDir {
        /// The folder.
        path: std::path::PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {cause}; is another program there? choose another --port")]
    Bind {
        /// Host and port.
        address: String,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// The server failed while it ran.
    #[error("the server failed: {0}")]
    Serve(std::io::Error),
}

impl StartError {
    /// The exit code of the process; each cause its own.
    pub fn exit_code(&self) -> u8 {
        match self {
            StartError::Store(error) => error.exit_code(),
            StartError::DataDir { .. } => 18,
            StartError::Bind { .. } => 19,
            StartError::Serve(_) => 20,
        }
    }
}

/// Runs the hub until it is told to stop by SIGTERM or SIGINT.
///
/// # Errors
/// Why it did not start; nothing was changed then.
pub fn run(config: Config) -> Result<(), StartError> {
    System::new().block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), StartError> {
    let started = Instant::now();
    let (connections_max, sockets_max) = raise_file_limit(config.limits.connections);
    // Before the store is touched: a port that is taken leaves no trace.
    let (listener, address) = bind(&config)?;
    let options = store_options(&config)?;
    let opened = store::open(&options)?;
    let _lock = opened.lock;
    let recovered = opened.recovered;
    log::info!(
        elapsed_ms = started.elapsed().as_micros() as f64 / 1e3;
        "read the log through {} (epoch {}), {} events after the newest snapshot",
        recovered.seq, recovered.epoch, recovered.since_snapshot
    );

    let metrics = Arc::new(Metrics::new());
    let committed = Committed::new(
        recovered.seq,
        recovered.state_seq,
        recovered.at.unwrap_or_else(clock),
        recovered.state.document.clone(),
    );
    let ring_bytes = config.session.ring_bytes;
    let live = Arc::new(Live::new(recovered.epoch.clone(), committed, ring_bytes));
    let connections = Connections::new(connections_max);
    let db = Db::start(opened.conn, options.clone(), recovered.chain);
    let readers = Readers::start(options.path.clone())?;
    let parts = HubParts {
        settings: hub_settings(&config),
        recovered,
        db: db.clone(),
        readers: readers.clone(),
        live: live.clone(),
        connections: connections.clone(),
        metrics: metrics.clone(),
        clock,
    };
    let arbiter = Arbiter::new();
    let hub = Hub::start_in_arbiter(&arbiter.handle(), move |_| Hub::new(parts));
    let hub = HubHandle::new(hub, config.limits.pending_changes);

    let fanouts = Fanouts::default();
    let state = Data::new(AppState {
        hub: hub.clone(),
        live: live.clone(),
        readers,
        probe: DatabaseProbe::new(db.clone()),
        connections: connections.clone(),
        fanouts: fanouts.clone(),
        metrics: metrics.clone(),
        origins: Origins::new(address, &config.server.cors_origins),
        session: session_settings(&config),
        outbox_bytes: config.session.outbox_bytes,
        message_bytes: config.limits.message_bytes,
        body_bytes: config.limits.body_bytes,
        started,
    });

    let factory = {
        let (hub, fanouts, cors_origins) = (hub.clone(), fanouts.clone(), config.server.cors_origins.clone());
        move || {
            let mirror = Mirror::new(live.clone(), metrics.clone(), ring_bytes);
            fanouts.add(Fanout::new(mirror.clone(), hub.clone(), metrics.clone()).start());
            App::new()
                .app_data(state.clone())
                .app_data(Worker { mirror })
                .configure(routes)
                .wrap(from_fn(check_origin))
                .wrap(cors(&cors_origins))
                .wrap(from_fn(observe))
        }
    };
    let stall = Duration::from_millis(config.session.stall_ms);
    let watched =
        Watched { hub: hub.clone(), db, fanouts: fanouts.clone(), connections: connections.clone() };
    let stop = Stop { hub, connections, fanouts, limit: Duration::from_millis(config.server.shutdown_ms) };
    let server = HttpServer::new(factory)
        .workers(config.worker_count())
        .backlog(BACKLOG)
        // What is over waits in the backlog; the hub's own limit is told properly.
        .max_connections(sockets_max.div_ceil(config.worker_count()))
        .tcp_nodelay(true)
        // Not a small value: after the close of a WebSocket the stack would linger for far longer.
        .client_disconnect_timeout(Duration::ZERO)
        .on_connect(move |socket, _: &mut Extensions| tune(socket, stall))
        .shutdown_signal(async move { stop.when_told().await })
        .shutdown_timeout(1)
        .listen(listener)
        .map_err(|cause| StartError::Bind { address: address.to_string(), cause })?
        .run();
    announce(address);
    actix_rt::spawn(watched.watch());
    server.await.map_err(StartError::Serve)?;
    arbiter.stop();
    log::info!("stopped");
    Ok(())
}

/// Tells on standard output where the hub listens; scripts wait for the last line.
#[expect(clippy::print_stdout, reason = "people and scripts wait for a start by these lines")]
fn announce(address: SocketAddr) {
    println!("opshub {}", env!("CARGO_PKG_VERSION"));
    println!("  dashboard  http://{address}/dashboard");
    println!("  API        http://{address}/docs");
    println!("  live       ws://{address}/ws");
    println!("listening on http://{address}");
}

fn clock() -> Timestamp {
    Timestamp::from_millis(chrono::Utc::now().timestamp_millis())
}

fn bind(config: &Config) -> Result<(std::net::TcpListener, SocketAddr), StartError> {
    let host = config.server.host.trim_matches(['[', ']']);
    let failed =
        |cause| StartError::Bind { address: format!("{}:{}", config.server.host, config.server.port), cause };
    let listener = std::net::TcpListener::bind((host, config.server.port)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn store_options(config: &Config) -> Result<StoreOptions, StartError> {
    let path = config.database_path();
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).map_err(|cause| StartError::DataDir { path: dir.to_owned(), cause })?;
    }
    Ok(StoreOptions {
        path,
        busy_timeout_ms: config.store.busy_timeout_ms,
        max_bytes: config.store.max_bytes,
    })
}

fn limits(config: &Config) -> Limits {
    Limits {
        document_bytes: config.limits.document_bytes,
        list_items: config.limits.list_items,
        change_bytes: config.limits.change_bytes,
    }
}

fn hub_settings(config: &Config) -> HubSettings {
    HubSettings {
        limits: limits(config),
        timezone: config.tz(),
        snapshot_every: config.store.snapshot_every,
        keep_events: config.store.keep_events,
        keep_days: config.store.keep_days,
        heartbeat_ms: config.session.heartbeat_ms,
        collection_timeout_ms: config.collection.timeout.saturating_mul(1_000),
    }
}

fn session_settings(config: &Config) -> SessionSettings {
    let at_least_one = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    SessionSettings {
        heartbeat: Duration::from_millis(config.session.heartbeat_ms),
        silence: Duration::from_millis(config.session.silence_ms),
        stall: Duration::from_millis(config.session.stall_ms),
        close_wait: Duration::from_millis(config.session.close_wait_ms),
        messages_per_second: at_least_one(config.limits.messages_per_second),
        messages_burst: at_least_one(config.limits.messages_burst),
        excess: Duration::from_millis(config.limits.excess_ms),
        bad_frames_per_minute: config.limits.bad_frames_per_minute,
        resume_bytes: config.session.resume_bytes as u64,
    }
}

/// Raises the soft limit of open files to what `connections` need, as far as the hard limit allows.
///
/// Tells how many connections may stay open, and how many sockets there may be with those of plain
/// requests: the files of the store are out of their reach.
fn raise_file_limit(connections: usize) -> (usize, usize) {
    let wanted = (connections + REQUEST_SOCKETS) as u64 + FILES_RESERVED;
    let limit = match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) => limit.min(wanted),
        Err(error) => {
            log::warn!("the limit of open files is not known, connections stay at {connections}: {error}");
            wanted
        }
    };
    let sockets = usize::try_from(limit.saturating_sub(FILES_RESERVED)).unwrap_or(usize::MAX).max(2);
    let room = connections.min(sockets.saturating_sub(REQUEST_SOCKETS.min(sockets / 2)));
    if room < connections {
        log::info!(
            "at most {room} connections are let in instead of {connections}, since only {limit} files may be \
             open; `ulimit -n` raises that"
        );
    }
    (room, sockets)
}

/// Bounds what the kernel keeps for a connection, and ends one whose client takes nothing: a
/// connection that is blocked in a write can be ended only from there.
fn tune(socket: &dyn std::any::Any, stall: Duration) {
    let Some(stream) = socket.downcast_ref::<actix_web::rt::net::TcpStream>() else { return };
    let socket = SockRef::from(stream);
    let tuned =
        socket.set_send_buffer_size(SEND_BUFFER_BYTES).and_then(|()| set_user_timeout(&socket, stall));
    if let Err(error) = tuned {
        log::debug!("a connection goes without its socket options: {error}");
    }
}

#[cfg(target_os = "linux")]
fn set_user_timeout(socket: &SockRef<'_>, stall: Duration) -> std::io::Result<()> {
    socket.set_tcp_user_timeout(Some(stall))
}

#[cfg(not(target_os = "linux"))]
fn set_user_timeout(_: &SockRef<'_>, _: Duration) -> std::io::Result<()> {
    Ok(())
}

/// The actors that nothing works without.
struct Watched {
    hub: HubHandle,
    db: Addr<Db>,
    fanouts: Fanouts,
    connections: Arc<Connections>,
}

impl Watched {
    /// Ends the process when one of them is gone: better no hub than one that hangs, and whoever runs
    /// it starts it again.
    async fn watch(self) {
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
struct Stop {
    hub: HubHandle,
    connections: Arc<Connections>,
    fanouts: Fanouts,
    limit: Duration,
}

impl Stop {
    /// Waits for SIGTERM or SIGINT, then brings everything to its end: no new connections, what was
    /// proposed is committed, a snapshot is stored, every client is told.
    async fn when_told(self) {
        let signal = signal().await;
        log::info!("stopping on {signal}: {} connections", self.connections.total());
        let begun = Instant::now();
        self.connections.close();
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

#[cfg(unix)]
async fn signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term =
        signal(SignalKind::terminate()).expect("a signal handler can be set once the runtime runs");
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = tokio::signal::ctrl_c() => "SIGINT",
    }
}

#[cfg(not(unix))]
async fn signal() -> &'static str {
    // Without signals the process is ended by whoever started it.
    let _ = tokio::signal::ctrl_c().await;
    "ctrl-c"
}
