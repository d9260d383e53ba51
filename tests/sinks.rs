//! Notification sinks: a webhook is told every event, at least once and in order, whatever happens between.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;

use common::hub::folder;
use common::receiver::{Delivery, Receiver, Reply};
use common::{TestHub, Value, eventually, json};
use hmac::{Hmac, KeyInit, Mac};

const SECRET: &str = "a key of the test";

/// A sink as the YAML file has it, told of commands.
fn sink(id: &str, receiver: &Receiver, rest: &str) -> String {
    format!("  - {{ id: {id}, url: \"{}\", events: [command_executed]{rest} }}\n", receiver.url())
}

fn write(hub_folder: &std::path::Path, sinks: &[String]) {
    let text = if sinks.is_empty() { String::new() } else { format!("notify:\n{}", sinks.concat()) };
    std::fs::write(hub_folder.join("opshub.yaml"), text).unwrap();
}

async fn configured(sinks: &[String], settings: &[(&str, &str)]) -> TestHub {
    let folder = folder();
    write(folder.path(), sinks);
    TestHub::start_in(folder, settings).await
}

/// Has `count` events committed; gives their numbers.
async fn commit(hub: &TestHub, count: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    for n in 0..count {
        seqs.push(hub.command(&format!("approve P{n}")).await.ok().seq());
    }
    seqs
}

async fn shown(hub: &TestHub, place: usize) -> Value {
    hub.get("/api/sinks").await.ok()["sinks"][place].clone()
}

/// Waits until nothing waits for the sink at `place`.
async fn idle(hub: &TestHub, place: usize) -> Value {
    eventually("the sink to be idle", || async {
        Some(shown(hub, place).await).filter(|sink| sink["state"] == "idle" && sink["behind"] == 0)
    })
    .await
}

/// The numbers of what was taken, as they came first; panics where one came first after a later one.
fn in_order(taken: &[Delivery]) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    for delivery in taken {
        let seq = delivery.seq();
        let latest = seen.last().copied().unwrap_or_default();
        assert!(seq > latest || seen.contains(&seq), "{seq} came after {latest}");
        seen.insert(seq);
    }
    seen.into_iter().collect()
}

fn assert_signed(delivery: &Delivery) {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{}.{}", delivery.header("x-opshub-timestamp"), delivery.body).as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(delivery.asked, "POST /hook");
    assert_eq!(delivery.header("x-opshub-signature"), format!("v1={hex}"));
    let sent: i64 = delivery.header("x-opshub-timestamp").parse().unwrap();
    assert!((chrono::Utc::now().timestamp() - sent).abs() < 120, "{sent} is not now");
}

#[tokio::test]
async fn every_event_arrives_in_order_across_failures_a_crash_and_a_stop() {
    let mut failures = 5;
    let receiver = Receiver::start(move |_| {
        let failing = failures > 0;
        failures -= i32::from(failing);
        Reply::Status(if failing { 503 } else { 200 })
    })
    .await;
    let secret = ", secret: { env: HOOK_SECRET }";
    let mut hub = configured(&[sink("ops", &receiver, secret)], &[("HOOK_SECRET", SECRET)]).await;
    let mut watcher = hub.watch(&["state"]).await;
    let mut committed = commit(&hub, 3).await;
    let frames = [watcher.change().await.text, watcher.change().await.text, watcher.change().await.text];
    receiver.until("two failures", |came| came.len() >= 2).await;
    hub.kill9();
    hub.restart().await;
    committed.extend(commit(&hub, 3).await);
    receiver.until("two more failures", |came| came.len() >= 4).await;
    let retrying = shown(&hub, 0).await;
    assert_eq!(
        (&retrying["last_error"]["message"], &retrying["given_up"]),
        (&json!("status 503"), &json!(0))
    );
    hub.stop().await;
    hub.restart().await;
    committed.extend(commit(&hub, 3).await);
    receiver.until("all of them", |came| came.iter().filter(|one| one.was_taken()).count() >= 9).await;
    let done = idle(&hub, 0).await;
    assert_eq!(in_order(&receiver.taken()), committed);
    assert_eq!((&done["given_up"], &done["cursor"]), (&json!(0), &json!(committed[8])));
    let (came, epoch) = (receiver.came(), hub.epoch().await);
    let (failed, taken) = came.split_at(5);
    assert!(taken.iter().all(Delivery::was_taken), "five failures, and then none");
    assert!(
        failed.iter().all(|failed| !failed.was_taken() && failed.seq() == committed[0]),
        "the first one holds up the others"
    );
    for delivery in &came {
        assert_signed(delivery);
        assert_eq!(delivery.header("x-opshub-event"), "command_executed");
        assert_eq!(delivery.header("x-opshub-delivery"), format!("{epoch}-{}", delivery.seq()));
        assert_eq!(delivery.header("content-type"), "application/json");
        assert_eq!(delivery.json()["seq"], delivery.seq());
    }
    for (frame, seq) in frames.iter().zip(&committed) {
        let delivery = came.iter().find(|delivery| delivery.seq() == *seq).unwrap();
        assert_eq!(&delivery.body, frame, "byte for byte what every subscriber got");
    }
}

#[tokio::test]
async fn a_crash_in_the_midst_of_deliveries_repeats_some_and_loses_none() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let mut hub = configured(&[sink("ops", &receiver, "")], &[]).await;
    let mut committed = Vec::new();
    for round in 1..=3 {
        committed.extend(commit(&hub, 10).await);
        let before = receiver.came().len();
        receiver.until("something of this round", |came| came.len() > before.min(10 * round - 5)).await;
        hub.kill9();
        hub.restart().await;
    }
    committed.extend(commit(&hub, 1).await);
    idle(&hub, 0).await;
    assert_eq!(in_order(&receiver.taken()), committed);
}

#[tokio::test]
async fn what_was_taken_before_a_clean_stop_is_not_sent_again() {
    let receiver = Receiver::start(|_| Reply::Status(204)).await;
    let mut hub = configured(&[sink("ops", &receiver, "")], &[]).await;
    let mut committed = commit(&hub, 5).await;
    receiver.until("the first five", |came| came.len() == 5).await;
    hub.stop().await;
    hub.restart().await;
    committed.extend(commit(&hub, 1).await);
    idle(&hub, 0).await;
    let seqs: Vec<u64> = receiver.came().iter().map(Delivery::seq).collect();
    assert_eq!(seqs, committed, "each exactly once");
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_nobody_else() {
    let hanging = Receiver::start(|_| Reply::Silence).await;
    let working = Receiver::start(|_| Reply::Status(200)).await;
    let sinks = [sink("hangs", &hanging, ", timeout_ms: 100"), sink("works", &working, "")];
    let mut hub = configured(&sinks, &[]).await;
    let committed = commit(&hub, 20).await;
    idle(&hub, 1).await;
    assert_eq!(in_order(&working.taken()), committed);
    let stuck = eventually("the failure to be shown", || async {
        Some(shown(&hub, 0).await).filter(|sink| sink["failures"].as_u64().unwrap() >= 2)
    })
    .await;
    assert_eq!(stuck["last_error"]["message"], "no answer within 100 ms");
    assert_eq!((&stuck["delivered"], &stuck["behind"]), (&json!(0), &json!(20)));
    assert!(hanging.came().iter().all(|delivery| delivery.seq() == committed[0]));
    hanging.replies(|_| Reply::Status(200));
    idle(&hub, 0).await;
    assert_eq!(in_order(&hanging.taken()), committed);
    // An attempt that hangs does not hold up the end of the hub either.
    hanging.replies(|_| Reply::Silence);
    commit(&hub, 1).await;
    hub.stop().await;
}

#[tokio::test]
async fn what_is_too_old_is_given_up_counted_and_shown_also_after_a_crash() {
    let receiver = Receiver::start(|_| Reply::With(429, "retry-after: 3600")).await;
    let mut hub = configured(&[sink("ops", &receiver, ", max_age_s: 1")], &[]).await;
    let lost = commit(&hub, 2).await;
    let given_up = |hub: TestHub, count: u64| async move {
        let sink = eventually("events to be given up", || async {
            Some(shown(&hub, 0).await).filter(|sink| sink["given_up"] == count)
        })
        .await;
        (hub, sink)
    };
    let (kept, sink) = given_up(hub, 2).await;
    hub = kept;
    assert_eq!((&sink["delivered"], &sink["last_error"]["message"]), (&json!(0), &json!("status 429")));
    let metrics = hub.get("/metrics").await.ok().text;
    assert!(metrics.contains("opshub_sink_given_up_total{sink=\"ops\"} 2"), "{metrics}");
    assert_eq!(hub.said().matches("gives up event").count(), 1, "said once: {}", hub.log());
    assert_eq!(receiver.came().len(), 1, "one attempt, and then the pause that was asked for");
    // A clean stop stores the count, a crash after it does not lose it.
    hub.stop().await;
    hub.restart().await;
    hub.kill9();
    hub.restart().await;
    assert_eq!(shown(&hub, 0).await["given_up"], 2);
    receiver.replies(|_| Reply::Status(200));
    let committed = commit(&hub, 1).await;
    idle(&hub, 0).await;
    let taken = in_order(&receiver.taken());
    assert_eq!(taken, committed);
    assert!(taken.iter().all(|seq| !lost.contains(seq)));
}

#[tokio::test]
async fn a_new_sink_begins_at_the_end_and_one_that_was_away_is_new() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let mut hub = configured(&[], &[]).await;
    commit(&hub, 3).await;
    assert_eq!(hub.get("/api/sinks").await.ok()["sinks"], json!([]));
    let mut expected = Vec::new();
    for round in 0..2 {
        hub.stop().await;
        write(hub.folder(), &[sink("ops", &receiver, "")]);
        hub.restart().await;
        expected.extend(commit(&hub, 2).await);
        idle(&hub, 0).await;
        assert_eq!(in_order(&receiver.taken()), expected, "round {round}");
        hub.stop().await;
        write(hub.folder(), &[]);
        hub.restart().await;
        commit(&hub, 2).await;
    }
}

#[tokio::test]
async fn what_the_log_no_longer_has_is_counted_and_the_rest_arrives() {
    let receiver = Receiver::start(|_| Reply::Status(500)).await;
    let every = ("OPSHUB_STORE__SNAPSHOT_EVERY", "20");
    let mut hub = configured(&[sink("ops", &receiver, "")], &[every]).await;
    let mut committed = commit(&hub, 120).await;
    hub.stop().await;
    hub.restart_with(&[every, ("OPSHUB_STORE__KEEP_EVENTS", "1")]).await;
    committed.extend(commit(&hub, 20).await);
    eventually("the log to be pruned", || async {
        let first = hub.get("/api/events?limit=1").await.ok()["first_seq"].as_u64().unwrap();
        (first > committed[100]).then_some(())
    })
    .await;
    receiver.replies(|_| Reply::Status(200));
    let done = idle(&hub, 0).await;
    let taken = in_order(&receiver.taken());
    let given_up = done["given_up"].as_u64().unwrap();
    assert!(given_up > 0 && taken.len() >= 20, "{done}");
    assert_eq!(taken.len() as u64 + given_up, committed.len() as u64, "every event is accounted for");
    assert_eq!(taken.last(), committed.last());
    assert!(hub.said().contains("which the log no longer has"), "{}", hub.log());
}

#[tokio::test]
async fn gateways_are_told_to_slack_in_words_and_the_url_to_nobody() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let folder = folder();
    let yaml = "notify:\n  - { id: chat, url: { env: CHAT_URL }, format: slack, headers: { X-Key: { env: CHAT_KEY } } }\ngateways:\n  - { id: \"a<b>\", gateway_type: job, probe: { kind: push }, interval_ms: 60000 }\n";
    std::fs::write(folder.path().join("opshub.yaml"), yaml).unwrap();
    let settings = [("CHAT_URL", &*receiver.url()), ("CHAT_KEY", "hunter2"), ("RUST_LOG", "trace")];
    let hub = TestHub::start_in(folder, &settings).await;
    for status in ["HEALTHY", "UNHEALTHY"] {
        let report = json!({ "status": status, "message": "no <space> & none left" });
        assert_eq!(hub.post("/api/gateways/a%3Cb%3E/report", report).await.status, 202);
    }
    let came = receiver.until("three lines", |came| came.len() >= 3).await;
    let lines: Vec<Value> = came.iter().map(Delivery::json).collect();
    let text = ":large_green_circle: *a&lt;b&gt;* (job): UNKNOWN → HEALTHY";
    assert_eq!(lines[1], json!({ "text": text, "unfurl_links": false, "unfurl_media": false }));
    let down = lines[2]["text"].as_str().unwrap();
    assert!(
        down.starts_with(":red_circle: *a&lt;b&gt;* (job): HEALTHY → UNHEALTHY") && down.contains("&amp;"),
        "{down}"
    );
    assert_eq!(came[0].header("x-key"), "hunter2");
    assert!(!came[0].headers.contains_key("x-opshub-signature"), "there is no secret to sign with");
    let shown = shown(&hub, 0).await;
    assert_eq!((&shown["host"], &shown["format"]), (&json!("127.0.0.1"), &json!("slack")));
    for path in ["/api/sinks", "/api/events", "/api/state", "/metrics"] {
        let text = hub.get(path).await.text;
        assert!(!text.contains("/hook") && !text.contains("hunter2"), "{path}: {text}");
    }
    assert!(!hub.said().contains("hunter2") && !hub.said().contains("/hook"));
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_a_failure_that_can_be_mended_while_the_hub_runs() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let folder = folder();
    let path = folder.path().join("hook.secret");
    write(folder.path(), &[sink("ops", &receiver, &format!(", secret: {{ file: \"{}\" }}", path.display()))]);
    let hub = TestHub::start_in(folder, &[]).await;
    let why = shown(&hub, 0).await["last_error"]["message"].as_str().unwrap().to_owned();
    assert!(why.starts_with("secret: cannot read"), "{why}");
    let committed = commit(&hub, 1).await;
    eventually("an attempt", || async { (shown(&hub, 0).await["failures"] != 0).then_some(()) }).await;
    std::fs::write(&path, format!("{SECRET}\n")).unwrap();
    idle(&hub, 0).await;
    assert_eq!(in_order(&receiver.taken()), committed);
    receiver.taken().iter().for_each(assert_signed);
}

#[tokio::test]
async fn a_secret_in_the_file_ends_the_start_with_its_line() {
    let folder = folder();
    let yaml = "timezone: UTC\nnotify:\n  - id: ops\n    url: http://127.0.0.1:9/\n    secret: hunter2\n";
    std::fs::write(folder.path().join("opshub.yaml"), yaml).unwrap();
    let refused = TestHub::refused_start(folder.path(), &[]).await;
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("line 3") && refused.stderr.contains("sink ops"), "{}", refused.stderr);
    assert!(refused.stderr.contains("{env: NAME}") && !refused.stderr.contains("hunter2"));
}
