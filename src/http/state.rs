//! What the routes work with.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::auth::Access;
use crate::domain::Error;
use crate::fanout::{Fanouts, Mirror};
use crate::hub::{Connections, HubHandle, Live};
use crate::logs::Logs;
use crate::monitor::MonitorHandle;
use crate::net::{Client, Networks, Place, Places, ProxyHeader, RateLimits};
use crate::notify::NotifierHandle;
use crate::session::SessionSettings;
use crate::session::origin::Origins;
use crate::slack::Slack;
use crate::store::Readers;
use crate::telemetry::metrics::Metrics;

use super::health::DatabaseProbe;
use super::page::PackedFiles;

/// What all workers share.
pub struct AppState {
    /// The door to the hub.
    pub hub: HubHandle,
    /// What the hub shows.
    pub live: Arc<Live>,
    /// The log.
    pub readers: Readers,
    /// The writer, asked for a sign of life alone.
    pub probe: DatabaseProbe,
    /// The watch over gateways.
    pub monitor: MonitorHandle,
    /// The notification sinks.
    pub notifier: NotifierHandle,
    /// The door of Slack, where there is one.
    pub slack: Option<Arc<Slack>>,
    /// URLs below which registered gateways may have webhooks.
    pub gateway_webhooks: Vec<String>,
    /// The log lines.
    pub logs: Arc<Logs>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// Whether everybody who reaches the hub from elsewhere may do everything.
    pub open_to_network: bool,
    /// Who is connected, by number.
    pub connections: Arc<Connections>,
    /// Who is connected, one by one.
    pub fanouts: Fanouts,
    /// The hub's figures.
    pub metrics: Arc<Metrics>,
    /// Which pages may change something.
    pub origins: Origins,
    /// The limits of sessions.
    pub session: SessionSettings,
    /// What may wait for one connection, in bytes.
    pub outbox_bytes: usize,
    /// The largest WebSocket message, in bytes.
    pub message_bytes: usize,
    /// The largest body of a request, in bytes.
    pub body_bytes: usize,
    /// What holds for everybody on the network.
    pub network: NetworkSettings,
    /// The dashboard's files as they are sent.
    pub page: PackedFiles,
    /// When the hub started.
    pub started: Instant,
}

/// What holds for everybody on the network.
pub struct NetworkSettings {
    /// Whether the hub speaks TLS itself.
    pub tls: bool,
    /// Who is believed to say for whom it asks, and in which header.
    pub trusted: Networks,
    /// The header.
    pub proxy_header: ProxyHeader,
    /// How often somebody may ask.
    pub limits: Arc<RateLimits>,
    /// How many live connections each address has.
    pub places: Arc<Places>,
    /// Headers of a request.
    pub headers_max: usize,
    /// The headers and the address of a request, in bytes.
    pub header_bytes_max: usize,
    /// How long a body may take.
    pub body_wait: Duration,
    /// What must arrive of a body in a second, in bytes, after its first seconds.
    pub body_bytes_per_second: u64,
}

impl NetworkSettings {
    /// Takes a place for a live connection of `client`.
    ///
    /// # Errors
    /// `too_many_connections`: its address has as many as it may.
    pub(super) fn place(&self, client: &Client) -> Result<Option<Place>, Error> {
        match client.ip.filter(|ip| !self.limits.is_exempt(*ip)) {
            Some(ip) => self.places.take(ip).map_err(|_| Error::TooManyFromAddress),
            None => Ok(None),
        }
    }
}

/// What belongs to one worker alone.
#[derive(Clone)]
pub struct Worker {
    /// The worker's side of the fan-out.
    pub mirror: Rc<Mirror>,
}
