//! How frames become the bytes of a connection.

use bytes::Bytes;

use crate::domain::Seq;
use crate::hub::Committed;
use crate::protocol::frame::{state_parts, text_header};
use crate::protocol::{Frame, StateReason};

/// One frame in up to three parts that are sent one after the other; the large ones are shared.
pub(super) type Pieces = [Bytes; 3];

/// What ends a server-sent event.
const EVENT_END: &[u8] = b"\n\n";

/// How frames become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Typed envelopes on a WebSocket.
    V1,
    /// The newest whole document on a WebSocket.
    Plain,
    /// Typed envelopes as server-sent events.
    Events,
}

impl Encoding {
    /// A shared frame.
    pub(super) fn frame(self, frame: &Frame, epoch: &str) -> Pieces {
        match self {
            Encoding::V1 | Encoding::Plain => [frame.wire(), Bytes::new(), Bytes::new()],
            Encoding::Events => [event_head(epoch, frame.seq()), frame.text(), Bytes::from_static(EVENT_END)],
        }
    }

    /// A `state` frame around the document's shared text.
    pub(super) fn state(self, reason: StateReason, committed: &Committed, epoch: &str) -> Pieces {
        let (head, tail) = state_parts(reason.as_str(), committed.seq, committed.at);
        let document = committed.text();
        match self {
            Encoding::V1 | Encoding::Plain => {
                let header = text_header(head.len() + document.len() + tail.len());
                let head = [header.as_ref(), head.as_bytes()].concat();
                [head.into(), document, Bytes::from_static(tail.as_bytes())]
            }
            Encoding::Events => {
                let head = [event_head(epoch, Some(committed.seq)).as_ref(), head.as_bytes()].concat();
                [head.into(), document, [tail.as_bytes(), EVENT_END].concat().into()]
            }
        }
    }

    /// The bare document (plain).
    pub(super) fn document(committed: &Committed) -> Pieces {
        let text = committed.text();
        [text_header(text.len()), text, Bytes::new()]
    }
}

/// What stands before the text of a server-sent event: its id, if it is committed.
fn event_head(epoch: &str, seq: Option<Seq>) -> Bytes {
    match seq {
        Some(seq) => format!("id: {epoch}-{seq}\ndata: ").into(),
        None => Bytes::from_static(b"data: "),
    }
}
