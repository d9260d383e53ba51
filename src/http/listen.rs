//! From an accepted socket to the requests on it.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, Protocol, Request, error::DispatchError};
use actix_server::GracefulShutdownSignal;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, boxed, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Extensions, ServiceResponse};
use actix_web::rt::net::TcpStream;
use rustls::ServerConfig;
use socket2::SockRef;
use std::net::SocketAddr;
use tokio_rustls::TlsAcceptor;

use crate::fanout::{SharedSocket, SocketParts, Tcp};

use super::door::{Door, DoorSettings};

/// What the kernel may hold for one connection that takes nothing, in bytes.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// How long a connection may wait for its next request: longer than the pauses of who posts now and then, since a
/// request that crosses its end on the way is lost.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How connections are served.
#[derive(Clone)]
pub struct Listening {
    /// A connection whose client takes nothing for so long is ended by the kernel: one that is blocked in
    /// a write can be ended only from there.
    pub stall: Duration,
    /// How long the head of a request may take.
    pub head: Duration,
    /// The hub's own TLS, where it speaks that.
    pub tls: Option<Arc<ServerConfig>>,
    /// How long its handshake may take.
    pub handshake: Duration,
    /// Who is let in.
    pub door: DoorSettings,
    /// Ends connections that wait for another request.
    pub shutdown: GracefulShutdownSignal,
}

/// Serves `app` on sockets that its handlers may share, as `conn_data` of a request: actix-web's own
/// server keeps them to itself.
pub fn serve<F, S, B>(
    app: F,
    listening: Listening,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    F: IntoServiceFactory<S, Request>,
    S: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<B>,
            Error = actix_web::Error,
            InitError = (),
        > + 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let app = app.into_factory().map_err(|error| error.error_response());
    let shutdown = listening.shutdown.clone();
    let requests = HttpService::build()
        .graceful_shutdown_signal(move || {
            let shutdown = shutdown.clone();
            async move { shutdown.notified().await }
        })
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(listening.head)
        // Not a small value: after the close of a WebSocket the stack would linger for far longer.
        .client_disconnect_timeout(Duration::ZERO)
        .on_connect_ext(|socket: &SharedSocket, data: &mut Extensions| {
            data.insert(socket.clone());
        });
    let app = map_config(app, |()| AppConfig::default());
    let is_tls = listening.tls.is_some();
    let listening = Rc::new((Door::new(listening.door.clone()), listening));
    let sockets = fn_service(move |stream: TcpStream| {
        let listening = listening.clone();
        async move {
            let (door, listening) = &*listening;
            accept(stream, door, listening).await.map_err(DispatchError::Io)
        }
    });
    // Each connection has room for what its service may ever be, and HTTP/2 is large.
    if is_tls {
        boxed::factory(sockets.and_then(requests.finish(app)))
    } else {
        boxed::factory(sockets.map(|(socket, _, peer)| (socket, peer)).and_then(requests.h1(app)))
    }
}

/// Lets a connection in and speaks TLS with it.
async fn accept(
    stream: TcpStream,
    door: &Door,
    listening: &Listening,
) -> io::Result<(SharedSocket, Protocol, Option<SocketAddr>)> {
    tune(&stream, listening.stall);
    let peer = stream.peer_addr().ok();
    let tcp = Tcp::new(stream);
    let Some(place) = door.let_in(&tcp, peer, listening.tls.is_some()) else {
        log::debug!("a connection from {peer:?} is refused, its address has too many");
        return Err(io::ErrorKind::ConnectionRefused.into());
    };
    let tls = match &listening.tls {
        None => None,
        Some(config) => {
            // Boxed, so that it is no part of what every connection has room for.
            let shaken = Box::pin(TlsAcceptor::from(config.clone()).accept(tcp.clone()));
            Some(Box::new(tokio::time::timeout(listening.handshake, shaken).await??))
        }
    };
    let http2 = tls.as_ref().is_some_and(|tls| tls.get_ref().1.alpn_protocol() == Some(b"h2"));
    let (protocol, head) = match http2 {
        true => (Protocol::Http2, None),
        false => (Protocol::Http1, Some(listening.head)),
    };
    Ok((SharedSocket::new(SocketParts { tcp, tls, head, room: door.room(), place }), protocol, peer))
}

/// Bounds what the kernel keeps for a connection, and for how long.
fn tune(stream: &TcpStream, stall: Duration) {
    let socket = SockRef::from(stream);
    let tuned = stream
        .set_nodelay(true)
        .and_then(|()| socket.set_send_buffer_size(SEND_BUFFER_BYTES))
        .and_then(|()| set_user_timeout(&socket, stall));
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
