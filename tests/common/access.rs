//! A hub that wants to know everybody, and those whom it knows.

use std::collections::BTreeMap;

use reqwest::RequestBuilder;
use tokio_tungstenite::tungstenite::Error;

use super::{Answer, TestHub, Value, Watcher, json};

/// Every role.
pub const ROLES: [&str; 4] = ["viewer", "operator", "collector", "admin"];
/// A password that can be taken.
pub const PASSWORD: &str = "correct horse battery staple";

/// Starts a hub that turns away whom it does not know.
pub async fn required(settings: &[(&str, &str)]) -> TestHub {
    TestHub::start_with(&[&[("OPSHUB_AUTH__MODE", "required")], settings].concat()).await
}

/// Such a hub with a token of each role, by the role's name.
pub async fn with_tokens() -> (TestHub, BTreeMap<&'static str, String>) {
    let hub = required(&[]).await;
    let admin = token(&hub, "admin", "admin", &[]).await;
    let mut tokens = BTreeMap::from([("admin", admin.clone())]);
    for role in ["viewer", "operator", "collector"] {
        let made = make(&hub, &admin, "tokens", json!({ "name": role, "role": role })).await;
        tokens.insert(role, made["token"].as_str().unwrap().to_owned());
    }
    (hub, tokens)
}

/// Makes a token on the command line; gives its text.
pub async fn token(hub: &TestHub, name: &str, role: &str, more: &[&str]) -> String {
    let data = hub.data().display().to_string();
    let args = ["token", "create", "--name", name, "--role", role, "--data-dir", &data];
    let made = hub.cli(&[&args, more].concat()).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    made.stdout.trim().to_owned()
}

/// Makes one of `tokens` or `users` over REST.
pub async fn make(hub: &TestHub, admin: &str, kind: &str, body: Value) -> Answer {
    let made = hub.send(by(hub, admin, "POST", &format!("/api/{kind}")).json(&body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made
}

/// Adds a person whose password is [`PASSWORD`].
pub async fn person(hub: &TestHub, admin: &str, email: &str, role: &str) {
    let body = json!({ "email": email, "role": role, "password": PASSWORD });
    make(hub, admin, "users", body).await;
}

/// A request with a token.
pub fn by(hub: &TestHub, token: &str, method: &str, path: &str) -> RequestBuilder {
    hub.request(method, path).header("authorization", format!("Bearer {token}"))
}

/// A GET with a token.
pub async fn get(hub: &TestHub, token: &str, path: &str) -> Answer {
    hub.send(by(hub, token, "GET", path)).await
}

/// Tries to sign in.
pub async fn sign_in(hub: &TestHub, email: &str, password: &str) -> Answer {
    hub.post("/api/auth/session", json!({ "email": email, "password": password })).await
}

/// The cookie that an answer sets, as it is sent back.
#[track_caller]
pub fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {}", answer.text));
    set.split(';').next().unwrap().to_owned()
}

/// Signs somebody in; gives their cookie.
pub async fn signed_in(hub: &TestHub, email: &str) -> String {
    cookie(&sign_in(hub, email, PASSWORD).await.ok())
}

/// A request as a page of the hub's own makes it.
pub fn page(hub: &TestHub, cookie: &str, method: &str, path: &str) -> RequestBuilder {
    hub.request(method, path).header("cookie", cookie).header("origin", hub.url(""))
}

/// A live connection with `headers`, or why there is none.
///
/// # Errors
/// The hub has refused the handshake.
pub async fn live(
    hub: &TestHub,
    query: &str,
    protocol: Option<&str>,
    headers: &[(&'static str, &str)],
) -> Result<Watcher, Error> {
    Watcher::attempt_with(&hub.ws_url(query), protocol, headers).await
}

/// A connection of `opshub.v1` with a token that has read nothing yet.
pub async fn live_by(hub: &TestHub, token: &str, query: &str) -> Watcher {
    let bearer = format!("Bearer {token}");
    live(hub, query, Some("opshub.v1"), &[("authorization", &bearer)]).await.unwrap()
}

/// The status of a refused handshake.
#[track_caller]
pub fn refusal(outcome: Result<Watcher, Error>) -> u16 {
    match outcome {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("no answer: {error}"),
        Ok(_) => panic!("it was let in"),
    }
}
