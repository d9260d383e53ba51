//! A client that does not read costs itself its place, and nobody else anything.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::process::memory;
use common::raw::{Raw, TEXT};
use common::sse::Sse;
use common::{TestHub, Watcher, apply, eventually, filling, json, within};
use futures_util::future::join_all;
use tokio::sync::Semaphore;

const MEBI: u64 = 1024 * 1024;

/// Makes `count` changes of about `bytes` each through `writers` at once, never more than `ahead` of `reader`.
async fn write(hub: &TestHub, writers: usize, count: usize, bytes: usize, ahead: Option<&Semaphore>) {
    let one = async |w: usize| {
        for n in 0..count / writers {
            if let Some(ahead) = ahead {
                ahead.acquire().await.unwrap().forget();
            }
            let item = json!({ "id": format!("X{w}"), "n": n, "filling": filling(n, bytes) });
            let answer = hub.put(&format!("/api/items/owe/X{w}"), item).await;
            assert!(answer.status < 300, "{}", answer.text);
        }
    };
    join_all((0..writers).map(one)).await;
}

/// What `/api/connections` tells of the connections in one of `states`.
async fn connections(hub: &TestHub, states: &[&str]) -> Vec<common::Value> {
    let answer = hub.get("/api/connections").await.ok();
    let all = answer["connections"].as_array().unwrap();
    all.iter().filter(|one| states.contains(&one["state"].as_str().unwrap())).cloned().collect()
}

/// Asks for the stream of events on `raw`, which reads no more than the head of the answer.
async fn open_stream(hub: &TestHub, raw: &mut Raw) {
    let request = format!("GET /api/events/stream HTTP/1.1\r\nHost: {}\r\n\r\n", hub.address());
    raw.write(request.as_bytes()).await;
    assert_eq!(raw.head().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_that_stop_reading_cost_neither_memory_nor_the_others_a_change() {
    let mut hub = TestHub::start().await;
    let before = hub.seq().await;
    let mut deaf = Vec::new();
    for n in 0..50 {
        deaf.push(Raw::narrow(&hub, if n % 5 == 0 { "" } else { "opshub.v1" }, "").await);
    }
    let (count, seen) = (4_000, Arc::new(AtomicU64::new(0)));
    // The good client is never given more than it can have in its outbox, however slow the machine is.
    let ahead = Arc::new(Semaphore::new(8));
    let mut good = hub.watch(&["state"]).await;
    let reader = tokio::spawn({
        let (ahead, seen) = (ahead.clone(), seen.clone());
        async move {
            for seq in before + 1..=before + count {
                assert_eq!(good.change().await.change(), Some(seq));
                seen.store(seq, Ordering::SeqCst);
                ahead.add_permits(1);
            }
        }
    });
    tokio::select! {
        () = write(&hub, 8, count as usize, 20_000, Some(&ahead)) => {}
        failed = async { reader.await.unwrap(); std::future::pending::<()>().await } => failed,
    }
    eventually("the good client saw the last change", || async {
        (seen.load(Ordering::SeqCst) == before + count).then_some(())
    })
    .await;

    let most = memory(hub.pid(), "VmHWM");
    assert!(most < 120 * MEBI, "{} MiB resident", most / MEBI);
    // The good client may be listed still; it is not behind.
    let mut live = connections(&hub, &["live"]).await;
    live.retain(|one| one["protocol"] == "opshub.v1" && one["behind"] != 0);
    assert_eq!(live, Vec::<common::Value>::new(), "a client that reads nothing is no live one");
    assert_eq!(hub.seq().await, before + count);
    hub.stop().await;
    drop(deaf);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_disconnected_and_shown_until_then() {
    let settings = [("OPSHUB_SESSION__STALL_MS", "2000"), ("OPSHUB_SESSION__OUTBOX_BYTES", "50000")];
    let hub = TestHub::start_with(&settings).await;
    let mut good = hub.watch(&["presence"]).await;
    let mut deaf = Raw::narrow(&hub, "opshub.v1", "?topics=state").await;
    good.find("the presence of two", |frame| frame["data"]["client_count"] == 2).await;

    // Changes go on until the one that takes nothing is told apart.
    let slow = eventually("the slow client is shown", || async {
        write(&hub, 1, 10, 20_000, None).await;
        connections(&hub, &["lagging", "stalled"]).await.pop()
    });
    let slow = slow.await;
    assert_eq!(slow["protocol"], "opshub.v1");
    assert!(slow["queued_bytes"].as_u64().unwrap() < 1024 * 1024, "{slow}");
    let id = slow["session_id"].as_str().unwrap().to_owned();
    eventually("the slow client is gone", || async {
        write(&hub, 1, 2, 20_000, None).await;
        let all = connections(&hub, &["live", "lagging", "stalled"]).await;
        (all.len() == 1 && all[0]["session_id"] != id.as_str()).then_some(())
    })
    .await;
    good.find("the presence of one", |frame| frame["data"]["client_count"] == 1).await;
    assert!(hub.log().contains(&id), "no log line names the slow client");
    deaf.ended().await;
}

#[tokio::test]
async fn a_lagging_client_gets_one_state_in_place_of_what_it_missed_and_goes_on() {
    let settings = [("OPSHUB_SESSION__OUTBOX_BYTES", "50000"), ("OPSHUB_LIMITS__DOCUMENT_BYTES", "100000")];
    let hub = TestHub::start_with(&settings).await;
    let mut document = hub.state().await;
    let mut slow = Raw::narrow(&hub, "opshub.v1", "?topics=state").await;
    slow.expect_type("connected").await;
    let mut at = slow.expect_type("state").await["seq"].as_u64().unwrap();
    eventually("it lags", || async {
        write(&hub, 1, 20, 20_000, None).await;
        (!connections(&hub, &["lagging", "stalled"]).await.is_empty()).then_some(())
    })
    .await;
    write(&hub, 1, 20, 20_000, None).await;
    let last = hub.put("/api/items/owed/end", json!({ "id": "end" })).await.seq();

    let mut snapshots = 0;
    while at < last {
        let frame = slow.expect(TEXT).await.json();
        let seq = frame["seq"].as_u64();
        match frame["type"].as_str().unwrap() {
            "state" => {
                assert_eq!(frame["data"]["reason"], "lagging");
                assert!(seq.unwrap() > at + 1, "a snapshot in place of nothing");
                document = frame["data"]["state"].clone();
                at = seq.unwrap();
                snapshots += 1;
            }
            _ if seq.is_some() => {
                assert_eq!(seq, Some(at + 1), "a change was skipped without a snapshot");
                apply(&mut document, &frame);
                at += 1;
            }
            _ => {}
        }
    }
    assert_eq!(snapshots, 1);
    assert_eq!(document, hub.state().await);
    let next = hub.put("/api/items/owed/end2", json!({ "id": "end2" })).await.seq();
    assert_eq!(slow.expect_type("state_change").await["seq"], next);
    eventually("it is live again", || async { connections(&hub, &["live"]).await.pop() }).await;
}

#[tokio::test]
async fn a_slow_plain_client_gets_the_newest_document_only() {
    let hub = TestHub::start_with(&[("OPSHUB_SESSION__OUTBOX_BYTES", "50000")]).await;
    let mut slow = Raw::narrow(&hub, "", "").await;
    slow.expect(TEXT).await;
    let changes = 200;
    write(&hub, 1, changes, 20_000, None).await;
    hub.put("/api/items/owed/end", json!({ "id": "end" })).await;

    let (mut documents, mut last) = (0, -1);
    loop {
        let document = slow.expect(TEXT).await.json();
        documents += 1;
        if let Some(n) = document["commitments"]["owe"][0]["n"].as_i64() {
            assert!(n >= last, "the document of change {n} after that of {last}");
            last = n;
        }
        if document["commitments"]["owed"][0]["id"] == "end" {
            assert_eq!(document, hub.state().await);
            break;
        }
    }
    // The kernel's buffers hold a few, the outbox one.
    assert!(documents < changes / 2, "{documents} documents came");
}

#[tokio::test]
async fn a_slow_stream_of_events_is_bounded_too() {
    let hub = TestHub::start_with(&[("OPSHUB_SESSION__OUTBOX_BYTES", "50000")]).await;
    let before = memory(hub.pid(), "VmRSS");
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut stream = Raw::connect(hub.address()).await;
        open_stream(&hub, &mut stream).await;
        streams.push(stream);
    }
    // 40 MB pass each stream, which takes what the kernel's buffers hold.
    write(&hub, 8, 2_000, 20_000, None).await;
    let grown = memory(hub.pid(), "VmRSS").saturating_sub(before);
    assert!(grown < 100 * MEBI, "{} MiB more", grown / MEBI);
    let mut fresh: Watcher = hub.watch(&["state"]).await;
    let seq = hub.put("/api/items/owed/end", json!({ "id": "end" })).await.seq();
    assert_eq!(fresh.change().await.change(), Some(seq));
    drop(streams);
}

#[tokio::test]
async fn a_stream_that_takes_nothing_is_disconnected_and_the_others_notice_nothing() {
    let settings = [("OPSHUB_SESSION__STALL_MS", "2000"), ("OPSHUB_SESSION__OUTBOX_BYTES", "50000")];
    let hub = TestHub::start_with(&settings).await;
    let mut deaf = Raw::connect_narrow(hub.address()).await;
    open_stream(&hub, &mut deaf).await;
    let stream = connections(&hub, &["live"]).await.pop().expect("no stream is shown");
    assert_eq!(stream["protocol"], "sse");
    let id = stream["session_id"].as_str().unwrap().to_owned();
    let (mut watcher, mut other) = (hub.watch(&["state"]).await, Sse::open(&hub, "?since=0", None).await);

    // Each change has to reach the others before the next one is made.
    let mut last = 0;
    let mut change = async || {
        last += 1;
        let item = json!({ "id": "X", "filling": filling(last as usize, 20_000) });
        assert_eq!(hub.put("/api/items/owe/X", item).await.seq(), last);
        assert_eq!(watcher.change().await.change(), Some(last));
        assert_eq!(other.change().await.json()["seq"], last);
    };
    let gone = async || {
        let all = connections(&hub, &["live", "lagging", "stalled"]).await;
        all.iter().all(|one| one["session_id"] != id.as_str())
    };
    within("the end of the stream that takes nothing", async {
        while !gone().await {
            change().await;
        }
    })
    .await;
    change().await;
    let all = connections(&hub, &["live"]).await;
    assert!(all.len() == 2 && all.iter().all(|one| one["conflated"] == 0), "{all:?}");
    assert!(hub.log().contains(&id), "no log line names the stream that took nothing");
    deaf.ended().await;
}

#[tokio::test]
async fn a_silent_client_is_closed_and_one_that_answers_pings_is_not() {
    let settings = [("OPSHUB_SESSION__HEARTBEAT_MS", "200"), ("OPSHUB_SESSION__SILENCE_MS", "1500")];
    let hub = TestHub::start_with(&settings).await;
    let mut alive = hub.watch(&["presence"]).await;
    let mut silent = Raw::open(&hub, "opshub.v1").await;
    // The library behind `alive` answers pings whenever it is read; the raw client never does.
    let closing = silent.closed();
    let living = async {
        loop {
            alive.poll(Duration::from_millis(100)).await;
        }
    };
    let (code, reason) = tokio::select! { closed = closing => closed, () = living => unreachable!() };
    assert_eq!(code, 4408, "{reason}");
    assert!(!reason.is_empty());
    alive.drain().await;
}
