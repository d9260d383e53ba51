//! Everybody sees every committed change once, in order, in the same bytes, and before any answer that rests on it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::HashMap;

use common::sse::Sse;
use common::{Frame, TestHub, Value, Watcher, apply, eventually, is_time, json, state_hash};
use futures_util::future::{join, join_all};
use serde_json::value::RawValue;

/// Reads changes up to the one that names `the-end`; gives them and the document they lead to.
async fn follow(mut watcher: Watcher, mut document: Value) -> (Vec<Frame>, Value) {
    let mut changes = Vec::new();
    loop {
        let frame = watcher.change().await;
        apply(&mut document, &frame);
        let last = frame.text.contains("the-end");
        changes.push(frame);
        if last {
            return (changes, document);
        }
    }
}

/// The seq and the text of every event after `since`, page by page.
async fn history(hub: &TestHub, since: u64) -> Vec<(u64, String)> {
    #[derive(serde::Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        events: Vec<&'a RawValue>,
    }
    let (mut events, mut since) = (Vec::new(), since);
    loop {
        let answer = hub.get(&format!("/api/events?limit=100&since={since}")).await.ok();
        let page: Page<'_> = serde_json::from_str(&answer.text).unwrap();
        if page.events.is_empty() {
            return events;
        }
        for event in page.events {
            since = serde_json::from_str::<Value>(event.get()).unwrap()["seq"].as_u64().unwrap();
            events.push((since, event.get().to_owned()));
        }
    }
}

/// Many kinds of changes by writer `w` over HTTP.
async fn write_over_http(hub: &TestHub, w: usize) {
    for n in 0..20 {
        let item = json!({ "id": format!("w{w}-{n}"), "title": "ünïcode \u{1F980} \"quoted\"", "n": n });
        hub.put(&format!("/api/items/priorities/w{w}-{n}"), item).await;
        hub.post("/api/system/status", json!({ "progress": (w * 20 + n) % 101 })).await.ok();
        hub.command(&format!("approve w{w}-{n}")).await.ok();
        if n % 3 == 0 {
            hub.delete(&format!("/api/items/priorities/w{w}-{n}")).await;
        }
    }
}

/// Commands by writer `w` over its own connection, each answered after its own change.
async fn write_over_ws(mut watcher: Watcher, w: usize) {
    for n in 0..20 {
        let id = format!("r{w}-{n}");
        watcher
            .send(json!({ "type": "command", "data": { "command": format!("approve ws{w}-{n}") }, "request_id": id }))
            .await;
        let mut seen = Vec::new();
        loop {
            let frame = watcher.next().await;
            seen.extend(frame.change());
            if frame.kind() == "command_result" {
                assert_eq!(frame["request_id"], id);
                let own = frame["data"]["seq"].as_u64().unwrap();
                assert!(seen.contains(&own), "the answer to {own} came before its change; seen: {seen:?}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn each_subscriber_sees_every_change_once_and_in_order() {
    let hub = TestHub::start().await;
    let (start, before) = (hub.state().await, hub.seq().await);
    let mut readers = Vec::new();
    for _ in 0..4 {
        let watcher = hub.watch(&["state"]).await;
        readers.push(tokio::spawn(follow(watcher, start.clone())));
    }
    let mut talkers = Vec::new();
    for _ in 0..4 {
        talkers.push(hub.watch(&["state"]).await);
    }

    let http = join_all((0..6).map(|w| write_over_http(&hub, w)));
    let ws = join_all(talkers.into_iter().enumerate().map(|(w, watcher)| write_over_ws(watcher, w)));
    join(http, ws).await;
    let end = hub.put("/api/items/owe/the-end", json!({ "id": "the-end" })).await.seq();

    let stored = history(&hub, before).await;
    let seqs: Vec<u64> = stored.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, (before + 1..=end).collect::<Vec<_>>(), "the log has gaps");
    let truth = hub.state().await;
    for reader in readers {
        let (changes, document) = reader.await.unwrap();
        let seen: Vec<(u64, String)> =
            changes.iter().map(|frame| (frame.change().unwrap(), frame.text.clone())).collect();
        assert_eq!(seen, stored, "a subscriber saw something other than the log");
        assert_eq!(document, truth, "the patches do not lead to the state");
    }
}

#[tokio::test]
async fn times_of_changes_never_run_backwards() {
    let hub = TestHub::start().await;
    join_all((0..4).map(|w| write_over_http(&hub, w))).await;
    let mut last = String::new();
    for (_, text) in history(&hub, 0).await {
        let time = serde_json::from_str::<Value>(&text).unwrap()["timestamp"].as_str().unwrap().to_owned();
        assert!(is_time(&time), "{text}");
        assert!(last <= time, "{time} after {last}");
        last = time;
    }
    assert!(!last.is_empty());
}

#[tokio::test]
async fn a_change_has_the_same_bytes_everywhere() {
    let hub = TestHub::start().await;
    let (since, epoch) = (hub.seq().await, hub.epoch().await);
    let mut live = hub.watch(&["state"]).await;
    let mut stream = Sse::open(&hub, &format!("?since={since}"), None).await;

    hub.put(
        "/api/items/priorities/P1",
        json!({ "id": "P1", "title": "a/b <c> \u{7f}é", "x": 1.50, "n": null }),
    )
    .await;
    hub.command("approve P1").await.ok();
    hub.command("approve nothing").await.ok();
    hub.patch(json!({ "system": { "progress": 7 } })).await.ok();

    let stored = history(&hub, since).await;
    assert_eq!(stored.len(), 4);
    let mut replay = hub.v1(&format!("?since={since}&epoch={epoch}&topics=state")).await;
    assert_eq!(replay.expect("connected").await["data"]["recovered"], true);
    for (seq, text) in stored {
        assert_eq!(live.change().await.text, text);
        assert_eq!(replay.change().await.text, text);
        let event = stream.change().await;
        assert_eq!(event.data, text);
        assert_eq!(event.id, format!("{epoch}-{seq}"));
    }
}

#[tokio::test]
async fn a_heartbeat_tells_the_hash_of_the_state_at_its_place() {
    let hub = TestHub::start_with(&[("OPSHUB_SESSION__HEARTBEAT_MS", "100")]).await;
    let mut document = hub.state().await;
    let mut watcher = hub.watch(&["state"]).await;
    let writing = join_all((0..3).map(|w| write_over_http(&hub, w)));
    let reading = async {
        // Heartbeats at different seqs, each with changes before it.
        let (mut last, mut beats) = (0, HashMap::new());
        while beats.len() < 4 {
            let frame = watcher.next().await;
            assert_ne!(frame.kind(), "state", "a snapshot where changes were due");
            if let Some(seq) = frame.change() {
                assert!(seq > last, "{seq} after {last}");
                apply(&mut document, &frame);
                last = seq;
            }
            if frame.kind() == "heartbeat" {
                let seq = frame["data"]["seq"].as_u64().unwrap();
                assert!(last == 0 || seq == last, "a heartbeat of {seq} after the change {last}");
                assert_eq!(frame["data"]["state_hash"], state_hash(&document), "at {seq}");
                last = seq;
                beats.insert(seq, ());
            }
            // Keeps changes coming should the writers be done early.
            if frame.kind() == "heartbeat" {
                hub.command(&format!("approve beat-{last}")).await.ok();
            }
        }
    };
    join(writing, reading).await;
}

#[tokio::test]
async fn changes_seen_through_one_door_are_seen_through_every_other() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["state"]).await;
    let posted = hub.post("/api/system/status", json!({ "progress": 40 })).await.ok();
    // The answer says that it is shown: a read after it can never be older.
    let state = hub.get("/api/state").await.ok();
    assert!(state.seq() >= posted.seq());
    assert_eq!(state["state"]["system"]["progress"], 40);
    let frame = watcher.expect("state_change").await;
    assert_eq!(frame["seq"], posted["seq"]);
    let plain = eventually("a plain client's document", || async {
        let mut plain = hub.plain().await;
        Some(plain.next().await)
    });
    assert_eq!(plain.await["system"]["progress"], 40);
}
