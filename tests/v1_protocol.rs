//! The subprotocol `opshub.v1`: each client frame and what it is answered with.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::http::assert_error_form;
use common::{TestHub, Watcher, assert_names, empty_state, is_time, json};

#[tokio::test]
async fn a_connection_is_greeted_and_given_the_state() {
    let hub = TestHub::start_with(&[("OPSHUB_SESSION__HEARTBEAT_MS", "12345")]).await;
    hub.command("approve P1").await.ok();
    let mut watcher = hub.v1("").await;
    let connected = watcher.next().await;
    assert_eq!(connected.kind(), "connected");
    let data = &connected["data"];
    assert_eq!(
        (&data["client_count"], &data["seq"], &data["heartbeat_ms"], &data["recovered"]),
        (&json!(1), &json!(1), &json!(12_345), &json!(false))
    );
    assert_eq!(data["epoch"], hub.epoch().await);
    assert!(data["message"].is_string() && data["session_id"].as_str().is_some_and(|id| !id.is_empty()));
    assert!(is_time(connected["timestamp"].as_str().unwrap()));
    let state = watcher.next().await;
    assert_eq!(
        (state.kind(), &state["seq"], &state["data"]["reason"]),
        ("state", &json!(1), &json!("connected"))
    );
    assert_eq!(state["data"]["state"], empty_state());
}

#[tokio::test]
async fn the_protocol_can_be_named_in_the_address() {
    let hub = TestHub::start().await;
    let mut watcher = Watcher::open(&hub.ws_url("?protocol=opshub.v1"), None).await;
    assert_eq!(watcher.next().await.kind(), "connected");
    for query in ["?protocol=chat", "?topics=weather", "?since=x&epoch=y"] {
        assert!(Watcher::attempt(&hub.ws_url(query), None).await.is_err(), "{query}");
    }
    assert!(Watcher::attempt(&hub.ws_url(""), Some("chat")).await.is_err());
}

#[tokio::test]
async fn a_ping_is_answered_with_its_request_id() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["state"]).await;
    for ping in [json!({ "type": "ping" }), json!({ "type": "ping", "data": {} })] {
        watcher.send(ping.clone()).await;
        let pong = watcher.expect("pong").await;
        assert!(
            pong.get("request_id").is_none() && is_time(pong["timestamp"].as_str().unwrap()),
            "{}",
            pong.text
        );
        assert_eq!(pong["data"], json!({}));
        assert_eq!(watcher.ask(ping).await.kind(), "pong");
    }
}

#[tokio::test]
async fn the_state_comes_when_asked_for() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["presence"]).await;
    hub.patch(json!({ "priorities": [{ "id": "P1" }] })).await.ok();
    for ask in [json!({ "type": "get_state" }), json!({ "type": "get_state", "data": {} })] {
        watcher.send(ask).await;
        let state = watcher.expect("state").await;
        assert_eq!((&state["data"]["reason"], &state["seq"]), (&json!("requested"), &json!(1)));
        assert_eq!(state["data"]["state"], hub.state().await);
    }
}

#[tokio::test]
async fn an_echo_brings_back_what_was_sent() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["state"]).await;
    for data in [json!({ "a": [1, 2.5, null, "ü\u{1F980}"] }), json!("text"), json!(0), json!([]), json!({})]
    {
        let echo = watcher.ask(json!({ "type": "echo", "data": data })).await;
        assert_eq!((echo.kind(), &echo["data"]), ("echo", &data));
    }
}

#[tokio::test]
async fn a_subscription_holds_from_its_answer_on() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["state", "presence"]).await;
    let answer = watcher.ask(json!({ "type": "unsubscribe", "data": { "topics": ["state"] } })).await;
    assert_eq!((answer.kind(), &answer["data"]["topics"]), ("subscribed", &json!(["presence"])));
    hub.command("approve P1").await.ok();
    hub.patch(json!({ "system": { "progress": 1 } })).await.ok();
    assert!(watcher.drain().await.iter().all(|frame| frame.change().is_none()));
    let answer = watcher.ask(json!({ "type": "subscribe", "data": { "topics": ["state", "health"] } })).await;
    let mut topics: Vec<&str> =
        answer["data"]["topics"].as_array().unwrap().iter().map(|topic| topic.as_str().unwrap()).collect();
    topics.sort_unstable();
    assert_eq!((answer.kind(), topics), ("subscribed", vec!["health", "presence", "state"]));
    let seq = hub.patch(json!({ "system": { "progress": 2 } })).await.seq();
    watcher.find("the change", |frame| frame.change() == Some(seq)).await;
}

#[tokio::test]
async fn an_unknown_topic_changes_nothing() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["state"]).await;
    for kind in ["subscribe", "unsubscribe"] {
        let answer =
            watcher.ask(json!({ "type": kind, "data": { "topics": ["presence", "weather"] } })).await;
        assert_eq!(
            (answer.kind(), &answer["data"]["error_type"]),
            ("error", &json!("unknown_topic")),
            "{}",
            answer.text
        );
        assert_names(
            answer["data"]["message"].as_str().unwrap(),
            &["weather", "state", "gateways", "latency", "presence", "health"],
        );
    }
    let answer = watcher.ask(json!({ "type": "subscribe", "data": { "topics": [] } })).await;
    assert_eq!((answer.kind(), &answer["data"]["topics"]), ("subscribed", &json!(["state"])));
}

#[tokio::test]
async fn every_topic_is_subscribed_unless_a_client_chooses() {
    let hub = TestHub::start().await;
    let mut watcher = hub.v1("").await;
    let answer = watcher.ask(json!({ "type": "subscribe", "data": { "topics": [] } })).await;
    assert_eq!(answer["data"]["topics"], json!(["state", "gateways", "presence", "health"]));
    let mut chooser = hub.watch(&["state"]).await;
    let answer =
        chooser.ask(json!({ "type": "subscribe", "data": { "topics": ["health", "presence"] } })).await;
    assert_eq!(answer["data"]["topics"], json!(["state", "presence", "health"]));
}

#[tokio::test]
async fn what_is_not_understood_is_an_error_and_the_connection_stays() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["state"]).await;
    let unknown = watcher.ask(json!({ "type": "dance", "data": {} })).await;
    assert_eq!((unknown.kind(), &unknown["data"]["error_type"]), ("error", &json!("unknown_type")));
    assert_names(
        unknown["data"]["message"].as_str().unwrap(),
        &["ping", "get_state", "echo", "subscribe", "unsubscribe", "command"],
    );
    assert_error_form(&unknown["data"], &unknown.text);
    let bad = [
        (r#"{"type":"dance"}"#, "unknown_type"),
        (r#"{"data":{}}"#, "unknown_type"),
        (r#"{"type":7}"#, "unknown_type"),
        (r#"{"type":"ping","extra":1}"#, "unknown_field"),
        (r#"{"type":"ping","data":{"extra":1}}"#, "unknown_field"),
        (r#"{"type":"command","data":{"command":"status","extra":1}}"#, "unknown_field"),
        ("nonsense", "invalid_json"),
        ("", "invalid_json"),
        (r#"{"type":"ping","type":"ping"}"#, "invalid_json"),
        (r#"{"type":"echo","data":9007199254740993}"#, "invalid_json"),
    ];
    for (text, error_type) in bad {
        watcher.send_text(text).await;
        let error = watcher.expect("error").await;
        assert_eq!(error["data"]["error_type"], error_type, "{text}: {}", error.text);
        assert_error_form(&error["data"], &error.text);
    }
    for text in [
        "[]",
        "7",
        r#"{"type":"subscribe"}"#,
        r#"{"type":"command","data":{}}"#,
        r#"{"type":"ping","request_id":7}"#,
    ] {
        watcher.send_text(text).await;
        assert_eq!(watcher.expect("error").await["data"]["status_code"], 400, "{text}");
    }
    assert_eq!(watcher.ask(json!({ "type": "ping" })).await.kind(), "pong");
}

#[tokio::test]
async fn answers_come_in_the_order_of_their_questions() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["state"]).await;
    for n in 0..50 {
        watcher.send(json!({ "type": "echo", "data": n, "request_id": format!("e{n}") })).await;
    }
    for n in 0..50 {
        let echo = watcher.expect("echo").await;
        assert_eq!((&echo["data"], &echo["request_id"]), (&json!(n), &json!(format!("e{n}"))));
    }
}

#[tokio::test]
async fn presence_tells_how_many_are_connected() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["presence"]).await;
    let second = hub.v1("").await;
    let third = hub.plain().await;
    watcher
        .find("the presence of three", |frame| {
            frame.kind() == "presence" && frame["data"]["client_count"] == 3
        })
        .await;
    second.leave().await;
    drop(third);
    watcher
        .find("the presence of one", |frame| frame.kind() == "presence" && frame["data"]["client_count"] == 1)
        .await;
}

#[tokio::test]
async fn committed_frames_say_who_and_what() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["state"]).await;
    hub.put("/api/items/owe/C1", json!({ "id": "C1" })).await;
    let frame = watcher.change().await;
    assert_eq!((frame.kind(), &frame["seq"]), ("state_change", &json!(1)));
    assert!(frame["actor"].as_str().is_some_and(|actor| !actor.is_empty()));
    assert!(frame["data"]["summary"].as_str().is_some_and(|summary| !summary.is_empty()));
    assert!(frame["patch"].is_array() && is_time(frame["timestamp"].as_str().unwrap()));
    hub.command("approve nobody").await.ok();
    // A recorded decision belongs to `state`, though it changed nothing.
    assert_eq!(watcher.change().await.kind(), "command_executed");
}
