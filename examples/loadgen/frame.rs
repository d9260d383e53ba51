//! What a server frame means for the books, read once for all the connections that get it.

use std::borrow::Cow;

use serde::Deserialize;

/// How many different frames are remembered; more than can be in flight to a client at once.
const REMEMBERED: usize = 32;

/// Longer frames are read anew each time.
const REMEMBERED_MAX_BYTES: usize = 1024 * 1024;

/// One frame as far as the measurement cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    /// Bytes of the payload, without the WebSocket header.
    pub(crate) bytes: usize,
}

/// What a frame tells about the sequence of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first frame. `recovered`: the changes missed since the last connection follow.
    Connected { recovered: bool },
    /// The whole document as of `seq`.
    State { seq: u64 },
    /// One committed change.
    Change { seq: u64 },
    /// Anything else: heartbeats, presence, health, answers.
    Other,
}

/// Reads frames, and recognizes those it has just read by their bytes.
///
/// The hub sends the same bytes to everyone, so comparing is enough for all connections but the
/// first, and the reader of a thousand connections costs as much as the reader of one.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    recent: Vec<(Vec<u8>, Frame)>,
    /// Where the next new frame is kept, and where the next known one is looked for first.
    next: usize,
    hint: usize,
    epoch: Option<String>,
}

/// The parts of the envelope that count. Unknown fields are skipped, as the contract asks.
#[derive(Deserialize)]
struct Envelope<'f> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'f, str>,
    seq: Option<u64>,
}

#[derive(Deserialize)]
struct Greeting {
    data: GreetingData,
}

#[derive(Deserialize)]
struct GreetingData {
    epoch: String,
    recovered: bool,
}

impl FrameReader {
    /// Reads one payload. What is no envelope is [`Kind::Other`].
    pub(crate) fn read(&mut self, payload: &[u8]) -> Frame {
        let known = (self.hint..self.recent.len()).chain(0..self.hint.min(self.recent.len()));
        for at in known {
            let (bytes, frame) = &self.recent[at];
            if bytes == payload {
                self.hint = at + 1;
                return *frame;
            }
        }
        let frame = Frame { kind: self.parse(payload), bytes: payload.len() };
        let shared = matches!(frame.kind, Kind::State { .. } | Kind::Change { .. });
        if shared && payload.len() <= REMEMBERED_MAX_BYTES {
            self.remember(payload, frame);
        }
        frame
    }

    /// The epoch that the server named last.
    pub(crate) fn epoch(&self) -> Option<&str> {
        self.epoch.as_deref()
    }

    fn parse(&mut self, payload: &[u8]) -> Kind {
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(payload) else {
            return Kind::Other;
        };
        match (envelope.kind.as_ref(), envelope.seq) {
            ("connected", _) => match serde_json::from_slice::<Greeting>(payload) {
                Ok(Greeting { data }) => {
                    if self.epoch.as_ref() != Some(&data.epoch) {
                        self.epoch = Some(data.epoch);
                    }
                    Kind::Connected { recovered: data.recovered }
                }
                Err(_) => Kind::Other,
            },
            ("state", Some(seq)) => Kind::State { seq },
            (_, Some(seq)) => Kind::Change { seq },
            (_, None) => Kind::Other,
        }
    }

    fn remember(&mut self, payload: &[u8], frame: Frame) {
        if self.recent.len() < REMEMBERED {
            self.recent.push((payload.to_vec(), frame));
            self.next = self.recent.len() % REMEMBERED;
        } else {
            let (bytes, kept) = &mut self.recent[self.next];
            bytes.clear();
            bytes.extend_from_slice(payload);
            *kept = frame;
            self.next = (self.next + 1) % REMEMBERED;
        }
        self.hint = self.next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Kind {
        FrameReader::default().read(text.as_bytes()).kind
    }

    #[test]
    fn frames_are_told_apart_wherever_their_fields_stand() {
        assert_eq!(kind(r#"{"type":"state","seq":7,"data":{}}"#), Kind::State { seq: 7 });
        assert_eq!(
            kind(r#"{"seq":8,"data":{"seq":99,"type":"state"},"type":"state_change","patch":[]}"#),
            Kind::Change { seq: 8 }
        );
        assert_eq!(kind(r#"{"type":"gateway_status_change","seq":9}"#), Kind::Change { seq: 9 });
        assert_eq!(kind(r#"{"type":"heartbeat","data":{"seq":9}}"#), Kind::Other);
        assert_eq!(kind("not json"), Kind::Other);
    }

    #[test]
    fn the_greeting_tells_epoch_and_whether_changes_follow() {
        let mut reader = FrameReader::default();
        let text = br#"{"type":"connected","data":{"epoch":"e1","recovered":true,"seq":4}}"#;
        assert_eq!(reader.read(text).kind, Kind::Connected { recovered: true });
        assert_eq!(reader.epoch(), Some("e1"));
    }

    #[test]
    fn a_frame_read_again_is_the_same_however_many_came_between() {
        let mut reader = FrameReader::default();
        let text = |seq: usize| format!(r#"{{"type":"state_change","seq":{seq}}}"#);
        for round in 0..3 {
            for seq in 0..3 * REMEMBERED {
                let frame = reader.read(text(seq).as_bytes());
                assert_eq!(frame.kind, Kind::Change { seq: seq as u64 }, "round {round}");
            }
        }
        assert_eq!(reader.recent.len(), REMEMBERED);
    }
}
