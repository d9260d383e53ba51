//! A client that comes back gets exactly what it missed, or the state, and is told which.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::sse::Sse;
use common::{Frame, TestHub, Watcher, eventually, filling, json};

/// Makes `count` changes of about `bytes` each, of the item `owe/X`, numbered from `from`.
async fn write(hub: &TestHub, from: usize, count: usize, bytes: usize) {
    for n in from..from + count {
        let item = json!({ "id": "X", "n": n, "filling": filling(n, bytes) });
        assert!(hub.put("/api/items/owe/X", item).await.status < 300);
    }
}

/// Reads changes up to `last`, asserting that they follow one another from `since` on.
async fn changes(watcher: &mut Watcher, since: u64, last: u64) -> Vec<Frame> {
    let mut frames = Vec::new();
    for seq in since + 1..=last {
        let frame = watcher.change().await;
        assert_eq!(frame.change(), Some(seq), "{}", frame.text);
        frames.push(frame);
    }
    frames
}

/// Resumes and asserts that it could.
async fn resumed(hub: &TestHub, since: u64, epoch: &str) -> Watcher {
    let mut watcher = hub.v1(&format!("?since={since}&epoch={epoch}")).await;
    let connected = watcher.next().await;
    assert_eq!(connected.kind(), "connected");
    assert_eq!(connected["data"]["recovered"], true, "{}", connected.text);
    assert_eq!(connected["data"]["epoch"], epoch);
    watcher
}

/// Resumes and asserts that the state came instead, at once.
async fn state_instead(hub: &TestHub, query: &str) -> Watcher {
    let mut watcher = hub.v1(query).await;
    let connected = watcher.next().await;
    assert_eq!(connected.kind(), "connected");
    assert_eq!(connected["data"]["recovered"], false, "{}", connected.text);
    let state = watcher.next().await;
    assert_eq!((state.kind(), &state["data"]["reason"]), ("state", &json!("connected")));
    assert_eq!(state["data"]["state"], hub.state().await);
    watcher
}

#[tokio::test]
async fn missed_changes_follow_byte_for_byte_and_then_live_ones() {
    let hub = TestHub::start().await;
    let (since, epoch) = (hub.seq().await, hub.epoch().await);
    let mut live = hub.watch(&["state"]).await;
    write(&hub, 0, 30, 100).await;
    let last = hub.seq().await;
    let as_they_were = changes(&mut live, since, last).await;

    let mut back = resumed(&hub, since + 10, &epoch).await;
    let missed = changes(&mut back, since + 10, last).await;
    for (missed, was) in missed.iter().zip(&as_they_were[10..]) {
        assert_eq!(missed.text, was.text);
    }
    write(&hub, 30, 3, 100).await;
    changes(&mut back, last, last + 3).await;
}

#[tokio::test]
async fn a_resume_at_the_newest_seq_brings_nothing_but_what_is_new() {
    let hub = TestHub::start().await;
    write(&hub, 0, 3, 10).await;
    let (seq, epoch) = (hub.seq().await, hub.epoch().await);
    let mut watcher = resumed(&hub, seq, &epoch).await;
    let queued = watcher.drain().await;
    assert!(queued.iter().all(|frame| frame.change().is_none() && frame.kind() != "state"), "{queued:?}");
    write(&hub, 3, 1, 10).await;
    changes(&mut watcher, seq, seq + 1).await;
}

#[tokio::test]
async fn resume_works_across_a_crash_and_a_restart() {
    let mut hub = TestHub::start().await;
    let (since, epoch) = (hub.seq().await, hub.epoch().await);
    let mut live = hub.watch(&["state"]).await;
    write(&hub, 0, 10, 100).await;
    let was = changes(&mut live, since, since + 10).await;
    hub.kill9();
    hub.restart().await;
    let mut back = resumed(&hub, since + 4, &epoch).await;
    assert_eq!(changes(&mut back, since + 4, since + 10).await[0].text, was[4].text);
    write(&hub, 10, 2, 100).await;
    changes(&mut back, since + 10, since + 12).await;
    hub.stop().await;
    hub.restart().await;
    let mut back = resumed(&hub, since, &epoch).await;
    assert_eq!(changes(&mut back, since, since + 12).await[0].text, was[0].text);
}

#[tokio::test]
async fn what_the_ring_no_longer_holds_comes_from_the_log() {
    let hub = TestHub::start_with(&[("OPSHUB_SESSION__RING_BYTES", "20000")]).await;
    let (since, epoch) = (hub.seq().await, hub.epoch().await);
    write(&hub, 0, 200, 1000).await;
    let last = hub.seq().await;
    // Changes go on while the old ones are read from the log.
    let writing = write(&hub, 200, 40, 1000);
    let reading = async {
        let mut back = resumed(&hub, since, &epoch).await;
        changes(&mut back, since, last + 40).await;
    };
    futures_util::future::join(writing, reading).await;
}

#[tokio::test]
async fn more_than_resume_bytes_is_answered_by_the_state() {
    let hub = TestHub::start_with(&[("OPSHUB_SESSION__RESUME_BYTES", "20000")]).await;
    let (since, epoch) = (hub.seq().await, hub.epoch().await);
    write(&hub, 0, 40, 1000).await;
    let mut watcher = state_instead(&hub, &format!("?since={since}&epoch={epoch}")).await;
    let last = hub.seq().await;
    let mut near = resumed(&hub, last - 5, &epoch).await;
    changes(&mut near, last - 5, last).await;
    write(&hub, 40, 1, 10).await;
    changes(&mut watcher, last, last + 1).await;
}

#[tokio::test]
async fn a_foreign_epoch_or_a_seq_ahead_is_answered_by_the_state() {
    let hub = TestHub::start().await;
    write(&hub, 0, 3, 10).await;
    let (seq, epoch) = (hub.seq().await, hub.epoch().await);
    state_instead(&hub, &format!("?since={seq}&epoch=another")).await;
    state_instead(&hub, &format!("?since={}&epoch={epoch}", seq + 100)).await;
    state_instead(&hub, "").await;
}

#[tokio::test]
async fn pruned_history_is_answered_by_the_state() {
    let settings = [
        ("OPSHUB_STORE__KEEP_EVENTS", "20"),
        ("OPSHUB_STORE__SNAPSHOT_EVERY", "10"),
        ("OPSHUB_SESSION__RING_BYTES", "2000"),
    ];
    let mut hub = TestHub::start_with(&settings).await;
    let (since, epoch) = (hub.seq().await, hub.epoch().await);
    let first = eventually("old events are cut", || async {
        write(&hub, 0, 50, 10).await;
        write(&hub, 50, 10, 20).await;
        let first = hub.get("/api/events?limit=1").await.ok()["first_seq"].as_u64().unwrap();
        (first > since + 1).then_some(first)
    });
    let first = first.await;
    hub.get(&format!("/api/events?since={since}")).await.refused(410, "history_pruned");
    assert_eq!(hub.get(&format!("/api/state?at={since}")).await.error(410)["status_code"], 410);
    state_instead(&hub, &format!("?since={since}&epoch={epoch}")).await;

    let mut stream = Sse::open(&hub, "", Some(&format!("{epoch}-{since}"))).await;
    assert_eq!(stream.next().await.json()["type"], "state");
    // What is kept is a whole: it has a snapshot to begin with, also after a crash.
    hub.kill9();
    hub.restart().await;
    let kept = hub.get("/api/events?limit=1").await.ok()["first_seq"].as_u64().unwrap();
    assert!(kept >= first);
    assert_eq!(hub.get(&format!("/api/state?at={kept}")).await.ok().seq(), kept);
    hub.stop().await;
    assert_eq!(hub.cli(&["verify"]).await.code, Some(0));
}

#[tokio::test]
async fn topics_hold_in_the_replay_too() {
    let hub = TestHub::start().await;
    let (since, epoch) = (hub.seq().await, hub.epoch().await);
    write(&hub, 0, 5, 10).await;
    let mut deaf = hub.v1(&format!("?since={since}&epoch={epoch}&topics=presence")).await;
    assert_eq!(deaf.expect("connected").await["data"]["recovered"], true);
    let queued = deaf.drain().await;
    assert!(queued.iter().all(|frame| frame.change().is_none()), "{queued:?}");
    // What passes while nobody here listens to it is skipped, and the next subscribed change comes.
    deaf.ask(json!({ "type": "subscribe", "data": { "topics": ["state"] } })).await;
    write(&hub, 5, 1, 10).await;
    deaf.find("the newest change", |frame| frame.change() == Some(since + 6)).await;
}

#[tokio::test]
async fn a_stream_resumes_by_last_event_id_across_a_crash() {
    let mut hub = TestHub::start().await;
    let (since, epoch) = (hub.seq().await, hub.epoch().await);
    write(&hub, 0, 6, 10).await;
    let mut first = Sse::open(&hub, &format!("?since={since}"), None).await;
    let mut events = Vec::new();
    for seq in since + 1..=since + 6 {
        let event = first.change().await;
        assert_eq!(event.id, format!("{epoch}-{seq}"));
        events.push(event);
    }
    hub.kill9();
    hub.restart().await;
    let mut again = Sse::open(&hub, "", Some(&events[2].id)).await;
    for event in &events[3..] {
        assert_eq!(again.change().await.data, event.data);
    }
    write(&hub, 6, 1, 10).await;
    assert_eq!(again.change().await.id, format!("{epoch}-{}", since + 7));
}

#[tokio::test]
async fn a_stream_of_a_foreign_epoch_begins_with_the_state() {
    let hub = TestHub::start().await;
    write(&hub, 0, 2, 10).await;
    let (seq, epoch) = (hub.seq().await, hub.epoch().await);
    for id in ["another-1".to_owned(), format!("{epoch}-{}", seq + 50), "nonsense".to_owned()] {
        let mut stream = Sse::open(&hub, "", Some(&id)).await;
        let first = stream.next().await;
        let frame = first.json();
        assert_eq!((&frame["type"], &frame["seq"]), (&json!("state"), &json!(seq)), "after {id}");
        assert_eq!(frame["data"]["state"], hub.state().await);
        assert_eq!(first.id, format!("{epoch}-{seq}"));
    }
    let mut stream = Sse::open(&hub, "?topics=state", Some(&format!("{epoch}-{seq}"))).await;
    write(&hub, 2, 1, 10).await;
    assert_eq!(stream.change().await.json()["seq"], seq + 1);
}
