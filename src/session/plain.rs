//! The plain protocol: the bare document now and after each commit, for the simplest dashboards.

use bytes::Bytes;
use serde_json::Value;

use crate::domain;
use crate::protocol::ServerMessage;
use crate::protocol::server::Empty;

use super::actor::Session;

impl Session {
    pub(super) fn begin_plain(&mut self) {
        let mirror = self.outbox.mirror();
        mirror.pull();
        self.outbox.attach(None, mirror.newest());
        self.outbox.push_document();
    }

    /// A ping gets a pong, any other JSON an echo, anything else an error.
    pub(super) fn receive_plain(&mut self, text: &Bytes) {
        match domain::parse_strict(text) {
            Ok(Value::Object(frame)) if frame.get("type").and_then(Value::as_str) == Some("ping") => {
                self.send(ServerMessage::Pong(Empty {}), None);
            }
            Ok(value) => self.send(ServerMessage::Echo(value), None),
            Err(error) => self.refuse_frame(&error, None),
        }
    }
}
