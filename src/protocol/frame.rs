//! Frames in their encoded form: built once, then shared by everything that sends or stores them.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::{EventKind, Patch, Seq, Timestamp};

use super::server::{Envelope, ServerMessage};
use super::topic::{Topic, Topics};

/// A text frame (FIN set, RFC 6455 section 5.2).
const TEXT: u8 = 0x81;
/// A close frame.
const CLOSE: u8 = 0x88;
/// A ping frame.
const PING: u8 = 0x89;
/// A pong frame.
const PONG: u8 = 0x8A;
/// The longest header of an unmasked frame.
const HEADER_MAX_BYTES: usize = 10;
/// The longest payload of a control frame (RFC 6455 section 5.5).
const CONTROL_MAX_BYTES: usize = 125;

/// One frame that every subscriber of its topics gets, in the bytes that go over the wire.
///
/// The WebSocket header stands in front of the text, so that a WebSocket sends the whole and
/// everybody else (event log, REST, SSE) the text alone.
#[derive(Debug)]
pub struct Frame {
    seq: Option<Seq>,
    topics: Topics,
    has_patch: bool,
    header_len: usize,
    wire: Bytes,
}

impl Frame {
    /// Wraps the text of a committed change.
    pub fn committed(seq: Seq, kind: EventKind, has_patch: bool, text: &str) -> Frame {
        let (header_len, wire) = with_header(text.as_bytes());
        let own = topic_of(kind).into();
        let topics = if has_patch { Topics::union(own, Topic::State.into()) } else { own };
        Frame { seq: Some(seq), topics, has_patch, header_len, wire }
    }

    /// Encodes a message that is not committed, for the subscribers of `topic`.
    pub fn ephemeral(topic: Topic, message: ServerMessage, now: Timestamp) -> Frame {
        Frame::uncommitted(topic.into(), message, now)
    }

    /// Wraps the text of log lines, for those of the subscribers of `logs` who asked for such.
    pub fn of_logs(text: &str) -> Frame {
        let (header_len, wire) = with_header(text.as_bytes());
        Frame { seq: None, topics: Topic::Logs.into(), has_patch: false, header_len, wire }
    }

    /// Encodes a message that every connection gets, whatever it subscribed to.
    pub fn for_all(message: ServerMessage, now: Timestamp) -> Frame {
        Frame::uncommitted(Topics::NONE, message, now)
    }

    fn uncommitted(topics: Topics, message: ServerMessage, now: Timestamp) -> Frame {
        let text = encode_message(message, now, None, None);
        let (header_len, wire) = with_header(text.as_bytes());
        Frame { seq: None, topics, has_patch: false, header_len, wire }
    }

    /// The change's number; none where the frame is not committed.
    pub fn seq(&self) -> Option<Seq> {
        self.seq
    }

    /// Whether it changes the state.
    pub fn has_patch(&self) -> bool {
        self.has_patch
    }

    /// Tells whether a connection with these topics gets it.
    pub fn is_for(&self, topics: Topics) -> bool {
        self.topics == Topics::NONE || self.topics.intersects(topics)
    }

    /// WebSocket header and text, shared.
    pub fn wire(&self) -> Bytes {
        self.wire.clone()
    }

    /// The text alone, shared.
    pub fn text(&self) -> Bytes {
        self.wire.slice(self.header_len..)
    }

    /// The text alone, borrowed.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.wire[self.header_len..]).expect("frames are made from text")
    }

    /// How many bytes a WebSocket sends for it.
    pub fn wire_len(&self) -> usize {
        self.wire.len()
    }
}

/// The topic of a kind of event, whether it carries a patch or not.
fn topic_of(kind: EventKind) -> Topic {
    match kind {
        EventKind::StateChange | EventKind::CommandExecuted => Topic::State,
        EventKind::GatewayStatusChange
        | EventKind::GatewayRecovery
        | EventKind::GatewayRegistered
        | EventKind::GatewayRemoved => Topic::Gateways,
    }
}

/// The text of a committed change while it is written: `{type, seq, timestamp, actor, data, patch?}`.
#[derive(Serialize)]
struct EventEnvelope<'a, D: Serialize> {
    r#type: &'a str,
    seq: Seq,
    timestamp: Timestamp,
    actor: &'a str,
    data: &'a D,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<&'a Patch>,
}

/// A committed change as it stands in the log, read back.
#[derive(Debug, Deserialize)]
pub struct EventFrame<'a> {
    /// Its kind.
    pub r#type: EventKind,
    /// Its number.
    pub seq: Seq,
    /// When it was made.
    pub timestamp: Timestamp,
    /// Who made it.
    #[serde(borrow)]
    pub actor: std::borrow::Cow<'a, str>,
    /// The operations, undecoded; none where it changed no state.
    #[serde(borrow, default)]
    pub patch: Option<&'a RawValue>,
}

impl EventFrame<'_> {
    /// Writes the text of a committed change.
    pub fn encode<D: Serialize>(
        kind: EventKind,
        seq: Seq,
        timestamp: Timestamp,
        actor: &str,
        data: &D,
        patch: Option<&Patch>,
    ) -> String {
        let envelope = EventEnvelope { r#type: kind.as_str(), seq, timestamp, actor, data, patch };
        serde_json::to_string(&envelope).expect("events have string keys and finite numbers only")
    }

    /// Reads the text of a committed change without decoding its data and patch.
    ///
    /// # Errors
    /// Whatever in the text is not what [`EventFrame::encode`] writes.
    pub fn parse(text: &str) -> Result<EventFrame<'_>, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// Writes the text of a frame that belongs to one connection, or to no log.
pub fn encode_message(
    message: ServerMessage,
    timestamp: Timestamp,
    seq: Option<Seq>,
    request_id: Option<String>,
) -> String {
    let envelope = Envelope { message, seq, timestamp, actor: None, patch: None, request_id };
    serde_json::to_string(&envelope).expect("messages have string keys and finite numbers only")
}

/// The text of a `state` frame around a document, in two parts: what comes before it and after it.
///
/// The document itself is shared by all frames about the same seq, whatever their reason.
pub fn state_parts(reason: &str, seq: Seq, timestamp: Timestamp) -> (String, &'static str) {
    let head = format!(
        r#"{{"type":"state","seq":{seq},"timestamp":"{timestamp}","data":{{"reason":"{reason}","state":"#
    );
    (head, "}}")
}

/// The header of an unmasked text frame whose payload is `len` bytes long.
pub fn text_header(len: usize) -> Bytes {
    let mut header = BytesMut::with_capacity(HEADER_MAX_BYTES);
    put_header(&mut header, TEXT, len);
    header.freeze()
}

/// A whole text frame.
pub fn text_frame(text: &str) -> Bytes {
    with_header(text.as_bytes()).1
}

/// A ping; longer payloads than a control frame may have are cut.
pub fn ping_frame(payload: &[u8]) -> Bytes {
    control_frame(PING, payload)
}

/// A pong; longer payloads than a control frame may have are cut.
pub fn pong_frame(payload: &[u8]) -> Bytes {
    control_frame(PONG, payload)
}

/// A close frame; without a code its payload is empty, and a reason that is too long is cut at a
/// character.
pub fn close_frame(code: Option<u16>, reason: &str) -> Bytes {
    let Some(code) = code else { return control_frame(CLOSE, &[]) };
    let mut end = reason.len().min(CONTROL_MAX_BYTES - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    control_frame(CLOSE, &payload)
}

fn control_frame(opcode: u8, payload: &[u8]) -> Bytes {
    let payload = &payload[..payload.len().min(CONTROL_MAX_BYTES)];
    let mut frame = BytesMut::with_capacity(2 + payload.len());
    put_header(&mut frame, opcode, payload.len());
    frame.put_slice(payload);
    frame.freeze()
}

fn with_header(payload: &[u8]) -> (usize, Bytes) {
    let mut wire = BytesMut::with_capacity(HEADER_MAX_BYTES + payload.len());
    put_header(&mut wire, TEXT, payload.len());
    let header_len = wire.len();
    wire.put_slice(payload);
    (header_len, wire.freeze())
}

fn put_header(to: &mut BytesMut, first: u8, len: usize) {
    to.put_u8(first);
    match len {
        0..=125 => to.put_u8(len as u8),
        126..=0xFFFF => {
            to.put_u8(126);
            to.put_u16(len as u16);
        }
        _ => {
            to.put_u8(127);
            to.put_u64(len as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::server::{Empty, Presence};

    #[test]
    fn headers_have_the_three_lengths_of_rfc_6455() {
        assert_eq!(&text_header(125)[..], [0x81, 125]);
        assert_eq!(&text_header(126)[..], [0x81, 126, 0, 126]);
        assert_eq!(&text_header(0x1_0000)[..], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_frame_shares_one_buffer_for_both_of_its_readers() {
        let frame = Frame::committed(Seq::new(3), EventKind::StateChange, true, r#"{"seq":3}"#);
        assert_eq!(&frame.text()[..], br#"{"seq":3}"#);
        assert_eq!(frame.wire_len(), frame.text().len() + 2);
        assert!(frame.is_for(Topic::State.into()) && !frame.is_for(Topic::Presence.into()));
    }

    #[test]
    fn a_heartbeat_goes_to_connections_without_any_topic() {
        let now = Timestamp::from_millis(0);
        assert!(Frame::for_all(ServerMessage::Pong(Empty {}), now).is_for(Topics::NONE));
        let presence = ServerMessage::Presence(Presence { client_count: 1 });
        assert!(!Frame::ephemeral(Topic::Presence, presence, now).is_for(Topics::NONE));
    }

    #[test]
    fn a_long_close_reason_is_cut_at_a_character() {
        let frame = close_frame(Some(1001), &"é".repeat(100));
        assert_eq!(frame[0], 0x88);
        assert!(frame[1] <= 125);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
        assert_eq!(&close_frame(None, "")[..], [0x88, 0]);
    }
}
