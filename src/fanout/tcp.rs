//! A TCP connection that can be ended from outside, whoever reads from it or writes to it.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection with several holders on one worker.
#[derive(Debug, Clone)]
pub struct Tcp(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    stream: TcpStream,
    /// Whether a whole request came over it.
    heard: Cell<bool>,
}

/// A connection that is not kept open by this.
#[derive(Debug, Clone)]
pub struct WeakTcp(Weak<Inner>);

impl Tcp {
    /// Shares `stream`.
    pub fn new(stream: TcpStream) -> Tcp {
        Tcp(Rc::new(Inner { stream, heard: Cell::new(false) }))
    }

    /// The same connection, which may end meanwhile.
    pub fn downgrade(&self) -> WeakTcp {
        WeakTcp(Rc::downgrade(&self.0))
    }

    /// Notes that a request came.
    pub fn set_heard(&self) {
        self.0.heard.set(true);
    }

    /// Ends the connection at once, whatever was still to be written: whoever waits for it is told.
    pub(super) fn abort(&self) {
        // It may have ended by itself.
        let _ = SockRef::from(&self.0.stream).shutdown(Shutdown::Both);
    }

    /// Writes what the kernel takes now.
    ///
    /// # Errors
    /// `WouldBlock` where it takes nothing, else what is wrong with the connection.
    pub(super) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.stream.try_write_vectored(slices)
    }

    /// Ready when the kernel takes bytes again.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.stream.poll_write_ready(cx)
    }

    /// Writes as soon as the kernel takes something.
    fn poll_write_all(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_writable(cx))?;
            match self.try_write(slices) {
                // It was ready for the last time: waits for the next one.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl WeakTcp {
    /// Whether the connection is there and no request came yet.
    pub fn is_silent(&self) -> bool {
        self.0.upgrade().is_some_and(|inner| !inner.heard.get())
    }

    /// Ends the connection, if it is there.
    pub fn abort(&self) {
        if let Some(inner) = self.0.upgrade() {
            Tcp(inner).abort();
        }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.stream.poll_read_ready(cx))?;
            match self.0.stream.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done.map(|_| ())),
            }
        }
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_all(cx, &[IoSlice::new(bytes)])
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What the kernel has taken is on its way.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match SockRef::from(&self.0.stream).shutdown(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        })
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_all(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
