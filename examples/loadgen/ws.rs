//! Just enough of RFC 6455: the handshake and the framing, on bytes that are already in memory.

use std::fmt;

/// The subprotocol whose frames are measured.
pub(crate) const SUBPROTOCOL: &str = "opshub.v1";

/// The sample key of RFC 6455 and the answer that belongs to it. A fixed key lets both sides check
/// the handshake without hashing; the key protects caches between them, of which there are none.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The longest handshake answer and the longest frame that are read.
const MAX_HANDSHAKE_BYTES: usize = 16 * 1024;
const MAX_FRAME_BYTES: u64 = 16 * 1024 * 1024;

/// Any key hides a payload from what is between client and server; see [`KEY`].
const MASK: [u8; 4] = [0x5a, 0xc3, 0x1e, 0x87];

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text,
    Close,
    Ping,
    Pong,
}

/// The start of one frame from a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) opcode: Opcode,
    /// Bytes before the payload.
    pub(crate) start: usize,
    /// Bytes up to the next frame.
    pub(crate) end: usize,
}

/// How far the server's answer to the upgrade request has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// More bytes are needed.
    Partial,
    /// The connection is a WebSocket; frames begin after so many bytes.
    Accepted(usize),
    /// The server answered with another status.
    Refused(u16),
}

/// A server that does not keep to the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Violation(pub(crate) &'static str);

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

/// Builds the upgrade request for `path`, which may carry a query.
pub(crate) fn upgrade_request(host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\nUser-Agent: loadgen\r\n\r\n"
    )
    .into_bytes()
}

/// The answer to [`upgrade_request`], as the yardstick gives it.
pub(crate) fn upgrade_answer() -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    )
    .into_bytes()
}

/// Reads the server's answer to [`upgrade_request`].
///
/// # Errors
/// The answer is no HTTP, is too long, or accepts with a wrong key or without the subprotocol.
pub(crate) fn read_handshake(bytes: &[u8]) -> Result<Handshake, Violation> {
    let Some(length) = head_length(bytes) else {
        let endless = bytes.len() > MAX_HANDSHAKE_BYTES;
        return if endless { Err(Violation("endless handshake")) } else { Ok(Handshake::Partial) };
    };
    let head = std::str::from_utf8(&bytes[..length]).map_err(|_| Violation("no HTTP answer"))?;
    match status_of(head) {
        Some(101) if header(head, "sec-websocket-accept") != Some(ACCEPT) => {
            Err(Violation("wrong Sec-WebSocket-Accept"))
        }
        Some(101) if header(head, "sec-websocket-protocol") != Some(SUBPROTOCOL) => {
            Err(Violation("the subprotocol was not accepted"))
        }
        Some(101) => Ok(Handshake::Accepted(length)),
        Some(status) => Ok(Handshake::Refused(status)),
        None => Err(Violation("no HTTP answer")),
    }
}

/// Reads the header of the frame at the start of `bytes`; `None` when more bytes are needed.
///
/// # Errors
/// The frame is masked, fragmented, compressed, binary, of unknown opcode or too long.
pub(crate) fn read_header(bytes: &[u8]) -> Result<Option<Header>, Violation> {
    let [first, second, ..] = *bytes else {
        return Ok(None);
    };
    let opcode = match first {
        0x81 => Opcode::Text,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        0x82 => return Err(Violation("a binary frame")),
        _ => return Err(Violation("a fragmented frame, or one of unknown kind")),
    };
    let (start, length) = match second {
        0..=125 => (2, u64::from(second)),
        126 => match bytes.get(2..4) {
            Some(raw) => (4, u64::from(u16::from_be_bytes(raw.try_into().expect("two bytes")))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10) {
            Some(raw) => (10, u64::from_be_bytes(raw.try_into().expect("eight bytes"))),
            None => return Ok(None),
        },
        _ => return Err(Violation("a masked frame")),
    };
    match usize::try_from(length) {
        Ok(payload) if length <= MAX_FRAME_BYTES => Ok(Some(Header { opcode, start, end: start + payload })),
        _ => Err(Violation("an overlong frame")),
    }
}

/// Reads the code of a close frame's payload; 1005 when it has none, as RFC 6455 names that.
pub(crate) fn close_code(payload: &[u8]) -> u16 {
    payload.first_chunk::<2>().map_or(1005, |code| u16::from_be_bytes(*code))
}

/// Appends a pong that answers a ping with this payload, masked as clients must.
pub(crate) fn push_pong(out: &mut Vec<u8>, payload: &[u8]) {
    push_masked_control(out, 0x8a, payload);
}

/// Appends a close frame with this code, masked as clients must.
pub(crate) fn push_close(out: &mut Vec<u8>, code: u16) {
    push_masked_control(out, 0x88, &code.to_be_bytes());
}

/// Builds one whole text frame as a server sends it.
pub(crate) fn server_text(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    frame.push(0x81);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..=125), _) => frame.push(short),
        (_, Ok(medium)) => {
            frame.push(126);
            frame.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// Bytes of an HTTP head with its empty line, once it is all there.
pub(crate) fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The status of an HTTP answer's head.
pub(crate) fn status_of(head: &str) -> Option<u16> {
    head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// The value of the header `name` (lower case) in an HTTP head.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

/// Control frames carry at most 125 bytes; more cannot have come in and is cut.
fn push_masked_control(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    let payload = &payload[..payload.len().min(125)];
    out.extend_from_slice(&[first, 0x80 | payload.len() as u8]);
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn frames_of_every_length_class_are_read_back() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 300_000] {
            let frame = server_text(&vec![b'x'; length]);
            let header = read_header(&frame).unwrap().unwrap();
            assert_eq!(header.opcode, Opcode::Text);
            assert_eq!(header.end - header.start, length);
            assert_eq!(header.end, frame.len());
        }
    }

    #[test]
    fn a_header_that_is_cut_anywhere_asks_for_more() {
        let frame = server_text(&vec![b'x'; 70_000]);
        for cut in 0..10 {
            assert_eq!(read_header(&frame[..cut]), Ok(None), "cut at {cut}");
        }
    }

    #[test]
    fn frames_that_a_server_may_not_send_are_violations() {
        assert!(read_header(&[0x81, 0x85, 0, 0]).is_err(), "masked");
        assert!(read_header(&[0x01, 0x05]).is_err(), "fragment");
        assert!(read_header(&[0xc1, 0x05]).is_err(), "reserved bit");
        assert!(read_header(&[0x82, 0x05]).is_err(), "binary");
        let eight_gib = [0x81, 127, 0, 0, 0, 2, 0, 0, 0, 0];
        assert_eq!(read_header(&eight_gib), Err(Violation("an overlong frame")));
    }

    #[test]
    fn the_handshake_is_accepted_only_with_key_and_subprotocol() {
        let answer = upgrade_answer();
        assert_eq!(read_handshake(&answer), Ok(Handshake::Accepted(answer.len())));
        assert_eq!(read_handshake(&answer[..answer.len() - 1]), Ok(Handshake::Partial));
        let text = String::from_utf8(answer).unwrap();
        assert!(read_handshake(text.replace("s3pP", "AAAA").as_bytes()).is_err());
        assert!(read_handshake(text.replace("opshub.v1", "opshub.v9").as_bytes()).is_err());
        let lower = text.replace("Sec-WebSocket-Accept", "sec-websocket-accept");
        assert!(matches!(read_handshake(lower.as_bytes()), Ok(Handshake::Accepted(_))));
    }

    #[test]
    fn a_refused_handshake_tells_its_status() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n\r\n{}";
        assert_eq!(read_handshake(answer), Ok(Handshake::Refused(503)));
        assert!(read_handshake(b"SSH-2.0\r\n\r\n").is_err());
    }

    #[test]
    fn a_pong_carries_the_pings_payload_masked() {
        let mut out = Vec::new();
        push_pong(&mut out, b"hello");
        assert_eq!(out[..2], [0x8a, 0x85]);
        let mask = &out[2..6];
        let bare: Vec<u8> = out[6..].iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m).collect();
        assert_eq!(bare, b"hello");
    }

    #[test]
    fn a_close_code_is_read_and_its_absence_has_a_name() {
        assert_eq!(close_code(&[0x11, 0x30, b'x']), 4400);
        assert_eq!(close_code(&[]), 1005);
    }
}
