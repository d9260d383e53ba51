//! Who may do what over HTTP, by a table of its own that shares nothing with the hub's.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;

use common::access::{ROLES, by, get, make, required, token, with_tokens};
use common::{TestHub, Value, json};

const ALL: &str = "nobody viewer operator collector admin";
const KNOWN: &str = "viewer operator collector admin";
const READ: &str = "viewer operator admin";
const COMMAND: &str = "operator admin";
const FEED: &str = "collector admin";
const ADMIN: &str = "admin";

/// Every route of the hub's document, and who may use it.
const ROUTES: &[(&str, &str, &str)] = &[
    ("get", "/", ALL),
    ("get", "/dashboard", ALL),
    ("get", "/ui/{path}", ALL),
    ("get", "/health", ALL),
    ("get", "/livez", ALL),
    ("get", "/readyz", ALL),
    ("get", "/ws", ALL),
    ("get", "/api/auth/me", ALL),
    ("post", "/api/auth/session", ALL),
    ("post", "/api/auth/setup", ALL),
    ("post", "/api/auth/login", ALL),
    ("post", "/api/auth/refresh", ALL),
    ("post", "/api/auth/logout", ALL),
    ("delete", "/api/auth/session", KNOWN),
    ("put", "/api/auth/password", KNOWN),
    ("post", "/api/auth/ws-ticket", READ),
    ("get", "/metrics", READ),
    ("get", "/docs", READ),
    ("get", "/openapi.json", READ),
    ("get", "/asyncapi.json", READ),
    ("get", "/api/state", READ),
    ("get", "/api/system/status", READ),
    ("get", "/api/gateways", READ),
    ("get", "/api/gateways/{id}", READ),
    ("get", "/api/gateways/{id}/history", READ),
    ("get", "/api/connections", READ),
    ("get", "/api/sinks", READ),
    ("get", "/api/events", READ),
    ("get", "/api/events/stream", READ),
    ("get", "/api/logs", READ),
    ("post", "/api/command", READ),
    ("get", "/api/trigger_collection", COMMAND),
    ("post", "/api/trigger_collection", COMMAND),
    ("patch", "/api/state", FEED),
    ("put", "/api/items/{list}/{id}", FEED),
    ("delete", "/api/items/{list}/{id}", FEED),
    ("post", "/api/system/status", FEED),
    ("post", "/api/gateways/{id}/report", FEED),
    ("post", "/api/logs", FEED),
    ("put", "/api/gateways/{id}", ADMIN),
    ("delete", "/api/gateways/{id}", ADMIN),
    ("get", "/api/tokens", ADMIN),
    ("post", "/api/tokens", ADMIN),
    ("patch", "/api/tokens/{name}", ADMIN),
    ("delete", "/api/tokens/{name}", ADMIN),
    ("get", "/api/users", ADMIN),
    ("post", "/api/users", ADMIN),
    ("patch", "/api/users/{email}", ADMIN),
    ("delete", "/api/users/{email}", ADMIN),
    ("get", "/api/sessions", ADMIN),
    ("delete", "/api/sessions/{id}", ADMIN),
    ("get", "/api/audit", ADMIN),
];

/// A path that names nothing which is there.
fn concrete(pattern: &str) -> String {
    let filled = pattern.replace("{path}", "page/nothing.js").replace("{list}", "priorities");
    filled.replace("{id}", "nothing").replace("{name}", "nothing").replace("{email}", "no@example.com")
}

/// The status that comes back; a stream is not read on.
async fn status(hub: &TestHub, who: Option<&String>, method: &str, path: &str) -> u16 {
    let method = method.to_uppercase();
    let request = match who {
        Some(token) => by(hub, token, &method, path),
        None => hub.request(&method, path),
    };
    let request = if ["POST", "PUT", "PATCH"].contains(&method.as_str()) {
        request.header("content-type", "application/json").body("{}")
    } else {
        request
    };
    request.send().await.unwrap().status().as_u16()
}

/// 401, 403, or 200 for whatever the route itself says.
fn verdict(status: u16) -> u16 {
    if [401, 403].contains(&status) { status } else { 200 }
}

#[tokio::test]
async fn every_route_is_for_those_whom_the_table_names_however_it_is_spelled() {
    let (hub, tokens) = with_tokens().await;
    let document = get(&hub, &tokens["admin"], "/openapi.json").await.ok();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            described.insert((method.as_str(), path.as_str()));
        }
    }
    let listed: BTreeSet<_> = ROUTES.iter().map(|(method, path, _)| (*method, *path)).collect();
    assert_eq!(described, listed, "a route and this test's table do not agree");

    let mut wrong = Vec::new();
    for (method, pattern, allowed) in ROUTES {
        for who in ["nobody"].into_iter().chain(ROLES) {
            let token = tokens.get(who);
            let expected = match (allowed.split(' ').any(|name| name == who), token) {
                (true, _) => 200,
                (false, None) => 401,
                (false, Some(_)) => 403,
            };
            let path = concrete(pattern);
            let mut tries = vec![(*method, path.clone())];
            if path.len() > 1 {
                // The first letter as a percent-encoded byte is the same path.
                tries.push((*method, format!("/%{:02x}{}", path.as_bytes()[1], &path[2..])));
                tries.push((*method, format!("/%{:02X}{}?x=/ws", path.as_bytes()[1], &path[2..])));
            }
            if *method == "get" {
                tries.push(("head", path.clone()));
            }
            for (method, path) in tries {
                let found = status(&hub, token, method, &path).await;
                if verdict(found) != expected || found >= 500 {
                    wrong.push(format!("{who}: {method} {path} is {found}, not {expected}"));
                }
            }
            // Other spellings lead to the same place or nowhere.
            for path in [path.replacen('/', "//", 1), path.replace("/api/", "/api//"), format!("{path}/")] {
                let found = status(&hub, token, method, &path).await;
                if found != 404 && verdict(found) != expected {
                    wrong.push(format!("{who}: {method} {path} is {found}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn no_method_and_no_header_makes_a_request_another_one() {
    let (hub, tokens) = with_tokens().await;
    let viewer = &tokens["viewer"];
    let before = get(&hub, viewer, "/api/state").await.ok()["state"].clone();
    for name in ["x-http-method-override", "x-method-override", "x-http-method"] {
        let merge = json!({ "system": { "progress": 7 } });
        for method in ["GET", "POST"] {
            let request = by(&hub, viewer, method, "/api/state").header(name, "PATCH").json(&merge);
            hub.send(request.header("content-type", "application/merge-patch+json")).await;
        }
    }
    for (name, value) in
        [("x-original-url", "/health"), ("x-rewrite-url", "/health"), ("x-forwarded-prefix", "/ui")]
    {
        hub.send(by(&hub, viewer, "GET", "/api/tokens").header(name, value)).await.refused(403, "forbidden");
    }
    for method in ["TRACE", "CONNECT", "PROPFIND", "BREW", "OPTIONS"] {
        let found = hub.send(hub.request(method, "/api/tokens")).await;
        assert!([400, 401, 404, 405].contains(&found.status), "{method} is {}: {}", found.status, found.text);
    }
    assert_eq!(get(&hub, viewer, "/api/state").await.ok()["state"], before);
}

#[tokio::test]
async fn a_command_needs_what_its_verb_says() {
    let (hub, tokens) = with_tokens().await;
    for (command, allowed) in [
        ("status", READ),
        ("help", READ),
        ("  STATUS ", READ),
        ("approve P1", COMMAND),
        ("APPROVE P1", COMMAND),
        ("reject P1", COMMAND),
        ("done P1", COMMAND),
        ("brief", COMMAND),
        ("pause g", COMMAND),
        ("resume g", COMMAND),
        ("refresh", COMMAND),
    ] {
        for role in ROLES {
            let request = by(&hub, &tokens[role], "POST", "/api/command");
            let found = hub.send(request.json(&json!({ "command": command, "dry_run": true }))).await;
            let expected = if allowed.split(' ').any(|name| name == role) { 200 } else { 403 };
            assert_eq!(verdict(found.status), expected, "{role} says {command:?}: {}", found.text);
        }
    }
}

#[tokio::test]
async fn changes_and_lines_are_told_under_the_name_of_who_was_let_in() {
    let (hub, tokens) = with_tokens().await;
    let command = json!({ "command": "brief" });
    hub.send(by(&hub, &tokens["operator"], "POST", "/api/command").json(&command)).await.ok();
    let merge = json!({ "system": { "progress": 9 } });
    let request = hub.patch_request("merge", &merge).bearer_auth(&tokens["collector"]);
    hub.send(request.header("x-actor", "root")).await.ok();
    let events = get(&hub, &tokens["viewer"], "/api/events").await.ok();
    let actors: Vec<_> = events["events"].as_array().unwrap().iter().map(|e| e["actor"].clone()).collect();
    assert_eq!(actors, [json!("operator"), json!("collector")]);
    // Who has not said who they are is in no list under anybody's name.
    let line = "token_created: local";
    assert!(hub.log().contains(line), "no {line:?}");
}

#[tokio::test]
async fn a_token_that_is_held_to_topics_reads_nothing_else() {
    let hub = required(&[]).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    let held = token(&hub, "wallboard", "operator", &["--topics", "gateways,presence"]).await;
    for (path, expected) in [
        ("/api/gateways", 200),
        ("/api/connections", 200),
        ("/api/state", 403),
        ("/api/state?at=1", 403),
        ("/api/system/status", 403),
        ("/api/events", 403),
        ("/api/logs", 403),
        ("/api/events/stream?topics=state", 403),
        ("/api/events/stream?topics=gateways,logs", 403),
    ] {
        let found = status(&hub, Some(&held), "get", path).await;
        assert_eq!(found, expected, "{path}");
    }
    let status = json!({ "command": "status" });
    hub.send(by(&hub, &held, "POST", "/api/command").json(&status)).await.refused(403, "forbidden");
    let dry = json!({ "command": "brief", "dry_run": true });
    hub.send(by(&hub, &held, "POST", "/api/command").json(&dry)).await.refused(403, "forbidden");
    let help = json!({ "command": "help" });
    hub.send(by(&hub, &held, "POST", "/api/command").json(&help)).await.ok();
    let body = json!({ "name": "feeder", "role": "admin", "topics": ["logs"] });
    let feeder = make(&hub, &admin, "tokens", body).await["token"].as_str().unwrap().to_owned();
    reads_nothing_by_writing(&hub, &admin, &feeder).await;
}

#[tokio::test]
async fn a_collector_reads_nothing_by_writing() {
    let (hub, tokens) = with_tokens().await;
    reads_nothing_by_writing(&hub, &tokens["admin"], &tokens["collector"]).await;
}

/// Whoever has `token` may write the state and not read it.
async fn reads_nothing_by_writing(hub: &TestHub, admin: &str, token: &str) {
    let put = |token: &str, id: &str, title: &str| {
        let request = hub.request("PUT", &format!("/api/items/priorities/{id}")).bearer_auth(token);
        request.header("prefer", "return=representation").json(&json!({ "title": title }))
    };
    // Whoever may read is answered with the state, which holds the word.
    let stored = hub.send(put(admin, "P1", "classified")).await.ok();
    assert_eq!(stored["state"]["priorities"][0]["title"], "classified");
    assert!(!hub.send(put(token, "P2", "u")).await.ok().text.contains("classified"));
    let asked = |kind: &str, body: &Value| {
        let request = hub.patch_request(kind, body).bearer_auth(token);
        request.header("prefer", "return=representation")
    };
    let stored = hub.send(asked("merge", &json!({ "system": { "progress": 3 } }))).await.ok();
    assert!(!stored.text.contains("classified"), "{}", stored.text);
    for step in [
        json!({ "op": "copy", "from": "/priorities/0/title", "path": "/priorities/1/title" }),
        json!({ "op": "copy", "from": "/priorities/0/title", "path": "/active_brief" }),
        json!({ "op": "move", "from": "/priorities/0", "path": "/priorities/1" }),
        json!({ "op": "test", "path": "/priorities/0/title", "value": "classified" }),
    ] {
        let answer = hub.send(asked("json", &json!([step]))).await;
        assert!(!answer.text.contains("classified"), "{step}: {}", answer.text);
        answer.refused(403, "forbidden");
    }
    let replace = json!([{ "op": "replace", "path": "/system/progress", "value": 4 }]);
    hub.send(asked("json", &replace)).await.ok();
}
