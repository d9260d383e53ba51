//! Tokens for programs that sign in for a person: access tokens and refresh tokens, over the wire.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Answer, TestHub, Value, Watcher, hub::folder, json};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const PASSWORD: &str = "correct horse battery";
const SETTINGS: &[(&str, &str)] = &[("OPSHUB_AUTH__MODE", "required"), ("SECRET_KEY", KEY)];

/// A hub whose first admin is there.
async fn hub_with(settings: &[(&str, &str)]) -> TestHub {
    let hub = TestHub::start_with(settings).await;
    let said = hub.said();
    let key = said.split("key=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    let body = json!({ "setup": key, "email": "root@example.com", "password": PASSWORD });
    hub.post("/api/auth/setup", body).await.ok();
    hub
}

async fn login_answer(hub: &TestHub, email: &str, password: &str) -> Answer {
    hub.post("/api/auth/login", json!({ "email": email, "password": password })).await
}

struct Pair {
    access: String,
    refresh: String,
}

fn pair(answer: Answer) -> Pair {
    let answer = answer.ok();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    Pair { access: text("access_token"), refresh: text("refresh_token") }
}

async fn login(hub: &TestHub, email: &str) -> Pair {
    pair(login_answer(hub, email, PASSWORD).await)
}

async fn refresh(hub: &TestHub, token: &str) -> Answer {
    hub.post("/api/auth/refresh", json!({ "refresh_token": token })).await
}

async fn call(hub: &TestHub, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
    let request = hub.request(method, path).bearer_auth(token);
    hub.send(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

async fn open_as(hub: &TestHub, token: &str) -> Watcher {
    let url = hub.ws_url("?topics=state");
    let mut watcher = {
        let shown = format!("Bearer {token}");
        Watcher::attempt_with(&url, Some("opshub.v1"), &[("authorization", &shown)]).await.unwrap()
    };
    watcher.expect("state").await;
    watcher
}

async fn add_bob(hub: &TestHub, admin: &str) {
    let bob = json!({ "email": "bob@example.com", "role": "operator", "password": PASSWORD });
    assert_eq!(call(hub, "POST", "/api/users", admin, Some(bob)).await.status, 201);
}

async fn journal(hub: &TestHub, admin: &str) -> Vec<(String, String)> {
    let answer = call(hub, "GET", "/api/audit", admin, None).await.ok();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let entries = answer["entries"].as_array().unwrap();
    entries.iter().map(|entry| (text(entry, "kind"), text(entry, "actor"))).collect()
}

#[tokio::test]
async fn without_a_key_there_is_no_login_and_with_a_short_one_no_start() {
    let hub = hub_with(&SETTINGS[..1]).await;
    let body = json!({ "email": "root@example.com", "password": PASSWORD });
    let answer = hub.post("/api/auth/login", body).await;
    assert!(answer.refused(404, "not_found")["message"].as_str().unwrap().contains("SECRET_KEY"));
    for path in ["/api/auth/refresh", "/api/auth/logout"] {
        hub.post(path, json!({ "refresh_token": "opr_" })).await.refused(404, "not_found");
    }
    let folder = folder();
    let refused = TestHub::refused_start(folder.path(), &[("SECRET_KEY", "hunter2")]).await;
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("variable SECRET_KEY: the key has 7 bytes"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hunter2"));
    let file = folder.path().join("key");
    std::fs::write(&file, "hunter2").unwrap();
    let setting = [("OPSHUB_AUTH__SECRET_KEY_FILE", file.to_str().unwrap())];
    let refused = TestHub::refused_start(folder.path(), &setting).await;
    assert!(refused.code == Some(23) && refused.stderr.contains("at least 32"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hunter2"));
    std::fs::write(&file, KEY).unwrap();
    let hub = hub_with(&[SETTINGS[0], setting[0]]).await;
    login(&hub, "root@example.com").await;
}

#[tokio::test]
async fn a_login_gives_tokens_that_work_everywhere_until_it_is_over() {
    let hub = hub_with(SETTINGS).await;
    let wrong = login_answer(&hub, "root@example.com", "wrong").await;
    let unknown = login_answer(&hub, "nobody@example.com", PASSWORD).await;
    let session = json!({ "email": "root@example.com", "password": "wrong" });
    let session = hub.post("/api/auth/session", session).await;
    let told =
        [&wrong, &unknown, &session].map(|one| one.refused(401, "not_authenticated")["message"].clone());
    assert!(told[0] == told[1] && told[0] == told[2], "{told:?}");

    let Pair { access, refresh: token } = login(&hub, " Root@Example.com ").await;
    assert!(token.starts_with("opr_"));
    let me = call(&hub, "GET", "/api/auth/me", &access, None).await.ok();
    assert_eq!(
        (&me["identity"]["name"], &me["identity"]["kind"]),
        (&json!("root@example.com"), &json!("jwt"))
    );
    let mut by_header = open_as(&hub, &access).await;
    let mut by_frame = hub.v1("?topics=state").await;
    by_frame.send(json!({ "type": "auth", "data": { "token": access } })).await;
    by_frame.expect("state").await;

    let sessions = call(&hub, "GET", "/api/sessions", &access, None).await.ok();
    let kinds: Vec<_> = sessions["sessions"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["session", "jwt"]);
    let out = hub.post("/api/auth/logout", json!({ "refresh_token": token })).await;
    assert_eq!(out.status, 204);
    for watcher in [&mut by_header, &mut by_frame] {
        assert_eq!(watcher.closed().await.1, 4401);
    }
    call(&hub, "GET", "/api/state", &access, None).await.refused(401, "not_authenticated");
    refresh(&hub, &token).await.refused(401, "not_authenticated");
    // A refresh token lets nobody in by itself, nor does an access token give new ones.
    let Pair { access, refresh: token } = login(&hub, "root@example.com").await;
    call(&hub, "GET", "/api/state", &token, None).await.refused(401, "not_authenticated");
    refresh(&hub, &access).await.refused(401, "not_authenticated");
    assert_eq!(call(&hub, "DELETE", "/api/auth/session", &access, None).await.status, 204);
    refresh(&hub, &token).await.refused(401, "not_authenticated");
}

#[tokio::test]
async fn an_access_token_ends_and_is_renewed_in_place() {
    let settings = [SETTINGS[0], SETTINGS[1], ("OPSHUB_AUTH__ACCESS_S", "6")];
    let hub = hub_with(&settings).await;
    let first = login(&hub, "root@example.com").await;
    let (mut left, mut renewed) = (open_as(&hub, &first.access).await, open_as(&hub, &first.access).await);
    assert_eq!(left.closed().await.1, 4401);
    call(&hub, "GET", "/api/state", &first.access, None).await.refused(401, "not_authenticated");
    assert_eq!(renewed.closed().await.1, 4401);
    let second = pair(refresh(&hub, &first.refresh).await);
    let mut watcher = open_as(&hub, &second.access).await;
    let third = pair(refresh(&hub, &second.refresh).await);
    let answer = watcher.ask(json!({ "type": "auth", "data": { "token": third.access } })).await;
    assert_eq!(answer.kind(), "authenticated", "{}", answer.text);
    let until = answer["data"]["expires_at"].as_str().unwrap().to_owned();
    assert_eq!(watcher.closed().await.1, 4401);
    assert!(chrono::Utc::now() >= chrono::DateTime::parse_from_rfc3339(&until).unwrap());
}

#[tokio::test]
async fn a_refresh_token_that_is_shown_again_ends_its_sign_in() {
    let hub = hub_with(SETTINGS).await;
    let stays = login(&hub, "root@example.com").await;
    let first = login(&hub, "root@example.com").await;
    let second = pair(refresh(&hub, &first.refresh).await);
    let third = pair(refresh(&hub, &second.refresh).await);
    let mut watcher = open_as(&hub, &third.access).await;
    let mut other = open_as(&hub, &stays.access).await;
    // The access tokens before go on until they end.
    call(&hub, "GET", "/api/state", &first.access, None).await.ok();

    refresh(&hub, &first.refresh).await.refused(401, "not_authenticated");
    assert_eq!(watcher.closed().await.1, 4401);
    for pair in [&first, &second, &third] {
        call(&hub, "GET", "/api/state", &pair.access, None).await.refused(401, "not_authenticated");
    }
    refresh(&hub, &third.refresh).await.refused(401, "not_authenticated");
    other.drain().await;
    let told = journal(&hub, &stays.access).await;
    assert!(told.contains(&("refresh_reused".to_owned(), "root@example.com".to_owned())), "{told:?}");
    assert_eq!(told.iter().filter(|(kind, _)| kind == "refresh_reused").count(), 1);
    pair(refresh(&hub, &stays.refresh).await);
    assert!(!hub.log().contains(&first.refresh[4..20]) && !hub.log().contains(&first.access));
}

#[tokio::test]
async fn another_role_and_the_end_of_an_account_count_at_once() {
    let hub = hub_with(SETTINGS).await;
    let root = login(&hub, "root@example.com").await;
    add_bob(&hub, &root.access).await;
    let bob = login(&hub, "bob@example.com").await;
    let command = || Some(json!({ "command": "brief" }));
    call(&hub, "POST", "/api/command", &bob.access, command()).await.ok();
    let mut watcher = open_as(&hub, &bob.access).await;

    let path = "/api/users/bob@example.com";
    call(&hub, "PATCH", path, &root.access, Some(json!({ "role": "viewer" }))).await.ok();
    assert_eq!(watcher.closed().await.1, 4401);
    call(&hub, "POST", "/api/command", &bob.access, command()).await.refused(403, "forbidden");
    call(&hub, "GET", "/api/state", &bob.access, None).await.ok();
    let bob = pair(refresh(&hub, &bob.refresh).await);

    let password = Some(json!({ "password": "another good password" }));
    call(&hub, "PATCH", path, &root.access, password).await.ok();
    call(&hub, "GET", "/api/state", &bob.access, None).await.refused(401, "not_authenticated");
    refresh(&hub, &bob.refresh).await.refused(401, "not_authenticated");
    let bob = pair(login_answer(&hub, "bob@example.com", "another good password").await);
    let mut watcher = open_as(&hub, &bob.access).await;
    assert_eq!(call(&hub, "DELETE", path, &root.access, None).await.status, 204);
    assert_eq!(watcher.closed().await.1, 4401);
    call(&hub, "GET", "/api/state", &bob.access, None).await.refused(401, "not_authenticated");
    refresh(&hub, &bob.refresh).await.refused(401, "not_authenticated");
}

#[tokio::test]
async fn an_admin_ends_a_programs_sign_in_by_its_id() {
    let hub = hub_with(SETTINGS).await;
    let root = login(&hub, "root@example.com").await;
    add_bob(&hub, &root.access).await;
    let bob = login(&hub, "bob@example.com").await;
    let sessions = call(&hub, "GET", "/api/sessions", &root.access, None).await.ok();
    let sessions = sessions["sessions"].as_array().unwrap().clone();
    let theirs = sessions.iter().find(|one| one["email"] == "bob@example.com").unwrap();
    let path = format!("/api/sessions/{}", theirs["id"].as_str().unwrap());
    assert_eq!(call(&hub, "DELETE", &path, &root.access, None).await.status, 204);
    call(&hub, "GET", "/api/state", &bob.access, None).await.refused(401, "not_authenticated");
    call(&hub, "DELETE", &path, &root.access, None).await.refused(404, "not_found");
}

#[tokio::test]
async fn sign_ins_of_programs_survive_a_restart_and_another_key_ends_access_tokens_alone() {
    let mut hub = hub_with(SETTINGS).await;
    let first = login(&hub, "root@example.com").await;
    let second = pair(refresh(&hub, &first.refresh).await);
    hub.kill9();
    hub.restart().await;
    call(&hub, "GET", "/api/state", &second.access, None).await.ok();
    let third = pair(refresh(&hub, &second.refresh).await);
    hub.stop().await;
    let other = [SETTINGS[0], ("SECRET_KEY", "another key of at least thirty-two bytes")];
    hub.restart_with(&other).await;
    call(&hub, "GET", "/api/state", &third.access, None).await.refused(401, "not_authenticated");
    let fourth = pair(refresh(&hub, &third.refresh).await);
    call(&hub, "GET", "/api/state", &fourth.access, None).await.ok();
    // What was used before the restarts is still known as used.
    refresh(&hub, &first.refresh).await.refused(401, "not_authenticated");
    refresh(&hub, &fourth.refresh).await.refused(401, "not_authenticated");
}

#[tokio::test]
async fn tries_are_limited_as_those_of_sign_ins_are() {
    let hub = hub_with(SETTINGS).await;
    let mut answers = Vec::new();
    // A blank more is not another account.
    for number in 0..11 {
        let email = format!("{}bob@example.com", " ".repeat(number));
        answers.push(login_answer(&hub, &email, "wrong").await.status);
    }
    assert_eq!(answers, [[401; 10].as_slice(), &[429]].concat());
    let session = json!({ "email": "bob@example.com", "password": "wrong" });
    let answer = hub.post("/api/auth/session", session).await;
    answer.refused(429, "rate_limited");
    assert!(answer.header("retry-after").is_some());
    let mut last = 0;
    for _ in 0..30 {
        last = refresh(&hub, "opr_made_up").await.status;
    }
    assert_eq!(last, 429);
}
