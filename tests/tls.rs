//! The hub's own TLS: what it offers, what it refuses, its certificate anew, slow clients behind it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::hub::folder;
use common::process::{finish, opshub, signal};
use common::raw::{Raw, request};
use common::tls::Authority;
use common::{TestHub, Value, assert_names, eventually, filling, json, within};
use rustls::ProtocolVersion;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const JSON: &str = "Content-Type: application/json\r\n";

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[tokio::test]
async fn requests_go_by_both_versions_of_http_and_both_of_tls() {
    let authority = Authority::new(&["localhost", "127.0.0.1"]);
    let hub = authority.hub(&[]).await;
    assert_names(&hub.said(), &["https://", "wss://", "listening on https://"]);
    let format = "\n%{http_version} %{ssl_verify_result}";
    for (flags, version) in [(["--http2", "--tlsv1.3"], "2"), (["--http1.1", "--tlsv1.2"], "1.1")] {
        let args = [&flags[..], &["--write-out", format]].concat();
        let answer = authority.curl(&hub, &args, "/api/state").await;
        assert_eq!(answer.code, Some(0), "{answer:?}");
        let (body, told) = answer.stdout.rsplit_once('\n').unwrap();
        assert_eq!(told, format!("{version} 0"));
        assert_eq!(parsed(body)["seq"], 0);
    }
    let old = authority.curl(&hub, &["--tls-max", "1.1", "--tlsv1.0"], "/livez").await;
    assert_ne!(old.code, Some(0), "{old:?}");
    // By HTTP/2 a body is read and an error has the one form as well.
    let args = ["--http2", "--json", r#"{"command":"approve P1"}"#];
    let done = authority.curl(&hub, &args, "/api/command").await;
    assert_eq!(parsed(&done.stdout)["seq"], 1, "{done:?}");
    let wrong = authority.curl(&hub, &["--http2", "--json", "{"], "/api/command").await;
    assert_eq!(parsed(&wrong.stdout)["error"]["error_type"], "invalid_json");
}

#[tokio::test]
async fn a_protocol_is_agreed_on_and_1_3_is_the_usual_version() {
    let authority = Authority::new(&["localhost"]);
    let hub = authority.hub(&[]).await;
    let stream = authority.connect(hub.address(), "localhost").await.unwrap();
    let (_, session) = stream.get_ref();
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(
        authority.connect(hub.address(), "other.example").await.is_err(),
        "the certificate is not for it"
    );
}

#[tokio::test]
async fn what_speaks_no_tls_is_not_served_and_holds_up_nobody() {
    let authority = Authority::new(&["localhost"]);
    let hub = authority.hub(&[]).await;
    let mut plain = Raw::connect(hub.address()).await;
    plain.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    plain.ended().await;
    let (head, _) = authority.raw(&hub).await.ask("GET", "/livez", "", "").await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn a_websocket_works_as_without_tls() {
    let authority = Authority::new(&["localhost"]);
    let hub = authority.hub(&[]).await;
    let (mut typed, mut plain) = (authority.raw(&hub).await, authority.raw(&hub).await);
    typed.handshake(&hub, "opshub.v1", "").await;
    typed.expect_type("connected").await;
    typed.expect_type("state").await;
    plain.handshake(&hub, "", "").await;
    assert_eq!(plain.expect(common::raw::TEXT).await.json(), common::empty_state());

    // Larger than what TLS holds at a time.
    let mut writer = authority.raw(&hub).await;
    for n in 1..=3 {
        let item = json!({ "id": "X", "filling": filling(n, 300_000) }).to_string();
        let (head, body) = writer.ask("PUT", "/api/items/owe/X", JSON, &item).await;
        assert_eq!(head.status, 200, "{body}");
        assert_eq!(typed.expect_type("state_change").await["seq"], n);
        let document = plain.expect(common::raw::TEXT).await.json();
        assert_eq!(document["commitments"]["owe"][0]["filling"], filling(n, 300_000));
    }
    let command = json!({ "type": "command", "data": { "command": "approve P1" }, "request_id": "r" });
    typed.send(common::raw::Out::new(common::raw::TEXT, command.to_string())).await;
    assert_eq!(typed.expect_type("command_result").await["data"]["seq"], 4);
}

#[tokio::test]
async fn a_websocket_is_not_opened_by_http_2() {
    let authority = Authority::new(&["localhost"]);
    let hub = authority.hub(&[]).await;
    let args = ["--http2", "--header", "Sec-WebSocket-Version: 13"];
    let answer = authority.curl(&hub, &args, "/ws").await;
    assert_eq!(parsed(&answer.stdout)["error"]["error_type"], "bad_handshake", "{answer:?}");
}

#[tokio::test]
async fn our_own_pages_are_those_of_https() {
    let authority = Authority::new(&["localhost", "hub.example"]);
    let hub = authority.hub(&[]).await;
    let port = hub.address().port();
    let command = json!({ "command": "approve P1" }).to_string();
    for (origin, status) in [
        (format!("https://localhost:{port}"), 200),
        (format!("https://hub.example:{port}"), 200),
        (format!("http://localhost:{port}"), 403),
        ("https://evil.example".to_owned(), 403),
    ] {
        let lines = format!("{JSON}Origin: {origin}\r\n");
        let (head, body) = authority.raw(&hub).await.ask("POST", "/api/command", &lines, &command).await;
        assert_eq!(head.status, status, "{origin}: {body}");
        let mut raw = authority.raw(&hub).await;
        raw.write(request(&hub, "", &format!("Origin: {origin}\r\n")).as_bytes()).await;
        assert_eq!(raw.head().await.status, if status == 200 { 101 } else { 403 }, "{origin}");
    }
    // A name that no one of ours is stays refused, wherever it stands.
    let foreign = authority.curl(&hub, &["--http2", "--header", "Host: evil.example"], "/api/state").await;
    assert_eq!(parsed(&foreign.stdout)["error"]["error_type"], "host_refused", "{foreign:?}");
}

#[tokio::test]
async fn browsers_are_told_to_stay_with_tls_but_not_for_names_that_others_share() {
    let authority = Authority::new(&["localhost", "hub.example"]);
    let hub = authority.hub(&[]).await;
    for (host, path, pinned) in
        [("hub.example", "/livez", true), ("hub.example", "/nothing", true), ("localhost", "/livez", false)]
    {
        let mut raw = authority.raw(&hub).await;
        raw.write(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await;
        let head = raw.head().await;
        assert_eq!(head.header("strict-transport-security").is_some(), pinned, "{host}{path}");
    }
    let plain = TestHub::start().await;
    assert_eq!(plain.get("/livez").await.header("strict-transport-security"), None);
}

#[tokio::test]
async fn a_new_certificate_is_taken_while_connections_stay() {
    let authority = Authority::new(&["localhost"]);
    let hub = authority.hub(&[]).await;
    let (mut live, mut kept) = (authority.raw(&hub).await, authority.raw(&hub).await);
    live.handshake(&hub, "opshub.v1", "").await;
    live.expect_type("state").await;
    assert!(authority.connect(hub.address(), "new.example").await.is_err());

    authority.issue(&["localhost", "new.example"]);
    signal(hub.pid(), "HUP");
    eventually("the new certificate", || async {
        authority.connect(hub.address(), "new.example").await.ok()
    })
    .await;

    std::fs::write(authority.cert(), "broken").unwrap();
    signal(hub.pid(), "HUP");
    eventually("the broken file is told", || async {
        hub.log().contains("the certificate stays as it was").then_some(())
    })
    .await;
    assert_names(&hub.log(), &["hub.pem", "no certificate in PEM form"]);
    authority.connect(hub.address(), "new.example").await.unwrap();

    // Both connections are those of the beginning.
    let command = json!({ "command": "approve P1" }).to_string();
    let (head, _) = kept.ask("POST", "/api/command", JSON, &command).await;
    assert_eq!(head.status, 200);
    assert_eq!(live.expect_type("command_executed").await["seq"], 1);
}

#[tokio::test]
async fn a_start_without_a_usable_certificate_is_refused() {
    let (authority, other) = (Authority::new(&["localhost"]), Authority::new(&["localhost"]));
    let path = |path: std::path::PathBuf| path.display().to_string();
    let (cert, key) = (path(authority.cert()), path(authority.key()));
    let missing = path(authority.folder().join("missing.pem"));
    for (cert, key, named) in [
        (&cert, &path(other.key()), "does not fit"),
        (&missing, &key, "missing.pem: it cannot be read"),
        (&cert, &cert, "hub.pem: it has no private key"),
        (&key, &key, "hub.key: it has no certificate"),
    ] {
        let settings = [("OPSHUB_TLS__CERT", cert.as_str()), ("OPSHUB_TLS__KEY", key.as_str())];
        let refusal = TestHub::refused_start(folder().path(), &settings).await;
        assert_eq!(refusal.code, Some(21), "{refusal:?}");
        assert_names(&refusal.stderr, &["TLS", named]);
    }
    let refusal = TestHub::refused_start(folder().path(), &[("OPSHUB_TLS__CERT", &cert)]).await;
    assert_eq!(refusal.code, Some(2), "{refusal:?}");
    assert_names(&refusal.stderr, &["OPSHUB_TLS__CERT", "tls.key"]);
}

#[tokio::test]
async fn the_command_line_speaks_to_a_hub_of_a_private_authority() {
    let authority = Authority::new(&["127.0.0.1"]);
    let hub = authority.hub(&[]).await;
    let ca = authority.ca().display().to_string();
    let done = hub.cli(&["command", "approve P1", "--cacert", &ca]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    let mut waits = hub.cli_command();
    waits.args(["wait", "--status", "IDLE", "--timeout", "20"]).env("OPSHUB_CACERT", &ca);
    let waited = finish(waits).await;
    assert_eq!(waited.code, Some(0), "{waited:?}");
    let dir = folder();
    std::fs::write(dir.path().join(".env"), format!("OPSHUB_URL={}\nOPSHUB_CACERT={ca}\n", hub.url("")))
        .unwrap();
    let mut status = opshub(dir.path());
    status.args(["status", "--json"]);
    assert_eq!(finish(status).await.code, Some(0));

    // Over a WebSocket too: everything since the beginning, then the end by a signal.
    let mut watch = hub.cli_command();
    watch.args(["watch", "--json"]).env("OPSHUB_CACERT", &ca).stdout(std::process::Stdio::piped());
    let mut watch = tokio::process::Command::from(watch).kill_on_drop(true).spawn().unwrap();
    let mut said = String::new();
    let mut stdout = watch.stdout.take().unwrap();
    within("frames", async {
        while !said.contains("\"type\":\"state\"") {
            let mut chunk = [0; 4_096];
            let count = stdout.read(&mut chunk).await.unwrap();
            assert!(count > 0, "the watch ended: {said}");
            said.push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
    })
    .await;

    let other = Authority::new(&["127.0.0.1"]);
    let refused = hub.cli(&["status", "--cacert", &other.ca().display().to_string()]).await;
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert_names(&refused.stderr, &["certificate"]);
    let nowhere = hub.cli(&["status", "--cacert", "/nowhere.pem"]).await;
    assert_eq!(nowhere.code, Some(2), "{nowhere:?}");
    assert_names(&nowhere.stderr, &["--cacert", "/nowhere.pem"]);
}

#[tokio::test]
async fn a_client_that_stops_reading_is_conflated_and_then_disconnected_and_delays_nobody() {
    let authority = Authority::new(&["localhost"]);
    let settings = [("OPSHUB_SESSION__STALL_MS", "2000"), ("OPSHUB_SESSION__OUTBOX_BYTES", "50000")];
    let hub = authority.hub(&settings).await;
    let mut deaf = authority.narrow(&hub).await;
    deaf.handshake(&hub, "opshub.v1", "?topics=state").await;
    deaf.expect_type("state").await;
    let (mut good, mut writer) = (authority.raw(&hub).await, authority.raw(&hub).await);
    good.handshake(&hub, "opshub.v1", "?topics=state").await;
    good.expect_type("state").await;

    // Each change has to reach the other client before the next one is made.
    let (mut last, mut lagged, mut most) = (0, None, 0);
    let mut gone = false;
    within("the end of the one that takes nothing", async {
        while !gone {
            last += 1;
            let item = json!({ "id": "X", "filling": filling(last, 20_000) }).to_string();
            let (head, body) = writer.ask("PUT", "/api/items/owe/X", JSON, &item).await;
            assert_eq!((head.status, parsed(&body)["seq"].as_u64()), (200, Some(last as u64)), "{body}");
            assert_eq!(good.expect_type("state_change").await["seq"], last as u64);
            let (_, body) = writer.ask("GET", "/api/connections", "", "").await;
            let all = parsed(&body);
            let slow =
                all["connections"].as_array().unwrap().iter().find(|one| one["state"] != "live").cloned();
            if let Some(slow) = slow {
                most = most.max(slow["queued_bytes"].as_u64().unwrap());
                assert!(slow["conflated"].as_u64().unwrap() > 0, "{slow}");
                lagged = Some(slow["session_id"].as_str().unwrap().to_owned());
            }
            gone = lagged.is_some() && all["connections"].as_array().unwrap().len() == 1;
        }
    })
    .await;
    assert!(most < 200_000, "{most} bytes waited for it");
    assert!(hub.log().contains(&lagged.unwrap()), "no log line names the slow client");
    deaf.ended().await;
}

#[actix_rt::test]
async fn a_stream_by_http_2_whose_client_opens_no_window_gives_its_place_back() {
    let authority = Authority::new(&["localhost"]);
    let settings = [("OPSHUB_SESSION__STALL_MS", "1500"), ("OPSHUB_SESSION__OUTBOX_BYTES", "50000")];
    let hub = authority.hub(&settings).await;
    // It answers pings and takes bytes of the connection, so that the kernel sees nothing wrong with it.
    let connector = awc::Connector::new().rustls_0_23(authority.client(&["h2"]));
    let connector = connector.initial_window_size(65_535).initial_connection_window_size(65_535);
    let client = awc::Client::builder().connector(connector).disable_timeout().finish();
    let url = format!("https://localhost:{}/api/events/stream", hub.address().port());
    let stream = client.get(url).send().await.unwrap();
    assert_eq!((stream.status().as_u16(), stream.version()), (200, awc::http::Version::HTTP_2));
    let mut writer = authority.raw(&hub).await;
    let mut n = 0;
    within("the end of the stream", async {
        loop {
            n += 1;
            let item = json!({ "id": "X", "filling": filling(n, 100_000) }).to_string();
            let (head, body) = writer.ask("PUT", "/api/items/owe/X", JSON, &item).await;
            assert_eq!(head.status, 200, "{body}");
            let (_, health) = writer.ask("GET", "/health", "", "").await;
            if parsed(&health)["websocket"]["streams"] == 0 {
                return;
            }
        }
    })
    .await;
    assert!(hub.log().contains("took no byte for too long"), "{}", hub.log());
    drop(stream);
}

#[tokio::test]
async fn handshakes_that_are_never_finished_end_and_hold_up_nobody() {
    let authority = Authority::new(&["localhost"]);
    let hub = authority.hub(&[("OPSHUB_LIMITS__TLS_HANDSHAKE_MS", "2000")]).await;
    let mut half_open = Vec::new();
    for _ in 0..500 {
        half_open.push(TcpStream::connect(hub.address()).await.unwrap());
    }
    let (head, _) = authority.raw(&hub).await.ask("GET", "/api/state", "", "").await;
    assert_eq!(head.status, 200);
    for mut stream in half_open {
        let end = within("the end of a handshake that was never finished", stream.read(&mut [0; 1])).await;
        assert!(matches!(end, Ok(0) | Err(_)));
    }
}
