//! Secrets that are known to the test are looked for in everything that the hub says and keeps.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use common::access::{
    PASSWORD, by, cookie, get, live, live_by, make, page, person, refusal, required, sign_in, token,
};
use common::slack::SECRET;
use common::{Answer, json};

const V1: Option<&str> = Some("opshub.v1");
/// What somebody types into the wrong field.
const MISTYPED: &str = "My-Dear-Secret-1234";

fn secret(answer: &Answer, name: &str) -> String {
    answer[name].as_str().unwrap().to_owned()
}

/// Every file of a folder, as it lies there.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        Some((path.display().to_string(), std::fs::read(&path).ok()?))
    };
    std::fs::read_dir(dir).unwrap().filter_map(read).collect()
}

#[track_caller]
fn assert_nowhere(place: &str, found: &[u8], secrets: &[(&str, String)]) {
    for (name, secret) in secrets {
        let is_there = found.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!is_there, "{name} stands in {place}");
    }
}

#[tokio::test]
async fn no_secret_stands_in_what_the_hub_says_or_keeps() {
    let mut hub = required(&[("RUST_LOG", "trace"), ("OPSHUB_SLACK__SIGNING_SECRET", SECRET)]).await;
    let setup =
        hub.said().split("#/setup?key=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let body = json!({ "setup": setup, "email": "ana@example.com", "password": PASSWORD });
    let session = cookie(&hub.post("/api/auth/setup", body).await.ok());
    let admin = token(&hub, "root", "admin", &[]).await;
    let made = make(&hub, &admin, "tokens", json!({ "name": "bot", "role": "operator" })).await;
    let bot = secret(&made, "token");
    person(&hub, &admin, "bo@example.com", "viewer").await;
    let ticket =
        async || secret(&hub.send(by(&hub, &bot, "POST", "/api/auth/ws-ticket")).await.ok(), "ticket");
    let (used, kept) = (ticket().await, ticket().await);

    let mut said = Vec::new();
    // All of them are shown where they belong, and where they do not.
    let mut watcher = live(&hub, &format!("?ticket={used}"), V1, &[]).await.unwrap();
    watcher.expect("state").await;
    assert_eq!(refusal(live(&hub, &format!("?ticket={used}"), V1, &[]).await), 401);
    assert_eq!(refusal(live(&hub, &format!("?token={bot}"), V1, &[]).await), 400);
    let mut other = live(&hub, "", V1, &[]).await.unwrap();
    other.send(json!({ "type": "auth", "data": { "token": format!("{bot}0") } })).await;
    other.send(json!({ "type": "auth", "data": { "token": [bot] } })).await;
    for _ in 0..2 {
        said.push(other.next().await.text);
    }
    other.send(json!({ "type": "auth", "data": { "token": bot } })).await;
    other.expect("connected").await;
    let _third = live_by(&hub, &bot, "?topics=logs,presence").await;
    for request in [
        hub.request("GET", &format!("/api/state?token={bot}&ticket={kept}")),
        by(&hub, &session, "GET", "/api/state"),
        by(&hub, &kept, "GET", "/api/state"),
        page(&hub, &session, "GET", &format!("/api/events?actor={bot}")),
        page(&hub, &session, "POST", "/api/users")
            .json(&json!({ "email": 1, "role": "x", "password": PASSWORD })),
        by(&hub, &bot, "GET", "/api/tokens"),
        by(&hub, &bot, "POST", "/api/command").json(&json!({ "command": "status" })),
    ] {
        said.push(hub.send(request).await.text);
    }
    for email in ["bo@example.com", MISTYPED, &bot, PASSWORD] {
        said.push(sign_in(&hub, email, &format!("{PASSWORD}!")).await.text);
    }
    said.push(sign_in(&hub, MISTYPED, "bo@example.com").await.text);
    hub.send(by(&hub, &admin, "DELETE", "/api/tokens/bot")).await;
    get(&hub, &bot, "/api/state").await.refused(401, "not_authenticated");

    for path in [
        "/metrics",
        "/health",
        "/api/connections",
        "/api/logs?level=DEBUG&limit=1000",
        "/api/events",
        "/api/audit",
        "/api/sessions",
        "/api/users",
        "/api/tokens",
        "/api/state",
        "/api/sinks",
        "/api/auth/me",
        "/openapi.json",
    ] {
        said.push(get(&hub, &admin, path).await.ok().text);
    }
    for args in [
        vec!["check-config"],
        vec!["token", "list", "--json"],
        vec!["user", "sessions"],
        vec!["user", "list"],
    ] {
        let mut command = hub.cli_command();
        command.args(&args).env("OPSHUB_TOKEN", &bot);
        let done = common::process::finish(command).await;
        assert_eq!(done.code, Some(0), "{args:?}: {}", done.stderr);
        said.push(done.stdout + &done.stderr);
    }
    hub.stop().await;
    let mut secrets = vec![
        ("the session", session.split('=').nth(1).unwrap().to_owned()),
        ("the admin's token", admin),
        ("the bot's token", bot),
        ("the used ticket", used),
        ("the other ticket", kept),
        ("the password", PASSWORD.to_owned()),
        ("what was typed in the wrong field", MISTYPED.to_owned()),
        ("the same in lower case", MISTYPED.to_lowercase()),
        ("Slack's secret", SECRET.to_owned()),
    ];
    for text in &said {
        assert_nowhere(&text.chars().take(300).collect::<String>(), text.as_bytes(), &secrets);
    }
    // Only standard output tells the link.
    secrets.push(("the set-up key", setup));
    assert_nowhere("the log", hub.log().as_bytes(), &secrets);
    for (name, bytes) in files(&hub.data()) {
        assert_nowhere(&name, &bytes, &secrets);
    }
    assert!(hub.log().contains("\"level\":\"DEBUG\""), "the log tells little");
}
