//! From the bytes of a connection to whole messages, under bounds (RFC 6455).
//!
//! The codec of actix-http checks opcodes, masks and the order of fragments, but it collects a whole
//! declared frame before it compares sizes. [`Incoming`] therefore looks at each declared length as soon
//! as it is there, and the `Assembler` joins fragments under the same bound.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_http::ws::{Codec, Item};
use actix_web::error::PayloadError;
use actix_web_actors::ws::{CloseReason, Frame, ProtocolError};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio_util::codec::Decoder;

use crate::protocol::{Close, CloseCode};

/// Fragments that one message may have; more only cost time.
const FRAGMENTS_MAX: usize = 4_096;

/// What a client sent, whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A text message: valid UTF-8.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A ping and its payload.
    Ping(Bytes),
    /// The answer to a ping.
    Pong,
    /// The client closes; its code, if it gave one.
    Close(Option<u16>),
}

/// The messages of a connection. Reading stops while `room` says that answers cannot be sent.
pub struct Incoming<S, R> {
    payload: S,
    room: R,
    codec: Codec,
    buffer: BytesMut,
    assembler: Assembler,
    max_bytes: usize,
    ended: bool,
}

impl<S, R> Incoming<S, R>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    R: FnMut(&mut Context<'_>) -> Poll<()> + Unpin,
{
    /// Reads `payload`; a message, joined or not, has at most `max_bytes`.
    pub fn new(payload: S, max_bytes: usize, room: R) -> Self {
        let codec = Codec::new().max_size(max_bytes);
        let assembler = Assembler::new(max_bytes);
        Incoming { payload, room, codec, buffer: BytesMut::new(), assembler, max_bytes, ended: false }
    }

    /// Takes the next message that has arrived completely.
    fn decode(&mut self) -> Result<Option<Received>, Close> {
        loop {
            if close_reason(&self.buffer, self.max_bytes)
                .is_some_and(|reason| std::str::from_utf8(&reason).is_err())
            {
                return Err(Close::new(CloseCode::NotUtf8));
            }
            let decoded = self.codec.decode(&mut self.buffer);
            let Some(frame) = decoded.map_err(|error| violation(&error, self.max_bytes))? else {
                // The codec has judged the rest of the header; the length it would wait for, it has not.
                if declared_len(&self.buffer).is_some_and(|len| len > self.max_bytes as u64) {
                    return Err(too_big(self.max_bytes));
                }
                if self.buffer.is_empty() {
                    // An idle connection keeps no buffer.
                    self.buffer = BytesMut::new();
                }
                return Ok(None);
            };
            if let Some(received) = self.assembler.take(frame)? {
                return Ok(Some(received));
            }
        }
    }
}

impl<S, R> Stream for Incoming<S, R>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    R: FnMut(&mut Context<'_>) -> Poll<()> + Unpin,
{
    type Item = Result<Received, Close>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.ended {
                return Poll::Ready(None);
            }
            ready!((this.room)(cx));
            match this.decode() {
                Ok(Some(received)) => return Poll::Ready(Some(Ok(received))),
                Ok(None) => {}
                Err(close) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(close)));
                }
            }
            match ready!(Pin::new(&mut this.payload).poll_next(cx)) {
                Some(Ok(bytes)) => this.buffer.extend_from_slice(&bytes),
                Some(Err(_)) | None => return Poll::Ready(None),
            }
        }
    }
}

/// The payload length that the header at the front declares, as soon as it can be read.
fn declared_len(buffer: &[u8]) -> Option<u64> {
    match buffer.get(1)? & 0x7F {
        126 => Some(u64::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?))),
        127 => Some(u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?)),
        short => Some(u64::from(short)),
    }
}

/// The reason in the close frame at the front, once it is there: the codec has one error for a reason
/// that is no text (1007) and for a code that is none (1002).
fn close_reason(buffer: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
    const CLOSE: u8 = 0x88;
    const CONTROL_MAX_BYTES: usize = 125;
    if *buffer.first()? != CLOSE {
        return None;
    }
    let (masked, len) = (buffer.get(1)? & 0x80 != 0, usize::from(buffer.get(1)? & 0x7F));
    if !masked || len > CONTROL_MAX_BYTES.min(max_bytes) {
        // Refused by the codec for that, whatever its reason is.
        return None;
    }
    let mask = buffer.get(2..6)?;
    let payload = buffer.get(6..6 + len)?;
    Some(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).skip(2).collect())
}

fn too_big(max_bytes: usize) -> Close {
    Close::because(CloseCode::TooBig, format!("a message must not be larger than {max_bytes} bytes"))
}

/// The close code for what the codec refuses.
fn violation(error: &ProtocolError, max_bytes: usize) -> Close {
    match error {
        ProtocolError::Overflow => too_big(max_bytes),
        ProtocolError::Io(io) if io.kind() == std::io::ErrorKind::Other => Close::new(CloseCode::NotUtf8),
        ProtocolError::Io(_) => Close::because(CloseCode::ProtocolError, "reserved bits must be zero"),
        // Unknown opcodes have an error of their own: this one is for close frames alone.
        ProtocolError::BadOpCode => Close::because(CloseCode::ProtocolError, "a close code that is none"),
        other => Close::because(CloseCode::ProtocolError, other.to_string().to_lowercase()),
    }
}

/// Joins the fragments of a message, bounded in bytes and number; UTF-8 is checked as they arrive.
#[derive(Debug)]
struct Assembler {
    max_bytes: usize,
    joined: Vec<u8>,
    fragments: usize,
    is_text: bool,
    /// How much of `joined` is known to be UTF-8.
    checked: usize,
}

impl Assembler {
    fn new(max_bytes: usize) -> Assembler {
        Assembler { max_bytes, joined: Vec::new(), fragments: 0, is_text: false, checked: 0 }
    }

    fn take(&mut self, frame: Frame) -> Result<Option<Received>, Close> {
        Ok(match frame {
            Frame::Text(text) => match std::str::from_utf8(&text) {
                Ok(_) => Some(Received::Text(text)),
                Err(_) => return Err(Close::new(CloseCode::NotUtf8)),
            },
            Frame::Binary(data) => Some(Received::Binary(data)),
            Frame::Ping(payload) => Some(Received::Ping(payload)),
            Frame::Pong(_) => Some(Received::Pong),
            Frame::Close(reason) => {
                Some(Received::Close(reason.map(|reason: CloseReason| reason.code.into())))
            }
            Frame::Continuation(Item::FirstText(part)) => self.begin(true, &part)?,
            Frame::Continuation(Item::FirstBinary(part)) => self.begin(false, &part)?,
            Frame::Continuation(Item::Continue(part)) => {
                self.join(&part)?;
                None
            }
            Frame::Continuation(Item::Last(part)) => {
                self.join(&part)?;
                Some(self.end()?)
            }
        })
    }

    fn begin(&mut self, is_text: bool, part: &[u8]) -> Result<Option<Received>, Close> {
        self.is_text = is_text;
        self.fragments = 0;
        self.checked = 0;
        self.joined.clear();
        self.join(part)?;
        Ok(None)
    }

    fn join(&mut self, part: &[u8]) -> Result<(), Close> {
        self.fragments += 1;
        if self.joined.len() + part.len() > self.max_bytes || self.fragments > FRAGMENTS_MAX {
            return Err(too_big(self.max_bytes));
        }
        self.joined.extend_from_slice(part);
        if self.is_text {
            match std::str::from_utf8(&self.joined[self.checked..]) {
                Ok(_) => self.checked = self.joined.len(),
                // A character may be cut by the end of a fragment.
                Err(cut) if cut.error_len().is_none() => self.checked += cut.valid_up_to(),
                Err(_) => return Err(Close::new(CloseCode::NotUtf8)),
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Received, Close> {
        let complete = self.checked == self.joined.len();
        let message = Bytes::from(std::mem::take(&mut self.joined));
        match (self.is_text, complete) {
            (false, _) => Ok(Received::Binary(message)),
            (true, true) => Ok(Received::Text(message)),
            (true, false) => Err(Close::new(CloseCode::NotUtf8)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use futures_util::stream;
    use proptest::prelude::*;

    /// A masked frame as a client sends it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x11, 0x22, 0x33, 0x44];
        let mut bytes = vec![first];
        match payload.len() {
            len @ 0..=125 => bytes.push(0x80 | len as u8),
            len @ 126..=0xFFFF => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    /// What arrives when `bytes` come in pieces of `piece` bytes.
    fn received(bytes: &[u8], piece: usize, max_bytes: usize) -> Vec<Result<Received, Close>> {
        let pieces: Vec<_> =
            bytes.chunks(piece.max(1)).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let incoming = Incoming::new(stream::iter(pieces), max_bytes, |_: &mut Context<'_>| Poll::Ready(()));
        futures_util::FutureExt::now_or_never(incoming.collect()).expect("the bytes are all there")
    }

    fn code(bytes: &[u8], max_bytes: usize) -> u16 {
        let last = received(bytes, 7, max_bytes).pop().expect("something arrives");
        last.expect_err("it is refused").code.code()
    }

    #[test]
    fn a_declared_length_over_the_limit_is_refused_before_its_bytes_come() {
        let mut header = vec![0x81, 0x80 | 127];
        header.extend_from_slice(&(8u64 << 30).to_be_bytes());
        assert_eq!(code(&header, 1_000), 1009);
        assert_eq!(code(&[0x81, 0x80 | 126, 0x10, 0x00], 1_000), 1009);
        // What else is wrong with a header comes first, however it arrives.
        let unmasked = [0x01, 127, 0, 0, 0, 0, 0, 0, 1, 0];
        assert!((1..=10).all(|piece| {
            received(&unmasked, piece, 64)[0].as_ref().is_err_and(|close| close.code.code() == 1002)
        }));
    }

    #[test]
    fn fragments_are_joined_up_to_the_limit_and_not_beyond() {
        let two = [frame(0x01, &[b'a'; 600]), frame(0x80, &[b'b'; 400])].concat();
        assert_eq!(
            received(&two, 64, 1_000),
            [Ok(Received::Text([vec![b'a'; 600], vec![b'b'; 400]].concat().into()))]
        );
        assert_eq!(code(&two, 999), 1009);
    }

    #[test]
    fn a_ping_between_fragments_is_answered_before_them() {
        let bytes = [frame(0x01, b"he"), frame(0x89, b"!"), frame(0x80, b"llo")].concat();
        let ping = Received::Ping(Bytes::from_static(b"!"));
        assert_eq!(received(&bytes, 1, 100), [Ok(ping), Ok(Received::Text(Bytes::from_static(b"hello")))]);
    }

    #[test]
    fn text_must_be_utf8_in_every_fragment_at_once() {
        assert_eq!(code(&frame(0x81, &[0xC3, 0x28]), 100), 1007);
        // The second fragment never comes: the first is refused by itself.
        assert_eq!(code(&frame(0x01, &[b'a', 0xFF]), 100), 1007);
        // Cut at the end of the message, not of a fragment.
        assert_eq!(code(&[frame(0x01, &[0xC3]), frame(0x80, &[])].concat(), 100), 1007);
        let cut = [frame(0x01, &[0xC3]), frame(0x80, &[0xA4])].concat();
        assert_eq!(received(&cut, 100, 100), [Ok(Received::Text("ä".into()))]);
    }

    #[test]
    fn a_close_frame_is_judged_by_its_code_and_its_reason() {
        let close = |payload: &[u8]| frame(0x88, payload);
        assert_eq!(received(&close(&[]), 1, 100), [Ok(Received::Close(None))]);
        assert_eq!(received(&close(b"\x03\xe8bye"), 1, 100), [Ok(Received::Close(Some(1000)))]);
        assert_eq!(code(&close(b"\x03\xe8\xff"), 100), 1007);
        assert_eq!(code(&close(b"\x03\xed"), 100), 1002);
        assert_eq!(code(&close(b"\x03"), 100), 1002);
        assert_eq!(code(&[0x88, 3, 0x03, 0xe8, 0xff, 0, 0, 0, 0], 100), 1002);
    }

    #[test]
    fn broken_frames_end_with_a_protocol_error() {
        assert_eq!(code(&frame(0xC1, b"x"), 100), 1002);
        assert_eq!(code(&frame(0x83, b"x"), 100), 1002);
        assert_eq!(code(&frame(0x80, b"x"), 100), 1002);
        assert_eq!(code(&[0x81, 0x01, b'x'], 100), 1002);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_messages(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1usize..40) {
            let whole = received(&bytes, bytes.len().max(1), 64);
            prop_assert_eq!(received(&bytes, piece, 64), whole);
        }

        #[test]
        fn messages_survive_any_fragmentation(text in "\\PC{0,200}", cuts in prop::collection::vec(0usize..600, 0..6), piece in 1usize..50) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut parts = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                parts.push(&bytes[from..cut]);
                from = cut;
            }
            let last = parts.len() - 1;
            let wire: Vec<u8> = parts.iter().enumerate().flat_map(|(index, part)| {
                let opcode = if index == 0 { 0x01 } else { 0x00 };
                frame(opcode | if index == last { 0x80 } else { 0 }, part)
            }).collect();
            prop_assert_eq!(received(&wire, piece, 4_096), vec![Ok(Received::Text(text.into()))]);
        }
    }
}
