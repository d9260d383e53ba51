//! Who may do what on live connections, and how these end with what let them in.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::access::{
    PASSWORD, ROLES, by, get, live, live_by, make, page, person, refusal, required, signed_in, token,
    with_tokens,
};
use common::ws::Next;
use common::{BOUND, TestHub, Value, Watcher, json, within};

const V1: Option<&str> = Some("opshub.v1");
/// What was taken back lets nobody go on for longer than this.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A connection that has shown nothing yet.
async fn unknown(hub: &TestHub, query: &str) -> Watcher {
    live(hub, query, V1, &[]).await.unwrap()
}

fn auth(token: &str) -> Value {
    json!({ "type": "auth", "data": { "token": token } })
}

/// Every frame that a client may send, and who may.
fn frames() -> Vec<(&'static str, Value, &'static str)> {
    const READ: &str = "viewer operator admin";
    vec![
        ("ping", json!({}), READ),
        ("echo", json!({ "data": { "a": 1 } }), READ),
        ("get_state", json!({}), READ),
        ("subscribe", json!({ "data": { "topics": ["logs", "latency"] } }), READ),
        ("unsubscribe", json!({ "data": { "topics": ["presence"] } }), READ),
        ("command", json!({ "data": { "command": "approve P1" } }), "operator admin"),
        ("command", json!({ "data": { "command": "refresh", "dry_run": true } }), "operator admin"),
        ("command", json!({ "data": { "command": "status" } }), READ),
    ]
}

fn frame(kind: &str, rest: &Value) -> Value {
    let mut frame = rest.clone();
    frame["type"] = kind.into();
    frame["request_id"] = "asked".into();
    frame
}

/// The answer to the frame that was asked.
async fn answer(watcher: &mut Watcher, kind: &str) -> common::Frame {
    let found = |frame: &common::Frame| {
        let told = frame["request_id"] == "asked" || frame["data"]["request_id"] == "asked";
        told || (kind == "get_state" && frame["reason"] == "requested")
            || (kind == "get_state" && frame["data"]["reason"] == "requested")
    };
    watcher.find(&format!("the answer to {kind}"), found).await
}

#[tokio::test]
async fn every_frame_is_for_those_whom_the_table_names() {
    let (hub, tokens) = with_tokens().await;
    let document = get(&hub, &tokens["viewer"], "/asyncapi.json").await.ok();
    let sent = document["operations"]["clientSends"]["messages"].as_array().unwrap();
    let name =
        |message: &Value| message["$ref"].as_str().unwrap().split("client_").nth(1).unwrap().to_owned();
    let described: BTreeSet<String> = sent.iter().map(name).collect();
    let mut listed: BTreeSet<String> = frames().iter().map(|(kind, _, _)| (*kind).to_owned()).collect();
    listed.insert("auth".to_owned());
    assert_eq!(described, listed, "a frame and this test's table do not agree");

    for role in ROLES {
        let bearer = format!("Bearer {}", tokens[role]);
        let shown = [("authorization", bearer.as_str())];
        if role == "collector" {
            // It reads nothing, so it has no connection to send frames on.
            assert_eq!(refusal(live(&hub, "", V1, &shown).await), 403);
            assert_eq!(refusal(live(&hub, "", None, &shown).await), 403);
            let mut later = unknown(&hub, "").await;
            later.send(auth(&tokens[role])).await;
            assert_eq!(later.next().await["data"]["error_type"], "forbidden");
            continue;
        }
        for (kind, rest, allowed) in frames() {
            let mut watcher = live(&hub, "", V1, &shown).await.unwrap();
            watcher.expect("connected").await;
            watcher.send(frame(kind, &rest)).await;
            let answer = answer(&mut watcher, kind).await;
            let refused = answer.kind() == "error" && answer["data"]["error_type"] == "forbidden";
            let expected = !allowed.split(' ').any(|name| name == role);
            assert_eq!(refused, expected, "{role} sends {kind}: {}", answer.text);
            assert!(refused || answer.kind() != "error", "{role} sends {kind}: {}", answer.text);
        }
    }
    let open = live(&hub, "", None, &[]).await;
    assert_eq!(refusal(open), 401);
}

#[tokio::test]
async fn who_has_not_said_who_they_are_hears_nothing_of_the_hub() {
    let (hub, tokens) = with_tokens().await;
    // Everything that the hub ever tells is under way meanwhile, heartbeats too.
    let mut silent = unknown(&hub, "?topics=state,gateways,latency,presence,health,logs&since=0").await;
    let mut asking = unknown(&hub, "").await;
    let mut known = live_by(&hub, &tokens["viewer"], "?topics=state,health,logs").await;
    let opened = Instant::now();
    for (kind, rest, _) in frames() {
        asking.send(frame(kind, &rest)).await;
    }
    asking.send_text("{").await;
    let mut number = 0;
    // Changes and lines until the hub closes both.
    let (mut closed, mut heard) = (0, Vec::new());
    while closed < 2 {
        number = (number + 1) % 100;
        let progress = json!({ "progress": number });
        hub.send(by(&hub, &tokens["admin"], "POST", "/api/system/status").json(&progress)).await.ok();
        let line = json!({ "source": "a", "level": "ERROR", "message": "a line" });
        hub.send(by(&hub, &tokens["admin"], "POST", "/api/logs").json(&line)).await;
        for watcher in [&mut silent, &mut asking] {
            match watcher.poll(Duration::from_millis(20)).await {
                Some(Next::Frame(frame)) => heard.push(frame),
                Some(Next::Closed(4401, _)) => closed += 1,
                Some(Next::Closed(1006, _)) | None => {}
                Some(Next::Closed(code, reason)) => panic!("closed with {code} {reason}"),
            }
        }
        assert!(opened.elapsed() < BOUND, "still open; heard {heard:?}");
    }
    let took = opened.elapsed();
    assert!(took >= Duration::from_millis(4_500), "closed after {took:?}, not five seconds");
    known.find("a change, told to who is known", |frame| frame.kind() == "state_change").await;
    let kinds: BTreeSet<&str> = heard.iter().map(common::Frame::kind).collect();
    assert_eq!(kinds, BTreeSet::from(["closing", "error", "pong"]), "{heard:#?}");
    for frame in heard.iter().filter(|frame| frame.kind() == "error") {
        let kind = &frame["data"]["error_type"];
        assert!(kind == "not_authenticated" || kind == "invalid_json", "{}", frame.text);
    }
}

#[tokio::test]
async fn a_token_in_the_first_frame_lets_in_and_connected_comes_first() {
    let (hub, tokens) = with_tokens().await;
    for query in ["", "?topics=state,logs,health", "?topics=logs&since=0&epoch=other"] {
        let mut watcher = unknown(&hub, query).await;
        watcher.send(auth(&format!("{}0", tokens["viewer"]))).await;
        assert_eq!(watcher.next().await["data"]["error_type"], "not_authenticated");
        for _ in 0..3 {
            let line = json!({ "source": "a", "level": "ERROR", "message": "a line" });
            hub.send(by(&hub, &tokens["collector"], "POST", "/api/logs").json(&line)).await;
        }
        watcher.send(auth(&tokens["viewer"])).await;
        let first = watcher.next().await;
        assert_eq!(first.kind(), "connected", "{query}: {}", first.text);
        watcher.expect("state").await;
    }
}

#[tokio::test]
async fn a_token_that_is_held_to_topics_hears_nothing_else() {
    let hub = required(&[]).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    let held = token(&hub, "wallboard", "viewer", &["--topics", "presence,logs"]).await;
    let bearer = format!("Bearer {held}");
    let shown = [("authorization", bearer.as_str())];
    assert_eq!(refusal(live(&hub, "", None, &shown).await), 403);
    assert_eq!(refusal(live(&hub, "?topics=state", V1, &shown).await), 403);
    let mut watchers =
        vec![live_by(&hub, &held, "").await, live_by(&hub, &held, "?topics=presence,logs").await];
    let mut later = unknown(&hub, "").await;
    later.send(auth(&held)).await;
    watchers.push(later);
    for number in 0..5 {
        let progress = json!({ "progress": number });
        hub.send(by(&hub, &admin, "POST", "/api/system/status").json(&progress)).await.ok();
    }
    for watcher in &mut watchers {
        watcher.send(json!({ "type": "get_state", "request_id": "a" })).await;
        watcher
            .send(json!({ "type": "subscribe", "data": { "topics": ["state"] }, "request_id": "b" }))
            .await;
        let status = json!({ "type": "command", "data": { "command": "status" }, "request_id": "c" });
        watcher.send(status).await;
        let frames = watcher.drain().await;
        let refused: Vec<_> = frames.iter().filter(|frame| frame.kind() == "error").collect();
        assert_eq!(refused.len(), 3, "{frames:#?}");
        assert!(refused.iter().all(|frame| frame["data"]["error_type"] == "forbidden"), "{refused:#?}");
        let told: BTreeSet<&str> = frames.iter().map(common::Frame::kind).collect();
        assert!(
            told.is_subset(&BTreeSet::from(["connected", "error", "presence", "system_log"])),
            "{told:?}"
        );
    }
    let mut stream = by(&hub, &held, "GET", "/api/events/stream").send().await.unwrap();
    let progress = json!({ "progress": 50 });
    hub.send(by(&hub, &admin, "POST", "/api/system/status").json(&progress)).await.ok();
    let _another = live_by(&hub, &held, "").await;
    let text = within("presence on the stream", async {
        let mut text = String::new();
        while !text.contains("presence") && !text.contains("clients") {
            text += &String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap());
        }
        text
    });
    let text = text.await;
    assert!(!text.contains("progress") && !text.contains("\"state\""), "{text}");
}

/// Waits for both to end; the WebSocket by 4401. Gives how long that took.
async fn both_end(watcher: &mut Watcher, stream: &mut reqwest::Response) -> Duration {
    let begun = Instant::now();
    let (_, code, _) = watcher.closed().await;
    assert_eq!(code, 4401);
    within("the end of the stream", async { while let Ok(Some(_)) = stream.chunk().await {} }).await;
    begun.elapsed()
}

#[tokio::test]
async fn what_is_taken_back_ends_what_it_let_in() {
    let hub = required(&[]).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    let as_admin = |method: &str, path: &str| by(&hub, &admin, method, path);

    let bot = token(&hub, "bot", "operator", &[]).await;
    let mut watcher = live_by(&hub, &bot, "").await;
    let mut stream = by(&hub, &bot, "GET", "/api/events/stream").send().await.unwrap();
    watcher.expect("state").await;
    hub.send(as_admin("DELETE", "/api/tokens/bot")).await;
    let took = both_end(&mut watcher, &mut stream).await;
    assert!(took < AT_ONCE, "a revoked token went on for {took:?}");
    get(&hub, &bot, "/api/state").await.refused(401, "not_authenticated");

    for (what, method, path, body) in [
        ("a role", "PATCH", "/api/users/ana@example.com", json!({ "role": "viewer" })),
        ("a password", "PATCH", "/api/users/ana@example.com", json!({ "password": PASSWORD })),
        ("a session", "DELETE", "/api/sessions/{id}", Value::Null),
        ("a sign-out", "DELETE", "/api/auth/session", Value::Null),
        ("a person", "DELETE", "/api/users/ana@example.com", Value::Null),
    ] {
        hub.send(as_admin("DELETE", "/api/users/ana@example.com")).await;
        person(&hub, &admin, "ana@example.com", "operator").await;
        let cookie = signed_in(&hub, "ana@example.com").await;
        let origin = hub.url("");
        let shown = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
        let mut watcher = live(&hub, "", V1, &shown).await.unwrap();
        watcher.expect("state").await;
        let mut stream = page(&hub, &cookie, "GET", "/api/events/stream").send().await.unwrap();
        let id = get(&hub, &admin, "/api/sessions").await["sessions"][0]["id"].as_str().unwrap().to_owned();
        let path = path.replace("{id}", &id);
        let request =
            if what == "a sign-out" { page(&hub, &cookie, method, &path) } else { as_admin(method, &path) };
        let done = hub.send(if body.is_null() { request } else { request.json(&body) }).await;
        assert!(done.status < 300, "{what}: {}", done.text);
        let took = both_end(&mut watcher, &mut stream).await;
        assert!(took < AT_ONCE, "after {what} it went on for {took:?}");
        let after = hub.send(page(&hub, &cookie, "GET", "/api/state")).await;
        // Another role is the same session.
        assert_eq!(after.status, if what == "a role" { 200 } else { 401 }, "{what}: {}", after.text);
    }
}

/// A token that ends so many milliseconds from now.
async fn short(hub: &TestHub, admin: &str, name: &str, millis: i64) -> String {
    let end = chrono::Utc::now() + chrono::Duration::milliseconds(millis);
    let body = json!({ "name": name, "role": "viewer", "expires_at": end.to_rfc3339() });
    make(hub, admin, "tokens", body).await["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_that_runs_out_ends_the_connection() {
    let hub = required(&[]).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    let text = short(&hub, &admin, "brief", 1_500).await;
    let begun = Instant::now();
    let mut watcher = live_by(&hub, &text, "").await;
    let mut stream = by(&hub, &text, "GET", "/api/events/stream").send().await.unwrap();
    watcher.expect("state").await;
    both_end(&mut watcher, &mut stream).await;
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(1_200) && took < Duration::from_millis(3_500), "it took {took:?}");
    get(&hub, &text, "/api/state").await.refused(401, "not_authenticated");
    let past = json!({ "name": "past", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z" });
    hub.send(by(&hub, &admin, "POST", "/api/tokens").json(&past)).await.refused(400, "invalid_value");
}

#[tokio::test]
async fn a_token_is_renewed_in_place_by_its_own_name_alone() {
    let (hub, tokens) = with_tokens().await;
    let mut watcher = live_by(&hub, &tokens["viewer"], "").await;
    watcher.expect("state").await;
    for wrong in [&tokens["admin"], &"oph_nonsense".to_owned()] {
        let refused = watcher.ask(auth(wrong)).await;
        assert_eq!(refused.kind(), "error", "{}", refused.text);
    }
    for _ in 0..3 {
        let renewed = watcher.ask(auth(&tokens["viewer"])).await;
        assert_eq!((renewed.kind(), &renewed["data"]["name"]), ("authenticated", &json!("viewer")));
    }
    let refused = watcher.ask(json!({ "type": "command", "data": { "command": "refresh" } })).await;
    assert_eq!(refused["data"]["error_type"], "forbidden");
    hub.send(by(&hub, &tokens["admin"], "DELETE", "/api/tokens/viewer")).await;
    assert_eq!(watcher.closed().await.1, 4401);
}

#[tokio::test]
async fn a_token_that_holds_for_longer_is_shown_again_and_the_connection_goes_on() {
    let hub = required(&[]).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    let text = short(&hub, &admin, "brief", 8_000).await;
    let end = Instant::now() + Duration::from_secs(9);
    let mut watcher = live_by(&hub, &text, "?topics=presence").await;
    let mut left = live_by(&hub, &text, "?topics=presence").await;
    left.expect("connected").await;
    watcher.expect("connected").await;
    let renewed = hub.cli(&["token", "renew", "brief", "--expires", "1h", "--json"]).await;
    assert_eq!(renewed.code, Some(0), "{}", renewed.stderr);
    let told = watcher.ask(auth(&text)).await;
    let until = &told["data"]["expires_at"];
    assert_eq!(
        renewed.stdout.contains(until.as_str().unwrap()),
        told.kind() == "authenticated",
        "{}",
        told.text
    );
    // Who says nothing goes when the token was to end; who showed it again stays beyond that.
    assert_eq!(left.closed().await.1, 4401);
    tokio::time::sleep_until(end.into()).await;
    assert_eq!(watcher.ask(json!({ "type": "ping" })).await.kind(), "pong");

    let change =
        |text: &str| by(&hub, &admin, "PATCH", "/api/tokens/brief").json(&json!({ "expires_at": text }));
    hub.send(change("2020-01-01T00:00:00Z")).await.refused(400, "invalid_value");
    let soon = (chrono::Utc::now() + Duration::from_secs(600)).to_rfc3339();
    hub.send(change(&soon)).await.ok();
    assert_eq!(watcher.closed().await.1, 4401, "it was let in for an hour");
    get(&hub, &text, "/api/state").await.ok();
    let for_ever = by(&hub, &admin, "PATCH", "/api/tokens/brief").json(&json!({ "expires_at": null }));
    assert!(hub.send(for_ever).await.ok()["expires_at"].is_null());
    let nothing = by(&hub, &admin, "PATCH", "/api/tokens/brief").json(&json!({}));
    hub.send(nothing).await.refused(400, "invalid_value");
    let kinds = get(&hub, &admin, "/api/audit").await.ok()["entries"].clone();
    let count = kinds.as_array().unwrap().iter().filter(|entry| entry["kind"] == "token_renewed").count();
    assert_eq!(count, 3);
}

#[tokio::test]
async fn a_ticket_lets_one_connection_in_once() {
    let (hub, tokens) = with_tokens().await;
    let ticket = |token: &'static str| {
        let request = by(&hub, &tokens[token], "POST", "/api/auth/ws-ticket");
        async { hub.send(request).await.ok()["ticket"].as_str().unwrap().to_owned() }
    };
    let once = ticket("operator").await;
    let query = format!("?ticket={once}");
    let mut watcher = live(&hub, &query, V1, &[]).await.unwrap();
    watcher.expect("connected").await;
    let ran = watcher.ask(json!({ "type": "command", "data": { "command": "brief" } })).await;
    assert_eq!(ran.kind(), "command_result", "{}", ran.text);
    assert_eq!(refusal(live(&hub, &query, V1, &[]).await), 401);
    assert_eq!(refusal(live(&hub, &query, None, &[]).await), 401);
    // Many at once with the same one: one is let in.
    let query = format!("?ticket={}", ticket("viewer").await);
    let tries = (0..20).map(|_| live(&hub, &query, None, &[]));
    let outcomes = futures_util::future::join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    // What it was given for is gone before it is used.
    let query = format!("?ticket={}", ticket("viewer").await);
    hub.send(by(&hub, &tokens["admin"], "DELETE", "/api/tokens/viewer")).await;
    assert_eq!(refusal(live(&hub, &query, V1, &[]).await), 401);
    // Neither is a token a ticket, nor a ticket a token, nor is there a place for tokens in addresses.
    assert_eq!(refusal(live(&hub, &format!("?ticket={}", tokens["admin"]), V1, &[]).await), 401);
    assert_eq!(refusal(live(&hub, &format!("?token={}", tokens["admin"]), V1, &[]).await), 400);
    let other = ticket("operator").await;
    get(&hub, &other, "/api/state").await.refused(401, "not_authenticated");
    hub.get(&format!("/api/state?token={}", tokens["admin"])).await.refused(401, "not_authenticated");
    hub.get(&format!("/api/state?access_token={}", tokens["admin"])).await.refused(401, "not_authenticated");
}
