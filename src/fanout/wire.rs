//! The way of frames to a socket: gathered, written at once, kept where the kernel takes no more.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};

use super::socket::SharedSocket;

/// What one write has at most, and one piece more, in bytes.
const WRITE_MAX_BYTES: usize = 64 * 1024;
/// Pieces that one write has at most.
const WRITE_MAX_PIECES: usize = 32;

/// A socket that belongs to the fan-out from the end of the handshake on.
#[derive(Debug)]
pub(super) struct Wire {
    socket: SharedSocket,
    handshake: Handshake,
    /// What was taken from the stream and not by the kernel yet.
    left: VecDeque<Bytes>,
    left_bytes: usize,
}

/// Where the answer to the handshake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handshake {
    /// Not yet in the buffer of the HTTP stack, for all that is known.
    Unknown,
    /// In that buffer, which was flushed so many times before.
    Encoded(u64),
    /// Written.
    Sent,
}

impl Wire {
    /// Writes to `socket` once the HTTP stack has written its answer.
    pub(super) fn new(socket: SharedSocket) -> Wire {
        Wire { socket, handshake: Handshake::Unknown, left: VecDeque::new(), left_bytes: 0 }
    }

    /// Ready when nothing of the HTTP stack is left to be written. It asks for the first piece of a body
    /// when the head stands in its buffer, and for the next one after it has tried to write that.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.handshake {
            Handshake::Sent => return Poll::Ready(()),
            Handshake::Unknown => {
                self.handshake = Handshake::Encoded(self.socket.flushes());
                cx.waker().wake_by_ref();
            }
            Handshake::Encoded(before) if self.socket.flushes() > before => {
                self.handshake = Handshake::Sent;
                return Poll::Ready(());
            }
            // Its client takes nothing: the stack goes on when it does, and asks again.
            Handshake::Encoded(_) => {}
        }
        Poll::Pending
    }

    /// Whether nothing waits to be written, not even in TLS.
    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty() && !self.socket.holds_back()
    }

    /// Ends the connection where something waits that its client does not take: the HTTP stack would wait
    /// for that before it lets the connection go.
    pub(super) fn give_up(&self) {
        if !self.is_empty() {
            self.socket.abort();
        }
    }

    /// Whether another piece may be added to the next write.
    pub(super) fn has_room(&self) -> bool {
        self.left_bytes < WRITE_MAX_BYTES && self.left.len() < WRITE_MAX_PIECES
    }

    /// Adds a piece to the next write.
    pub(super) fn add(&mut self, piece: Bytes) {
        self.left_bytes += piece.len();
        self.left.push_back(piece);
    }

    /// Writes once; tells how many bytes were taken. None may be where TLS had something left.
    ///
    /// # Errors
    /// `WouldBlock` where the kernel takes nothing, else what is wrong with the connection.
    pub(super) fn write(&mut self) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); WRITE_MAX_PIECES];
        let count = self.left.len().min(WRITE_MAX_PIECES);
        self.left.iter().zip(&mut slices).for_each(|(piece, slice)| *slice = IoSlice::new(piece));
        let taken = self.socket.try_write(&slices[..count])?;
        self.forget(taken);
        Ok(taken)
    }

    fn forget(&mut self, mut taken: usize) {
        self.left_bytes -= taken;
        while let Some(first) = self.left.front_mut() {
            if first.len() > taken {
                first.advance(taken);
                return;
            }
            taken -= first.len();
            self.left.pop_front();
        }
        // An idle connection keeps no buffer.
        self.left = VecDeque::new();
    }

    /// Ready when the kernel takes bytes again.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_writable(cx)
    }
}
