//! One collection runs at a time; it ends when its feeder says so, or when its time is over.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{TestHub, eventually, json};
use futures_util::future::join_all;

async fn trigger(hub: &TestHub) -> String {
    let answer = hub.post("/api/trigger_collection", json!({})).await.ok();
    assert_eq!((&answer["success"], &answer["message"]), (&json!(true), &json!("Collection started")));
    answer["collection_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_collection_that_runs_already_is_answered_with_its_id() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["state"]).await;
    let id = trigger(&hub).await;
    assert!(!id.is_empty());
    let started = watcher.change().await;
    assert!(started.text.contains(&id) || started.get("patch").is_some(), "{}", started.text);
    assert_eq!(hub.state().await["system"]["status"], "COLLECTING");
    let seq = hub.seq().await;
    assert_eq!(trigger(&hub).await, id);
    let answer = hub.get("/api/trigger_collection").await.ok();
    assert_eq!(answer["collection_id"], id);
    let bodiless = hub.send(hub.request("POST", "/api/trigger_collection")).await.ok();
    assert_eq!(bodiless["collection_id"], id);
    assert_eq!(hub.seq().await, seq);
}

#[tokio::test]
async fn many_that_trigger_at_once_start_one() {
    let hub = TestHub::start().await;
    let ids = join_all((0..30).map(|_| trigger(&hub))).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test]
async fn a_collection_ends_when_its_feeder_is_done() {
    let hub = TestHub::start().await;
    let first = trigger(&hub).await;
    hub.post("/api/system/status", json!({ "progress": 50 })).await.ok();
    assert_eq!(trigger(&hub).await, first);
    hub.post("/api/system/status", json!({ "status": "IDLE", "progress": 0 })).await.ok();
    assert_ne!(trigger(&hub).await, first);
}

#[tokio::test]
async fn a_running_collection_is_known_after_a_crash() {
    let mut hub = TestHub::start().await;
    let id = trigger(&hub).await;
    hub.kill9();
    hub.restart().await;
    assert_eq!(trigger(&hub).await, id);
    assert_eq!(hub.state().await["system"]["status"], "COLLECTING");
}

#[tokio::test]
async fn a_collection_that_nobody_ends_is_given_up() {
    let mut hub = TestHub::start_with(&[("OPSHUB_COLLECTION__TIMEOUT", "1")]).await;
    let first = trigger(&hub).await;
    eventually("the collection is given up", || async {
        (hub.state().await["system"]["status"] != "COLLECTING").then_some(())
    })
    .await;
    let second = trigger(&hub).await;
    assert_ne!(second, first);
    // Also one that a crash left behind.
    hub.kill9();
    hub.restart().await;
    eventually("the collection is given up", || async {
        (hub.state().await["system"]["status"] != "COLLECTING").then_some(())
    })
    .await;
    assert_ne!(trigger(&hub).await, second);
}

#[tokio::test]
async fn refresh_is_the_same_as_a_trigger() {
    let hub = TestHub::start().await;
    let answer = hub.command("refresh").await.ok();
    assert_eq!(
        (&answer["action"], &answer["target"], &answer["success"]),
        (&json!("refresh"), &json!(null), &json!(true))
    );
    assert_eq!(answer["applied"], true);
    assert_eq!(hub.state().await["system"]["status"], "COLLECTING");
    let id = trigger(&hub).await;
    let again = hub.command("refresh").await.ok();
    assert_eq!((&again["success"], &again["applied"]), (&json!(true), &json!(false)));
    assert!(again.seq() > answer.seq(), "each accepted execution is recorded");
    assert_eq!(trigger(&hub).await, id);
}

#[tokio::test]
async fn a_repeated_trigger_gets_the_first_answer() {
    let hub = TestHub::start().await;
    let send = || {
        hub.send(
            hub.request("POST", "/api/trigger_collection").header("idempotency-key", "k").json(&json!({})),
        )
    };
    let first = send().await.ok();
    hub.post("/api/system/status", json!({ "status": "IDLE" })).await.ok();
    let seq = hub.seq().await;
    assert_eq!(send().await.ok().text, first.text);
    assert_eq!(hub.seq().await, seq);
}
