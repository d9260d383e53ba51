//! What one client does with the bytes that it gets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::frame::Kind;

/// Feeds `bytes` in pieces of `step` and returns what came of it.
fn fed(bytes: &[u8], step: usize) -> (Vec<Event>, Client, Option<Cause>) {
    let (mut client, mut frames) = (Client::default(), FrameReader::default());
    let mut events = Vec::new();
    for piece in bytes.chunks(step) {
        let intake = &mut Intake { id: 3, at: 0, frames: &mut frames, events: &mut events };
        if let Err(cause) = client.feed(piece, intake) {
            return (events, client, Some(cause));
        }
    }
    (events, client, None)
}

fn stream_of(frames: &[Vec<u8>]) -> Vec<u8> {
    [ws::upgrade_answer(), frames.concat()].concat()
}

#[test]
fn frames_are_the_same_however_the_bytes_are_cut() {
    let long = format!(r#"{{"type":"state_change","seq":2,"pad":"{}"}}"#, "x".repeat(70_000));
    let bytes = stream_of(&[
        ws::server_text(br#"{"type":"state","seq":1}"#),
        ws::server_text(long.as_bytes()),
        vec![0x89, 0],
        ws::server_text(br#"{"type":"state_change","seq":3}"#),
    ]);
    for step in [1, 7, 1000, bytes.len()] {
        let (events, client, cause) = fed(&bytes, step);
        assert_eq!(cause, None);
        let kinds: Vec<Kind> = events
            .iter()
            .filter_map(|event| match event {
                Event::Frame { frame, .. } => Some(frame.kind),
                _ => None,
            })
            .collect();
        let wanted = [Kind::State { seq: 1 }, Kind::Change { seq: 2 }, Kind::Change { seq: 3 }];
        assert_eq!(kinds, wanted, "in steps of {step}");
        assert_eq!(client.out.len(), 6, "one pong waits, in steps of {step}");
        assert!(client.carry.is_empty());
    }
}

#[test]
fn the_code_of_a_close_frame_is_the_cause() {
    let (events, _, cause) = fed(&stream_of(&[vec![0x88, 2, 0x03, 0xe9]]), 4096);
    assert!(matches!(events[..], [Event::Opened { client: 3 }]));
    assert_eq!(cause, Some(Cause::Code(1001)));
}

#[test]
fn a_refused_handshake_opens_nothing() {
    let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let (events, _, cause) = fed(answer, 5);
    assert!(events.is_empty());
    assert_eq!(cause, Some(Cause::Refused(503)));
}
