//! Every error has one form, names what was wrong, and changes nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::db::Lock;
use common::{TestHub, Value, filling, json};
use futures_util::future::{Either, select};
use futures_util::{StreamExt, stream};
use reqwest::{Body, RequestBuilder};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One operation of `/openapi.json`: method, path with its places filled, and its description.
struct Operation {
    method: String,
    path: String,
    spec: Value,
}

impl Operation {
    fn content_types(&self) -> Vec<String> {
        let content = self.spec["requestBody"]["content"].as_object();
        content.map(|types| types.keys().cloned().collect()).unwrap_or_default()
    }
}

async fn operations(hub: &TestHub) -> Vec<Operation> {
    let document = hub.get("/openapi.json").await.ok();
    let mut found = Vec::new();
    for (template, methods) in document["paths"].as_object().unwrap() {
        let places = [
            ("{list}", "owe"),
            ("{id}", "X"),
            ("{path}", "page/main.js"),
            ("{name}", "bot"),
            ("{email}", "ana@example.com"),
        ];
        let path = places.iter().fold(template.clone(), |path, (place, value)| path.replace(place, value));
        assert!(!path.contains('{'), "a place that this test cannot fill: {template}");
        for (method, spec) in methods.as_object().unwrap() {
            if METHODS.contains(&method.as_str()) {
                found.push(Operation {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    spec: spec.clone(),
                });
            }
        }
    }
    assert!(found.len() > 15, "{} operations", found.len());
    found
}

#[tokio::test]
async fn a_wrong_method_is_told_on_every_path() {
    let hub = TestHub::start().await;
    let operations = operations(&hub).await;
    for path in operations.iter().map(|operation| &operation.path) {
        for method in METHODS.map(str::to_uppercase) {
            if operations.iter().any(|other| other.path == *path && other.method == method) {
                continue;
            }
            let answer = hub.send(hub.request(&method, path).json(&json!({}))).await;
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
            answer.refused(405, "method_not_allowed");
            assert!(
                answer.header("allow").is_some_and(|allowed| !allowed.contains(&method)),
                "{method} {path}: {:?}",
                answer.headers
            );
        }
    }
    assert_eq!(hub.seq().await, 0);
}

#[tokio::test]
async fn bad_bodies_are_told_on_every_path_that_takes_one() {
    let hub = TestHub::start().await;
    let mut tried = 0;
    for operation in operations(&hub).await {
        for kind in operation.content_types() {
            let send = |body: &'static str| {
                let request = hub.request(&operation.method, &operation.path).header("content-type", &kind);
                hub.send(request.body(body))
            };
            let what = format!("{} {} as {kind}", operation.method, operation.path);
            for text in [
                "",
                "{",
                "{\"a\":1,}",
                "{\"a\":1} x",
                "nonsense",
                "\"\\ud800\"",
                "{\"id\":\"X\",\"id\":\"X\"}",
                "[{\"op\":\"add\",\"op\":\"add\"}]",
            ] {
                let answer = send(text).await;
                assert_eq!(answer.status, 400, "{what}: {text:?}: {}", answer.text);
                answer.refused(400, "invalid_json");
            }
            for text in ["true", "17", "\"text\"", "null"] {
                let answer = send(text).await;
                assert_eq!(answer.status, 400, "{what}: {text:?}: {}", answer.text);
                answer.error(400);
            }
            let request = hub.request(&operation.method, &operation.path).header("content-type", &kind);
            hub.send(request.body(vec![b'"', 0xff, b'"'])).await.refused(400, "invalid_json");
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried} bodies");
    assert_eq!(hub.seq().await, 0);
}

#[tokio::test]
async fn a_wrong_content_type_is_told_on_every_path_that_takes_a_body() {
    let hub = TestHub::start().await;
    for operation in operations(&hub).await {
        if operation.content_types().is_empty() {
            continue;
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml"] {
            let request =
                hub.request(&operation.method, &operation.path).header("content-type", kind).body("{}");
            let answer = hub.send(request).await;
            assert_eq!(
                answer.status, 415,
                "{} {} as {kind}: {}",
                operation.method, operation.path, answer.text
            );
            answer.refused(415, "unsupported_media_type");
        }
        hub.send(hub.request(&operation.method, &operation.path).body("{}")).await.error(415);
    }
    hub.send(hub.request("PATCH", "/api/state").json(&json!({}))).await.error(415);
    let charset =
        hub.request("POST", "/api/command").header("content-type", "application/json; charset=utf-8");
    hub.send(charset.body(r#"{"command":"status"}"#)).await.ok();
}

#[tokio::test]
async fn unknown_paths_are_told() {
    let hub = TestHub::start().await;
    for path in [
        "/nothing",
        "/api",
        "/api/",
        "/api/nothing",
        "/api/state/more",
        "/api/items/owe",
        "/api/items/nolist/X",
        "/ws/x",
        "/%00",
    ] {
        for method in ["GET", "POST"] {
            let answer = hub.send(hub.request(method, path).json(&json!({}))).await;
            if answer.status == 405 {
                // Known, by another method: `/api/items/nolist/X` is a path of the right shape.
                answer.refused(405, "method_not_allowed");
            } else {
                answer.refused(404, "not_found");
            }
        }
    }
    let unknown_list = hub.put("/api/items/nolist/X", json!({ "id": "X" })).await;
    assert!([400, 404].contains(&unknown_list.status), "{}", unknown_list.text);
    unknown_list.error(unknown_list.status);
}

#[tokio::test]
async fn unknown_fields_are_named() {
    let hub = TestHub::start().await;
    for (path, body) in [
        ("/api/system/status", json!({ "progress": 1, "progres": 2 })),
        ("/api/command", json!({ "command": "status", "progres": true })),
    ] {
        let answer = hub.post(path, body).await;
        let error = answer.refused(400, "unknown_field");
        assert!(error["message"].as_str().unwrap().contains("progres"), "{error}");
        assert_eq!(error["details"][0]["field"], "progres", "{error}");
    }
    for patch in [
        json!({ "system": { "progres": 1 } }),
        json!({ "progres": [] }),
        json!({ "commitments": { "progres": [] } }),
    ] {
        let answer = hub.patch(patch).await;
        assert!(answer.error(400)["message"].as_str().unwrap().contains("progres"), "{}", answer.text);
    }
    for query in ["/api/events?progres=1", "/api/state?progres=1", "/api/system/status?progres=1"] {
        let answer = hub.get(query).await;
        assert!(
            answer.error(400)["message"].as_str().unwrap().contains("progres"),
            "{query}: {}",
            answer.text
        );
    }
    assert_eq!(hub.seq().await, 0);
}

#[tokio::test]
async fn integers_that_json_readers_cannot_keep_are_refused() {
    let hub = TestHub::start().await;
    let item = "/api/items/owe/X";
    let send = |body: String| {
        hub.send(hub.request("PUT", item).header("content-type", "application/json").body(body))
    };
    for bad in ["9007199254740992", "-9007199254740992", "18446744073709551616", "1e400"] {
        send(format!(r#"{{"id":"X","deep":{{"n":[{bad}]}}}}"#)).await.refused(400, "invalid_json");
    }
    for good in ["9007199254740991", "-9007199254740991", "0.1", "1e-7"] {
        let answer = send(format!(r#"{{"id":"X","n":{good}}}"#)).await;
        assert!(answer.status < 300, "{good}: {}", answer.text);
        let kept = hub.state().await["commitments"]["owe"][0]["n"].clone();
        assert_eq!(kept, serde_json::from_str::<Value>(good).unwrap());
    }
    let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    send(format!(r#"{{"id":"X","n":{nested}}}"#)).await.error(400);
}

#[tokio::test]
async fn bad_values_are_named_with_what_was_found() {
    let hub = TestHub::start().await;
    let over = hub.post("/api/system/status", json!({ "progress": 150, "status": "COLLECTING" })).await;
    let error = over.refused(400, "invalid_value");
    assert_eq!(error["message"], "progress must be between 0 and 100, got 150");
    assert_eq!(error["details"][0]["field"], "progress");
    for body in [
        json!({ "progress": -1 }),
        json!({ "progress": 1.5 }),
        json!({ "progress": "1" }),
        json!({ "progress": null }),
        json!({ "status": "idle" }),
        json!({ "status": null }),
        json!({ "last_sync": "yesterday" }),
        json!({ "last_sync": 5 }),
    ] {
        let answer = hub.post("/api/system/status", body.clone()).await;
        let field = body.as_object().unwrap().keys().next().unwrap().clone();
        assert!(answer.error(400)["message"].as_str().unwrap().contains(&field), "{body}: {}", answer.text);
    }
    // What is wrong in one field leaves the others alone too.
    assert_eq!(hub.state().await, common::empty_state());
    for query in ["limit=0", "limit=1001", "limit=x", "since=-1", "since=x", "order=up"] {
        hub.get(&format!("/api/events?{query}")).await.error(400);
    }
    for query in ["/api/state?at=x", "/api/state?at=", "/api/system/status?wait=x&since=0"] {
        hub.get(query).await.error(400);
    }
}

#[tokio::test]
async fn what_is_refused_is_told_why_and_changes_nothing() {
    let hub = TestHub::start_with(&[("OPSHUB_LIMITS__CHANGE_BYTES", "40000")]).await;
    let get = |path: &str| hub.request("GET", path);
    let merge = |value: Value| hub.patch_request("merge", &value);
    let patch = |value: Value| hub.patch_request("json", &value);
    let brief = |field: &str, value: Value| {
        let mut brief =
            json!({ "id": "B1", "title": "T", "body": "", "created_at": "2030-01-01T00:00:00.000Z" });
        brief[field] = value;
        merge(json!({ "active_brief": brief }))
    };
    let keys = hub
        .request("POST", "/api/command")
        .header("idempotency-key", "one")
        .json(&json!({ "command": "approve P1", "idempotency_key": "other" }));
    let large = json!({ "commitments": { "owe": [{ "id": "X", "filling": filling(1, 60_000) }] } });
    let op = json!({ "op": "replace", "path": "/system/progress", "value": 1 });
    let cases: [(RequestBuilder, u16, &str, &str); 16] = [
        (get("/api/system/status?wait=-1"), 400, "invalid_value", "wait must be"),
        (get("/api/system/status?wait=NaN"), 400, "invalid_value", "wait must be"),
        (get("/api/system/status?since=0"), 400, "invalid_value", "since goes with wait"),
        (keys, 400, "invalid_value", "idempotency_key and the Idempotency-Key header must be the same"),
        (merge(json!([{ "system": { "progress": 1 } }])), 400, "invalid_value", "must be an object, got"),
        (merge(json!({ "system": [] })), 400, "invalid_value", "/system: expected an object"),
        (patch(op.clone()), 400, "invalid_patch", "must be an array of operations, got"),
        (patch(json!(vec![op; 5_001])), 413, "limit_exceeded", "more than 5000 operations, got 5001"),
        (merge(large), 413, "limit_exceeded", "40000 bytes"),
        (merge(json!({ "active_brief": "P1" })), 400, "invalid_value", "/active_brief must be an object"),
        (merge(json!({ "active_brief": [] })), 400, "invalid_value", "/active_brief must be an object"),
        (brief("id", json!(7)), 400, "invalid_value", "id must be a string, got 7"),
        (brief("target", json!(["P1"])), 400, "invalid_value", "target must be a string, got"),
        (brief("created_at", json!("soon")), 400, "invalid_value", "created_at must be an RFC 3339 time"),
        (brief("title", Value::Null), 400, "invalid_value", "title is missing"),
        (brief("mood", json!("good")), 400, "unknown_field", "mood"),
    ];
    let before = hub.get("/api/state").await.ok();
    for (request, status, error_type, words) in cases {
        let answer = hub.send(request).await;
        let message = answer.refused(status, error_type)["message"].as_str().unwrap();
        assert!(message.contains(words), "{words:?} is missing in {message}");
    }
    assert_eq!(hub.get("/api/state").await.ok().text, before.text);
    hub.send(brief("target", json!("P1"))).await.ok();
}

#[tokio::test]
async fn a_key_under_way_is_refused_to_another_request() {
    let hub = TestHub::start().await;
    // Whichever comes first waits for the disk, so that it is under way until the lock is given back.
    let lock = Lock::hold(&hub.database());
    let send = |command: &str| {
        let request = hub.request("POST", "/api/command").header("idempotency-key", "k");
        Box::pin(hub.send(request.json(&json!({ "command": command }))))
    };
    let (refused, waiting) = match select(send("approve P1"), send("approve P2")).await {
        Either::Left(done) => done,
        Either::Right((refused, waiting)) => (refused, waiting),
    };
    refused.refused(422, "idempotency_mismatch");
    lock.release();
    assert_eq!(waiting.await.ok().seq(), 1);
    assert_eq!(hub.seq().await, 1);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up_and_holds_up_nobody() {
    let hub = TestHub::start().await;
    let never = stream::iter([Ok::<_, std::io::Error>("{")]).chain(stream::pending());
    let request = hub.request("POST", "/api/command").header("content-type", "application/json");
    let slow = Box::pin(hub.send(request.body(Body::wrap_stream(never))));
    let Either::Right((others, slow)) = select(slow, Box::pin(hub.command("approve P1"))).await else {
        panic!("half a body was answered at once");
    };
    assert_eq!(others.ok().seq(), 1);
    let answer = slow.await;
    let message = answer.refused(408, "request_timeout")["message"].as_str().unwrap();
    assert!(message.contains("comes too slowly"), "{message}");
    assert_eq!(hub.seq().await, 1);
}

#[tokio::test]
async fn several_bad_fields_are_told_at_once() {
    let hub = TestHub::start().await;
    let answer = hub.post("/api/system/status", json!({ "progress": 101, "status": "BUSY" })).await;
    let fields: Vec<&str> = answer.error(400)["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["field"].as_str().unwrap())
        .collect();
    assert!(fields.contains(&"progress") && fields.contains(&"status"), "{}", answer.text);
}

#[tokio::test]
async fn a_request_id_is_echoed_and_logged_when_it_is_sane() {
    let hub = TestHub::start_with(&[("OPSHUB_LOG__LEVEL", "debug")]).await;
    for path in ["/api/state", "/health", "/nothing", "/", "/metrics"] {
        let ours = hub.get(path).await;
        let first =
            ours.header("x-request-id").unwrap_or_else(|| panic!("{path} has no request id")).to_owned();
        assert!(first.len() >= 8);
        assert_ne!(hub.get(path).await.header("x-request-id"), Some(first.as_str()));
        let theirs = hub.send(hub.request("GET", path).header("x-request-id", "trace-42.A_b")).await;
        assert_eq!(theirs.header("x-request-id"), Some("trace-42.A_b"));
    }
    for odd in ["", &"x".repeat(5000), "with space and \"quotes\"", "über"] {
        let answer = hub.send(hub.request("GET", "/api/state").header("x-request-id", odd)).await;
        assert_ne!(answer.header("x-request-id").unwrap_or_default(), odd);
        assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()));
    }
    let sent = hub
        .request("POST", "/api/command")
        .header("x-request-id", "find-me-again")
        .json(&json!({ "command": "approve P7" }));
    hub.send(sent).await.ok();
    common::eventually("the log names the request", || async {
        hub.log().contains("find-me-again").then_some(())
    })
    .await;
}

#[tokio::test]
async fn errors_show_nothing_of_the_inside() {
    let hub = TestHub::start().await;
    for path in ["/api/state?at=99999", "/api/events?since=x", "/nothing"] {
        let answer = hub.get(path).await;
        for inside in ["src/", ".rs", "diesel", "sqlite", "actix", "serde", "panicked", "Err("] {
            assert!(!answer.text.contains(inside), "{inside} in {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_bad_upgrade_of_the_websocket_is_told_in_the_same_form() {
    let hub = TestHub::start().await;
    let answer = hub.get("/ws").await;
    assert!([400, 426].contains(&answer.status), "{}", answer.text);
    answer.error(answer.status);
    hub.get("/ws?protocol=chat").await.error(400);
}
