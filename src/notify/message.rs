//! What a receiver gets: a body, and headers that say what it is and that it is from here.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::{Epoch, EventKind, Seq, Timestamp};
use crate::protocol::EventFrame;

use super::definition::SinkFormat;
use super::slack;

/// A committed event on its way to a sink.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    pub(super) seq: Seq,
    pub(super) kind: EventKind,
    /// When it was committed.
    pub(super) at: Timestamp,
    /// Its frame, in the bytes that the log has.
    pub(super) text: Bytes,
}

impl Event {
    /// Takes an event from the log.
    ///
    /// # Errors
    /// Its text is no frame.
    pub(super) fn read(seq: Seq, text: String) -> Result<Event, serde_json::Error> {
        let frame: EventFrame<'_> = serde_json::from_str(&text)?;
        let (kind, at) = (frame.r#type, frame.timestamp);
        Ok(Event { seq, kind, at, text: text.into() })
    }
}

/// One attempt's body and headers.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) body: Bytes,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Message {
    /// Writes what is sent at `now`, signed if there is a `secret`, with `buttons` if somebody listens to them.
    pub(super) fn new(
        format: SinkFormat,
        event: &Event,
        epoch: &Epoch,
        secret: Option<&[u8]>,
        buttons: bool,
        now: Timestamp,
    ) -> Message {
        let body = match format {
            SinkFormat::Json => event.text.clone(),
            SinkFormat::Slack => slack::body(event, buttons, now).into(),
        };
        let timestamp = now.millis().div_euclid(1_000).to_string();
        let signature = secret.map(|secret| format!("v1={}", sign(secret, &timestamp, &body)));
        let mut headers = vec![
            ("X-Opshub-Event", event.kind.as_str().to_owned()),
            ("X-Opshub-Delivery", format!("{epoch}-{}", event.seq)),
            ("X-Opshub-Timestamp", timestamp),
        ];
        headers.extend(signature.map(|signature| ("X-Opshub-Signature", signature)));
        Message { body, headers }
    }
}

/// Signs a body together with its time, so that neither can be taken from one message into another.
fn sign(secret: &[u8], timestamp: &str, body: &[u8]) -> String {
    hmac_sha256(secret, &[timestamp.as_bytes(), b".", body])
}

/// HMAC-SHA256 (RFC 2104) over the `parts` in a row, in lower-case hexadecimal.
fn hmac_sha256(secret: &[u8], parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &str = r#"{"type":"command_executed","seq":7,"timestamp":"2026-01-02T03:04:05.678Z","actor":"anna","data":{"command":"approve P7","action":"approve","target":"P7","applied":true,"message":"approved P7"},"patch":[]}"#;

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        let (long_key, fifty) = ([0xaa; 131], [0xdd; 50]);
        for (key, data, expected) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &fifty, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                &long_key,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hmac_sha256(key, &[data]), expected);
        }
        assert_eq!(sign(b"Jefe", "17", b"{}"), hmac_sha256(b"Jefe", &[b"17.{}"]));
    }

    #[test]
    fn the_body_is_the_frame_and_the_headers_name_it() {
        let event = Event::read(Seq::new(7), FRAME.to_owned()).unwrap();
        assert_eq!(event.at.to_string(), "2026-01-02T03:04:05.678Z");
        let now = Timestamp::from_millis(1_767_323_050_999);
        let message = Message::new(SinkFormat::Json, &event, &Epoch::new("e1"), Some(b"Jefe"), false, now);
        assert_eq!(message.body, FRAME);
        let signature = format!("v1={}", hmac_sha256(b"Jefe", &[b"1767323050.", FRAME.as_bytes()]));
        let expected = [
            ("X-Opshub-Event", "command_executed".to_owned()),
            ("X-Opshub-Delivery", "e1-7".to_owned()),
            ("X-Opshub-Timestamp", "1767323050".to_owned()),
            ("X-Opshub-Signature", signature),
        ];
        assert_eq!(message.headers, expected);
        let unsigned = Message::new(SinkFormat::Json, &event, &Epoch::new("e1"), None, false, now);
        assert_eq!(unsigned.headers, expected[..3]);
    }
}
