//! What stands between the hub and the network: each attack that is known to be tried, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Write;
use std::time::{Duration, Instant};

use common::process::memory;
use common::raw::Raw;
use common::{Answer, TestHub, assert_names, eventually, json, within};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const JSON: &str = "Content-Type: application/json\r\n";
const MEBI: u64 = 1024 * 1024;

/// Connections from another address of this machine, which say nothing.
async fn silent(hub: &TestHub, from: &str, count: usize) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for _ in 0..count {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        open.push(within("a connection", socket.connect(hub.address())).await.unwrap());
    }
    open
}

/// How many of them the hub has ended.
fn ended(open: &[TcpStream]) -> usize {
    let is_over = |stream: &&TcpStream| match stream.try_read(&mut [0; 16]) {
        Ok(_) => true,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    };
    open.iter().filter(is_over).count()
}

#[tokio::test]
async fn every_answer_says_what_browsers_may_do_with_it() {
    let hub = TestHub::start().await;
    let tag = hub.get("/api/state").await.ok().header("etag").unwrap().to_owned();
    let get = |path: &str| hub.request("GET", path);
    let page = "default-src 'self'";
    let api = "default-src 'none'; frame-ancestors 'none'";
    for (name, request, status, policy, kept) in [
        ("state", get("/api/state"), 200, api, "private, no-cache"),
        ("known", get("/api/state").header("if-none-match", &tag), 304, api, "private, no-cache"),
        ("status", get("/api/system/status"), 200, api, "private, no-cache"),
        ("health", get("/health"), 200, api, "no-store"),
        ("metrics", get("/metrics"), 200, api, "no-store"),
        ("connections", get("/api/connections"), 200, api, "no-store"),
        ("the API's document", get("/openapi.json"), 200, api, "no-store"),
        ("no path", get("/nothing"), 404, api, "no-store"),
        ("no method", hub.request("DELETE", "/health"), 405, api, "no-store"),
        ("no JSON", hub.request("POST", "/api/command").json(&json!("x")), 400, api, "no-store"),
        ("no type", hub.request("POST", "/api/command").body("x"), 415, api, "no-store"),
        ("no handshake", get("/ws"), 400, api, "no-store"),
        (
            "a foreign page",
            hub.request("POST", "/api/command").header("origin", "null"),
            403,
            api,
            "no-store",
        ),
        ("a foreign name", get("/api/state").header("host", "evil.example"), 421, api, "no-store"),
        ("the page", get("/dashboard"), 200, page, "no-cache"),
        ("its script", get("/ui/page/main.js"), 200, page, "no-cache"),
        ("the documents", get("/docs/"), 200, page, "no-cache"),
    ] {
        let answer = Answer::attempt(request).await.unwrap();
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", kept),
        ] {
            let all: Vec<_> = answer.headers.get_all(header).iter().collect();
            assert_eq!(all, [value], "{header} of {name}");
        }
        let said = answer.header("content-security-policy").unwrap();
        assert!(said.starts_with(policy), "{name}: {said}");
    }
}

#[tokio::test]
async fn who_is_no_trusted_proxy_cannot_say_for_whom_it_asks() {
    let hub = TestHub::start().await;
    let command = hub.request("POST", "/api/command").json(&json!({ "command": "approve P1" }));
    let forged =
        [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1"), ("x-real-ip", "192.0.2.1")];
    let command = forged.iter().fold(command, |request, (name, value)| request.header(*name, *value));
    hub.send(command).await.ok();
    let events = hub.get("/api/events").await.ok();
    assert_eq!(events["events"][0]["actor"], "anonymous@127.0.0.1");
}

#[tokio::test]
async fn a_trusted_proxy_says_for_whom_it_asks_and_its_client_cannot_forge_that() {
    let settings = [("OPSHUB_SERVER__TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8")];
    let hub = TestHub::start_with(&settings).await;
    for (sent, actor) in [
        ("192.0.2.1", "anonymous@192.0.2.1"),
        // The first part is what the client sent itself.
        ("127.0.0.1, 192.0.2.2", "anonymous@192.0.2.2"),
        ("6.6.6.6, 2001:db8::7, 10.1.2.3", "anonymous@2001:db8::7"),
        ("", "anonymous@127.0.0.1"),
        ("192.0.2.9, evil", "anonymous@127.0.0.1"),
    ] {
        let command = hub.request("POST", "/api/command").json(&json!({ "command": "approve P1" }));
        let seq = hub.send(command.header("x-forwarded-for", sent)).await.ok().seq();
        let events = hub.get(&format!("/api/events?since={}", seq - 1)).await.ok();
        assert_eq!(events["events"][0]["actor"], actor, "{sent:?}");
    }
    let mut raw = Raw::connect(hub.address()).await;
    let lines = "X-Forwarded-For: 6.6.6.6, 192.0.2.5\r\n";
    raw.write(common::raw::request(&hub, "", lines).as_bytes()).await;
    assert_eq!(raw.head().await.status, 101);
    let connected = hub.get("/api/connections").await.ok();
    assert_eq!(connected["connections"][0]["address"], "192.0.2.5");
    // From an address that no proxy has, the header means nothing.
    let mut other = Raw::from("127.0.0.2", hub.address()).await;
    let lines = format!("{JSON}X-Forwarded-For: 192.0.2.5\r\n");
    let (head, body) = other.ask("POST", "/api/command", &lines, r#"{"command":"approve P1"}"#).await;
    assert_eq!(head.status, 200, "{body}");
    let newest = hub.get("/api/events?order=desc&limit=1").await.ok();
    assert_eq!(newest["events"][0]["actor"], "anonymous@127.0.0.2");
}

#[tokio::test]
async fn the_scheme_of_our_own_pages_is_the_one_that_a_trusted_proxy_saw() {
    let (plain, behind) = (
        TestHub::start().await,
        TestHub::start_with(&[
            ("OPSHUB_SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
            ("OPSHUB_SERVER__PROXY_HEADER", "forwarded"),
        ])
        .await,
    );
    for (hub, scheme, status) in
        [(&plain, "http", 200), (&plain, "https", 403), (&behind, "https", 200), (&behind, "http", 403)]
    {
        let request = hub.request("POST", "/api/command").json(&json!({ "command": "approve P1" }));
        let request = request
            .header("origin", format!("{scheme}://localhost:{}", hub.address().port()))
            .header("forwarded", "for=192.0.2.1;proto=https");
        assert_eq!(hub.send(request).await.status, status, "{scheme}");
    }
}

/// Asks for `/livez` over a connection, which stays open.
async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    while !answer.contains("alive") {
        let mut chunk = [0; 4_096];
        let count = within("the answer", stream.read(&mut chunk)).await.unwrap();
        assert_ne!(count, 0, "the connection ended after {answer:?}");
        answer.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
    }
}

#[tokio::test]
async fn a_connection_waits_for_its_next_request_for_longer_than_clients_pause() {
    let hub = TestHub::start_with(&[("OPSHUB_LIMITS__HEAD_MS", "1000")]).await;
    let mut stream = TcpStream::connect(hub.address()).await.unwrap();
    ask(&mut stream).await;
    // Who posts every five seconds must not meet the end of its connection.
    let end = tokio::time::timeout(Duration::from_secs(6), stream.read(&mut [0; 1])).await;
    assert!(end.is_err(), "{end:?}");
    ask(&mut stream).await;
}

#[tokio::test]
async fn heads_that_trickle_in_are_given_up_however_often_a_byte_comes() {
    let hub = TestHub::start_with(&[("OPSHUB_LIMITS__HEAD_MS", "1000")]).await;
    for served_before in [false, true] {
        let (mut stream, start) = (TcpStream::connect(hub.address()).await.unwrap(), Instant::now());
        if served_before {
            // The HTTP stack's own clock is for the first head alone.
            ask(&mut stream).await;
        }
        let mut answer = Vec::new();
        within("the end of a head that trickles in", async {
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n").await.unwrap();
            let (mut read, mut write) = stream.split();
            let trickle = async {
                while write.write_all(b"X: y\r\n").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = trickle => {}
                _ = read.read_to_end(&mut answer) => {}
            }
        })
        .await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert_eq!(answer.starts_with("HTTP/1.1 408"), !served_before, "{answer:?}");
    }
    hub.get("/livez").await.ok();
}

#[tokio::test]
async fn bodies_that_trickle_in_are_given_up() {
    let settings = [("OPSHUB_LIMITS__BODY_BYTES_PER_SECOND", "1000"), ("OPSHUB_LIMITS__BODY_MS", "60000")];
    let (slow, late) = (
        TestHub::start_with(&settings).await,
        TestHub::start_with(&[("OPSHUB_LIMITS__BODY_MS", "700")]).await,
    );
    for (hub, why) in [(&slow, "1000 bytes a second"), (&late, "within 0.7 seconds")] {
        let mut raw = Raw::connect(hub.address()).await;
        let head =
            format!("POST /api/command HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n{JSON}\r\n");
        raw.write(head.as_bytes()).await;
        let head = within("the answer to a body that trickles in", async {
            loop {
                raw.write(b"        ").await;
                if let Ok(head) = tokio::time::timeout(Duration::from_millis(100), raw.head()).await {
                    break head;
                }
            }
        })
        .await;
        assert_eq!(head.status, 408);
        let body = raw.body(head.header("content-length").unwrap().parse().unwrap()).await;
        assert_names(&body, &["request_timeout", why]);
        // Nothing that still comes may be taken for another request.
        raw.ended().await;
        assert_eq!(hub.seq().await, 0);
    }
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused_and_cost_no_memory() {
    let hub = TestHub::start().await;
    let before = memory(hub.pid(), "VmRSS");
    let many = "X: y\r\n".repeat(70);
    let large = format!("X-Large: {}\r\n", "x".repeat(40_000));
    for lines in [&many, &large] {
        let (head, body) = Raw::connect(hub.address()).await.ask("GET", "/api/state", lines, "").await;
        assert_eq!(head.status, 431, "{body}");
        assert_names(&body, &["head_too_large"]);
    }
    let target = format!("/api/state?at={}", "1".repeat(40_000));
    let (head, _) = Raw::connect(hub.address()).await.ask("GET", &target, "", "").await;
    assert_eq!(head.status, 431);
    // What the HTTP stack does not even take has no body.
    let endless = format!("X: {}\r\n", "x".repeat(1_000)).repeat(1_000);
    let (too_many, endless) = ("X: y\r\n".repeat(200), endless.as_str());
    for lines in [too_many.as_str(), endless] {
        let mut raw = Raw::connect(hub.address()).await;
        // The hub may close at any point of this.
        let _ = raw.try_write(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").as_bytes()).await;
        assert_eq!(raw.head().await.status, 431);
    }
    assert!(memory(hub.pid(), "VmRSS") < before + 16 * MEBI);
}

#[tokio::test]
async fn what_is_nested_too_deeply_is_refused_and_overflows_nothing() {
    let hub = TestHub::start().await;
    // What JSON readers can still hold is over a limit of the document's.
    let refused = |answer: Answer, levels: usize| {
        assert!([400, 413].contains(&answer.status), "{levels} levels: {}", answer.text);
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for levels in [100, 300_000] {
            let bomb = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            let item = format!(r#"{{"id":"X","deep":{bomb}}}"#);
            let request = hub.request("PUT", "/api/items/owe/X").header("content-type", "application/json");
            refused(hub.send(request.body(item)).await, levels);
            let patch = format!(r#"{{"active_brief":{bomb}}}"#);
            let request =
                hub.request("PATCH", "/api/state").header("content-type", "application/merge-patch+json");
            refused(hub.send(request.body(patch)).await, levels);
        }
    }
    let bomb = "[".repeat(60_000);
    let mut watcher = hub.watch(&["state"]).await;
    watcher.send_text(&bomb).await;
    assert_eq!(watcher.expect("error").await["data"]["error_type"], "invalid_json");
    assert_eq!(hub.seq().await, 0);
}

#[tokio::test]
async fn compressed_bodies_are_refused_and_never_inflated() {
    let hub = TestHub::start().await;
    let before = memory(hub.pid(), "VmRSS");
    // 64 KiB that would become 64 MiB.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        encoder.write_all(&[b' '; 1024 * 1024]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    for (path, encoding) in [("/api/command", "gzip"), ("/api/logs", "deflate"), ("/api/command", "gzip, br")]
    {
        let request = hub.request("POST", path).header("content-type", "application/json");
        let answer = hub.send(request.header("content-encoding", encoding).body(bomb.clone())).await;
        answer.refused(415, "unsupported_encoding");
        assert_eq!(answer.header("accept-encoding"), Some("identity"));
    }
    assert!(memory(hub.pid(), "VmHWM") < before + 32 * MEBI);
    let plain = hub.request("POST", "/api/command").header("content-encoding", "identity");
    hub.send(plain.json(&json!({ "command": "approve P1" }))).await.ok();
}

#[tokio::test]
async fn no_path_leads_out_of_the_files_that_are_served() {
    let hub = TestHub::start().await;
    for way in ["../", "..%2f", "%2e%2e/", "..%5c", "..\\", "....//", "%252e%252e/", "/", "%2f", "./../"] {
        for folder in ["/ui/", "/ui/page/", "/docs/"] {
            for file in ["Cargo.toml", "etc/passwd", "opshub.db", "data/opshub.db"] {
                let path = format!("{folder}{}{file}", way.repeat(3));
                let (head, body) = Raw::connect(hub.address()).await.ask("GET", &path, "", "").await;
                assert!([404, 400].contains(&head.status), "{path}: {} {body}", head.status);
            }
        }
    }
}

#[tokio::test]
async fn ten_thousand_connections_that_say_nothing_stop_nobody() {
    // As many as this machine lets one process open, where that is fewer.
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let count = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(1_000).min(10_000);
    // So few sockets that the silent ones would take them all.
    let settings = [("OPSHUB_LIMITS__CONNECTIONS", "100"), ("OPSHUB_LIMITS__HEAD_MS", "600000")];
    let hub = TestHub::start_with(&settings).await;
    let mut watcher = hub.watch(&["state"]).await;
    let open = silent(&hub, "127.0.0.2", count).await;
    for n in 1..=20 {
        let mut fresh = Raw::connect(hub.address()).await;
        let (head, _) = within(
            "an answer meanwhile",
            fresh.ask("POST", "/api/command", JSON, r#"{"command":"approve P1"}"#),
        )
        .await;
        assert_eq!(head.status, 200);
        assert_eq!(watcher.change().await.change(), Some(n));
    }
    // The oldest of them went.
    let gone = eventually("silent connections are ended", || async {
        Some(ended(&open)).filter(|gone| *gone >= count / 2)
    })
    .await;
    assert!(ended(&open[count - 100..]) == 0, "the newest ones went, of {gone}");
}

#[tokio::test]
async fn connections_that_asked_once_and_wait_stop_nobody() {
    // Fewer sockets than there are connections: 100 and those for plain requests.
    let hub = TestHub::start_with(&[("OPSHUB_LIMITS__CONNECTIONS", "100")]).await;
    let mut stream = hub.request("GET", "/api/events/stream").send().await.unwrap();
    let mut open = silent(&hub, "127.0.0.2", 1_300).await;
    for stream in &mut open {
        // Some are ended before they say anything.
        let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    }
    for _ in 0..20 {
        let mut fresh = Raw::connect(hub.address()).await;
        let asked = fresh.ask("POST", "/api/command", JSON, r#"{"command":"approve P1"}"#);
        assert_eq!(within("an answer meanwhile", asked).await.0.status, 200);
    }
    // A stream that is being written is none of them.
    let heard = within("the stream", stream.chunk()).await.unwrap();
    assert!(heard.is_some_and(|chunk| !chunk.is_empty()));
    assert!(ended(&open) >= 500);
}

#[tokio::test]
async fn an_address_has_so_many_sockets_and_no_more() {
    let settings = [("OPSHUB_LIMITS__EXEMPT", "none"), ("OPSHUB_LIMITS__CONNECTIONS_PER_ADDRESS", "10")];
    let hub = TestHub::start_with(&settings).await;
    let open = silent(&hub, "127.0.0.2", 300).await;
    eventually("what is over is closed", || async { (ended(&open) == 300 - 10 - 256).then_some(()) }).await;
    hub.get("/api/state").await.ok();
    drop(open);
    eventually("the address is let in again", || async {
        let mut raw = Raw::from("127.0.0.2", hub.address()).await;
        raw.try_write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.ok()?;
        let answered = raw.rest_of_head().await?;
        (answered.status == 200).then_some(())
    })
    .await;
}
