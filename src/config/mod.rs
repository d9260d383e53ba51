//! What the hub is told before it starts: typed sections, their defaults, and one way to load them.
//!
//! Values come in layers, a later one wins: defaults, a YAML file, environment variables, flags.
//! [`keys`] is the one table of every key; the loader, the messages and the documents follow it.

mod check;
#[cfg(test)]
mod documents;
mod error;
mod gateways;
mod jwt;
pub mod keys;
mod load;
mod notify;
mod slack;
#[cfg(test)]
mod tests;
mod values;
mod yaml;

use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::auth::{JwtDefinition, SigningKey};
use crate::gateway::Definition;
use crate::net::ProxyHeader;
use crate::notify::SinkDefinition;
use crate::slack::SlackConfig;

pub use error::{ConfigError, Origin, Problem};
pub use load::{DEFAULT_FILE, LoadOptions, Setting, environment};

/// Everything that can be configured, in the sections of `opshub.yaml`.
///
/// A value from [`Config::load`] is valid as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the hub listens and keeps its files.
    pub server: ServerConfig,
    /// The hub's own TLS.
    pub tls: TlsConfig,
    /// The event log and its database.
    pub store: StoreConfig,
    /// What one document, request or connection may cost.
    pub limits: LimitsConfig,
    /// How live connections behave.
    pub session: SessionConfig,
    /// Who is let in.
    pub auth: AuthConfig,
    /// What is logged, and in which form.
    pub log: LogConfig,
    /// Collections of data from outside.
    pub collection: CollectionConfig,
    /// Slack's door.
    pub slack: SlackConfig,
    /// The IANA name of the zone whose midnight begins a day for `brief`, such as `Europe/Berlin`.
    pub timezone: String,
    /// The services that are watched.
    #[serde(skip)]
    pub gateways: Vec<Definition>,
    /// URLs below which gateways that are registered over HTTP may have webhooks.
    #[serde(skip)]
    pub gateway_webhooks: Vec<String>,
    /// Where events are told besides.
    #[serde(skip)]
    pub notify: Vec<SinkDefinition>,
    /// The identity provider whose tokens are taken.
    #[serde(skip)]
    pub jwt: Option<JwtDefinition>,
    /// The key of the hub's own access tokens, where the environment has it.
    #[serde(skip)]
    pub secret_key: Option<SigningKey>,
}

/// Where the hub listens and keeps its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The name or address to bind.
    pub host: String,
    /// The TCP port; 0 lets the system choose.
    pub port: u16,
    /// How many worker threads serve connections; the number of cores when not given.
    pub workers: Option<usize>,
    /// The browser origins, besides the hub's own, that may change things and open a WebSocket.
    pub cors_origins: Vec<String>,
    /// The folder of the database, unless `store.path` says otherwise.
    pub data_dir: PathBuf,
    /// How long a shutdown may take, in milliseconds.
    pub shutdown_ms: u64,
    /// Allows a bind beyond loopback in the mode `open`.
    pub allow_open: bool,
    /// The networks of the proxies that are believed to say for whom they ask.
    pub trusted_proxies: Vec<String>,
    /// The header in which they say it.
    pub proxy_header: ProxyHeader,
}

/// The hub's own TLS: both files or none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate and its chain, in PEM form.
    pub cert: Option<PathBuf>,
    /// The certificate's private key, in PEM form.
    pub key: Option<PathBuf>,
}

/// The event log and its database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// The database file; `opshub.db` in `server.data_dir` when not given.
    pub path: Option<PathBuf>,
    /// How many events the log keeps at least before older ones are pruned.
    pub keep_events: u64,
    /// How many days events are kept.
    pub keep_days: u32,
    /// How many events lie between two snapshots of the state.
    pub snapshot_every: u64,
    /// How long a statement waits for a locked database, in milliseconds.
    pub busy_timeout_ms: u64,
    /// The greatest size of the database in bytes; without a limit when not given.
    pub max_bytes: Option<u64>,
}

/// What one document, request or connection may cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// The greatest size of the state document in bytes.
    pub document_bytes: usize,
    /// The greatest number of items in one list.
    pub list_items: usize,
    /// The greatest size of one change's frame in bytes.
    pub change_bytes: usize,
    /// The greatest size of a request's body in bytes.
    pub body_bytes: usize,
    /// The greatest number of live connections.
    pub connections: usize,
    /// The greatest size of one incoming WebSocket message in bytes, its fragments joined.
    pub message_bytes: usize,
    /// How many messages a second one connection may send.
    pub messages_per_second: u32,
    /// How many messages one connection may send at once before the rate holds.
    pub messages_burst: u32,
    /// How long a connection may stay over its rate before it is closed, in milliseconds.
    pub excess_ms: u64,
    /// How many frames a minute may fail to parse before the connection is closed.
    pub bad_frames_per_minute: u32,
    /// How many changes may wait for the disk before new ones are turned away.
    pub pending_changes: usize,
    /// The greatest number of live connections from one address; 0 for no limit.
    pub connections_per_address: usize,
    /// How many requests a second one address may make; 0 for no limit.
    pub requests_per_second: u32,
    /// How many requests one address may make at once before the rate holds.
    pub requests_burst: u32,
    /// How many requests a second one principal may make; 0 for no limit.
    pub principal_requests_per_second: u32,
    /// How many requests one principal may make at once before the rate holds.
    pub principal_requests_burst: u32,
    /// The networks for which no limit by address holds.
    pub exempt: Vec<String>,
    /// The greatest number of headers of a request.
    pub headers: usize,
    /// The greatest size of a request's headers in bytes.
    pub header_bytes: usize,
    /// How long the head of a request may take to arrive, in milliseconds.
    pub head_ms: u64,
    /// How long the body of a request may take to arrive, in milliseconds.
    pub body_ms: u64,
    /// How many bytes a second of a body must arrive after the first seconds; 0 for any.
    pub body_bytes_per_second: u64,
    /// How long a TLS handshake may take, in milliseconds.
    pub tls_handshake_ms: u64,
}

/// How live connections behave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    /// The time between two heartbeats in milliseconds.
    pub heartbeat_ms: u64,
    /// How long a client may be silent before its connection is closed, in milliseconds.
    pub silence_ms: u64,
    /// How many bytes may wait for one connection.
    pub outbox_bytes: usize,
    /// How long a client may take no byte before it is disconnected, in milliseconds.
    pub stall_ms: u64,
    /// How many bytes of recent frames are kept in memory for resuming clients.
    pub ring_bytes: usize,
    /// How many bytes of missed frames are replayed at most; beyond it the client gets the state.
    pub resume_bytes: usize,
    /// How long the hub waits for the answer to its close frame, in milliseconds.
    pub close_wait_ms: u64,
}

/// Who is let in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether somebody unknown is turned away.
    pub mode: AuthMode,
    /// How long a person's session lasts that is not used, in milliseconds.
    pub session_idle_ms: u64,
    /// How long a person's session lasts at most, in milliseconds.
    pub session_max_ms: u64,
    /// The file of the key that access tokens are signed with, unless `SECRET_KEY` is set.
    pub secret_key_file: Option<PathBuf>,
    /// How long an access token holds, in seconds.
    pub access_s: u32,
    /// How long a refresh token holds that is not used, in seconds.
    pub refresh_s: u64,
    /// How long all the refresh tokens hold that one sign-in leads to, in seconds.
    pub refresh_max_s: u64,
}

/// Whether somebody unknown is turned away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Whoever reaches the hub may do everything.
    #[default]
    Open,
    /// Programs show a token, people sign in.
    Required,
}

/// What is logged, and in which form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or filters as env_logger reads them: `info,opshub::hub=debug`.
    pub level: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// [`LogFormat::Text`] on a terminal, [`LogFormat::Json`] otherwise.
    #[default]
    Auto,
    /// For people, coloured on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Collections of data from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectionConfig {
    /// How long one collection may run, in seconds.
    pub timeout: u64,
}

impl Config {
    /// The database file in force.
    pub fn database_path(&self) -> PathBuf {
        let default = || self.server.data_dir.join("opshub.db");
        self.store.path.clone().unwrap_or_else(default)
    }

    /// Whether everybody who reaches the hub from elsewhere may do everything.
    pub fn is_open_to_network(&self) -> bool {
        check::is_open_to_network(self)
    }

    /// The number of worker threads in force: at least one.
    pub fn worker_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.server.workers.unwrap_or_else(cores).max(1)
    }

    /// The certificate's and the key's file, where the hub speaks TLS itself.
    pub fn tls_files(&self) -> Option<(&Path, &Path)> {
        Some((self.tls.cert.as_deref()?, self.tls.key.as_deref()?))
    }

    /// The configured time zone; UTC for a name that [`Config::load`] would refuse.
    pub fn tz(&self) -> Tz {
        self.timezone.parse().unwrap_or(Tz::UTC)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: ServerConfig::default(),
            tls: TlsConfig::default(),
            store: StoreConfig::default(),
            limits: LimitsConfig::default(),
            session: SessionConfig::default(),
            auth: AuthConfig::default(),
            log: LogConfig::default(),
            collection: CollectionConfig::default(),
            slack: SlackConfig::default(),
            timezone: "UTC".into(),
            gateways: Vec::new(),
            gateway_webhooks: Vec::new(),
            notify: Vec::new(),
            jwt: None,
            secret_key: None,
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8000,
            workers: None,
            cors_origins: vec!["http://localhost:3000".into(), "http://127.0.0.1:3000".into()],
            data_dir: PathBuf::from("."),
            shutdown_ms: 10_000,
            allow_open: false,
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::default(),
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            path: None,
            keep_events: 1_000_000,
            keep_days: 90,
            snapshot_every: 5_000,
            busy_timeout_ms: 5_000,
            max_bytes: None,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            document_bytes: 1024 * 1024,
            list_items: 10_000,
            change_bytes: 512 * 1024,
            body_bytes: 2 * 1024 * 1024,
            connections: 20_000,
            message_bytes: 64 * 1024,
            messages_per_second: 100,
            messages_burst: 200,
            excess_ms: 5_000,
            bad_frames_per_minute: 20,
            pending_changes: 4_096,
            connections_per_address: 1_000,
            requests_per_second: 1_000,
            requests_burst: 20_000,
            principal_requests_per_second: 5_000,
            principal_requests_burst: 20_000,
            exempt: vec!["127.0.0.0/8".into(), "::1/128".into()],
            headers: 64,
            header_bytes: 32 * 1024,
            head_ms: 10_000,
            body_ms: 30_000,
            body_bytes_per_second: 1_024,
            tls_handshake_ms: 10_000,
        }
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            heartbeat_ms: 15_000,
            silence_ms: 35_000,
            outbox_bytes: 256 * 1024,
            stall_ms: 30_000,
            ring_bytes: 8 * 1024 * 1024,
            resume_bytes: 16 * 1024 * 1024,
            close_wait_ms: 1_000,
        }
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        const HOUR_MS: u64 = 3_600_000;
        Self {
            mode: AuthMode::Open,
            session_idle_ms: 24 * HOUR_MS,
            session_max_ms: 14 * 24 * HOUR_MS,
            secret_key_file: None,
            access_s: 15 * 60,
            refresh_s: 30 * 24 * 3_600,
            refresh_max_s: 180 * 24 * 3_600,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Auto }
    }
}

impl Default for CollectionConfig {
    fn default() -> Self {
        Self { timeout: 3_600 }
    }
}
