//! The commands behave the same through every door, and each accepted one is recorded once.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use chrono::Utc;
use common::{TestHub, Value, assert_names, json};

/// A hub with one item of `id` in priorities.
async fn with_priority(id: &str) -> TestHub {
    let hub = TestHub::start().await;
    hub.patch(json!({ "priorities": [{ "id": id, "title": "the one" }, { "id": "other" }] })).await.ok();
    hub
}

async fn status_of(hub: &TestHub, n: usize) -> Value {
    hub.state().await["priorities"][n]["status"].clone()
}

#[tokio::test]
async fn a_decision_sets_the_status_of_its_priority() {
    let hub = with_priority("P7").await;
    let mut watcher = hub.watch(&["state"]).await;
    for (command, action, status) in [
        ("approve P7", "approve", "approved"),
        ("reject P7", "reject", "rejected"),
        ("done P7", "done", "done"),
    ] {
        let answer = hub.command(command).await.ok();
        assert_eq!((&answer["action"], &answer["target"]), (&json!(action), &json!("P7")));
        assert_eq!(
            (&answer["success"], &answer["applied"], answer.seq()),
            (&json!(true), &json!(true), hub.seq().await)
        );
        assert!(answer["message"].as_str().unwrap().contains("P7"), "{}", answer.text);
        assert_eq!((status_of(&hub, 0).await, status_of(&hub, 1).await), (json!(status), json!("proposed")));
        let frame = watcher.change().await;
        assert_eq!(
            (frame.kind(), frame.change(), &frame["data"]["command"]),
            ("command_executed", Some(answer.seq()), &json!(command))
        );
        assert_eq!(frame["patch"].as_array().unwrap().len(), 1, "{}", frame.text);
        for field in ["action", "target", "applied", "message"] {
            assert_eq!(frame["data"][field], answer[field], "{}", frame.text);
        }
    }
}

#[tokio::test]
async fn a_decision_that_changes_nothing_is_recorded_all_the_same() {
    let hub = with_priority("P7").await;
    hub.command("approve P7").await.ok();
    let mut watcher = hub.watch(&["state"]).await;
    for command in ["approve P7", "approve nobody", "done nobody", "brief nobody"] {
        let before = hub.state().await;
        let answer = hub.command(command).await.ok();
        assert_eq!(
            (&answer["success"], &answer["applied"]),
            (&json!(true), &json!(false)),
            "{}",
            answer.text
        );
        assert!(!answer["message"].as_str().unwrap().is_empty());
        assert_eq!(hub.state().await, before);
        let frame = watcher.change().await;
        assert_eq!((frame.kind(), frame.change()), ("command_executed", Some(answer.seq())));
        assert!(frame.get("patch").is_none(), "{}", frame.text);
    }
}

#[tokio::test]
async fn the_verbs_case_does_not_matter_and_the_targets_is_kept() {
    let hub = with_priority("p7").await;
    let answer = hub.command("  APPROVE   p7 ").await.ok();
    assert_eq!(
        (&answer["action"], &answer["target"], &answer["applied"]),
        (&json!("approve"), &json!("p7"), &json!(true))
    );
    let other = hub.command("Approve P7").await.ok();
    assert_eq!((&other["target"], &other["applied"]), (&json!("P7"), &json!(false)));
}

#[tokio::test]
async fn what_is_no_command_is_told_the_known_ones() {
    let hub = TestHub::start().await;
    let known = ["approve", "reject", "done", "brief", "refresh", "status", "help"];
    for bad in ["dance", "", "   ", "approve", "reject ", "done", "/approve P7"] {
        let answer = hub.command(bad).await;
        assert_names(answer.error(400)["message"].as_str().unwrap(), &known);
    }
    hub.post("/api/command", json!({ "command": 7 })).await.error(400);
    hub.post("/api/command", json!({})).await.error(400);
    assert_eq!(hub.seq().await, 0);
    let help = hub.command("help").await.ok();
    assert_names(help["message"].as_str().unwrap(), &known);
}

#[tokio::test]
async fn questions_commit_nothing() {
    let hub = with_priority("P7").await;
    let before = hub.seq().await;
    for command in ["status", "help", "help approve", "STATUS"] {
        let answer = hub.command(command).await.ok();
        assert_eq!(
            (&answer["success"], &answer["applied"], &answer["seq"]),
            (&json!(true), &json!(false), &Value::Null),
            "{}",
            answer.text
        );
        assert!(!answer["message"].as_str().unwrap().is_empty());
    }
    assert!(hub.command("status").await.ok()["message"].as_str().unwrap().contains("IDLE"));
    assert!(hub.command("help approve").await.ok()["message"].as_str().unwrap().contains("approve"));
    assert_eq!(hub.seq().await, before);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_happen() {
    let hub = with_priority("P7").await;
    let before = hub.get("/api/state").await.ok();
    for (command, changes) in
        [("approve P7", true), ("brief P7", true), ("refresh", true), ("approve nobody", false)]
    {
        let answer = hub.post("/api/command", json!({ "command": command, "dry_run": true })).await.ok();
        assert_eq!(answer["success"], true, "{}", answer.text);
        let patch = answer["patch"].as_array().map_or(0, Vec::len);
        assert_eq!(patch > 0, changes, "{}", answer.text);
        if command == "approve P7" {
            let mut document = before["state"].clone();
            common::apply(&mut document, &answer.body);
            assert_eq!(document["priorities"][0]["status"], "approved");
        }
    }
    assert_eq!(hub.get("/api/state").await.ok().text, before.text);
    hub.post("/api/command", json!({ "command": "dance", "dry_run": true })).await.error(400);
}

#[tokio::test]
async fn a_websocket_gets_the_answers_that_http_gets() {
    let (http, live) = (with_priority("P7").await, with_priority("P7").await);
    let mut watcher = live.watch(&["state"]).await;
    for command in ["approve P7", "APPROVE P7", "reject nobody", "brief other", "status", "help done"] {
        for dry_run in [true, false] {
            let wanted =
                http.post("/api/command", json!({ "command": command, "dry_run": dry_run })).await.ok();
            let found = watcher
                .ask(json!({ "type": "command", "data": { "command": command, "dry_run": dry_run } }))
                .await;
            assert_eq!(found.kind(), "command_result", "{}", found.text);
            let (mut found, mut wanted) = (found["data"].clone(), wanted.body);
            // A brief says when it was made.
            found.as_object_mut().unwrap().remove("patch");
            wanted.as_object_mut().unwrap().remove("patch");
            assert_eq!(found, wanted, "{command}");
        }
    }
    for command in ["dance", "approve", ""] {
        let wanted = http.command(command).await;
        let found = watcher.ask(json!({ "type": "command", "data": { "command": command } })).await;
        assert_eq!(found.kind(), "error");
        for field in ["status_code", "error_type", "message"] {
            assert_eq!(found["data"][field], wanted.error(400)[field], "{command}");
        }
    }
}

#[tokio::test]
async fn a_repeated_command_over_a_websocket_gets_the_first_answer() {
    let hub = with_priority("P7").await;
    let before = hub.seq().await;
    let mut watcher = hub.watch(&["state"]).await;
    let ask =
        |command: &str| json!({ "type": "command", "data": { "command": command, "idempotency_key": "k" } });
    let first = watcher.ask(ask("approve P7")).await;
    // Also over another connection: the key belongs to the caller, not to the connection.
    let mut other = hub.watch(&["state"]).await;
    let again = other.ask(ask("approve P7")).await;
    assert_eq!((again.kind(), &again["data"]), ("command_result", &first["data"]));
    assert_eq!(hub.seq().await, before + 1);
    let mismatch = watcher.ask(ask("approve other")).await;
    assert_eq!(mismatch["data"]["error_type"], "idempotency_mismatch", "{}", mismatch.text);
    assert_eq!(hub.seq().await, before + 1);
}

#[tokio::test]
async fn a_brief_gathers_an_item_and_what_refers_to_it() {
    let hub = TestHub::start().await;
    let patch = json!({
        "priorities": [{ "id": "P1", "title": "harbour", "estimate": "4 marks" }, { "id": "P10", "title": "unrelated" }],
        "commitments": {
            "owe": [{ "id": "C1", "title": "quartz", "priority": "P1" }],
            "owed": [{ "id": "C2", "title": "feldspar", "refs": ["x", "P1"] }]
        },
        "calendar": [
            { "id": "E1", "title": "granite", "start": "2030-01-01", "end": "2030-01-02", "about": "P1" },
            { "id": "E2", "title": "basalt", "start": "2030-01-01", "end": "2030-01-02", "about": "P10" }
        ]
    });
    hub.patch(patch).await.ok();
    let answer = hub.command("brief P1").await.ok();
    assert_eq!(
        (&answer["action"], &answer["target"], &answer["applied"]),
        (&json!("brief"), &json!("P1"), &json!(true))
    );
    let brief = hub.state().await["active_brief"].clone();
    assert_eq!(brief["target"], "P1");
    assert!(brief["id"].is_string() && brief["title"].as_str().unwrap().contains("harbour"), "{brief}");
    assert!(common::is_time(brief["created_at"].as_str().unwrap()), "{brief}");
    assert_names(&brief["body"].to_string(), &["4 marks", "quartz", "feldspar", "granite"]);
    assert!(
        !brief["body"].to_string().contains("unrelated") && !brief["body"].to_string().contains("basalt"),
        "{brief}"
    );
    assert_eq!(brief.as_object().unwrap().len(), 5, "{brief}");
    for id in ["C1", "C2", "E2"] {
        assert_eq!(hub.command(&format!("brief {id}")).await.ok()["applied"], true);
        assert_eq!(hub.state().await["active_brief"]["target"], id);
    }
    assert_eq!(hub.command("brief nobody").await.ok()["applied"], false);
    assert_eq!(hub.state().await["active_brief"]["target"], "E2");
}

/// The brief of the day on a hub of `timezone`, with all-day events around today.
async fn brief_of_the_day(timezone: &str) -> (Value, chrono::NaiveDate) {
    let hub = TestHub::start_with(&[("OPSHUB_TIMEZONE", timezone)]).await;
    let zone: chrono_tz::Tz = timezone.parse().unwrap();
    loop {
        let today = Utc::now().with_timezone(&zone).date_naive();
        let day = |n: i64| (today + chrono::Duration::days(n)).to_string();
        let event = |n: i64| {
            let title = format!("event of day {n}.");
            json!({ "id": format!("E{n}"), "title": title, "start": day(n), "end": day(n + 1) })
        };
        let patch = json!({
            "calendar": [event(-2), event(-1), event(0), event(1)],
            "priorities": [
                { "id": "P1", "title": "still open", "status": "approved" },
                { "id": "P2", "title": "is finished", "status": "done" },
                { "id": "P3", "title": "was refused", "status": "rejected" }
            ],
            "commitments": {
                "owe": [
                    { "id": "C1", "title": "due today", "due": day(0) },
                    { "id": "C2", "title": "due later", "due": day(9) },
                    { "id": "C3", "title": "never due" }
                ],
                "owed": [{ "id": "C4", "title": "long overdue", "due": day(-3) }]
            }
        });
        hub.patch(patch).await.ok();
        let answer = hub.command("brief").await.ok();
        assert_eq!((&answer["target"], &answer["applied"]), (&Value::Null, &json!(true)), "{}", answer.text);
        // Around midnight the day may have changed meanwhile.
        if Utc::now().with_timezone(&zone).date_naive() == today {
            return (hub.state().await["active_brief"].clone(), today);
        }
    }
}

#[tokio::test]
async fn the_brief_of_the_day_is_of_the_day_where_the_team_is() {
    let mut days = Vec::new();
    // 26 hours apart: these two never have the same date.
    for timezone in ["Pacific/Kiritimati", "Etc/GMT+12"] {
        let (brief, today) = brief_of_the_day(timezone).await;
        assert_eq!(brief["target"], Value::Null);
        let text = brief.to_string();
        assert_names(&text, &["event of day 0.", "still open", "due today", "long overdue"]);
        for absent in [
            "event of day -1.",
            "event of day -2.",
            "event of day 1.",
            "is finished",
            "was refused",
            "due later",
            "never due",
        ] {
            assert!(!text.contains(absent), "{absent} in {text}");
        }
        days.push(today);
    }
    assert_ne!(days[0], days[1]);
}
