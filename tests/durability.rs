//! What was acknowledged is there after any crash, and nothing is there twice.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Answer, TestHub, Value, eventually, json};

/// What the writers and the test share: where the hub is, how much was acknowledged, and when to stop.
#[derive(Default)]
struct Shared {
    base: Mutex<String>,
    acknowledged: AtomicUsize,
    stop: AtomicBool,
}

/// Sends one change under its idempotency key until it is acknowledged, across crashes.
async fn persist(
    shared: &Shared,
    http: &reqwest::Client,
    method: &str,
    path: &str,
    body: &Value,
    key: &str,
) -> Answer {
    let method: reqwest::Method = method.parse().unwrap();
    loop {
        let url = shared.base.lock().unwrap().clone() + path;
        let request = http.request(method.clone(), url).header("idempotency-key", key).json(body);
        match Answer::attempt(request).await {
            Ok(answer) if answer.status < 300 => {
                shared.acknowledged.fetch_add(1, Ordering::SeqCst);
                return answer;
            }
            Ok(answer) if answer.status != 503 => panic!("{method} {path} with {key}: {}", answer.text),
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Puts items and approves them until told to stop; gives the seq of each acknowledged approval.
async fn writer(shared: Arc<Shared>, w: usize) -> HashMap<String, u64> {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let mut approved = HashMap::new();
    for n in 0.. {
        if shared.stop.load(Ordering::SeqCst) {
            break;
        }
        let id = format!("w{w}-{n}");
        let item = json!({ "id": id, "title": "kept" });
        persist(&shared, &http, "PUT", &format!("/api/items/priorities/{id}"), &item, &format!("put-{id}"))
            .await;
        let command = json!({ "command": format!("approve {id}") });
        let answer =
            persist(&shared, &http, "POST", "/api/command", &command, &format!("approve-{id}")).await;
        // A retry of an approval that had been applied would say `applied: false`.
        assert_eq!(answer["applied"], true, "{id}: {}", answer.text);
        approved.insert(id, answer.seq());
    }
    approved
}

/// The commands in the log: target to the seqs at which it was executed.
async fn executed(hub: &TestHub) -> HashMap<String, Vec<u64>> {
    let (mut found, mut since) = (HashMap::<String, Vec<u64>>::new(), 0);
    loop {
        let page = hub.get(&format!("/api/events?limit=1000&since={since}")).await.ok();
        let events = page["events"].as_array().unwrap();
        for event in events {
            let seq = event["seq"].as_u64().unwrap();
            assert_eq!(seq, since + 1, "the log has a gap");
            since = seq;
            if event["type"] == "command_executed" {
                found.entry(event["data"]["target"].as_str().unwrap().to_owned()).or_default().push(seq);
            }
        }
        if events.is_empty() {
            return found;
        }
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_and_nothing_is_applied_twice_across_crashes() {
    let mut hub = TestHub::start_with(&[("OPSHUB_STORE__SNAPSHOT_EVERY", "50")]).await;
    let shared = Arc::new(Shared::default());
    *shared.base.lock().unwrap() = hub.url("");
    let writers: Vec<_> = (0..6).map(|w| tokio::spawn(writer(shared.clone(), w))).collect();

    for cycle in 0..6_u64 {
        // A moment that no test author chose: after this many more acknowledgements, whatever is under way.
        let moment = 20 + RandomState::new().hash_one(cycle) as usize % 200;
        let until = shared.acknowledged.load(Ordering::SeqCst) + moment;
        eventually("acknowledged changes", || async {
            (shared.acknowledged.load(Ordering::SeqCst) >= until).then_some(())
        })
        .await;
        hub.kill9();
        hub.restart().await;
        *shared.base.lock().unwrap() = hub.url("");
    }
    shared.stop.store(true, Ordering::SeqCst);
    let mut approved = HashMap::new();
    for writer in writers {
        approved.extend(writer.await.unwrap());
    }

    hub.kill9();
    hub.restart().await;
    let executed = executed(&hub).await;
    for (id, seq) in &approved {
        assert_eq!(executed.get(id), Some(&vec![*seq]), "{id} was acknowledged with seq {seq}");
    }
    assert_eq!(executed.len(), approved.len());
    let state = hub.state().await;
    let items: HashMap<&str, &Value> = state["priorities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["id"].as_str().unwrap(), item))
        .collect();
    assert_eq!(items.len(), approved.len());
    for id in approved.keys() {
        assert_eq!(items[id.as_str()]["status"], "approved");
    }
    hub.stop().await;
    let verified = hub.cli(&["verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[tokio::test]
async fn an_answer_is_the_same_before_and_after_a_crash() {
    let mut hub = TestHub::start().await;
    let send = |hub: &TestHub| {
        hub.request("POST", "/api/command")
            .header("idempotency-key", "once")
            .json(&json!({ "command": "approve P7" }))
    };
    let first = hub.send(send(&hub)).await.ok();
    hub.kill9();
    hub.restart().await;
    let second = hub.send(send(&hub)).await.ok();
    assert_eq!(second.text, first.text);
    assert_eq!(hub.seq().await, first.seq());
}

#[tokio::test]
async fn seqs_epoch_and_state_go_on_after_a_crash() {
    let mut hub = TestHub::start().await;
    hub.put(
        "/api/items/owed/C1",
        json!({ "id": "C1", "due": "2030-01-01", "own": { "deep": [1, 2.5, "x"] } }),
    )
    .await;
    let before = hub.get("/api/state").await.ok();
    hub.kill9();
    hub.restart().await;
    let after = hub.get("/api/state").await.ok();
    assert_eq!(after.text, before.text);
    assert_eq!(after.header("etag"), before.header("etag"));
    let next = hub.put("/api/items/owed/C2", json!({ "id": "C2" })).await;
    assert_eq!(next.seq(), before.seq() + 1);
}

#[tokio::test]
async fn a_stopped_hub_has_everything_in_its_one_file_and_its_key() {
    let mut hub = TestHub::start().await;
    hub.put("/api/items/owe/C1", json!({ "id": "C1" })).await;
    let before = hub.get("/api/state").await.ok();
    hub.stop().await;
    // What people copy is the database and its key, not the files that SQLite keeps beside it while it is open.
    let copy = common::hub::folder();
    std::fs::create_dir(copy.path().join("data")).unwrap();
    for name in ["opshub.db", "opshub.db.key"] {
        std::fs::copy(hub.database().with_file_name(name), copy.path().join("data").join(name)).unwrap();
    }
    let copied = TestHub::start_in(copy, &[]).await;
    assert_eq!(copied.get("/api/state").await.ok().text, before.text);
}

#[tokio::test]
async fn a_stopped_hub_is_as_whole_as_a_crashed_one() {
    let mut hub = TestHub::start_with(&[("OPSHUB_STORE__SNAPSHOT_EVERY", "10")]).await;
    for n in 0..25 {
        hub.put(&format!("/api/items/owe/C{n}"), json!({ "id": format!("C{n}") })).await;
    }
    let before = hub.get("/api/state").await.ok();
    hub.stop().await;
    let verified = hub.cli(&["verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    hub.restart().await;
    assert_eq!(hub.get("/api/state").await.ok().text, before.text);
}
