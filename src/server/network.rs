//! What stands between the hub and the network: its certificate, its limits, who may connect.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use actix_server::GracefulShutdownSignal;
use socket2::{Domain, Socket, Type};

use crate::config::Config;
use crate::http::{DoorSettings, Listening, NetworkSettings};
use crate::net::{Certificate, Networks, Places, Rate, RateLimits};

use super::StartError;

/// Connections that an address may have for plain requests, beside its live ones.
const REQUEST_SOCKETS_PER_ADDRESS: usize = 256;
/// The fewest connections of a worker that may wait for a request.
const WAITING_LEAST: usize = 16;

/// Connections that may wait to be accepted: when a hub comes back, all its clients come at once, and whoever finds no
/// room tries again after a second, then three, then seven.
const BACKLOG: i32 = 4_096;

/// Binds the address of the configuration; gives the one that it got.
///
/// # Errors
/// Nobody has this address, or another program has it.
pub(super) fn bind(config: &Config) -> Result<(TcpListener, SocketAddr), StartError> {
    let host = config.server.host.trim_matches(['[', ']']);
    let failed =
        |cause| StartError::Bind { address: format!("{}:{}", config.server.host, config.server.port), cause };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (host, config.server.port).to_socket_addrs().map_err(failed)? {
        match listen(address) {
            Ok(listener) => {
                let address = listener.local_addr().map_err(failed)?;
                return Ok((listener, address));
            }
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

/// As [`TcpListener::bind`], which has room for 128 and cannot be told otherwise.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A hub that is started again takes the port that the one before it has just left.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What is shared by all workers.
pub(super) struct Network {
    certificate: Option<Arc<Certificate>>,
    limits: Arc<RateLimits>,
    trusted: Networks,
}

impl Network {
    /// # Errors
    /// The certificate cannot be used.
    pub(super) fn new(config: &Config) -> Result<Network, StartError> {
        let certificate = config.tls_files().map(|(cert, key)| Certificate::load(cert, key)).transpose()?;
        let limits = &config.limits;
        let address = Rate { per_second: limits.requests_per_second, burst: limits.requests_burst };
        let principal =
            Rate { per_second: limits.principal_requests_per_second, burst: limits.principal_requests_burst };
        // What the configuration let pass is a list of networks.
        let networks = |texts: &[String]| Networks::parse(texts).unwrap_or_default();
        let limits = Arc::new(RateLimits::new(address, principal, networks(&limits.exempt)));
        Ok(Network { certificate, limits, trusted: networks(&config.server.trusted_proxies) })
    }

    /// The host names of the certificate.
    pub(super) fn names(&self) -> Vec<String> {
        self.certificate.as_ref().map(|certificate| certificate.names()).unwrap_or_default()
    }

    /// What stands before the host in an address: of pages, of the live protocol.
    pub(super) fn schemes(&self) -> (&'static str, &'static str) {
        if self.certificate.is_some() { ("https", "wss") } else { ("http", "ws") }
    }

    /// What the routes go by.
    pub(super) fn settings(&self, config: &Config) -> NetworkSettings {
        let limits = &config.limits;
        NetworkSettings {
            tls: self.certificate.is_some(),
            trusted: self.trusted.clone(),
            proxy_header: config.server.proxy_header,
            limits: self.limits.clone(),
            places: Places::new(limits.connections_per_address),
            headers_max: limits.headers,
            header_bytes_max: limits.header_bytes,
            body_wait: Duration::from_millis(limits.body_ms),
            body_bytes_per_second: limits.body_bytes_per_second,
        }
    }

    /// How each worker serves its connections, of which it has `sockets` at most.
    pub(super) fn listening(
        &self,
        config: &Config,
        sockets: usize,
        shutdown: GracefulShutdownSignal,
    ) -> Listening {
        let places = match config.limits.connections_per_address {
            0 => 0,
            live => live + REQUEST_SOCKETS_PER_ADDRESS,
        };
        Listening {
            stall: Duration::from_millis(config.session.stall_ms),
            head: Duration::from_millis(config.limits.head_ms),
            tls: self.certificate.as_ref().map(Certificate::server_config),
            handshake: Duration::from_millis(config.limits.tls_handshake_ms),
            door: DoorSettings {
                places: Places::new(places),
                limits: self.limits.clone(),
                trusted: self.trusted.clone(),
                // The other half is for those who say something.
                waiting_max: (sockets / 2).max(WAITING_LEAST),
            },
            shutdown,
        }
    }

    /// Reads the certificate again on each SIGHUP, as what renews certificates sends it. Without one the
    /// signal means what it means to every program: the end.
    #[cfg(unix)]
    pub(super) fn reload_on_hangup(&self) {
        use tokio::signal::unix::{SignalKind, signal};
        let Some(certificate) = self.certificate.clone() else { return };
        let mut hangup =
            signal(SignalKind::hangup()).expect("a signal handler can be set once the runtime runs");
        actix_rt::spawn(async move {
            while hangup.recv().await.is_some() {
                match certificate.reload() {
                    Ok(()) => log::info!("the certificate was read again"),
                    Err(error) => log::error!("the certificate stays as it was: {error}"),
                }
            }
        });
    }

    #[cfg(not(unix))]
    pub(super) fn reload_on_hangup(&self) {}
}
