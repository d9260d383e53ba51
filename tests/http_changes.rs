//! What is changed over HTTP: patches, items, status, and the headers that keep callers from racing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Answer, TestHub, apply, empty_state, json};
use futures_util::future::join_all;

/// A command under an idempotency key.
async fn keyed(hub: &TestHub, key: &str, command: &str) -> Answer {
    let request = hub.request("POST", "/api/command").header("idempotency-key", key);
    hub.send(request.json(&json!({ "command": command }))).await
}

#[tokio::test]
async fn a_hub_begins_with_the_empty_document() {
    let hub = TestHub::start().await;
    let state = hub.get("/api/state").await.ok();
    assert_eq!((state.seq(), &state["state"]), (0, &empty_state()));
    assert!(state["epoch"].as_str().is_some_and(|epoch| !epoch.is_empty()));
}

#[tokio::test]
async fn a_merge_patch_changes_what_it_names() {
    let hub = TestHub::start().await;
    let mut watcher = hub.watch(&["state"]).await;
    let mut document = hub.state().await;
    let patch = json!({
        "system": { "status": "COLLECTING" },
        "priorities": [{ "id": "P1", "title": "one", "own": { "kept": true } }, { "id": "P2", "status": "done" }]
    });
    let answer = hub.patch(patch).await.ok();
    assert_eq!((&answer["success"], answer.seq()), (&json!(true), 1));
    let state = hub.state().await;
    assert_eq!(state["system"], json!({ "status": "COLLECTING", "progress": 0, "last_sync": null }));
    // `status` is `proposed` when it is not given.
    assert_eq!(
        state["priorities"],
        json!([
            { "id": "P1", "title": "one", "own": { "kept": true }, "status": "proposed" },
            { "id": "P2", "status": "done" }
        ])
    );
    let frame = watcher.change().await;
    assert_eq!(frame["patch"], answer["patch"]);
    apply(&mut document, &frame);
    assert_eq!(document, state);

    let whole = hub.patch_request(
        "merge",
        &json!({ "calendar": [{ "id": "E1", "start": "2030-01-01", "end": "2030-01-02" }] }),
    );
    let whole = hub.send(whole.header("prefer", "return=representation")).await.ok();
    assert_eq!(whole["state"], hub.state().await);
    hub.patch(json!({ "priorities": null })).await.error(400);
}

#[tokio::test]
async fn a_list_that_changes_in_one_place_makes_a_small_patch() {
    let hub = TestHub::start().await;
    let mut items: Vec<_> = (0..500)
        .map(|n| json!({ "id": format!("P{n}"), "title": format!("priority number {n}"), "status": "proposed" }))
        .collect();
    hub.patch(json!({ "priorities": items })).await.ok();
    items.remove(0);
    items[300]["title"] = json!("renamed");
    items.push(json!({ "id": "last", "status": "proposed" }));
    let before = hub.state().await;
    let answer = hub.patch(json!({ "priorities": items })).await.ok();
    assert!(answer["patch"].to_string().len() < 2_000, "{}", answer["patch"].to_string().len());
    let mut document = before;
    apply(&mut document, &answer.body);
    assert_eq!(document, hub.state().await);
    assert_eq!(document["priorities"], json!(items));
}

#[tokio::test]
async fn a_json_patch_changes_everything_or_nothing() {
    let hub = TestHub::start().await;
    let send = async |patch: common::Value| hub.send(hub.patch_request("json", &patch)).await;
    let nine = json!({ "op": "replace", "path": "/system/progress", "value": 9 });
    let add = json!([{ "op": "add", "path": "/priorities/-", "value": { "id": "P1" } }, nine]);
    assert_eq!(send(add).await.ok().seq(), 1);
    let moved = json!([{ "op": "test", "path": "/system/progress", "value": 9 },
        { "op": "copy", "from": "/priorities/0", "path": "/commitments/owe/0" },
        { "op": "remove", "path": "/priorities/0" }]);
    assert_eq!(send(moved).await.ok().seq(), 2);

    let before = hub.get("/api/state").await.ok();
    assert_eq!(before["state"]["commitments"]["owe"][0]["id"], "P1");
    assert_eq!(before["state"]["priorities"], json!([]));
    let one = json!({ "op": "replace", "path": "/system/progress", "value": 1 });
    send(json!([one, { "op": "test", "path": "/system/status", "value": "ERROR" }]))
        .await
        .refused(409, "test_failed");
    for wrong in [
        json!({ "op": "remove", "path": "/priorities/7" }),
        json!({ "op": "replace", "path": "/system/progress", "value": 101 }),
        json!({ "op": "add", "path": "/commitments/owe/-", "value": { "id": "P1" } }),
        json!({ "op": "dance", "path": "/system/progress" }),
        json!({ "op": "replace", "path": "", "value": {} }),
        json!({ "op": "replace", "path": "system", "value": 1 }),
        json!({ "op": "add", "path": "/system/progress" }),
    ] {
        let answer = send(json!([one, wrong])).await;
        assert!((400..500).contains(&answer.status), "{wrong}: {}", answer.text);
        answer.error(answer.status);
    }
    assert_eq!(hub.get("/api/state").await.ok().text, before.text);
}

#[tokio::test]
async fn what_only_the_hub_writes_is_read_only() {
    let hub = TestHub::start().await;
    for patch in [
        json!({ "gateways": { "g1": { "status": "up" } } }),
        json!({ "gateways": null }),
        json!({ "system": { "progress": 3 }, "gateways": { "g": {} } }),
    ] {
        hub.patch(patch).await.refused(400, "read_only");
    }
    let add = json!([{ "op": "add", "path": "/gateways/g1", "value": {} }]);
    hub.send(hub.patch_request("json", &add)).await.refused(400, "read_only");
    assert_eq!(hub.seq().await, 0);
}

#[tokio::test]
async fn items_must_keep_the_documents_rules() {
    let hub = TestHub::start().await;
    let long = "x".repeat(129);
    let bad = [
        json!({ "priorities": [{ "title": "no id" }] }),
        json!({ "priorities": [{ "id": "" }] }),
        json!({ "priorities": [{ "id": long }] }),
        json!({ "priorities": [{ "id": 7 }] }),
        json!({ "priorities": [{ "id": "a" }, { "id": "a" }] }),
        json!({ "priorities": [{ "id": "a", "status": "maybe" }] }),
        json!({ "priorities": [{ "id": "a", "title": 7 }] }),
        json!({ "priorities": ["a"] }),
        json!({ "calendar": [{ "id": "e" }] }),
        json!({ "calendar": [{ "id": "e", "start": "soon", "end": "2030-01-01" }] }),
        json!({ "active_brief": { "id": "b" } }),
        json!({ "commitments": [] }),
    ];
    for patch in bad {
        let answer = hub.patch(patch.clone()).await;
        assert_eq!(answer.status, 400, "{patch}: {}", answer.text);
        answer.error(400);
    }
    assert_eq!(hub.seq().await, 0);
    // The same id in two lists is no clash; 128 characters are not 128 bytes.
    let id = "ü".repeat(128);
    hub.patch(json!({ "priorities": [{ "id": id }], "commitments": { "owe": [{ "id": id, "due": "2030-01-01" }] } }))
        .await
        .ok();
}

#[tokio::test]
async fn one_item_is_put_and_taken_away_by_its_id() {
    let hub = TestHub::start().await;
    for (list, place, item) in [
        (
            "calendar",
            "/calendar",
            json!({ "id": "X 1/ü", "start": "2030-01-01T09:00:00Z", "end": "2030-01-01T10:00:00Z" }),
        ),
        ("priorities", "/priorities", json!({ "id": "X 1/ü", "status": "approved" })),
        ("owe", "/commitments/owe", json!({ "id": "X 1/ü", "to": "somebody" })),
        ("owed", "/commitments/owed", json!({ "id": "X 1/ü", "due": "2030-01-01" })),
    ] {
        let path = format!("/api/items/{list}/X%201%2F%C3%BC");
        let put = hub.put(&path, item.clone()).await;
        assert!([200, 201].contains(&put.status), "{}", put.text);
        assert_eq!(put.seq(), hub.seq().await);
        assert_eq!(hub.state().await.pointer(place).unwrap(), &json!([item]));
        let mut more = item.clone();
        more["title"] = json!("renamed");
        hub.put(&path, more.clone()).await.ok();
        assert_eq!(hub.state().await.pointer(place).unwrap(), &json!([more]));
        hub.delete(&path).await.ok();
        assert_eq!(hub.state().await.pointer(place).unwrap(), &json!([]));
        // What is gone already alters nothing.
        let seq = hub.seq().await;
        assert_eq!(hub.delete(&path).await.ok().seq(), seq);
    }
    let other = hub.put("/api/items/owe/A", json!({ "id": "B" })).await;
    other.error(400);
}

#[tokio::test]
async fn feeders_that_put_at_once_do_not_race() {
    let hub = TestHub::start().await;
    let put = async |id: String, n: usize| {
        hub.put(&format!("/api/items/owe/{id}"), json!({ "id": id, "n": n })).await
    };
    let same = join_all((0..60).map(|n| put("SAME".to_owned(), n)));
    let own = join_all((0..60).map(|n| put(format!("C{n}"), n)));
    let (same, own) = futures_util::future::join(same, own).await;
    assert!(same.iter().chain(&own).all(|answer| answer.status < 300));
    let state = hub.state().await;
    assert_eq!(state["commitments"]["owe"].as_array().unwrap().len(), 61);
}

#[tokio::test]
async fn what_alters_nothing_commits_nothing() {
    let hub = TestHub::start().await;
    hub.put("/api/items/priorities/P1", json!({ "id": "P1", "x": 1 })).await;
    hub.post("/api/system/status", json!({ "progress": 5 })).await.ok();
    let before = hub.get("/api/state").await.ok();
    let seq = before.seq();
    assert_eq!(hub.post("/api/system/status", json!({ "progress": 5 })).await.ok().seq(), seq);
    assert_eq!(hub.post("/api/system/status", json!({})).await.ok().seq(), seq);
    assert_eq!(hub.patch(json!({})).await.ok().seq(), seq);
    assert_eq!(hub.patch(json!({ "system": { "progress": 5 } })).await.ok().seq(), seq);
    assert_eq!(hub.put("/api/items/priorities/P1", json!({ "id": "P1", "x": 1 })).await.ok().seq(), seq);
    assert_eq!(hub.put("/api/items/priorities/P1", json!({ "id": "P1", "x": 1.0 })).await.ok().seq(), seq);
    let to = |n: u8| json!({ "op": "replace", "path": "/system/progress", "value": n });
    let back_and_forth = json!([to(6), to(5)]);
    assert_eq!(hub.send(hub.patch_request("json", &back_and_forth)).await.ok().seq(), seq);
    assert_eq!(hub.get("/api/state").await.ok().text, before.text);
}

#[tokio::test]
async fn if_match_refuses_what_was_decided_on_an_older_document() {
    let hub = TestHub::start().await;
    let tag = hub.get("/api/state").await.ok().header("etag").unwrap().to_owned();
    let patch = |tag: &str, n: u64| {
        hub.patch_request("merge", &json!({ "system": { "progress": n } })).header("if-match", tag.to_owned())
    };
    // An event without a patch does not make the document older.
    hub.command("approve nothing").await.ok();
    hub.send(patch(&tag, 1)).await.ok();
    hub.send(patch(&tag, 2)).await.refused(412, "precondition_failed");
    let now = hub.get("/api/state").await.ok().header("etag").unwrap().to_owned();
    let foreign = now.replacen('"', "\"x", 1);
    hub.send(patch(&foreign, 2)).await.refused(412, "precondition_failed");
    hub.send(patch("nonsense", 2)).await.error(412);
    assert_eq!(hub.state().await["system"]["progress"], 1);
    // Of many that decide on the same document, one wins: what is still pending counts.
    let answers = join_all((10..30).map(|n| hub.send(patch(&now, n)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| [200, 412].contains(&answer.status)));
    let put = hub.request("PUT", "/api/items/owe/X").header("if-match", &tag).json(&json!({ "id": "X" }));
    hub.send(put).await.error(412);
    let command = hub
        .request("POST", "/api/command")
        .header("if-match", &tag)
        .json(&json!({ "command": "approve P1" }));
    hub.send(command).await.error(412);
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let hub = TestHub::start().await;
    let first = keyed(&hub, "k1", "approve P7").await.ok();
    let again = keyed(&hub, "k1", "approve P7").await.ok();
    assert_eq!(again.text, first.text);
    assert_eq!(hub.seq().await, 1);
    keyed(&hub, "k1", "approve P8").await.refused(422, "idempotency_mismatch");
    assert_eq!(hub.seq().await, 1);
    // A key holds for one method and path.
    let elsewhere = hub
        .request("POST", "/api/system/status")
        .header("idempotency-key", "k1")
        .json(&json!({ "progress": 3 }));
    assert_eq!(hub.send(elsewhere).await.ok().seq(), 2);
    let put = |n: u64| {
        hub.request("PUT", "/api/items/owe/X")
            .header("idempotency-key", "k1")
            .json(&json!({ "id": "X", "n": n }))
    };
    let first = hub.send(put(1)).await;
    hub.put("/api/items/owe/X", json!({ "id": "X", "n": 2 })).await;
    let again = hub.send(put(1)).await;
    assert_eq!((again.status, again.text), (first.status, first.text));
    assert_eq!(hub.state().await["commitments"]["owe"][0]["n"], 2);
    hub.send(put(3)).await.refused(422, "idempotency_mismatch");
}

#[tokio::test]
async fn duplicates_that_come_at_once_are_applied_once() {
    let hub = TestHub::start().await;
    for round in 0..5 {
        let key = format!("at-once-{round}");
        let answers = join_all((0..20).map(|_| keyed(&hub, &key, "approve P7"))).await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.text), (200, &answers[0].text));
        }
        assert_eq!(hub.seq().await, round + 1);
    }
}

#[tokio::test]
async fn an_answer_that_commits_nothing_is_not_stored_under_its_key() {
    let hub = TestHub::start().await;
    let status = |key: &str, progress: i64| {
        let request = hub.request("POST", "/api/system/status").header("idempotency-key", key.to_owned());
        request.json(&json!({ "progress": progress }))
    };
    hub.send(status("k", 101)).await.error(400);
    assert_eq!(hub.send(status("k", 0)).await.ok().seq(), 0);
    assert_eq!(hub.send(status("k", 7)).await.ok().seq(), 1);
    keyed(&hub, "s", "status").await.ok();
    keyed(&hub, "s", "approve P1").await.ok();
    hub.send(status(&"k".repeat(10_000), 8)).await.error(400);
    assert_eq!(hub.seq().await, 2);
}
