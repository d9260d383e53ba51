//! What is read over HTTP: the documents, health, metrics, the long poll, who may ask from where.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{TestHub, Value, assert_names, eventually, is_time, json};

const EVIL: &str = "http://evil.example";

#[tokio::test]
async fn the_root_is_a_page_for_browsers_and_a_card_for_others() {
    let hub = TestHub::start().await;
    let card = hub.get("/").await.ok();
    assert_eq!(
        (&card["websocket"], &card["docs"], &card["dashboard"]),
        (&json!("/ws"), &json!("/docs"), &json!("/dashboard"))
    );
    assert!(card["message"].is_string() && card["version"].is_string());
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let page = hub.send(hub.request("GET", "/").header("accept", browser)).await.ok();
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let dashboard = hub.get("/dashboard").await.ok();
    assert!(dashboard.header("content-type").unwrap().starts_with("text/html"));
    assert!(dashboard.text.to_lowercase().contains("<!doctype html"));
    let json = hub.send(hub.request("GET", "/").header("accept", "application/json")).await.ok();
    assert_eq!(json["websocket"], "/ws");
}

#[tokio::test]
async fn health_tells_what_an_operator_asks() {
    let hub = TestHub::start().await;
    let _watcher = hub.watch(&["state"]).await;
    hub.command("approve P1").await.ok();
    let health = hub.get("/health").await.ok();
    assert_eq!(
        (&health["status"], &health["service"], &health["database"]),
        (&json!("healthy"), &json!("opshub"), &json!("connected"))
    );
    assert_eq!((&health["websocket"]["connections"], &health["seq"]), (&json!(1), &json!(1)));
    assert!(health["version"].is_string() && health["uptime_s"].is_u64());
    assert!(is_time(health["timestamp"].as_str().unwrap()));
    hub.get("/livez").await.ok();
    hub.get("/readyz").await.ok();
}

#[tokio::test]
async fn metrics_are_text_that_prometheus_reads() {
    let hub = TestHub::start().await;
    let _watcher = hub.watch(&["state"]).await;
    hub.command("approve P1").await.ok();
    let metrics = hub.get("/metrics").await.ok();
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain"));
    let mut samples = 0;
    for line in metrics.text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let bare = name.split('{').next().unwrap();
        assert!(bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':'), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        samples += 1;
    }
    assert!(samples > 10 && metrics.text.contains("opshub_"), "{}", metrics.text);
}

#[tokio::test]
async fn the_documents_list_every_route_and_every_frame() {
    let hub = TestHub::start().await;
    let openapi = hub.get("/openapi.json").await.ok();
    assert!(openapi["openapi"].as_str().unwrap().starts_with("3."));
    let routes = [
        ("/", "get"),
        ("/dashboard", "get"),
        ("/ui/{path}", "get"),
        ("/health", "get"),
        ("/livez", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
        ("/api/state", "get"),
        ("/api/state", "patch"),
        ("/api/items/{list}/{id}", "put"),
        ("/api/items/{list}/{id}", "delete"),
        ("/api/system/status", "get"),
        ("/api/system/status", "post"),
        ("/api/command", "post"),
        ("/api/trigger_collection", "get"),
        ("/api/trigger_collection", "post"),
        ("/api/connections", "get"),
        ("/api/events", "get"),
        ("/api/events/stream", "get"),
    ];
    for (path, method) in routes {
        let operation = &openapi["paths"][path][method];
        assert!(operation.is_object(), "{method} {path} is not described");
        assert!(
            operation["responses"].as_object().is_some_and(|answers| !answers.is_empty()),
            "{method} {path}"
        );
    }
    assert_eq!(openapi["paths"]["/api/trigger_collection"]["get"]["deprecated"], true);
    assert_ne!(openapi["paths"]["/api/trigger_collection"]["post"]["deprecated"], true);

    let asyncapi = hub.get("/asyncapi.json").await.ok();
    assert!(asyncapi["asyncapi"].as_str().unwrap().starts_with("3."));
    let frames = [
        "connected",
        "state",
        "state_change",
        "command_executed",
        "system_health",
        "presence",
        "heartbeat",
        "command_result",
        "subscribed",
        "pong",
        "echo",
        "error",
        "closing",
        "ping",
        "get_state",
        "subscribe",
        "unsubscribe",
        "command",
    ];
    assert_names(&asyncapi.text, &frames.map(|name| format!("\"{name}\"")));
}

/// The addresses that a page loads: of its scripts, styles and pictures.
fn loaded(page: &str) -> Vec<String> {
    let marks = ["src=\"", "href=\"", "src='", "href='"];
    let found = marks.iter().flat_map(|mark| {
        page.split(mark).skip(1).map(|rest| rest.split(&mark[mark.len() - 1..]).next().unwrap())
    });
    found.map(str::to_owned).collect()
}

#[tokio::test]
async fn pages_load_nothing_from_another_host() {
    let hub = TestHub::start().await;
    for path in ["/docs", "/dashboard"] {
        let response = reqwest::get(hub.url(path)).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let base = response.url().clone();
        let policy =
            response.headers().get("content-security-policy").map(|value| value.to_str().unwrap().to_owned());
        assert!(policy.is_some_and(|policy| policy.contains("default-src")), "{path} has no policy");
        let page = response.text().await.unwrap();
        for address in loaded(&page) {
            if address.starts_with("data:") || address.starts_with('#') {
                continue;
            }
            let url = base.join(&address).unwrap();
            assert_eq!(url.origin(), base.origin(), "{path} loads {address}");
            assert_eq!(reqwest::get(url).await.unwrap().status(), 200, "{path} loads {address}");
        }
    }
}

#[tokio::test]
async fn an_entity_tag_saves_a_second_read() {
    let hub = TestHub::start().await;
    for path in ["/api/state", "/api/system/status"] {
        let first = hub.get(path).await.ok();
        let tag = first.header("etag").unwrap().to_owned();
        for sent in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
            let again = hub.send(hub.request("GET", path).header("if-none-match", &sent)).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{path} with {sent}");
            assert_eq!(again.header("etag"), Some(tag.as_str()));
        }
        hub.post("/api/system/status", json!({ "progress": path.len() })).await.ok();
        let changed = hub.send(hub.request("GET", path).header("if-none-match", &tag)).await.ok();
        assert_ne!(changed.header("etag"), Some(tag.as_str()));
    }
    let state = hub.get("/api/state").await.ok();
    let expected = format!("\"{}-{}\"", state["epoch"].as_str().unwrap(), state.seq());
    assert_eq!(state.header("etag"), Some(expected.as_str()));
}

#[tokio::test]
async fn the_past_can_be_read_by_seq_and_by_time() {
    let hub = TestHub::start().await;
    let mut documents = vec![hub.get("/api/state").await.ok()];
    let mut times = Vec::new();
    for n in 1..=5 {
        hub.post("/api/system/status", json!({ "progress": n })).await.ok();
        documents.push(hub.get("/api/state").await.ok());
        let events = hub.get("/api/events?order=desc&limit=1").await.ok();
        times.push(events["events"][0]["timestamp"].as_str().unwrap().to_owned());
    }
    for (seq, document) in documents.iter().enumerate() {
        let then = hub.get(&format!("/api/state?at={seq}")).await.ok();
        assert_eq!(then.body, document.body, "at {seq}");
    }
    // Several changes may share a millisecond: then the last of them counts.
    for time in &times {
        let then = hub.get(&format!("/api/state?at={time}")).await.ok();
        let last = times.iter().rposition(|other| other == time).unwrap() as u64 + 1;
        assert_eq!(then.seq(), last, "at {time}");
        assert_eq!(then["state"], documents[last as usize]["state"]);
    }
    hub.get("/api/state?at=6").await.refused(400, "ahead_of_now");
    hub.get("/api/state?at=2999-01-01T00:00:00Z").await.error(400);
    hub.get("/api/state?at=2001-01-01T00:00:00Z").await.error(410);
}

#[tokio::test]
async fn a_long_poll_is_answered_by_a_change_of_system_alone() {
    let hub = TestHub::start().await;
    let start = hub.get("/api/system/status").await.ok();
    assert_eq!(start.body, json!({ "status": "IDLE", "progress": 0, "last_sync": null }));
    let since = hub.seq().await;
    let (http, url) = (reqwest::Client::new(), hub.url(&format!("/api/system/status?wait=50&since={since}")));
    let poll = tokio::spawn(async move { common::Answer::attempt(http.get(url)).await.unwrap() });
    // Neither of these touches `system`.
    hub.put("/api/items/owe/C1", json!({ "id": "C1" })).await;
    hub.command("approve nothing").await.ok();
    assert!(!poll.is_finished());
    let posted = hub.post("/api/system/status", json!({ "status": "PROCESSING", "progress": 5 })).await.ok();
    assert_eq!(
        posted.body,
        json!({
            "success": true, "seq": posted.seq(),
            "system": { "status": "PROCESSING", "progress": 5, "last_sync": null }
        })
    );
    let answer = common::within("the answer to the long poll", poll).await.unwrap().ok();
    assert_eq!(answer["status"], "PROCESSING");

    // What is newer than `since` is answered at once, whatever the wait.
    let at_once =
        common::within("an answer at once", hub.get(&format!("/api/system/status?wait=60&since={since}")))
            .await
            .ok();
    assert_eq!(at_once["progress"], 5);
    let nothing = hub.get(&format!("/api/system/status?wait=1&since={}", hub.seq().await)).await;
    assert_eq!((nothing.status, nothing.text.as_str()), (304, ""));
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_change_anything() {
    let mut hub = TestHub::start().await;
    for (method, path, body) in [
        ("POST", "/api/command", json!({ "command": "approve P1" })),
        ("POST", "/api/system/status", json!({ "progress": 1 })),
        ("PUT", "/api/items/owe/X", json!({ "id": "X" })),
        ("DELETE", "/api/items/owe/X", json!({})),
        ("POST", "/api/trigger_collection", json!({})),
        ("GET", "/api/trigger_collection", json!({})),
    ] {
        for origin in [
            EVIL,
            "null",
            "http://localhost:3001",
            "https://localhost:3000",
            "http://localhost:3000.evil.example",
        ] {
            let answer = hub.send(hub.request(method, path).header("origin", origin).json(&body)).await;
            assert_eq!(answer.status, 403, "{method} {path} from {origin}: {}", answer.text);
            answer.refused(403, "origin_refused");
        }
    }
    hub.send(hub.patch_request("merge", &json!({})).header("origin", EVIL)).await.error(403);
    assert_eq!(hub.seq().await, 0);
    for origin in [hub.url(""), "http://localhost:3000".to_owned(), "http://127.0.0.1:3000".to_owned()] {
        let sent = hub
            .request("POST", "/api/command")
            .header("origin", &origin)
            .json(&json!({ "command": "approve P1" }));
        hub.send(sent).await.ok();
    }
    // To read is no harm, but the browser is not told that it may.
    let read = hub.send(hub.request("GET", "/api/state").header("origin", EVIL)).await.ok();
    assert_eq!(read.header("access-control-allow-origin"), None);
    hub.stop().await;
    hub.restart_with(&[("CORS_ORIGINS", "https://ops.example.org")]).await;
    let sent = |origin: &str| {
        hub.request("POST", "/api/command")
            .header("origin", origin.to_owned())
            .json(&json!({ "command": "approve P1" }))
    };
    hub.send(sent("https://ops.example.org")).await.ok();
    hub.send(sent("http://localhost:3000")).await.error(403);
}

#[tokio::test]
async fn no_spelling_of_a_path_and_no_image_of_a_page_starts_a_collection() {
    let hub = TestHub::start().await;
    let get = |path: &str| hub.request("GET", path);
    for path in ["/api/trigger_collection", "/api/trigger%5Fcollection", "/api/%74rigger_collection"] {
        hub.send(get(path).header("origin", EVIL)).await.refused(403, "origin_refused");
        for site in ["cross-site", "same-site"] {
            hub.send(get(path).header("sec-fetch-site", site)).await.refused(403, "origin_refused");
        }
        // A page whose name was made to point here is of the same origin, but not under our name.
        let rebound = get(path).header("sec-fetch-site", "same-origin").header("host", "evil.example");
        hub.send(rebound).await.refused(421, "host_refused");
    }
    assert_eq!(hub.seq().await, 0);
    hub.send(get("/api/trigger_collection").header("sec-fetch-site", "same-origin")).await.ok();
    assert_eq!(hub.seq().await, 1);
}

#[tokio::test]
async fn no_caller_makes_up_labels_of_metrics() {
    let hub = TestHub::start().await;
    hub.send(hub.request("FROBNICATE", "/api/state")).await.error(405);
    let metrics = hub.get("/metrics").await;
    assert!(!metrics.text.contains("FROBNICATE"));
    assert!(metrics.text.contains("method=\"other\""), "{}", metrics.text);
}

#[tokio::test]
async fn a_page_of_the_cors_list_may_ask_with_credentials() {
    let hub = TestHub::start().await;
    let origin = "http://localhost:3000";
    let preflight = |path: &str, method: &str, headers: &str, origin: &str| {
        let request = hub
            .request("OPTIONS", path)
            .header("origin", origin)
            .header("access-control-request-method", method);
        request.header("access-control-request-headers", headers)
    };
    for (path, method) in [
        ("/api/state", "PATCH"),
        ("/api/items/owe/X", "PUT"),
        ("/api/items/owe/X", "DELETE"),
        ("/api/command", "POST"),
    ] {
        let answer = hub.send(preflight(path, method, "content-type,idempotency-key,if-match", origin)).await;
        assert!(answer.status < 300, "{}", answer.text);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert!(answer.header("access-control-allow-methods").unwrap().contains(method));
        let allowed = answer.header("access-control-allow-headers").unwrap().to_lowercase();
        assert_names(&allowed, &["content-type", "idempotency-key", "if-match"]);
    }
    let refused = hub.send(preflight("/api/state", "PATCH", "content-type", EVIL)).await;
    assert_eq!(refused.header("access-control-allow-origin"), None);
    let read = hub.send(hub.request("GET", "/api/state").header("origin", origin)).await.ok();
    assert_eq!(read.header("access-control-allow-origin"), Some(origin));
    let exposed = read.header("access-control-expose-headers").unwrap_or_default().to_lowercase();
    assert_names(&exposed, &["etag", "x-request-id"]);
    // An error is readable for that page as well.
    let error = hub.send(hub.request("GET", "/nothing").header("origin", origin)).await;
    assert_eq!(error.header("access-control-allow-origin"), Some(origin));
}

#[tokio::test]
async fn connections_are_listed_for_operators() {
    let hub = TestHub::start().await;
    let connected = hub.v1("?topics=state").await.next().await;
    assert_eq!(hub.get("/api/connections").await.status, 200);
    let mut watcher = hub.v1("?topics=state,presence").await;
    let session = watcher.next().await["data"]["session_id"].clone();
    assert_ne!(session, connected["data"]["session_id"]);
    let _plain = hub.plain().await;
    let listed = eventually("two connections", || async {
        let answer = hub.get("/api/connections").await.ok();
        let all = answer["connections"].as_array().unwrap().clone();
        (all.len() == 2).then_some(all)
    });
    let listed = listed.await;
    let own = listed.iter().find(|one| one["session_id"] == session).unwrap();
    let mut topics: Vec<&str> =
        own["topics"].as_array().unwrap().iter().map(|topic| topic.as_str().unwrap()).collect();
    topics.sort_unstable();
    assert_eq!(
        (topics, &own["protocol"], &own["state"]),
        (vec!["presence", "state"], &json!("opshub.v1"), &json!("live"))
    );
    assert!(is_time(own["connected_at"].as_str().unwrap()));
    assert!(own["address"].as_str().unwrap().starts_with("127.0.0.1"));
    for field in ["seq", "behind", "queued_bytes", "conflated"] {
        assert!(own[field].is_u64(), "{field} in {own}");
    }
    assert!(own.get("actor").is_some() && own.get("user_agent").is_some(), "{own}");
    let plain: Vec<&Value> = listed.iter().filter(|one| one["protocol"] == "plain").collect();
    assert_eq!(plain.len(), 1, "{listed:?}");
}

#[tokio::test]
async fn an_answer_is_compressed_for_those_who_ask_and_a_stream_is_not() {
    let hub = TestHub::start().await;
    hub.put("/api/items/owe/X", json!({ "id": "X", "filling": "x".repeat(20_000) })).await;
    let zipped = hub.request("GET", "/api/state").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
    assert!(zipped.bytes().await.unwrap().len() < 2_000);
    let stream = hub
        .request("GET", "/api/events/stream")
        .header("accept-encoding", "gzip")
        .timeout(Duration::from_secs(20))
        .send()
        .await
        .unwrap();
    assert_ne!(
        stream.headers().get("content-encoding").map(|value| value.as_bytes()),
        Some(b"gzip".as_slice())
    );
}
