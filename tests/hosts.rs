//! Which names a hub on loopback answers to: a page that makes its name point at it reads nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::raw::{KEY, Raw};
use common::{TestHub, assert_names, json};

/// A handshake for `host`.
fn upgrade(host: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_page_that_makes_its_name_point_here_reads_nothing() {
    let hub = TestHub::start().await;
    hub.put("/api/items/owe/C1", json!({ "title": "secret" })).await.ok();
    let paths = ["/", "/dashboard", "/docs/", "/health", "/metrics", "/api/state", "/api/events", "/nothing"];
    for path in paths.into_iter().chain(["/api/events/stream", "/openapi.json", "/ws"]) {
        for host in ["evil.example", "evil.example:8000", "localhost.evil.example", "0.0.0.0"] {
            let asked = hub.request("GET", path).header("host", host);
            let answer = hub.send(asked.header("sec-fetch-site", "same-origin")).await;
            let error = answer.refused(421, "host_refused");
            assert_names(error["message"].as_str().unwrap(), &[host, "server.cors_origins"]);
        }
    }
    let metrics = hub.get("/metrics").await;
    assert_names(&metrics.text, &["error_type=\"host_refused\""]);
}

#[tokio::test]
async fn a_foreign_name_changes_nothing_and_opens_no_websocket() {
    let hub = TestHub::start().await;
    let command = || hub.request("POST", "/api/command").json(&json!({ "command": "approve P1" }));
    hub.send(command().header("host", "evil.example")).await.refused(421, "host_refused");
    // What its browser says as well goes first.
    let rebound = command().header("host", "evil.example").header("origin", "http://evil.example");
    hub.send(rebound).await.refused(403, "origin_refused");
    assert_eq!(hub.seq().await, 0);

    let mut raw = Raw::connect(hub.address()).await;
    raw.write(upgrade("evil.example").as_bytes()).await;
    assert_eq!(raw.head().await.status, 421);
}

#[tokio::test]
async fn our_own_names_and_those_of_the_cors_list_are_answered() {
    let hub = TestHub::start_with(&[("CORS_ORIGINS", "https://ops.example.org:8443")]).await;
    let port = hub.address().port();
    for host in
        [format!("localhost:{port}"), "opshub.localhost".into(), "[::1]".into(), "ops.example.org".into()]
    {
        hub.send(hub.request("GET", "/api/state").header("host", &host)).await.ok();
        let mut raw = Raw::connect(hub.address()).await;
        raw.write(upgrade(&host).as_bytes()).await;
        assert_eq!(raw.head().await.status, 101, "{host}");
    }
    hub.send(hub.request("GET", "/api/state").header("host", "ops.example.com")).await.error(421);
}

#[tokio::test]
async fn an_old_program_that_names_no_host_is_answered() {
    let hub = TestHub::start().await;
    let mut raw = Raw::connect(hub.address()).await;
    raw.write(b"GET /livez HTTP/1.0\r\n\r\n").await;
    assert_eq!(raw.head().await.status, 200);
}
