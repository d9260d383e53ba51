//! The event log over HTTP: pages, filters, and the live stream.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::sse::Sse;
use common::{Answer, TestHub, is_time, json};

/// A hub with ten events: of every type that a caller can cause, patches and none.
async fn filled() -> TestHub {
    let hub = TestHub::start().await;
    for n in 0..4 {
        hub.put("/api/items/priorities/P1", json!({ "id": "P1", "n": n })).await;
    }
    for n in 0..4 {
        hub.command(&format!("approve T{n}")).await.ok();
    }
    hub.post("/api/system/status", json!({ "progress": 1 })).await.ok();
    hub.command("approve P1").await.ok();
    hub
}

fn seqs(answer: &Answer) -> Vec<u64> {
    answer["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn events_have_the_form_of_live_frames() {
    let hub = filled().await;
    let answer = hub.get("/api/events").await.ok();
    assert_eq!(
        (seqs(&answer), &answer["first_seq"], &answer["last_seq"]),
        ((1..=10).collect(), &json!(1), &json!(10))
    );
    for event in answer["events"].as_array().unwrap() {
        assert!(
            event["type"].is_string() && event["data"].is_object() && event["actor"].is_string(),
            "{event}"
        );
        assert!(is_time(event["timestamp"].as_str().unwrap()), "{event}");
    }
    let events = &answer["events"];
    assert_eq!(events[0]["type"], "state_change");
    assert!(events[0]["data"]["summary"].is_string() && events[0]["patch"].is_array());
    let command = &events[4];
    assert_eq!(
        (&command["type"], &command["data"]["command"]),
        (&json!("command_executed"), &json!("approve T0"))
    );
    assert_eq!(
        (&command["data"]["action"], &command["data"]["target"], &command["data"]["applied"]),
        (&json!("approve"), &json!("T0"), &json!(false))
    );
    assert!(command.get("patch").is_none());
    assert_eq!((&events[9]["data"]["applied"], events[9]["patch"].is_array()), (&json!(true), true));
}

#[tokio::test]
async fn events_come_in_pages_without_a_gap() {
    let hub = filled().await;
    let (mut all, mut since) = (Vec::new(), 0);
    loop {
        let page = hub.get(&format!("/api/events?limit=3&since={since}")).await.ok();
        assert!(seqs(&page).len() <= 3);
        all.extend(seqs(&page));
        match page["next"].as_u64() {
            Some(next) => since = next,
            None => break,
        }
    }
    assert_eq!(all, (1..=10).collect::<Vec<_>>());
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        let page = hub.get(&format!("/api/events?limit=4&order=desc{before}")).await.ok();
        all.extend(seqs(&page));
        match page["next"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(all, (1..=10).rev().collect::<Vec<_>>());
    assert_eq!(seqs(&hub.get("/api/events?since=10").await.ok()), Vec::<u64>::new());
    let ahead = hub.get("/api/events?since=99").await;
    assert!([200, 400].contains(&ahead.status), "{}", ahead.text);
}

#[tokio::test]
async fn events_are_filtered_by_what_is_asked_for() {
    let hub = filled().await;
    assert_eq!(seqs(&hub.get("/api/events?type=command_executed").await.ok()), [5, 6, 7, 8, 10]);
    assert_eq!(seqs(&hub.get("/api/events?type=command_executed&type=state_change").await.ok()).len(), 10);
    assert_eq!(seqs(&hub.get("/api/events?type=command_executed&order=desc&limit=2").await.ok()), [10, 8]);
    assert_eq!(seqs(&hub.get("/api/events?since=2&before=5").await.ok()), [3, 4]);
    assert_eq!(seqs(&hub.get("/api/events?since=7&type=command_executed").await.ok()), [8, 10]);
    let events = hub.get("/api/events").await.ok();
    let actor = events["events"][0]["actor"].as_str().unwrap();
    assert_eq!(seqs(&hub.get(&format!("/api/events?actor={actor}")).await.ok()).len(), 10);
    assert_eq!(seqs(&hub.get("/api/events?actor=nobody-at-all").await.ok()).len(), 0);
    assert_eq!(seqs(&hub.get("/api/events?until=4").await.ok()), [1, 2, 3, 4]);
    assert_eq!(seqs(&hub.get("/api/events?since=2&until=4&order=desc").await.ok()), [4, 3]);
}

#[tokio::test]
async fn a_stream_brings_frames_live_and_comments_in_between() {
    let hub = TestHub::start().await;
    let epoch = hub.epoch().await;
    let mut stream = Sse::open(&hub, "?since=0", None).await;
    hub.command("approve P1").await.ok();
    let event = stream.change().await;
    assert_eq!((event.json()["type"].clone(), event.id), (json!("command_executed"), format!("{epoch}-1")));
    let comment = async { while !stream.block().await.expect("the stream ended").starts_with(':') {} };
    // One comes every 15 s.
    tokio::time::timeout(2 * common::BOUND, comment).await.expect("no comment came");
}

#[tokio::test]
async fn a_stream_of_some_topics_brings_those_alone() {
    let hub = filled().await;
    let mut stream = Sse::open(&hub, "?since=0&topics=state", None).await;
    for seq in 1..=10 {
        let json = stream.change().await.json();
        assert_eq!(json["seq"], seq);
    }
    hub.get("/api/events/stream?topics=weather").await.refused(400, "unknown_topic");
}

#[tokio::test]
async fn many_streams_see_the_same() {
    let hub = TestHub::start().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(Sse::open(&hub, "?since=0", None).await);
    }
    for n in 0..20 {
        hub.command(&format!("approve T{n}")).await.ok();
    }
    let mut first = Vec::new();
    for (n, stream) in streams.iter_mut().enumerate() {
        let mut texts = Vec::new();
        for _ in 0..20 {
            texts.push(stream.change().await.data);
        }
        if n == 0 {
            first = texts;
        } else {
            assert_eq!(texts, first);
        }
    }
}
