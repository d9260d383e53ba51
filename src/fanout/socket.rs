//! A connection's socket, shared by the HTTP stack that owns it and the fan-out that writes to it.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket with two users on one worker.
///
/// The HTTP stack reads from it and writes answers, and after an upgrade it only reads: from then on the
/// fan-out writes frames without a way through a task and a buffer of the stack for each of them.
#[derive(Debug, Clone)]
pub struct SharedSocket(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    stream: RefCell<TcpStream>,
    flushes: Cell<u64>,
}

impl SharedSocket {
    /// Shares `stream`.
    pub fn new(stream: TcpStream) -> SharedSocket {
        SharedSocket(Rc::new(Inner { stream: RefCell::new(stream), flushes: Cell::new(0) }))
    }

    /// How often the HTTP stack has handed over everything that it had to write: it says so each time
    /// its own buffer is empty.
    pub(super) fn flushes(&self) -> u64 {
        self.0.flushes.get()
    }

    /// Writes what the kernel takes now.
    ///
    /// # Errors
    /// `WouldBlock` where it takes nothing, else what is wrong with the connection.
    pub(super) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.stream.borrow().try_write_vectored(slices)
    }

    /// Ready when the kernel takes bytes again.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.stream.borrow().poll_write_ready(cx)
    }

    fn with<T>(&self, work: impl FnOnce(Pin<&mut TcpStream>) -> T) -> T {
        work(Pin::new(&mut *self.0.stream.borrow_mut()))
    }
}

impl AsyncRead for SharedSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(cx, buffer))
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
        self.with(|stream| stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.stream.borrow().is_write_vectored()
    }
}
