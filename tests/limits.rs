//! Everything has a limit; past it the caller is told, and nothing is changed or hoarded.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::process::memory;
use common::raw::{BINARY, CONTINUATION, Out, Raw, TEXT, head, request};
use common::ws::Next;
use common::{TestHub, Watcher, assert_names, eventually, json};

/// Asserts that `attempt` is refused with `limit_exceeded` and changes nothing.
async fn refused_and_unchanged(hub: &TestHub, attempt: reqwest::RequestBuilder) -> String {
    let before = hub.get("/api/state").await.ok();
    let answer = hub.send(attempt).await;
    let message = answer.refused(413, "limit_exceeded")["message"].as_str().unwrap().to_owned();
    assert_eq!(hub.get("/api/state").await.ok().text, before.text);
    message
}

#[tokio::test]
async fn a_declared_huge_frame_is_refused_at_once_and_without_memory() {
    let hub = TestHub::start().await;
    for protocol in ["", "opshub.v1"] {
        let mut raw = Raw::open(&hub, protocol).await;
        let before = memory(hub.pid(), "VmRSS");
        // 8 GiB are declared, not one byte of them is sent.
        raw.write(&head(true, 0, TEXT, true, 8 << 30)).await;
        assert_eq!(raw.closed().await.0, 1009);
        assert!(memory(hub.pid(), "VmRSS") < before + 16 * 1024 * 1024);
    }
}

#[tokio::test]
async fn what_a_refused_client_sends_on_is_not_kept() {
    let hub = TestHub::start().await;
    let mut raw = Raw::open(&hub, "opshub.v1").await;
    let before = memory(hub.pid(), "VmRSS");
    raw.write(&head(true, 0, TEXT, true, 1 << 30)).await;
    let chunk = vec![0x41; 1 << 20];
    // The hub may close at any point of this; what counts is that it keeps none of it.
    for _ in 0..100 {
        if raw.try_write(&chunk).await.is_err() {
            break;
        }
    }
    let grown = memory(hub.pid(), "VmHWM").saturating_sub(before);
    assert!(grown < 32 * 1024 * 1024, "{grown} bytes more");
}

#[tokio::test]
async fn a_message_of_exactly_the_limit_is_taken_whole_and_in_fragments() {
    let hub = TestHub::start().await;
    let text = |length: usize| {
        let (before, after) = (r#"{"type":"echo","data":""#, r#""}"#);
        format!("{before}{}{after}", "x".repeat(length - before.len() - after.len()))
    };
    let mut raw = Raw::open(&hub, "opshub.v1").await;
    let whole = text(65_536);
    raw.send(Out::new(TEXT, whole.as_bytes())).await;
    assert_eq!(raw.expect_type("echo").await["data"].as_str().unwrap().len(), whole.len() - 25);
    let parts: Vec<&[u8]> = whole.as_bytes().chunks(1000).collect();
    for (n, part) in parts.iter().enumerate() {
        let opcode = if n == 0 { TEXT } else { CONTINUATION };
        raw.send(Out { fin: n + 1 == parts.len(), ..Out::new(opcode, *part) }).await;
    }
    assert_eq!(raw.expect_type("echo").await["data"].as_str().unwrap().len(), whole.len() - 25);

    let more = text(65_537);
    raw.send(Out::new(TEXT, more.as_bytes())).await;
    assert_eq!(raw.closed().await.0, 1009);
    let mut raw = Raw::open(&hub, "opshub.v1").await;
    raw.send(Out::part(TEXT, &more.as_bytes()[..40_000])).await;
    raw.send(Out::part(CONTINUATION, &more.as_bytes()[40_000..65_000])).await;
    raw.send(Out::new(CONTINUATION, &more.as_bytes()[65_000..])).await;
    assert_eq!(raw.closed().await.0, 1009);
}

#[tokio::test]
async fn fragments_without_end_are_bounded_in_bytes_and_in_count() {
    let hub = TestHub::start().await;
    for payload in [&b"xxxxxxxxxxxxxxxx"[..], b""] {
        let mut raw = Raw::open(&hub, "opshub.v1").await;
        let before = memory(hub.pid(), "VmRSS");
        raw.send(Out::part(TEXT, payload)).await;
        let parts = Out::part(CONTINUATION, payload).bytes().repeat(1000);
        // The hub may close at any point of this.
        for _ in 0..100 {
            if raw.try_write(&parts).await.is_err() {
                break;
            }
        }
        assert_eq!(raw.closed().await.0, 1009);
        assert!(memory(hub.pid(), "VmRSS") < before + 32 * 1024 * 1024);
    }
}

#[tokio::test]
async fn a_connection_over_the_limit_is_told_when_to_come_back() {
    let hub = TestHub::start_with(&[("OPSHUB_LIMITS__CONNECTIONS", "3")]).await;
    let mut open: Vec<Watcher> = Vec::new();
    for _ in 0..3 {
        open.push(hub.v1("").await);
    }
    let mut raw = Raw::connect(hub.address()).await;
    raw.write(request(&hub, "", "Sec-WebSocket-Protocol: opshub.v1\r\n").as_bytes()).await;
    let head = raw.head().await;
    assert_eq!(head.status, 503);
    assert!(head.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    let body = raw.body(head.header("content-length").unwrap().parse().unwrap()).await;
    assert!(body.contains("too_many_connections"), "{body}");
    // Requests that hold no connection are served on, and a place that gets free is given away.
    hub.get("/api/state").await.ok();
    open.pop().unwrap().leave().await;
    eventually("the free place is given away", || async {
        Watcher::attempt(&hub.ws_url(""), Some("opshub.v1")).await.ok()
    })
    .await;
}

#[tokio::test]
async fn too_many_messages_get_one_error_and_then_a_close() {
    let settings = [
        ("OPSHUB_LIMITS__MESSAGES_PER_SECOND", "10"),
        ("OPSHUB_LIMITS__MESSAGES_BURST", "20"),
        ("OPSHUB_LIMITS__EXCESS_MS", "700"),
    ];
    let hub = TestHub::start_with(&settings).await;
    let mut watcher = hub.watch(&["state"]).await;
    let (mut pongs, mut errors) = (0, 0);
    let (code, reason) = loop {
        for _ in 0..5 {
            // The hub may have closed already: the close is read below.
            let _ = watcher
                .send_message(tokio_tungstenite::tungstenite::Message::text(r#"{"type":"ping"}"#))
                .await;
        }
        match watcher.poll(Duration::from_millis(20)).await {
            Some(Next::Frame(frame)) if frame.kind() == "pong" => pongs += 1,
            Some(Next::Frame(frame)) if frame.kind() == "error" => {
                assert_eq!(frame["data"]["error_type"], "rate_limited", "{}", frame.text);
                errors += 1;
            }
            Some(Next::Closed(code, reason)) => break (code, reason),
            Some(Next::Frame(_)) | None => {}
        }
    };
    assert_eq!((code, errors), (4429, 1), "{reason}");
    assert!(pongs >= 20, "the burst was answered {pongs} times");
    assert!(!reason.is_empty());
}

#[tokio::test]
async fn a_client_that_calms_down_after_a_burst_stays() {
    let settings = [("OPSHUB_LIMITS__MESSAGES_PER_SECOND", "20"), ("OPSHUB_LIMITS__MESSAGES_BURST", "20")];
    let hub = TestHub::start_with(&settings).await;
    let mut watcher = hub.watch(&["state"]).await;
    for _ in 0..60 {
        watcher.send(json!({ "type": "ping" })).await;
    }
    watcher.expect("error").await;
    loop {
        watcher.send(json!({ "type": "echo", "data": "calm" })).await;
        match watcher.poll(Duration::from_millis(500)).await {
            Some(Next::Frame(frame)) if frame.kind() == "echo" => break,
            Some(Next::Closed(code, reason)) => panic!("closed with {code} {reason}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn too_many_bad_frames_end_the_connection() {
    let hub = TestHub::start_with(&[("OPSHUB_LIMITS__BAD_FRAMES_PER_MINUTE", "5")]).await;
    let mut watcher = hub.watch(&["state"]).await;
    for _ in 0..5 {
        watcher.send_text("{ not json").await;
        assert_eq!(watcher.expect("error").await["data"]["error_type"], "invalid_json");
    }
    watcher.drain().await;
    for _ in 0..3 {
        let _ = watcher.send_message(tokio_tungstenite::tungstenite::Message::text("{ not json")).await;
    }
    let (_, code, reason) = watcher.closed().await;
    assert_eq!(code, 4400, "{reason}");
}

#[tokio::test]
async fn a_binary_message_ends_the_connection() {
    let hub = TestHub::start().await;
    for protocol in ["", "opshub.v1"] {
        let mut raw = Raw::open(&hub, protocol).await;
        raw.send(Out::new(BINARY, b"{}".as_slice())).await;
        let (code, reason) = raw.closed().await;
        assert_eq!(code, 1003);
        assert!(!reason.is_empty());
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let hub = TestHub::start_with(&[("OPSHUB_LIMITS__BODY_BYTES", "2000")]).await;
    let body = json!({ "command": "x".repeat(3000) }).to_string();
    for path in ["/api/command", "/api/system/status"] {
        let sent = hub.request("POST", path).header("content-type", "application/json").body(body.clone());
        hub.send(sent).await.error(413);
    }
    // In chunks, so that no length is declared.
    let mut raw = Raw::connect(hub.address()).await;
    let start = format!(
        "PATCH /api/state HTTP/1.1\r\nHost: {}\r\nContent-Type: application/merge-patch+json\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        hub.address()
    );
    raw.write(format!("{start}bb8\r\n{}\r\n0\r\n\r\n", "x".repeat(3000)).as_bytes()).await;
    assert_eq!(raw.head().await.status, 413);
    assert_eq!(hub.seq().await, 0);
}

#[tokio::test]
async fn limits_of_document_list_and_change_leave_everything_as_it_was() {
    let settings = [
        ("OPSHUB_LIMITS__DOCUMENT_BYTES", "100000"),
        ("OPSHUB_LIMITS__LIST_ITEMS", "5"),
        ("OPSHUB_LIMITS__CHANGE_BYTES", "80000"),
    ];
    let hub = TestHub::start_with(&settings).await;
    let filled = |id: &str, bytes: usize| json!({ "id": id, "filling": "x".repeat(bytes) });
    let change = hub.request("PUT", "/api/items/owe/F4").json(&filled("F4", 85_000));
    refused_and_unchanged(&hub, change).await;
    for n in 0..2 {
        let put = hub.put(&format!("/api/items/owe/F{n}"), filled(&format!("F{n}"), 35_000)).await;
        assert!(put.status < 300, "{}", put.text);
    }
    let document = hub.request("PUT", "/api/items/owe/F3").json(&filled("F3", 35_000));
    refused_and_unchanged(&hub, document).await;
    let list: Vec<_> = (0..6).map(|n| json!({ "id": format!("P{n}") })).collect();
    let message =
        refused_and_unchanged(&hub, hub.patch_request("merge", &json!({ "priorities": list }))).await;
    assert!(message.contains('5'), "{message}");
    hub.patch(json!({ "priorities": list[..5] })).await.ok();
    refused_and_unchanged(&hub, hub.request("PUT", "/api/items/priorities/P5").json(&json!({ "id": "P5" })))
        .await;
    // What makes room is always allowed.
    hub.delete("/api/items/owe/F0").await.ok();
    assert!(hub.put("/api/items/owe/F3", filled("F3", 35_000)).await.status < 300);
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_told_when_to_come_back_and_nobody_else_is_held_up() {
    let settings = [
        ("OPSHUB_LIMITS__EXEMPT", "none"),
        ("OPSHUB_LIMITS__REQUESTS_PER_SECOND", "1"),
        ("OPSHUB_LIMITS__REQUESTS_BURST", "5"),
    ];
    let hub = TestHub::start_with(&settings).await;
    let mut other = Raw::from("127.0.0.2", hub.address()).await;
    for left in (0..5).rev() {
        let answer = hub.get("/livez").await.ok();
        assert_eq!(answer.header("ratelimit-policy"), Some("\"address\";q=5;w=5"));
        let limit = answer.header("ratelimit").unwrap();
        assert!(limit.starts_with(&format!("\"address\";r={left};t=")), "{limit}");
    }
    let command = hub.request("POST", "/api/command").json(&json!({ "command": "approve P1" }));
    let refused = hub.send(command.header("origin", "http://localhost:3000")).await;
    refused.refused(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit"), Some("\"address\";r=0;t=1"));
    // Pages that may ask may also read that they asked too often.
    assert_eq!(refused.header("access-control-allow-origin"), Some("http://localhost:3000"));
    let mut raw = Raw::connect(hub.address()).await;
    raw.write(request(&hub, "", "").as_bytes()).await;
    assert_eq!(raw.head().await.status, 429);
    let (head, _) = other.ask("GET", "/livez", "", "").await;
    assert_eq!(head.status, 200);
    eventually("it may ask again", || async { (hub.get("/livez").await.status == 200).then_some(()) }).await;
    let mut counted = Raw::from("127.0.0.2", hub.address()).await;
    let (_, metrics) = counted.ask("GET", "/metrics", "", "").await;
    assert_names(&metrics, &["error_type=\"rate_limited\""]);
}

#[tokio::test]
async fn the_own_machine_is_as_fast_as_it_likes_and_clients_of_its_proxy_are_not() {
    let settings = [("OPSHUB_SERVER__TRUSTED_PROXIES", "127.0.0.1"), ("OPSHUB_LIMITS__REQUESTS_BURST", "3")];
    let hub = TestHub::start_with(&settings).await;
    for _ in 0..50 {
        assert_eq!(hub.get("/livez").await.ok().header("ratelimit"), None);
    }
    let ask =
        async |client: &str| hub.send(hub.request("GET", "/livez").header("x-forwarded-for", client)).await;
    // A thousand a second are let through, and so many at once are not made here: the header tells that it counts.
    assert!(ask("192.0.2.1").await.ok().header("ratelimit").is_some());
    assert_eq!(ask("127.0.0.9").await.ok().header("ratelimit"), None);
}

#[tokio::test]
async fn an_address_has_so_many_live_connections_and_others_have_theirs() {
    let settings = [("OPSHUB_LIMITS__EXEMPT", "none"), ("OPSHUB_LIMITS__CONNECTIONS_PER_ADDRESS", "2")];
    let hub = TestHub::start_with(&settings).await;
    let first = hub.v1("").await;
    let mut stream = Raw::connect(hub.address()).await;
    let events = "GET /api/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write(events.as_bytes()).await;
    assert_eq!(stream.head().await.status, 200);

    let upgrade = request(&hub, "", "");
    for request in [events, &upgrade] {
        let mut third = Raw::connect(hub.address()).await;
        third.write(request.as_bytes()).await;
        let head = third.head().await;
        assert_eq!((head.status, head.header("retry-after")), (429, Some("5")));
        let body = third.body(head.header("content-length").unwrap().parse().unwrap()).await;
        assert_names(&body, &["too_many_connections", "this address"]);
    }
    let mut other = Raw::from("127.0.0.2", hub.address()).await;
    other.write(upgrade.as_bytes()).await;
    assert_eq!(other.head().await.status, 101);
    hub.get("/api/state").await.ok();
    first.leave().await;
    eventually("its place is given away", || async {
        Watcher::attempt(&hub.ws_url(""), Some("opshub.v1")).await.ok()
    })
    .await;
}
