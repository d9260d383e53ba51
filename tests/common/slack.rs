//! Slack as a hub sees it: what it posts, and how it signs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use opshub::slack::signature::{SigningSecret, sign};
use reqwest::RequestBuilder;
use url::form_urlencoded::Serializer;

use super::hub::folder;
use super::receiver::{Receiver, Reply};
use super::{Answer, TestHub, json};

/// The two paths.
pub const COMMANDS: &str = "/integrations/slack/commands";
pub const INTERACTIONS: &str = "/integrations/slack/interactions";

/// The example of Slack's documentation, "Verifying requests from Slack".
pub const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// An operator, somebody with a name, a viewer; and somebody nobody named.
pub const USERS: &str = "{ U1: operator, U2: { role: admin, name: ana }, U3: viewer }";
pub const STRANGER: &str = "U9";

pub fn secret() -> SigningSecret {
    SigningSecret::new(SECRET).unwrap()
}

pub fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// A hub with a door for Slack, whose later answers go to `receiver`; `rest` is more of its file.
pub async fn configured(receiver: &Receiver, rest: &str) -> TestHub {
    let folder = folder();
    let origin = receiver.url().replace("/hook", "");
    let yaml = format!(
        "slack:\n  signing_secret: {{ env: THE_SECRET }}\n  response_hosts: [\"{origin}\"]\n  users: {USERS}\n{rest}"
    );
    std::fs::write(folder.path().join("opshub.yaml"), yaml).unwrap();
    TestHub::start_in(folder, &[("THE_SECRET", SECRET), ("RUST_LOG", "debug")]).await
}

pub async fn taking() -> Receiver {
    Receiver::start(|_| Reply::Status(200)).await
}

pub fn form(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// What Slack posts when `user` types `text`.
pub fn typed(user: &str, text: &str, trigger: &str, response_url: &str) -> String {
    form(&[
        ("token", "x"),
        ("team_id", "T1"),
        ("user_id", user),
        ("user_name", "roadrunner"),
        ("command", "/opshub"),
        ("text", text),
        ("response_url", response_url),
        ("trigger_id", trigger),
    ])
}

/// What Slack posts when `user` presses a button under two other blocks.
pub fn pressed(user: &str, verb: &str, target: &str, trigger: &str, response_url: &str) -> String {
    let payload = json!({
        "type": "block_actions", "team": { "id": "T1" }, "user": { "id": user, "team_id": "T1" },
        "trigger_id": trigger, "response_url": response_url,
        "container": { "type": "message", "is_ephemeral": false },
        "message": { "text": "P7 was proposed", "blocks": [
            { "type": "section", "block_id": "s", "text": { "type": "mrkdwn", "text": "P7" } },
            { "type": "actions", "block_id": "a", "elements": [] },
        ] },
        "actions": [{ "type": "button", "action_id": format!("opshub:{verb}"), "block_id": "a", "value": target }],
    });
    form(&[("payload", &payload.to_string())])
}

/// A request signed at `at` seconds, as Slack signs it.
pub fn signed_at(hub: &TestHub, path: &str, body: &str, at: i64) -> RequestBuilder {
    let at = at.to_string();
    let signature = sign(&secret(), &at, body.as_bytes());
    with_headers(hub, path, body, &[("x-slack-request-timestamp", &at), ("x-slack-signature", &signature)])
}

pub fn with_headers(hub: &TestHub, path: &str, body: &str, headers: &[(&str, &str)]) -> RequestBuilder {
    let request = hub.request("POST", path).header("content-type", "application/x-www-form-urlencoded");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(body.to_owned())
}

pub async fn post(hub: &TestHub, path: &str, body: &str) -> Answer {
    hub.send(signed_at(hub, path, body, now())).await
}

/// Has `user` type `text`; gives the message they are shown.
pub async fn say(hub: &TestHub, user: &str, text: &str, trigger: &str) -> Answer {
    post(hub, COMMANDS, &typed(user, text, trigger, "")).await.ok()
}

pub async fn proposed(hub: &TestHub, id: &str) {
    hub.put(&format!("/api/items/priorities/{id}"), json!({ "id": id, "title": "T" })).await.ok();
}

/// The actors of the committed commands, oldest first.
pub async fn commands(hub: &TestHub) -> Vec<String> {
    let events = hub.get("/api/events?type=command_executed").await.ok()["events"].clone();
    events.as_array().unwrap().iter().map(|event| event["actor"].as_str().unwrap().to_owned()).collect()
}

pub async fn metric(hub: &TestHub, line: &str) -> f64 {
    let text = hub.get("/metrics").await.text;
    let value = text.lines().find_map(|found| found.strip_prefix(line)).unwrap_or_else(|| panic!("{line}"));
    value.trim().parse().unwrap()
}

pub async fn refusals(hub: &TestHub, reason: &str) -> f64 {
    metric(hub, &format!("opshub_slack_refusals_total{{reason=\"{reason}\"}}")).await
}
