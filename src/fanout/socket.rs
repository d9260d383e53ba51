//! A connection's socket, shared by the HTTP stack that owns it and the fan-out that writes to it.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use crate::net::Place;

use super::head::HeadTimer;
use super::tcp::{Tcp, WaitingRoom};

/// A socket with two users on one worker.
///
/// The HTTP stack reads from it and writes answers, and after an upgrade it only reads: from then on the
/// fan-out writes frames without a way through a task and a buffer of the stack for each of them.
#[derive(Debug, Clone)]
pub struct SharedSocket(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    tcp: Tcp,
    /// What is between the connection and its users, where it is by TLS.
    tls: Option<RefCell<Box<TlsStream<Tcp>>>>,
    flushes: Cell<u64>,
    head: HeadTimer,
    /// Where it waits for requests.
    room: Rc<WaitingRoom>,
    /// Its place among those of its address.
    _place: Option<Place>,
}

/// What a socket goes by.
#[derive(Debug)]
pub struct SocketParts {
    /// The connection.
    pub tcp: Tcp,
    /// The TLS on it.
    pub tls: Option<Box<TlsStream<Tcp>>>,
    /// How long the head of a request may take; none where heads do not come one after the other (HTTP/2).
    pub head: Option<Duration>,
    /// Where it waits for requests.
    pub room: Rc<WaitingRoom>,
    /// Its place among those of its address.
    pub place: Option<Place>,
}

impl SharedSocket {
    /// Shares a connection.
    pub fn new(parts: SocketParts) -> SharedSocket {
        let SocketParts { tcp, tls, head, room, place } = parts;
        SharedSocket(Rc::new(Inner {
            tcp,
            tls: tls.map(RefCell::new),
            flushes: Cell::new(0),
            head: HeadTimer::new(head),
            room,
            _place: place,
        }))
    }

    /// Notes that a whole head came; the request is worked on until what this gives is dropped.
    pub fn begin_request(&self) -> UnderWay {
        self.0.head.begin();
        UnderWay(self.clone())
    }

    /// Keeps the connection out of the waiting room until what this gives is dropped: with the answer's body.
    pub fn begin_answer(&self) -> Answering {
        self.0.tcp.begin_answer();
        Answering(self.clone())
    }

    /// How many requests are under way on this connection.
    pub fn under_way(&self) -> u32 {
        self.0.head.under_way()
    }

    /// Notes that no further request comes: what arrives from here on is something else.
    pub fn upgrade(&self) {
        self.0.head.switch_off();
    }

    /// Ends the connection at once.
    pub fn abort(&self) {
        self.0.tcp.abort();
    }

    /// How often the HTTP stack has handed over everything that it had to write: it says so each time
    /// its own buffer is empty.
    pub(super) fn flushes(&self) -> u64 {
        self.0.flushes.get()
    }

    /// Writes what can be written now. Under TLS some of it may be held back; `Ok(0)` tells that
    /// some of that went, and nothing of `slices`.
    ///
    /// # Errors
    /// `WouldBlock` where the kernel takes nothing, else what is wrong with the connection.
    pub(super) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &self.0.tls {
            Some(tls) => try_write_tls(&mut tls.borrow_mut(), slices),
            None => match self.0.tcp.try_write(slices)? {
                0 if slices.iter().any(|slice| !slice.is_empty()) => Err(io::ErrorKind::WriteZero.into()),
                taken => Ok(taken),
            },
        }
    }

    /// Whether TLS holds something back that was taken for written.
    pub(super) fn holds_back(&self) -> bool {
        self.0.tls.as_ref().is_some_and(|tls| tls.borrow().get_ref().1.wants_write())
    }

    /// Ready when the kernel takes bytes again.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.tcp.poll_writable(cx)
    }

    fn with<T>(&self, work: impl FnOnce(Pin<&mut dyn Stream>) -> T) -> T {
        match &self.0.tls {
            Some(tls) => work(Pin::new(&mut **tls.borrow_mut())),
            None => work(Pin::new(&mut self.0.tcp.clone())),
        }
    }
}

/// What both kinds of connections are.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// An answer that is not written yet.
#[derive(Debug)]
pub struct Answering(SharedSocket);

impl Drop for Answering {
    fn drop(&mut self) {
        let inner = &self.0.0;
        if inner.tcp.end_answer() {
            inner.room.enter(&inner.tcp);
        }
    }
}

/// A request that is being worked on.
#[derive(Debug)]
pub struct UnderWay(SharedSocket);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.head.end();
    }
}

/// Gives `slices` to TLS, as far as its own buffer has room, and that to the kernel.
fn try_write_tls(tls: &mut TlsStream<Tcp>, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let (tcp, session) = tls.get_mut();
    if session.wants_write() {
        // What came before goes before: there is room for more only when it is gone.
        send(tcp, session)?;
        if session.wants_write() {
            return Ok(0);
        }
    }
    let taken = io::Write::write_vectored(&mut session.writer(), slices)?;
    match send(tcp, session) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(taken),
        sent => sent.map(|()| taken),
    }
}

/// Sends what TLS has ready, as far as the kernel takes it; an error only where that was nothing.
fn send(tcp: &Tcp, session: &mut rustls::ServerConnection) -> io::Result<()> {
    let mut sent = 0;
    while session.wants_write() {
        match session.write_tls(&mut Kernel(tcp)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && sent > 0 => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The kernel's side of a connection, for TLS to write to.
struct Kernel<'a>(&'a Tcp);

impl io::Write for Kernel<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for SharedSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match self.with(|stream| stream.poll_read(cx, buffer)) {
            Poll::Pending => self.0.head.poll_late(cx).map(Err),
            read => {
                if buffer.filled().len() > before {
                    self.0.head.note_bytes();
                }
                read
            }
        }
    }
}

impl AsyncWrite for SharedSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.flushes.set(self.0.flushes.get() + 1);
        self.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.with(|stream| stream.poll_shutdown(cx)) {
            // A last word of TLS that its client does not take is not waited for.
            Poll::Pending => {
                self.abort();
                Poll::Ready(Ok(()))
            }
            done => done,
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
