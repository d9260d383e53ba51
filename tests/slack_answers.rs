//! What Slack is told: buttons, what their presses come to, and answers that come later.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::hub::folder;
use common::receiver::{Delivery, Receiver, Reply};
use common::slack::*;
use common::{TestHub, Value, eventually, json, within};
use futures_util::future::join_all;

#[tokio::test]
async fn a_press_decides_and_dashboards_see_who_did() {
    let receiver = taking().await;
    let hub = configured(&receiver, "").await;
    proposed(&hub, "P7").await;
    let mut watcher = hub.watch(&["state"]).await;
    let answer = post(&hub, INTERACTIONS, &pressed("U2", "approve", "P7", "1.1", &receiver.url())).await.ok();
    assert_eq!(answer.text, "");
    let change = watcher.change().await;
    assert_eq!((&change["type"], &change["actor"]), (&json!("command_executed"), &json!("ana")));
    assert_eq!(hub.state().await["priorities"][0]["status"], "approved");
    let came = receiver.until("the answer", |came| came.len() == 1).await;
    let body = came[0].json();
    assert_eq!((&body["replace_original"], &body["text"]), (&json!(true), &json!("P7 was proposed")));
    let kinds: Vec<_> =
        body["blocks"].as_array().unwrap().iter().map(|block| block["type"].clone()).collect();
    assert_eq!(kinds, ["section", "context"], "the outcome stands where the buttons were");
    assert_eq!(body["blocks"][1]["elements"][0]["text"], "ana: P7 is approved now");
    // Who comes late is told so.
    post(&hub, INTERACTIONS, &pressed("U1", "approve", "P7", "1.2", &receiver.url())).await.ok();
    let came = receiver.until("the second answer", |came| came.len() == 2).await;
    assert!(came[1].body.contains("<@U1>: P7 is approved already"), "{}", came[1].body);
    assert_eq!(commands(&hub).await, ["ana", "slack:U1"]);
}

#[tokio::test]
async fn answers_go_nowhere_but_where_they_may() {
    let (allowed, foreign) = (taking().await, taking().await);
    let hub = configured(&allowed, "").await;
    proposed(&hub, "P7").await;
    for url in
        [&*foreign.url(), "https://hooks.slack.com/commands/1", "http://127.0.0.1@evil.example/", "ftp://x"]
    {
        for (path, body) in [
            (COMMANDS, typed("U1", "approve P7", "1.1", url)),
            (INTERACTIONS, pressed("U1", "approve", "P7", "1.1", url)),
        ] {
            let answer = post(&hub, path, &body).await;
            let error = answer.refused(400, "invalid_value");
            assert!(error["message"].as_str().unwrap().starts_with("response_url must"), "{error}");
        }
    }
    assert_eq!(commands(&hub).await, Vec::<String>::new());
    assert!(foreign.came().is_empty());
}

#[tokio::test]
async fn what_takes_longer_than_slack_waits_is_told_later() {
    let receiver = taking().await;
    let hub = configured(&receiver, "").await;
    proposed(&hub, "P7").await;
    let lock = common::db::Lock::hold(&hub.database());
    let begun = std::time::Instant::now();
    let body = typed("U1", "approve P7", "1.1", &receiver.url());
    let press = pressed("U2", "done", "P7", "1.2", &receiver.url());
    let (answer, press) = tokio::join!(post(&hub, COMMANDS, &body), post(&hub, INTERACTIONS, &press));
    assert!(begun.elapsed().as_millis() < 3_000, "{:?}", begun.elapsed());
    assert!(answer.ok()["text"].as_str().unwrap().starts_with("It is under way"));
    assert_eq!((press.status, receiver.came().len()), (200, 0));
    lock.release();
    let came = receiver.until("both outcomes", |came| came.len() == 2).await;
    let told = |text: &str| came.iter().any(|one| one.body.contains(text));
    assert!(told("P7 is approved now") && told("P7 is done now"), "{came:?}");
    assert_eq!(commands(&hub).await.len(), 2);
}

#[tokio::test]
async fn a_slack_that_takes_no_answers_holds_nothing_up() {
    let receiver = Receiver::start(|_| Reply::Silence).await;
    let hub = configured(&receiver, "").await;
    let bodies: Vec<String> =
        (0..40).map(|n| pressed("U1", "approve", "P7", &format!("1.{n}"), &receiver.url())).collect();
    let answers =
        within("the answers", join_all(bodies.iter().map(|body| post(&hub, INTERACTIONS, body)))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(commands(&hub).await.len(), 40, "every press counts, told or not");
    assert_eq!(metric(&hub, "opshub_slack_replies_total{outcome=\"dropped\"}").await, 8.0);
    eventually("the others to be given up", || async {
        let failed = metric(&hub, "opshub_slack_replies_total{outcome=\"failed\"}").await;
        (failed == 32.0).then_some(())
    })
    .await;
    receiver.replies(|_| Reply::Status(500));
    post(&hub, INTERACTIONS, &pressed("U1", "approve", "P7", "2.1", &receiver.url())).await.ok();
    receiver
        .until("a place that was given back", |came| came.iter().any(|one| one.answered == Some(500)))
        .await;
    assert!(!hub.said().contains(&receiver.url()), "who knows a response_url can write to the channel");
}

#[tokio::test]
async fn sinks_have_buttons_where_slack_has_a_door() {
    let receiver = taking().await;
    let sink = format!(
        "notify:\n  - {{ id: chat, url: \"{}\", format: slack, events: [state_change] }}\n",
        receiver.url()
    );
    let hub = configured(&receiver, &sink).await;
    proposed(&hub, "P7").await;
    let came = receiver.until("the event", |came| came.len() == 1).await;
    let body = came[0].json();
    let buttons: Vec<&Value> = body["blocks"][2]["elements"].as_array().unwrap().iter().collect();
    assert_eq!(buttons.iter().map(|button| &button["value"]).collect::<Vec<_>>(), ["P7", "P7"]);
    // What stands on the button is what its press says.
    let action = buttons[1]["action_id"].as_str().unwrap().strip_prefix("opshub:").unwrap();
    post(&hub, INTERACTIONS, &pressed("U1", action, "P7", "1.1", &receiver.url())).await.ok();
    assert_eq!(hub.state().await["priorities"][0]["status"], "rejected");

    let folder = folder();
    std::fs::write(folder.path().join("opshub.yaml"), &sink).unwrap();
    let hub = TestHub::start_in(folder, &[]).await;
    let before = receiver.came().len();
    proposed(&hub, "P7").await;
    let is_told = |one: &Delivery| one.headers.contains_key("x-opshub-event");
    let came = receiver.until("the event", |came| came[before..].iter().any(is_told)).await;
    assert!(!came[before..].iter().find(|one| is_told(one)).unwrap().body.contains("blocks"));
}

#[tokio::test]
async fn a_recovery_is_approved_or_rejected_by_its_buttons() {
    let receiver = taking().await;
    let rest = format!(
        "notify:\n  - {{ id: chat, url: \"{}\", format: slack, events: [gateway_recovery] }}\n\
         gateways:\n  - {{ id: web, gateway_type: job, probe: {{ kind: push }}, interval_ms: 60000, recovery: {{ command: [\"/bin/true\"], require_approval: true }} }}\n",
        receiver.url()
    );
    let hub = configured(&receiver, &rest).await;
    for status in ["HEALTHY", "UNHEALTHY"] {
        assert_eq!(hub.post("/api/gateways/web/report", json!({ "status": status })).await.status, 202);
    }
    let asks = |one: &Delivery| one.body.contains("opshub:reject");
    let came = receiver.until("the question", |came| came.iter().any(asks)).await;
    let asked = came.iter().find(|one| asks(one)).unwrap().json();
    assert_eq!(asked["blocks"][1]["elements"][0]["value"], "web", "{asked}");
    let status = say(&hub, "U1", "status", "1.1").await;
    assert!(status.text.contains("*Waiting for approval* (1)"), "{}", status.text);
    post(&hub, INTERACTIONS, &pressed("U1", "reject", "web", "1.2", &receiver.url())).await.ok();
    receiver
        .until("the outcome", |came| {
            came.iter().any(|one| one.body.contains("the recovery of web is rejected"))
        })
        .await;
    let steps = hub.get("/api/events?type=gateway_recovery&order=desc&limit=1").await.ok();
    let last = &steps["events"][0];
    assert_eq!((&last["actor"], &last["data"]["step"]), (&json!("slack:U1"), &json!("rejected")));
    assert!(!say(&hub, "U1", "status", "1.3").await.text.contains("Waiting for approval"));
}
