//! The promises of the fan-out, on one thread and without a network.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod logs;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::domain::{Document, Epoch, EventKind, Seq, Timestamp};
use crate::hub::{Committed, Live};
use crate::protocol::server::Presence;
use crate::protocol::{Frame, ServerMessage, StateReason, Topic, Topics};
use crate::telemetry::metrics::Metrics;

use super::encoding::Encoding;
use super::mirror::{Mirror, Shared};
use super::report::{ConnectionState, Identity};
use super::subscriber::{OutboxLimits, Subscriber};

/// A hub's live side with one worker.
struct World {
    live: Arc<Live>,
    mirror: Rc<Mirror>,
    seq: u64,
}

impl World {
    fn new(ring_bytes: usize) -> World {
        let committed = Committed::new(Seq::ZERO, Seq::ZERO, at(), Document::default());
        let live = Arc::new(Live::new(Epoch::new("e"), committed, ring_bytes));
        let mirror = Mirror::new(live.clone(), Arc::new(Metrics::new()), ring_bytes);
        World { live, mirror, seq: 0 }
    }

    /// Commits changes of about `bytes` each, together.
    fn commit(&mut self, count: u64, bytes: usize) {
        let frames: Vec<_> = (1..=count)
            .map(|step| {
                let seq = self.seq + step;
                let text = format!(r#"{{"type":"state_change","seq":{seq},"pad":"{}"}}"#, "x".repeat(bytes));
                Arc::new(Frame::committed(Seq::new(seq), EventKind::StateChange, true, &text))
            })
            .collect();
        self.seq += count;
        let seq = Seq::new(self.seq);
        self.live.show(frames.into_iter(), Committed::new(seq, seq, at(), Document::default()));
        self.mirror.pull();
    }

    fn presence(&self, client_count: usize) {
        let message = ServerMessage::Presence(Presence { client_count });
        self.live.show_uncommitted(Frame::ephemeral(Topic::Presence, message, at()));
        self.mirror.pull();
    }

    fn subscriber(&self, encoding: Encoding, topics: Topics) -> Shared {
        let identity = Identity {
            session_id: "s".into(),
            actor: "a".into(),
            address: "127.0.0.1:1".into(),
            user_agent: None,
            protocol: "test".into(),
            connected_at: at(),
        };
        let limits = OutboxLimits { outbox_bytes: 1_000, stalled_after: Duration::from_secs(10) };
        self.mirror.add(Subscriber::new(identity, encoding, topics, "e".into(), limits)).1
    }

    fn attached(&self, encoding: Encoding, topics: Topics) -> Shared {
        let subscriber = self.subscriber(encoding, topics);
        self.mirror.attach(&subscriber, None, Seq::new(self.seq));
        subscriber
    }

    /// Everything that a connection with room would take now, as frames.
    fn drain(&self, subscriber: &Shared) -> Vec<Value> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.mirror.take(&mut subscriber.borrow_mut()) {
            bytes.extend_from_slice(&piece);
        }
        frames(&bytes)
    }
}

fn at() -> Timestamp {
    Timestamp::from_millis(0)
}

fn state_only() -> Topics {
    Topic::State.into()
}

/// Takes unmasked WebSocket text frames apart.
fn frames(mut bytes: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (len, header) = match bytes[1] {
            126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            127 => (u64::from_be_bytes(bytes[2..10].try_into().unwrap()) as usize, 10),
            short => (usize::from(short), 2),
        };
        found.push(serde_json::from_slice(&bytes[header..header + len]).unwrap());
        bytes = &bytes[header + len..];
    }
    found
}

fn seqs(frames: &[Value]) -> Vec<u64> {
    frames.iter().filter_map(|frame| frame["seq"].as_u64()).collect()
}

fn answer(name: &str) -> bytes::Bytes {
    crate::protocol::frame::text_frame(&format!(r#"{{"type":"{name}"}}"#))
}

#[test]
fn every_subscriber_gets_every_change_once_and_in_order() {
    let mut world = World::new(1 << 20);
    let (first, second) =
        (world.attached(Encoding::V1, state_only()), world.attached(Encoding::V1, state_only()));
    world.commit(3, 10);
    assert_eq!(seqs(&world.drain(&first)), [1, 2, 3]);
    world.commit(2, 10);
    assert_eq!(seqs(&world.drain(&first)), [4, 5]);
    assert_eq!(seqs(&world.drain(&second)), [1, 2, 3, 4, 5]);
    assert!(world.drain(&second).is_empty());
}

#[test]
fn an_answer_stands_where_it_was_given() {
    let mut world = World::new(1 << 20);
    let subscriber = world.attached(Encoding::V1, state_only());
    world.commit(2, 10);
    world.mirror.push(&subscriber, answer("pong"));
    world.presence(1);
    world.commit(1, 10);
    let got: Vec<String> =
        world.drain(&subscriber).iter().map(|frame| frame["type"].as_str().unwrap().into()).collect();
    assert_eq!(got, ["state_change", "state_change", "pong", "state_change"]);
}

#[test]
fn a_state_that_was_asked_for_is_the_newest_and_nothing_in_it_follows_again() {
    let mut world = World::new(1 << 20);
    let subscriber = world.attached(Encoding::V1, state_only());
    world.commit(2, 10);
    world.mirror.push_state(&subscriber, StateReason::Requested);
    world.mirror.push_state(&subscriber, StateReason::Requested);
    world.commit(1, 10);
    let got = world.drain(&subscriber);
    // The third change is in the state already.
    assert_eq!(seqs(&got), [1, 2, 3]);
    assert_eq!(got[2]["data"]["reason"], "requested");
    world.commit(1, 10);
    assert_eq!(seqs(&world.drain(&subscriber)), [4]);
}

#[test]
fn the_welcome_goes_first_and_an_overflow_takes_the_place_of_older_states() {
    let mut world = World::new(1 << 20);
    world.commit(2, 10);
    let subscriber = world.subscriber(Encoding::V1, state_only());
    subscriber.borrow_mut().push_ahead(answer("connected"), std::time::Instant::now());
    world.mirror.push_state(&subscriber, StateReason::Connected);
    world.mirror.attach(&subscriber, None, Seq::new(2));
    world.commit(1, 2_000);
    world.commit(1, 2_000);
    let got = world.drain(&subscriber);
    assert_eq!(got[0]["type"], "connected");
    assert_eq!((got.len(), &got[1]["type"], seqs(&got)), (2, &"state".into(), vec![4]));
}

#[test]
fn during_a_replay_answers_wait_for_the_stream() {
    let mut world = World::new(1 << 20);
    world.commit(3, 10);
    let subscriber = world.subscriber(Encoding::V1, state_only());
    let replayed = |seq: u64| {
        Frame::committed(Seq::new(seq), EventKind::StateChange, true, &format!("{{\"seq\":{seq}}}"))
    };
    let now = std::time::Instant::now();
    subscriber.borrow_mut().push_replayed(&replayed(1), now);
    world.mirror.push(&subscriber, answer("pong"));
    world.mirror.push_state(&subscriber, StateReason::Requested);
    subscriber.borrow_mut().push_replayed(&replayed(2), now);
    assert_eq!(seqs(&world.drain(&subscriber)), [1, 2]);
    let position = world.mirror.resume_after(Seq::new(2)).unwrap();
    world.mirror.attach(&subscriber, Some(position), Seq::new(2));
    let got = world.drain(&subscriber);
    let kinds: Vec<_> = got.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["state_change", "pong", "state"]);
    assert_eq!(seqs(&got), [3, 3]);
}

#[test]
fn an_overflow_at_the_end_of_a_replay_takes_the_place_of_what_was_replayed() {
    let mut world = World::new(1 << 20);
    world.commit(3, 10);
    let subscriber = world.subscriber(Encoding::V1, state_only());
    let old = Frame::committed(Seq::new(1), EventKind::StateChange, true, r#"{"seq":1}"#);
    subscriber.borrow_mut().push_replayed(&old, std::time::Instant::now());
    world.mirror.attach(&subscriber, None, Seq::new(3));
    world.commit(1, 600);
    world.commit(1, 600);
    assert_eq!(seqs(&world.drain(&subscriber)), [5]);
}

#[test]
fn a_connection_that_ends_wakes_whoever_waits_for_room() {
    let world = World::new(1 << 20);
    let subscriber = world.attached(Encoding::Events, state_only());
    let (waker, woken) = futures_test_waker();
    world.mirror.push(&subscriber, bytes::Bytes::from(vec![b'x'; 2_000]));
    subscriber.borrow_mut().set_drained_waker(&waker);
    subscriber.borrow_mut().close();
    assert!(woken.load(std::sync::atomic::Ordering::Acquire));
}

/// A waker, and whether it was woken.
fn futures_test_waker() -> (std::task::Waker, Arc<std::sync::atomic::AtomicBool>) {
    struct Flag(Arc<std::sync::atomic::AtomicBool>);
    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::Release);
        }
    }
    let woken = Arc::default();
    (std::task::Waker::from(Arc::new(Flag(Arc::clone(&woken)))), woken)
}

#[test]
fn a_new_subscription_while_lagging_counts_nothing_twice() {
    let mut world = World::new(1 << 20);
    let subscriber = world.attached(Encoding::V1, state_only());
    for _ in 0..20 {
        world.commit(1, 300);
    }
    world.mirror.set_topics(&subscriber, Topics::default_set());
    world.drain(&subscriber);
    assert_eq!(subscriber.borrow().queued_bytes(), 0);
}

#[test]
fn what_overflows_an_outbox_becomes_one_state() {
    let mut world = World::new(1 << 20);
    let slow = world.attached(Encoding::V1, state_only());
    let good = world.attached(Encoding::V1, state_only());
    for _ in 0..20 {
        world.commit(1, 300);
        world.drain(&good);
    }
    assert_eq!(slow.borrow().state(std::time::Instant::now()), ConnectionState::Lagging);
    assert!(slow.borrow().queued_bytes() <= 1_000);
    let got = world.drain(&slow);
    assert_eq!(got.len(), 1);
    assert_eq!((got[0]["type"].as_str(), got[0]["seq"].as_u64()), (Some("state"), Some(20)));
    assert_eq!(got[0]["data"]["reason"], "lagging");
    world.commit(1, 10);
    assert_eq!(seqs(&world.drain(&slow)), [21]);
}

#[test]
fn an_empty_outbox_takes_any_one_frame() {
    let mut world = World::new(1 << 20);
    let subscriber = world.attached(Encoding::V1, state_only());
    world.commit(1, 50_000);
    let got = world.drain(&subscriber);
    assert_eq!((got[0]["type"].as_str(), seqs(&got)), (Some("state_change"), vec![1]));
}

#[test]
fn frames_of_other_topics_fill_no_outbox() {
    let mut world = World::new(1 << 20);
    let subscriber = world.attached(Encoding::V1, Topic::Presence.into());
    for _ in 0..50 {
        world.commit(1, 300);
    }
    world.presence(3);
    let got = world.drain(&subscriber);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0]["data"]["client_count"], 3);
}

#[test]
fn what_is_not_committed_makes_no_outbox_overflow() {
    let mut world = World::new(1 << 20);
    let subscriber = world.attached(Encoding::V1, Topics::default_set());
    world.commit(1, 10);
    (0..40).for_each(|count| world.presence(count));
    let got = world.drain(&subscriber);
    assert_eq!(seqs(&got), [1]);
    assert_eq!(got.len(), 41);
}

#[test]
fn a_resumed_connection_gets_what_the_ring_holds_and_no_old_presence() {
    let mut world = World::new(1 << 20);
    world.commit(2, 10);
    world.presence(5);
    world.commit(30, 100);
    let subscriber = world.subscriber(Encoding::V1, Topics::default_set());
    let position = world.mirror.resume_after(Seq::new(1)).unwrap();
    subscriber.borrow_mut().push_ahead(answer("connected"), std::time::Instant::now());
    world.mirror.attach(&subscriber, Some(position), Seq::new(1));
    // Far more than an outbox: it catches up all the same, and new changes wait behind.
    world.commit(1, 10);
    let got = world.drain(&subscriber);
    assert_eq!(got[0]["type"], "connected");
    assert_eq!(seqs(&got), (2..=33).collect::<Vec<_>>());
    assert_eq!(got.len(), 33);
}

#[test]
fn a_connection_that_the_ring_has_left_behind_gets_the_state() {
    let mut world = World::new(2_000);
    let subscriber = world.attached(Encoding::V1, state_only());
    world.commit(40, 200);
    let got = world.drain(&subscriber);
    assert_eq!((got.len(), got[0]["type"].as_str()), (1, Some("state")));
    world.commit(1, 10);
    assert_eq!(seqs(&world.drain(&subscriber)), [41]);
}

#[test]
fn a_plain_connection_gets_the_newest_document_once() {
    let mut world = World::new(1 << 20);
    let subscriber = world.attached(Encoding::Plain, Topics::default_set());
    for _ in 0..10 {
        world.commit(1, 500);
    }
    world.presence(2);
    let got = world.drain(&subscriber);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0]["system"]["status"], "IDLE");
}

#[test]
fn after_a_close_frame_nothing_goes_and_no_answer_without_its_change() {
    let mut world = World::new(1 << 20);
    let subscriber = world.attached(Encoding::V1, state_only());
    world.mirror.push(&subscriber, answer("pong"));
    world.commit(3, 10);
    world.mirror.push(&subscriber, answer("command_result"));
    let last = [answer("closing"), bytes::Bytes::from_static(&[0x88, 0])];
    subscriber.borrow_mut().begin_close(last, std::time::Instant::now());
    world.commit(1, 10);
    world.mirror.push(&subscriber, answer("pong"));
    let mut bytes = Vec::new();
    while let Some(piece) = world.mirror.take(&mut subscriber.borrow_mut()) {
        bytes.extend_from_slice(&piece);
    }
    assert!(bytes.ends_with(&[0x88, 0]));
    let got = frames(&bytes[..bytes.len() - 2]);
    assert_eq!(got, [serde_json::json!({"type": "pong"}), serde_json::json!({"type": "closing"})]);
    assert!(!subscriber.borrow().is_over());
    subscriber.borrow_mut().finish();
    assert!(subscriber.borrow().is_over());
}

#[test]
fn a_large_frame_goes_in_pieces_that_are_shared() {
    let mut world = World::new(1 << 20);
    let subscriber = world.attached(Encoding::V1, state_only());
    world.commit(1, 100_000);
    let mut pieces = Vec::new();
    while let Some(piece) = world.mirror.take(&mut subscriber.borrow_mut()) {
        pieces.push(piece);
    }
    assert!(pieces.len() > 5 && pieces.iter().all(|piece| piece.len() <= 16 * 1024));
}

#[test]
fn events_carry_their_id_and_end_with_a_blank_line() {
    let mut world = World::new(1 << 20);
    let subscriber = world.attached(Encoding::Events, Topics::default_set());
    world.commit(1, 3);
    world.presence(1);
    let mut text = Vec::new();
    while let Some(piece) = world.mirror.take(&mut subscriber.borrow_mut()) {
        text.extend_from_slice(&piece);
    }
    let text = String::from_utf8(text).unwrap();
    let events: Vec<&str> = text.split_terminator("\n\n").collect();
    assert_eq!(events[0], "id: e-1\ndata: {\"type\":\"state_change\",\"seq\":1,\"pad\":\"xxx\"}");
    assert!(events[1].starts_with("data: {\"type\":\"presence\""));
}
