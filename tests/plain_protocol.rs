//! Without a subprotocol: the bare document first, and the newest whole one after each commit.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::http::assert_error_form;
use common::{TestHub, Watcher, empty_state, is_time, json};
use futures_util::future::join_all;

/// A ping as a barrier: gives the documents that came before its pong.
async fn documents(plain: &mut Watcher) -> Vec<String> {
    plain.send(json!({ "type": "ping" })).await;
    let mut found = Vec::new();
    loop {
        let frame = plain.next().await;
        match frame.kind() {
            "pong" => return found,
            "" => found.push(frame.text),
            other => panic!("{other} is no frame of the plain protocol's: {}", frame.text),
        }
    }
}

#[tokio::test]
async fn the_first_frame_is_the_bare_document() {
    let hub = TestHub::start().await;
    assert_eq!(*hub.plain().await.next().await, empty_state());
    hub.patch(json!({ "priorities": [{ "id": "P1" }], "system": { "progress": 4 } })).await.ok();
    let mut plain = hub.plain().await;
    assert_eq!(*plain.next().await, hub.state().await);
}

#[tokio::test]
async fn after_a_commit_comes_the_newest_document() {
    let hub = TestHub::start().await;
    let mut plain = hub.plain().await;
    plain.next().await;
    for n in 1..=5 {
        hub.post("/api/system/status", json!({ "progress": n })).await.ok();
        assert_eq!(*plain.next().await, hub.state().await);
    }
}

#[tokio::test]
async fn an_event_without_a_patch_sends_nothing() {
    let hub = TestHub::start().await;
    let mut plain = hub.plain().await;
    plain.next().await;
    hub.command("approve nobody").await.ok();
    hub.post("/api/system/status", json!({ "progress": 0 })).await.ok();
    assert_eq!(documents(&mut plain).await, Vec::<String>::new());
    hub.post("/api/system/status", json!({ "progress": 1 })).await.ok();
    assert_eq!(plain.next().await["system"]["progress"], 1);
}

#[tokio::test]
async fn clients_at_the_same_seq_get_the_same_bytes() {
    let hub = TestHub::start().await;
    hub.patch(json!({ "priorities": [{ "id": "P1", "b": 1, "a": { "z": 1, "y": [1.5, "ü"] } }] })).await.ok();
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(hub.plain().await);
    }
    for n in 1..=3 {
        let mut texts = Vec::new();
        for client in &mut clients {
            texts.push(client.next().await.text);
        }
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
        hub.post("/api/system/status", json!({ "progress": n })).await.ok();
    }
}

#[tokio::test]
async fn changes_committed_together_may_come_as_one_and_end_at_the_newest() {
    let hub = TestHub::start().await;
    let mut plain = hub.plain().await;
    plain.next().await;
    join_all((0..50).map(|n| {
        let hub = &hub;
        async move { hub.put(&format!("/api/items/owe/C{n}"), json!({ "id": format!("C{n}") })).await }
    }))
    .await;
    let newest = hub.state().await;
    let last = plain.find("the newest document", |frame| **frame == newest).await;
    assert_eq!(last["commitments"]["owe"].as_array().unwrap().len(), 50);
    assert_eq!(documents(&mut plain).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_ping_gets_a_pong_and_other_json_an_echo() {
    let hub = TestHub::start().await;
    let mut plain = hub.plain().await;
    plain.next().await;
    for ping in [json!({ "type": "ping" }), json!({ "type": "ping", "data": {} })] {
        plain.send(ping).await;
        let pong = plain.next().await;
        assert_eq!((pong.kind(), &pong["data"]), ("pong", &json!({})));
        assert!(is_time(pong["timestamp"].as_str().unwrap()));
        assert_eq!(pong.as_object().unwrap().len(), 3, "{}", pong.text);
    }
    let others = [
        json!({ "type": "command", "data": { "command": "approve P1" } }),
        json!({ "a": [1, null] }),
        json!([1, 2]),
        json!("text"),
        json!(7),
        json!(null),
        json!({ "type": "subscribe" }),
    ];
    for other in others {
        plain.send(other.clone()).await;
        let echo = plain.next().await;
        assert_eq!((echo.kind(), &echo["data"]), ("echo", &other));
        assert!(is_time(echo["timestamp"].as_str().unwrap()));
    }
    // Commands go over HTTP.
    assert_eq!(hub.seq().await, 0);
}

#[tokio::test]
async fn what_is_not_json_gets_an_error_and_the_connection_stays() {
    let hub = TestHub::start().await;
    let mut plain = hub.plain().await;
    plain.next().await;
    for text in ["hello", "", "{", "{'a': 1}"] {
        plain.send_text(text).await;
        let error = plain.next().await;
        assert_eq!(error.kind(), "error");
        assert_error_form(&error["data"], &error.text);
    }
    plain.send(json!({ "still": "here" })).await;
    assert_eq!(plain.next().await["data"], json!({ "still": "here" }));
}

#[tokio::test]
async fn a_plain_client_gets_no_frame_of_the_other_protocol() {
    let hub = TestHub::start_with(&[("OPSHUB_SESSION__HEARTBEAT_MS", "100")]).await;
    let mut typed = hub.watch(&["presence"]).await;
    let mut plain = hub.plain().await;
    plain.next().await;
    // Two heartbeats and a change of presence pass.
    typed.expect("heartbeat").await;
    let _third = hub.plain().await;
    typed.find("the presence of three", |frame| frame["data"]["client_count"] == 3).await;
    typed.expect("heartbeat").await;
    assert_eq!(documents(&mut plain).await, Vec::<String>::new());
}
