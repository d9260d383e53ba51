//! From an accepted socket to the requests on it.

use std::time::Duration;

use actix_http::{HttpService, Request, error::DispatchError};
use actix_server::GracefulShutdownSignal;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Extensions, ServiceResponse};
use actix_web::rt::net::TcpStream;
use socket2::SockRef;

use crate::fanout::SharedSocket;

/// What the kernel may hold for one connection that takes nothing, in bytes.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Serves `app` on sockets that its handlers may share, as `conn_data` of a request: actix-web's own
/// server keeps them to itself.
///
/// A connection whose client takes nothing for `stall` is ended by the kernel: one that is blocked in a
/// write can be ended only from there. `shutdown` ends those that wait for another request.
pub fn serve<F, S, B>(
    app: F,
    stall: Duration,
    shutdown: GracefulShutdownSignal,
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
    let requests = HttpService::build()
        .graceful_shutdown_signal(move || {
            let shutdown = shutdown.clone();
            async move { shutdown.notified().await }
        })
        // Not a small value: after the close of a WebSocket the stack would linger for far longer.
        .client_disconnect_timeout(Duration::ZERO)
        .on_connect_ext(|socket: &SharedSocket, data: &mut Extensions| {
            data.insert(socket.clone());
        })
        .h1(map_config(app, |()| AppConfig::default()));
    let sockets = fn_service(move |stream: TcpStream| async move {
        tune(&stream, stall);
        let peer = stream.peer_addr().ok();
        Ok((SharedSocket::new(stream), peer))
    });
    sockets.and_then(requests)
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
