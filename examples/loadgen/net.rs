//! Non-blocking loopback sockets, for the epoll loops of both the clients and the yardstick.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

/// How many connections leave from one source address before the next is used. The usual range of
/// ephemeral ports holds 28,000, some of which linger after earlier runs.
const CONNECTIONS_PER_SOURCE: usize = 10_000;

/// How long the kernel may take to complete one connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads `127.0.0.1:8000`, with or without `http://` before it.
///
/// # Errors
/// The address does not parse, or is not a loopback address: load is never sent to other machines.
pub(crate) fn parse_loopback(text: &str) -> Result<SocketAddr, String> {
    let bare = text.trim_start_matches("http://").trim_end_matches('/');
    let address: SocketAddr =
        bare.parse().map_err(|_| format!("expected an address like 127.0.0.1:8000, got {text}"))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(format!("only loopback addresses are accepted, got {}", address.ip()))
    }
}

/// Connects to `server` and returns the socket ready for an epoll loop, without Nagle's delay.
///
/// `nth` spreads many connections over several source addresses; `receive_buffer` (bytes) keeps
/// the kernel from taking much on behalf of a client that does not read.
///
/// # Errors
/// Nothing listens, or addresses or files ran out. No socket is left open.
pub(crate) fn connect(
    server: SocketAddr,
    nth: usize,
    receive_buffer: Option<usize>,
) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(source) = source_address(server, nth) {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect_timeout(&server.into(), CONNECT_TIMEOUT)?;
    socket.set_nonblocking(true)?;
    Ok(TcpStream::from_std(socket.into()))
}

/// Writes what waits in `out` until all is gone or the socket takes no more.
///
/// # Errors
/// The connection is broken; what had not been written stays in `out`.
pub(crate) fn flush(stream: &mut TcpStream, out: &mut Vec<u8>) -> io::Result<()> {
    let mut written = 0;
    let outcome = loop {
        if written == out.len() {
            break Ok(());
        }
        match stream.write(&out[written..]) {
            Ok(0) => break Err(ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    out.drain(..written);
    outcome
}

/// What one read of a non-blocking socket found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// So many bytes; when they do not fill the buffer, the socket is empty for now.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The other side is done.
    End,
}

/// Reads once into `buffer`.
///
/// # Errors
/// The connection is broken.
pub(crate) fn take(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<Taken> {
    loop {
        match stream.read(buffer) {
            Ok(0) => return Ok(Taken::End),
            Ok(count) => return Ok(Taken::Bytes(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Taken::Nothing),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The address that the `nth` connection leaves from; `None` leaves it to the kernel.
fn source_address(server: SocketAddr, nth: usize) -> Option<IpAddr> {
    let block = u8::try_from(nth / CONNECTIONS_PER_SOURCE).unwrap_or(u8::MAX - 1);
    let many = block > 0 && server.is_ipv4();
    many.then(|| IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1 + block)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn loopback_addresses_are_accepted_with_and_without_scheme() {
        for text in ["127.0.0.1:8000", "http://127.0.0.1:8000", "http://127.0.0.1:8000/"] {
            assert_eq!(parse_loopback(text).unwrap().port(), 8000, "{text}");
        }
        assert!(parse_loopback("[::1]:8000").is_ok());
    }

    #[test]
    fn other_machines_are_refused() {
        assert!(parse_loopback("192.0.2.1:80").unwrap_err().contains("only loopback"));
        assert!(parse_loopback("0.0.0.0:80").is_err());
        assert!(parse_loopback("example.org:80").is_err());
    }

    #[test]
    fn the_first_ten_thousand_connections_leave_the_source_to_the_kernel() {
        let server = "127.0.0.1:1".parse().unwrap();
        assert_eq!(source_address(server, 9_999), None);
        assert_eq!(source_address(server, 10_000), Some("127.0.0.2".parse().unwrap()));
        assert_eq!(source_address(server, 25_000), Some("127.0.0.3".parse().unwrap()));
        assert_eq!(source_address("[::1]:1".parse().unwrap(), 25_000), None);
    }
}
