//! The bytes of a WebSocket connection (RFC 6455): however they are cut into pieces, the same messages come out.
#![no_main]

use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use libfuzzer_sys::fuzz_target;
use opshub::protocol::Close;
use opshub::session::framing::{Incoming, Received};

const MESSAGE_MAX_BYTES: usize = 512;

fn received(bytes: &[u8], piece: usize) -> Vec<Result<Received, Close>> {
    let pieces: Vec<_> = bytes.chunks(piece).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let room = |_: &mut Context<'_>| Poll::Ready(());
    let incoming = Incoming::new(stream::iter(pieces), MESSAGE_MAX_BYTES, room);
    incoming.collect().now_or_never().expect("all bytes are there")
}

fuzz_target!(|data: &[u8]| {
    let Some((piece, bytes)) = data.split_first() else { return };
    let whole = received(bytes, bytes.len().max(1));
    assert_eq!(received(bytes, usize::from(*piece).max(1)), whole);
    for message in whole.into_iter().flatten() {
        match message {
            Received::Text(text) => assert!(text.len() <= MESSAGE_MAX_BYTES && std::str::from_utf8(&text).is_ok()),
            Received::Binary(data) => assert!(data.len() <= MESSAGE_MAX_BYTES),
            Received::Ping(payload) => assert!(payload.len() <= 125),
            Received::Pong | Received::Close(_) => {}
        }
    }
});
