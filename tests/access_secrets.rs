//! Secrets that are known to the test are looked for in everything that the hub says and keeps.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use common::access::{
    PASSWORD, by, cookie, get, live, live_by, make, page, person, refusal, required, sign_in, token,
};
use common::hub::folder;
use common::jwt::Signer;
use common::slack::{
    COMMANDS, INTERACTIONS, SECRET, now, post, pressed, signed_at, taking, typed, with_headers,
};
use common::{Answer, TestHub, eventually, json};

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

/// What an admin can read of a hub.
async fn everything(hub: &TestHub, admin: &str) -> Vec<String> {
    let mut said = Vec::new();
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
        "/api/gateways",
        "/api/auth/me",
        "/openapi.json",
    ] {
        said.push(get(hub, admin, path).await.ok().text);
    }
    said
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

    said.extend(everything(&hub, &admin).await);
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

/// A hub that is told every kind of secret by its configuration.
async fn with_secrets(receiver: &str) -> TestHub {
    let folder = folder();
    let yaml = format!(
        r#"
auth:
  mode: required
  jwt: {{ issuer: "https://id.example", audience: opshub, algorithms: [HS256], secret: {{ env: PROVIDER }} }}
slack: {{ signing_secret: {{ env: SLACK }}, default_role: operator, response_hosts: ["{origin}"] }}
notify:
  - {{ id: hook, url: "{receiver}", events: [state_change], secret: {{ env: HOOK }}, headers: {{ X-Key: {{ env: HEADER }} }} }}
gateways:
  - id: web
    gateway_type: http
    probe: {{ kind: http, url: "{receiver}", headers: {{ Authorization: {{ env: PROBE }} }} }}
    interval_ms: 200
"#,
        origin = receiver.replace("/hook", ""),
    );
    std::fs::write(folder.path().join("opshub.yaml"), yaml).unwrap();
    let settings =
        [("RUST_LOG", "trace"), ("SECRET_KEY", OWN_KEY), ("SLACK", SECRET), ("PROVIDER", PROVIDER)];
    let settings = [&settings[..], &[("HOOK", HOOK), ("HEADER", HEADER), ("PROBE", PROBE)]].concat();
    TestHub::start_in(folder, &settings).await
}

const OWN_KEY: &str = "the key that the hub signs its tokens with";
const PROVIDER: &str = "the secret of the hub and its identity provider";
const HOOK: &str = "the secret that webhooks are signed with";
const HEADER: &str = "the-key-of-the-webhook";
const PROBE: &str = "Bearer the-key-of-the-probe";

#[tokio::test]
async fn no_secret_of_the_configuration_and_no_signed_token_stands_in_what_the_hub_says_or_keeps() {
    let receiver = taking().await;
    let mut hub = with_secrets(&receiver.url()).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    person(&hub, &admin, "bo@example.com", "operator").await;
    let claims = json!({
        "iss": "https://id.example", "aud": "opshub", "sub": "u1", "role": "viewer", "exp": now() + 300,
    });
    let theirs = Signer::secret(PROVIDER).token(&claims);
    let forged = Signer::secret("another secret, which nobody has given").token(&claims);
    let login = json!({ "email": "bo@example.com", "password": PASSWORD });
    let first = hub.post("/api/auth/login", login).await.ok();
    let next =
        hub.post("/api/auth/refresh", json!({ "refresh_token": secret(&first, "refresh_token") })).await.ok();
    let (access, refresh) = (secret(&first, "access_token"), secret(&next, "refresh_token"));

    let mut said = Vec::new();
    live_by(&hub, &theirs, "?topics=state").await.expect("state").await;
    assert_eq!(refusal(live(&hub, &format!("?token={theirs}"), V1, &[]).await), 400);
    let mut other = live(&hub, "", V1, &[]).await.unwrap();
    for text in [&forged, &format!("{access}x"), &refresh] {
        other.send(json!({ "type": "auth", "data": { "token": text } })).await;
        said.push(other.next().await.text);
    }
    // A press is answered where its `response_url` says; whoever knows that writes into the channel.
    let url = format!("{}/of-this-press", receiver.url());
    let typed = typed("U1", "approve P7", "t1", &url);
    for request in [
        by(&hub, &access, "GET", "/api/state"),
        by(&hub, &forged, "GET", "/api/state"),
        by(&hub, &refresh, "GET", "/api/state"),
        hub.request("GET", &format!("/api/state?access_token={access}")),
        signed_at(&hub, COMMANDS, &typed, now()),
        signed_at(&hub, COMMANDS, &typed, now() - 1_000),
        with_headers(&hub, COMMANDS, &typed, &[("x-slack-signature", SECRET)]),
        signed_at(
            &hub,
            INTERACTIONS,
            &pressed("U1", "approve", "P7", "t2", "https://example.com/of-this-press"),
            now(),
        ),
    ] {
        said.push(hub.send(request).await.text);
    }
    post(&hub, INTERACTIONS, &pressed("U1", "approve", "P7", "t3", &url)).await.ok();
    let item = by(&hub, &admin, "PUT", "/api/items/priorities/P7").json(&json!({ "title": "T" }));
    hub.send(item).await.ok();
    // All of them were used: by the probe, for the webhook, for the answer to the press.
    eventually("everybody was asked and told", || async {
        let came = receiver.came();
        let has = |name: &str, value: &str| {
            came.iter().any(|one| one.headers.get(name).is_some_and(|is| is == value))
        };
        let pressed = came.iter().any(|one| one.asked.ends_with("/of-this-press"));
        (has("authorization", PROBE) && has("x-key", HEADER) && pressed).then_some(())
    })
    .await;
    said.push(
        hub.post("/api/auth/refresh", json!({ "refresh_token": secret(&first, "refresh_token") })).await.text,
    );
    said.push(hub.post("/api/auth/logout", json!({ "refresh_token": format!("{refresh}0") })).await.text);

    said.extend(everything(&hub, &admin).await);
    said.push(get(&hub, &admin, "/api/gateways/web").await.ok().text);
    let checked = hub.cli(&["check-config"]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    said.push(checked.stdout + &checked.stderr);
    hub.stop().await;
    let secrets = [
        ("the key of the hub's tokens", OWN_KEY.to_owned()),
        ("the provider's secret", PROVIDER.to_owned()),
        ("Slack's secret", SECRET.to_owned()),
        ("the webhook's secret", HOOK.to_owned()),
        ("the webhook's header", HEADER.to_owned()),
        ("the probe's header", PROBE.to_owned()),
        ("the provider's token", theirs),
        ("a forged token", forged),
        ("the access token", access),
        ("the first refresh token", secret(&first, "refresh_token")),
        ("the refresh token after it", refresh),
        ("where a press is answered", "of-this-press".to_owned()),
    ];
    for text in &said {
        assert_nowhere(&text.chars().take(300).collect::<String>(), text.as_bytes(), &secrets);
    }
    assert!(hub.log().contains("\"level\":\"DEBUG\""), "the log tells little");
    assert_nowhere("the log", hub.log().as_bytes(), &secrets);
    for (name, bytes) in files(&hub.data()) {
        assert_nowhere(&name, &bytes, &secrets);
    }
}
