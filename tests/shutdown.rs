//! SIGTERM ends the hub in order: everybody is told, everything is stored, and it is soon over.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::HashSet;
use std::time::Duration;

use common::raw::{Raw, TEXT};
use common::{TestHub, json};
use futures_util::future::{join_all, select};

#[tokio::test]
async fn two_hundred_clients_are_told_and_the_hub_ends_within_ten_seconds() {
    let mut hub = TestHub::start().await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(tokio::spawn({
            let mut watcher = hub.watch(&["state"]).await;
            async move { watcher.closed().await }
        }));
    }
    let mut plain = hub.plain().await;
    hub.stop().await;

    let mut delays = HashSet::new();
    for client in join_all(clients).await {
        let (frames, code, reason) = client.unwrap();
        assert_eq!(code, 1001, "{reason}");
        let closing = frames.iter().find(|frame| frame.kind() == "closing").expect("no closing frame");
        assert!(closing["data"]["reason"].is_string(), "{}", closing.text);
        delays.insert(closing["data"]["retry_ms"].as_u64().unwrap());
    }
    assert!(delays.len() > 20, "all come back at once: {delays:?}");
    assert_eq!(plain.closed().await.1, 1001);
}

#[tokio::test]
async fn a_hub_that_says_where_it_listens_can_be_ended_in_order() {
    for _ in 0..5 {
        let mut hub = TestHub::start().await;
        hub.stop().await;
    }
}

#[tokio::test]
async fn the_interrupt_key_ends_it_the_same_way() {
    let mut hub = TestHub::start().await;
    let mut watcher = hub.watch(&["state"]).await;
    common::process::signal(hub.pid(), "INT");
    assert_eq!(watcher.closed().await.1, 1001);
    assert_eq!(hub.exited().await.0.code(), Some(0));
}

#[tokio::test]
async fn clients_that_do_not_answer_do_not_hold_it_up() {
    let mut hub = TestHub::start().await;
    let mut silent = Vec::new();
    for n in 0..20 {
        silent.push(Raw::narrow(&hub, if n % 2 == 0 { "" } else { "opshub.v1" }, "").await);
    }
    for n in 0..100 {
        hub.put("/api/items/owe/X", json!({ "id": "X", "n": n, "filling": common::filling(n, 20_000) }))
            .await;
    }
    // An idle keep-alive connection and half a request, too.
    let _idle = Raw::connect(hub.address()).await;
    let mut half = Raw::connect(hub.address()).await;
    half.write(b"POST /api/command HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").await;
    let long_poll =
        hub.request("GET", &format!("/api/system/status?wait=60&since={}", hub.seq().await)).send();
    let long_poll = tokio::spawn(long_poll);
    hub.stop().await;
    drop((silent, long_poll));
}

#[tokio::test]
async fn what_was_answered_while_it_ended_is_there_afterwards() {
    let mut hub = TestHub::start().await;
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let (url, answered) = (hub.url("/api/command"), tokio::sync::watch::channel(0).0);
    let mut seen = answered.subscribe();
    let writer = tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for n in 0.. {
            let body = json!({ "command": format!("approve T{n}") });
            match common::Answer::attempt(http.post(&url).json(&body)).await {
                Ok(answer) if answer.status == 200 => acknowledged.push(answer.seq()),
                Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text),
                Err(_) => break,
            }
            answered.send_replace(n);
        }
        acknowledged
    });
    seen.wait_for(|n| *n > 20).await.unwrap();
    hub.stop().await;
    let acknowledged = writer.await.unwrap();
    hub.restart().await;
    let last = hub.seq().await;
    assert!(acknowledged.iter().all(|seq| *seq <= last), "{last} and {acknowledged:?}");
    assert!(acknowledged.len() > 20);
}

#[tokio::test]
async fn a_client_learns_of_the_end_before_the_connection_does() {
    let mut hub = TestHub::start().await;
    let mut raw = Raw::open(&hub, "opshub.v1").await;
    raw.expect_type("state").await;
    hub.terminate();
    let closing = loop {
        let frame = raw.expect(TEXT).await.json();
        if frame["type"] == "closing" {
            break frame;
        }
    };
    assert!(common::is_time(closing["timestamp"].as_str().unwrap()));
    let (code, reason) = raw.closed().await;
    assert_eq!(code, 1001);
    assert!(!reason.is_empty());
    // The port is free for the next one.
    let (exited, _) = hub.exited().await;
    assert_eq!(exited.code(), Some(0));
    let next = Box::pin(hub.restart_here());
    select(next, Box::pin(tokio::time::sleep(Duration::from_secs(30)))).await;
    hub.get("/api/state").await.ok();
}
