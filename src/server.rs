//! Putting the parts together: store, hub, workers; and taking them apart again.

#[cfg(unix)]
pub mod admin;
mod network;
mod settings;
mod stop;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_server::Server;
use actix_web::App;
use actix_web::middleware::from_fn;
use actix_web::web::Data;

use crate::auth::{Access, Secret};
use crate::config::Config;
use crate::fanout::{Fanout, Fanouts, Mirror};
use crate::gateway::Definition;
use crate::http::{
    self, AppState, DatabaseProbe, PackedFiles, Worker, check_origin, cors, guard, observe, routes,
};
use crate::hub::{Committed, Connections, Hub, HubHandle, HubParts, Live};
use crate::logs::{Logs, Pump, Records};
use crate::monitor::{Monitor, MonitorHandle, MonitorParts};
use crate::net::TlsError;
use crate::notify::{Notifier, NotifierHandle, NotifierParts};
use crate::session::origin::Origins;
use crate::slack::Slack;
use crate::store::{self, Db, Readers, StoreError};
use crate::telemetry::clock::now;
use crate::telemetry::metrics::Metrics;

use network::{Network, bind};
pub(crate) use settings::{access_settings, store_options};
use settings::{hub_settings, issuer, raise_file_limit, session_settings, signing_key};
use stop::{Stop, Watched, signal};

/// How often it is written down who was seen.
const TIDY_EVERY: Duration = Duration::from_secs(30);

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
    /// The certificate or its key cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// A key that who is let in depends on cannot be used.
    #[error("{message}")]
    Auth {
        /// Which, and why; never what is in it.
        message: String,
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
            StartError::Tls(_) => 21,
            StartError::Auth { .. } => 23,
        }
    }
}

/// Runs the hub until it is told to stop by SIGTERM or SIGINT; `records` is what it logs itself.
///
/// # Errors
/// Why it did not start; nothing was changed then.
pub fn run(config: Config, records: Records) -> Result<(), StartError> {
    System::new().block_on(serve(config, records))
}

async fn serve(config: Config, records: Records) -> Result<(), StartError> {
    let started = Instant::now();
    let (connections_max, sockets_max) = raise_file_limit(config.limits.connections);
    // Before the store is touched: a port that is taken leaves no trace.
    let network = Network::new(&config)?;
    let (listener, address) = bind(&config)?;
    let (issuer, signing_key) = (issuer(&config)?, signing_key(&config)?);
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
    let logs = Logs::new(metrics.clone(), now());
    let pump = Pump::start(logs.clone(), records, now).map_err(StartError::Serve)?;
    let committed = Committed::new(
        recovered.seq,
        recovered.state_seq,
        recovered.at.unwrap_or_else(now),
        recovered.state.document.clone(),
    );
    // New sinks begin here, before anything that this start itself changes.
    let started_at = recovered.seq;
    let ring_bytes = config.session.ring_bytes;
    let live = Arc::new(Live::new(recovered.epoch.clone(), committed, ring_bytes));
    let connections = Connections::new(connections_max);
    let db = Db::start(opened.conn, options.clone(), opened.key, recovered.chain);
    let readers = Readers::start(options.path.clone())?;
    let parts = HubParts {
        settings: hub_settings(&config),
        recovered,
        db: db.clone(),
        readers: readers.clone(),
        live: live.clone(),
        connections: connections.clone(),
        metrics: metrics.clone(),
        clock: now,
    };
    let arbiter = Arbiter::new();
    let hub = Hub::start_in_arbiter(&arbiter.handle(), move |_| Hub::new(parts));
    let hub = HubHandle::new(hub, config.limits.pending_changes);
    let parts = MonitorParts {
        hub: hub.clone(),
        live: live.clone(),
        db: db.clone(),
        metrics: metrics.clone(),
        timezone: config.tz(),
        clock: now,
        configured: config.gateways.clone(),
        registered: registered_gateways(&readers).await?,
        history: readers.gateway_history().await?,
    };
    let sinks = NotifierParts {
        live: live.clone(),
        readers: readers.clone(),
        db: db.clone(),
        metrics: metrics.clone(),
        clock: now,
        definitions: config.notify.clone(),
        cursors: readers.sink_cursors().await?,
        newest: started_at,
        buttons: config.slack.is_on(),
    };
    let watchers = Arbiter::new();
    let monitor =
        MonitorHandle::new(Monitor::start_in_arbiter(&watchers.handle(), move |_| Monitor::new(parts)));
    let notifier =
        NotifierHandle::new(Notifier::start_in_arbiter(&watchers.handle(), move |_| Notifier::new(sinks)));

    let access = Access::open(access_settings(&config), db.clone(), readers.clone(), now).await?;
    let access = access.with_issuer(issuer.clone()).with_logins(signing_key.as_ref(), config.auth.access_s);
    let access = Arc::new(access);
    if let Some(issuer) = issuer {
        actix_rt::spawn(issuer.keep_fresh());
    }
    let setup = access.begin_setup();
    let tidying = actix_rt::spawn(tidy(access.clone()));
    #[cfg(unix)]
    let _admin_socket = admin::listen(&options.path, access.clone());

    let fanouts = Fanouts::default();
    let state = Data::new(AppState {
        hub: hub.clone(),
        live: live.clone(),
        readers,
        logs: logs.clone(),
        probe: DatabaseProbe::new(db.clone()),
        monitor: monitor.clone(),
        notifier: notifier.clone(),
        access: access.clone(),
        open_to_network: config.is_open_to_network(),
        slack: Slack::start(&config.slack, &metrics).map(Arc::new),
        gateway_webhooks: config.gateway_webhooks.clone(),
        connections: connections.clone(),
        fanouts: fanouts.clone(),
        metrics: metrics.clone(),
        origins: Origins::new(address, &config.server.host, &config.server.cors_origins)
            .with_names(&network.names()),
        session: session_settings(&config),
        outbox_bytes: config.session.outbox_bytes,
        message_bytes: config.limits.message_bytes,
        body_bytes: config.limits.body_bytes,
        network: network.settings(&config),
        page: PackedFiles::default(),
        started,
    });

    let factory = {
        let (hub, fanouts, cors_origins) = (hub.clone(), fanouts.clone(), config.server.cors_origins.clone());
        move || {
            let mirror = Mirror::new(live.clone(), metrics.clone(), ring_bytes);
            fanouts.add(Fanout::new(mirror.clone(), hub.clone(), logs.clone()).start());
            App::new()
                .app_data(state.clone())
                .app_data(Worker { mirror })
                .configure(routes)
                .wrap(from_fn(check_origin))
                .wrap(from_fn(guard))
                .wrap(cors(&cors_origins))
                .wrap(from_fn(observe))
        }
    };
    let watched = Watched {
        hub: hub.clone(),
        db,
        fanouts: fanouts.clone(),
        monitor: monitor.clone(),
        notifier: notifier.clone(),
        connections: connections.clone(),
    };
    let limit = Duration::from_millis(config.server.shutdown_ms);
    let stop = Stop { hub, monitor, notifier, connections, fanouts, limit };
    // Before anybody is told of the start: who knows of it may end it.
    let told = signal();
    let server = Server::build();
    let sockets = sockets_max.div_ceil(config.worker_count());
    let listening = network.listening(&config, sockets, server.graceful_shutdown_signal());
    network.reload_on_hangup();
    let server = server
        .workers(config.worker_count())
        // What is over waits in the backlog; the hub's own limit is told properly.
        .max_concurrent_connections(sockets)
        .shutdown_signal(stop.when_told(told))
        .shutdown_timeout(1)
        .listen("opshub", listener, move || http::serve(factory(), listening.clone()))
        .map_err(|cause| StartError::Bind { address: address.to_string(), cause })?
        .run();
    announce(address, network.schemes(), setup);
    if config.is_open_to_network() {
        log::warn!("the hub is open: whoever reaches {address} may do everything; set auth.mode: required");
    }
    actix_rt::spawn(watched.watch());
    server.await.map_err(StartError::Serve)?;
    tidying.abort();
    if let Err(error) = access.tidy().await {
        log::warn!("when tokens were last used is not written down: {error}");
    }
    watchers.stop();
    arbiter.stop();
    drop(pump);
    log::info!("stopped");
    Ok(())
}

/// Reads the gateways that were registered; one that cannot be read any more is not watched.
async fn registered_gateways(readers: &Readers) -> Result<Vec<Definition>, StoreError> {
    let stored = readers.gateway_definitions().await?;
    let read = stored.into_iter().filter_map(|(id, text)| {
        let read = serde_json::from_str(&text);
        read.inspect_err(|error| log::error!("gateway {id} is not watched, its definition: {error}")).ok()
    });
    Ok(read.collect())
}

/// Tells on standard output where the hub listens; scripts wait for the last line.
#[expect(clippy::print_stdout, reason = "people and scripts wait for a start by these lines")]
fn announce(address: SocketAddr, (http, ws): (&str, &str), setup: Option<Secret>) {
    println!("opshub {}", env!("CARGO_PKG_VERSION"));
    println!("  dashboard  {http}://{address}/dashboard");
    println!("  API        {http}://{address}/docs");
    println!("  live       {ws}://{address}/ws");
    if let Some(setup) = setup {
        // Behind the number sign: browsers keep that to themselves.
        println!(
            "  set up     {http}://{address}/dashboard#/setup?key={}  (once, until the first admin is there)",
            setup.reveal()
        );
    }
    println!("listening on {http}://{address}");
}

/// Writes down now and then who was seen.
async fn tidy(access: Arc<Access>) {
    loop {
        tokio::time::sleep(TIDY_EVERY).await;
        if let Err(error) = access.tidy().await {
            log::warn!("when tokens were last used is not written down yet: {error}");
        }
    }
}
