//! A TCP connection that can be ended from outside, whoever reads from it or writes to it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
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
    /// Requests whose answers are not written yet.
    answering: Cell<u32>,
    /// Whether a request came since the waiting room looked at it.
    asked: Cell<bool>,
    /// Whether it is in the waiting room's queue.
    queued: Cell<bool>,
}

impl Tcp {
    /// Shares `stream`.
    pub fn new(stream: TcpStream) -> Tcp {
        let (answering, asked, queued) = Default::default();
        Tcp(Rc::new(Inner { stream, answering, asked, queued }))
    }

    /// A request came.
    pub(super) fn begin_answer(&self) {
        self.0.answering.set(self.0.answering.get() + 1);
        self.0.asked.set(true);
    }

    /// It was answered; tells whether there is nothing else to be answered.
    pub(super) fn end_answer(&self) -> bool {
        self.0.answering.set(self.0.answering.get().saturating_sub(1));
        self.0.answering.get() == 0
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

/// Connections that are looked through for ended ones when another one comes.
const LOOKED_THROUGH: usize = 4;

/// The connections of a worker whose next request is waited for, the first one included.
///
/// They keep sockets from those who have something to say, so that the oldest go when there are too many. One that
/// asked since it was last looked at has a second chance (as pages have in the clock algorithm of F. J. Corbató,
/// 1968), so that whoever never asks goes first.
#[derive(Debug, Default)]
pub struct WaitingRoom(RefCell<VecDeque<Weak<Inner>>>);

impl WaitingRoom {
    /// Lets a connection wait; once, however often it comes.
    pub fn enter(&self, tcp: &Tcp) {
        if !tcp.0.queued.replace(true) {
            self.0.borrow_mut().push_back(Rc::downgrade(&tcp.0));
        }
    }

    /// Ends the oldest ones until fewer than `max` wait.
    pub fn make_room(&self, max: usize) {
        let mut queue = self.0.borrow_mut();
        for _ in 0..LOOKED_THROUGH {
            if queue.front().is_some_and(|front| waiting(front).is_none()) {
                queue.pop_front();
            }
        }
        if queue.len() >= max {
            queue.retain(|tcp| waiting(tcp).is_some());
        }
        let mut chances = queue.len();
        while queue.len() >= max
            && let Some(oldest) = queue.pop_front()
        {
            let Some(tcp) = waiting(&oldest) else { continue };
            if chances > 0 && tcp.asked.take() {
                chances -= 1;
                queue.push_back(oldest);
            } else {
                tcp.queued.set(false);
                Tcp(tcp).abort();
            }
        }
    }
}

/// The connection, if it is there and waits; it is out of the queue where not.
fn waiting(tcp: &Weak<Inner>) -> Option<Rc<Inner>> {
    let tcp = tcp.upgrade()?;
    if tcp.answering.get() > 0 {
        tcp.queued.set(false);
        return None;
    }
    Some(tcp)
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
