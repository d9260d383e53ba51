//! RFC 6455 byte by byte, as the Autobahn suite asks for it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::raw::{ACCEPT, BINARY, CLOSE, CONTINUATION, KEY, Out, PING, PONG, Raw, TEXT, request};
use common::{TestHub, json};

/// A hub that does not wait long for the close frame of a client that never sends one.
async fn start() -> TestHub {
    TestHub::start_with(&[("OPSHUB_SESSION__CLOSE_WAIT_MS", "50")]).await
}

/// A plain connection whose first frame, the state, has been read.
async fn open(hub: &TestHub) -> Raw {
    let mut raw = Raw::open(hub, "").await;
    raw.expect(TEXT).await;
    raw
}

/// Sends `frames` on a connection of its own; gives the close code that comes.
async fn closed_after(hub: &TestHub, frames: &[Out]) -> u16 {
    let mut raw = open(hub).await;
    for frame in frames {
        raw.send(frame.clone()).await;
    }
    raw.closed().await.0
}

/// The `data` of the echo that comes next.
async fn echoed(raw: &mut Raw) -> common::Value {
    raw.expect_type("echo").await["data"].clone()
}

#[tokio::test]
async fn a_handshake_is_answered_with_its_own_key() {
    let hub = start().await;
    let mut raw = Raw::connect(hub.address()).await;
    raw.write(request(&hub, "", "").as_bytes()).await;
    let head = raw.head().await;
    assert_eq!(head.status, 101);
    assert_eq!(head.header("sec-websocket-accept"), Some(ACCEPT));
    assert!(head.header("upgrade").unwrap().eq_ignore_ascii_case("websocket"));
    assert!(head.header("connection").unwrap().to_lowercase().contains("upgrade"));
    assert_eq!(head.header("sec-websocket-extensions"), None);
    assert_eq!(head.header("sec-websocket-protocol"), None);
}

/// Frames are written past the HTTP stack: never before it has written all that came first.
#[tokio::test]
async fn a_handshake_behind_unread_answers_waits_for_its_turn() {
    const AHEAD: usize = 15;
    let hub = start().await;
    let mut raw = Raw::connect(hub.address()).await;
    let page = format!("GET /openapi.json HTTP/1.1\r\nHost: {}\r\n\r\n", hub.address());
    let v1 = "Sec-WebSocket-Protocol: opshub.v1\r\n";
    raw.write(format!("{}{}", page.repeat(AHEAD), request(&hub, "", v1)).as_bytes()).await;
    for progress in 1..=5 {
        hub.post("/api/system/status", json!({ "progress": progress })).await.ok();
    }
    for _ in 0..AHEAD {
        let head = raw.head().await;
        assert_eq!(head.status, 200);
        let body = raw.body(head.header("content-length").unwrap().parse().unwrap()).await;
        assert!(serde_json::from_str::<common::Value>(&body).is_ok(), "a whole document");
    }
    assert_eq!(raw.head().await.status, 101);
    assert_eq!(raw.expect(TEXT).await.json()["type"], "connected");
    hub.post("/api/system/status", json!({ "progress": 50 })).await.ok();
    while raw.expect_type("state_change").await["patch"][0]["value"] != 50 {}
}

#[tokio::test]
async fn a_handshake_that_is_none_is_refused() {
    let hub = start().await;
    let good = request(&hub, "", "");
    let version = "Sec-WebSocket-Version: 13\r\n";
    let broken = [
        good.replace(&format!("Sec-WebSocket-Key: {KEY}\r\n"), ""),
        good.replace(KEY, "short"),
        good.replace("Upgrade: websocket\r\n", ""),
        good.replace("Upgrade: websocket", "Upgrade: h2c"),
        good.replace("Connection: Upgrade\r\n", ""),
        good.replace(version, ""),
        good.replace(version, "Sec-WebSocket-Version: 8\r\n"),
        good.replace("GET /ws", "POST /ws").replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n"),
        good.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
        good.replace("\r\n\r\n", "\r\nOrigin: http://evil.example\r\n\r\n"),
    ];
    for attempt in broken {
        let mut raw = Raw::connect(hub.address()).await;
        raw.write(attempt.as_bytes()).await;
        let head = raw.head().await;
        assert!((400..500).contains(&head.status), "{} for {attempt}", head.status);
        if attempt.contains("Version: 8") {
            assert_eq!(head.header("sec-websocket-version"), Some("13"), "{head:?}");
        }
        let body = raw.body(head.header("content-length").unwrap().parse().unwrap()).await;
        let body: common::Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
        common::http::assert_error_form(&body["error"], &attempt);
    }
}

#[tokio::test]
async fn the_handshake_reads_headers_as_http_writes_them() {
    let hub = start().await;
    let good = request(&hub, "", "Sec-WebSocket-Protocol: chat, opshub.v1\r\n");
    for attempt in [
        good.replace("Connection: Upgrade", "connection: keep-alive, upgrade"),
        good.replace("Upgrade: websocket", "UPGRADE: WebSocket"),
    ] {
        let mut raw = Raw::connect(hub.address()).await;
        raw.write(attempt.as_bytes()).await;
        let head = raw.head().await;
        assert_eq!(head.status, 101, "{attempt}");
        assert_eq!(head.header("sec-websocket-protocol"), Some("opshub.v1"));
    }
}

#[tokio::test]
async fn frames_sent_together_with_the_handshake_are_not_lost() {
    let hub = start().await;
    let mut raw = Raw::connect(hub.address()).await;
    let mut bytes = request(&hub, "", "").into_bytes();
    bytes.extend(Out::new(TEXT, "41").bytes());
    raw.write(&bytes).await;
    assert_eq!(raw.head().await.status, 101);
    assert_eq!(echoed(&mut raw).await, 41);
}

#[tokio::test]
async fn reserved_bits_and_opcodes_are_protocol_errors() {
    let hub = start().await;
    for reserved in [1, 2, 4, 7] {
        assert_eq!(
            closed_after(&hub, &[Out { reserved, ..Out::new(TEXT, "1") }]).await,
            1002,
            "bits {reserved}"
        );
        assert_eq!(
            closed_after(&hub, &[Out { reserved, ..Out::new(PING, "") }]).await,
            1002,
            "bits {reserved}"
        );
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(closed_after(&hub, &[Out::new(opcode, "1")]).await, 1002, "opcode {opcode}");
    }
}

#[tokio::test]
async fn an_unmasked_frame_is_a_protocol_error() {
    let hub = start().await;
    for opcode in [TEXT, PING, CLOSE] {
        let payload: &[u8] = if opcode == CLOSE { &[3, 232] } else { b"1" };
        assert_eq!(
            closed_after(&hub, &[Out { masked: false, ..Out::new(opcode, payload) }]).await,
            1002,
            "opcode {opcode}"
        );
    }
}

#[tokio::test]
async fn control_frames_are_short_and_whole() {
    let hub = start().await;
    let mut raw = open(&hub).await;
    raw.send(Out::new(PING, [b'x'; 125])).await;
    assert_eq!(raw.expect(PONG).await.payload, [b'x'; 125]);
    for opcode in [PING, PONG, CLOSE] {
        let long = if opcode == CLOSE { [vec![3, 232], vec![b'x'; 124]].concat() } else { vec![b'x'; 126] };
        assert_eq!(closed_after(&hub, &[Out::new(opcode, long)]).await, 1002, "opcode {opcode}");
        assert_eq!(closed_after(&hub, &[Out::part(opcode, "")]).await, 1002, "opcode {opcode}");
    }
}

#[tokio::test]
async fn pings_are_answered_with_their_payload_and_pongs_with_nothing() {
    let hub = start().await;
    let mut raw = open(&hub).await;
    for payload in [&b""[..], b"hello", &[0, 255, 254, 128]] {
        raw.send(Out::new(PONG, payload)).await;
        raw.send(Out::new(PING, payload)).await;
        let pong = raw.frame().await.unwrap();
        assert_eq!((pong.opcode, pong.payload.as_slice(), pong.fin), (PONG, payload, true));
    }
    let many: Vec<u8> = (0..10).flat_map(|n: u8| Out::new(PING, [n]).bytes()).collect();
    raw.write(&many).await;
    for n in 0..10 {
        assert_eq!(raw.expect(PONG).await.payload, [n]);
    }
}

#[tokio::test]
async fn a_ping_between_fragments_is_answered_before_the_message() {
    let hub = start().await;
    let mut raw = open(&hub).await;
    raw.send(Out::part(TEXT, "\"a")).await;
    raw.send(Out::new(PING, "between")).await;
    assert_eq!(raw.frame().await.unwrap().payload, b"between");
    raw.send(Out::part(CONTINUATION, "b")).await;
    raw.send(Out::part(CONTINUATION, "")).await;
    raw.send(Out::new(CONTINUATION, "c\"")).await;
    assert_eq!(echoed(&mut raw).await, "abc");
}

#[tokio::test]
async fn fragments_come_in_order_or_not_at_all() {
    let hub = start().await;
    for out in [Out::new(CONTINUATION, "1"), Out::part(CONTINUATION, "1")] {
        assert_eq!(closed_after(&hub, &[out]).await, 1002);
    }
    for second in [Out::new(TEXT, "2"), Out::part(TEXT, "2"), Out::new(BINARY, "2")] {
        assert_eq!(closed_after(&hub, &[Out::part(TEXT, "1"), second]).await, 1002);
    }
    let after = [Out::part(TEXT, "1"), Out::new(CONTINUATION, "2"), Out::new(CONTINUATION, "3")];
    assert_eq!(closed_after(&hub, &after).await, 1002);
}

#[tokio::test]
async fn text_that_is_not_utf8_is_refused_as_soon_as_it_shows() {
    let hub = start().await;
    let bad: [&[u8]; 7] = [
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"ok\x80",
    ];
    for payload in bad {
        assert_eq!(closed_after(&hub, &[Out::new(TEXT, payload)]).await, 1007, "{payload:?}");
        // Nothing after the bad fragment is sent: it must be refused by itself.
        assert_eq!(closed_after(&hub, &[Out::part(TEXT, payload)]).await, 1007, "{payload:?}");
        assert_eq!(
            closed_after(&hub, &[Out::part(TEXT, "\"ok"), Out::part(CONTINUATION, payload)]).await,
            1007,
            "{payload:?}"
        );
    }
    // Half a character at the end of the message, and one broken across two fragments.
    assert_eq!(closed_after(&hub, &[Out::new(TEXT, b"\"\xe2\x82".as_slice())]).await, 1007);
    assert_eq!(
        closed_after(&hub, &[Out::part(TEXT, b"\"\xe2\x82".as_slice()), Out::part(CONTINUATION, "x")]).await,
        1007
    );
}

#[tokio::test]
async fn a_character_may_be_split_between_fragments() {
    let hub = start().await;
    let mut raw = open(&hub).await;
    let text = "\"κόσμε € \u{1F980}\"".as_bytes();
    for (n, byte) in text.iter().enumerate() {
        let opcode = if n == 0 { TEXT } else { CONTINUATION };
        raw.send(Out { fin: n + 1 == text.len(), ..Out::new(opcode, [*byte]) }).await;
    }
    assert_eq!(echoed(&mut raw).await, "κόσμε € \u{1F980}");
}

#[tokio::test]
async fn a_close_is_answered_with_its_code_and_the_end_of_the_connection() {
    let hub = start().await;
    for code in [1000_u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        let payload = [&code.to_be_bytes()[..], "bye ü".as_bytes()].concat();
        assert_eq!(closed_after(&hub, &[Out::new(CLOSE, payload)]).await, code);
    }
    let empty = closed_after(&hub, &[Out::new(CLOSE, "")]).await;
    assert!([1000, 1005].contains(&empty), "{empty}");
    let longest = [&1000_u16.to_be_bytes()[..], &[b'x'; 123]].concat();
    assert_eq!(closed_after(&hub, &[Out::new(CLOSE, longest)]).await, 1000);
}

#[tokio::test]
async fn a_close_that_is_none_is_a_protocol_error() {
    let hub = start().await;
    for code in [0_u16, 999, 1004, 1005, 1006, 1012, 1016, 1100, 2000, 2999, 5000, 65_535] {
        let found = closed_after(&hub, &[Out::new(CLOSE, code.to_be_bytes())]).await;
        // 1012 to 1014 were registered after the RFC: to echo them is as right as to refuse them.
        assert!(found == 1002 || code == 1012 && found == 1012, "{code} was answered with {found}");
    }
    assert_eq!(closed_after(&hub, &[Out::new(CLOSE, [3])]).await, 1002);
    assert_eq!(
        closed_after(&hub, &[Out::new(CLOSE, b"\x03\xe8\xce\xba\xe1\xbd\xb9\xff".as_slice())]).await,
        1007
    );
}

#[tokio::test]
async fn nothing_is_answered_after_a_close() {
    let hub = start().await;
    let mut raw = open(&hub).await;
    let mut bytes = Out::new(CLOSE, 1000_u16.to_be_bytes()).bytes();
    bytes.extend(Out::new(PING, "late").bytes());
    bytes.extend(Out::new(TEXT, "1").bytes());
    raw.write(&bytes).await;
    let close = raw.frame().await.unwrap();
    assert_eq!((close.opcode, close.payload), (CLOSE, vec![3, 232]));
    assert_eq!(raw.frame().await, None);
}

#[tokio::test]
async fn bytes_may_come_one_by_one_or_all_at_once() {
    let hub = start().await;
    let mut raw = open(&hub).await;
    for byte in Out::new(TEXT, "\"drop by drop\"").bytes() {
        raw.write(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(echoed(&mut raw).await, "drop by drop");
    let all: Vec<u8> = (0..100).flat_map(|n| Out::new(TEXT, n.to_string()).bytes()).collect();
    raw.write(&all).await;
    for n in 0..100 {
        assert_eq!(echoed(&mut raw).await, n);
    }
    for length in [0_usize, 1, 123, 124, 125, 126, 127, 128, 65_000, 65_534] {
        let text = json!("x".repeat(length));
        raw.send(Out::new(TEXT, text.to_string())).await;
        assert_eq!(echoed(&mut raw).await, text, "{length}");
    }
}
