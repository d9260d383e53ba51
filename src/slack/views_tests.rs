#![allow(clippy::unwrap_used, reason = "a test may panic")]
//! Answers say what they should, have buttons for who may press them, and fit.

use serde_json::{Value, json};

use crate::domain::{Command, CommandOutcome, Document, Role};

use super::blocks::{BLOCKS_MAX, TEXT_MAX};
use super::interaction::Message;
use super::people::{Known, UserId};
use super::views;

fn document(changes: &Value) -> Document {
    let mut document = json!({
        "system": { "status": "IDLE", "progress": 0, "last_sync": null }, "calendar": [], "priorities": [],
        "commitments": { "owe": [], "owed": [] }, "active_brief": null, "gateways": {}
    });
    json_patch::merge(&mut document, changes);
    Document::from_json(&document.to_string()).unwrap()
}

fn texts(message: &Value) -> Vec<String> {
    let blocks = message["blocks"].as_array().unwrap();
    let text = |block: &Value| match block["type"].as_str().unwrap() {
        "context" => block["elements"][0]["text"].as_str().map(str::to_owned),
        _ => block["text"]["text"].as_str().map(str::to_owned),
    };
    blocks.iter().filter_map(text).collect()
}

/// `verb target` of every button.
fn buttons(message: &Value) -> Vec<String> {
    let blocks = message["blocks"].as_array().unwrap();
    let elements = blocks.iter().flat_map(|block| {
        let elements = block["elements"].as_array().filter(|_| block["type"] == "actions");
        elements.cloned().unwrap_or_default().into_iter().chain(block.get("accessory").cloned())
    });
    let said = |button: &Value| {
        let verb = button["action_id"].as_str().unwrap().strip_prefix("opshub:").unwrap();
        format!("{verb} {}", button["value"].as_str().unwrap())
    };
    elements.map(|button| said(&button)).collect()
}

fn user() -> UserId {
    UserId::parse("U1").unwrap()
}

fn known(actor: &str) -> Known {
    Known { actor: actor.to_owned(), role: Role::Operator }
}

fn outcome(applied: bool) -> CommandOutcome {
    CommandOutcome {
        action: "approve".into(),
        target: Some("P7".into()),
        success: true,
        applied,
        message: "P7 is <approved> now".into(),
        patch: None,
    }
}

fn busy() -> Document {
    let gateway = |status: &str, metadata: Value| {
        json!({ "gateway_type": "http", "status": status, "since": "2026-01-02T03:04:05.678Z",
            "message": "connection <refused>", "metadata": metadata })
    };
    let waits = json!({ "recovery": { "step": "awaiting_approval", "attempt": 0, "message": null, "at": "2026-01-02T03:04:05.678Z" } });
    document(&json!({
        "system": { "status": "COLLECTING", "progress": 40, "last_sync": "2026-01-02T03:04:05.000Z" },
        "priorities": [
            { "id": "P1", "status": "approved", "title": "one" }, { "id": "P2", "status": "done" },
            { "id": "P7", "status": "proposed", "title": "<!here> & so" }
        ],
        "gateways": { "db": gateway("HEALTHY", json!({})), "web": gateway("UNHEALTHY", waits) }
    }))
}

#[test]
fn the_status_tells_what_matters_with_buttons() {
    let message = views::status(&busy(), true);
    assert_eq!(
        texts(&message),
        [
            "Operations: COLLECTING",
            "`████████░░░░░░░░░░░░` *40 %*\nlast sync <!date^1767323045^{date_short_pretty} {time}|2026-01-02T03:04:05.000Z>",
            "*Gateways*: 1 of 2 up\n• `web` UNHEALTHY: connection &lt;refused&gt;",
            "*Waiting for approval* (1)",
            "Recovery of `web`",
            "*Open priorities* (2)",
            "`P7` &lt;!here&gt; &amp; so",
            "`P1` one _approved_",
        ]
    );
    assert_eq!(buttons(&message), ["approve web", "reject web", "approve P7", "reject P7", "done P1"]);
    assert_eq!(message["response_type"], "ephemeral");
    assert_eq!(message["text"], "COLLECTING, progress 40 %, 2 open priorities");
}

#[test]
fn who_may_not_decide_has_no_buttons() {
    let (with, without) = (views::status(&busy(), true), views::status(&busy(), false));
    assert_eq!(texts(&with), texts(&without));
    assert!(buttons(&without).is_empty());
}

#[test]
fn the_bar_is_full_at_the_end_alone() {
    let bar = |progress: u8| {
        let document = document(&json!({ "system": { "progress": progress } }));
        let text = texts(&views::status(&document, false))[1].clone();
        (text.matches('█').count(), text.matches('░').count())
    };
    assert_eq!([bar(0), bar(1), bar(50), bar(99), bar(100)], [(0, 20), (1, 19), (10, 10), (19, 1), (20, 0)]);
}

#[test]
fn the_fullest_status_fits() {
    let long = "&".repeat(3_000);
    let priorities: Vec<Value> =
        (0..100).map(|n| json!({ "id": format!("P{n}"), "status": "proposed", "title": long })).collect();
    let recovery = json!({ "step": "awaiting_approval", "attempt": 0, "message": null, "at": "2026-01-02T03:04:05.678Z" });
    let gateway = json!({ "gateway_type": "http", "status": "UNHEALTHY", "since": "2026-01-02T03:04:05.678Z",
        "message": long, "metadata": { "recovery": recovery } });
    let gateways: serde_json::Map<String, Value> =
        (0..100).map(|n| (format!("{}{n:03}", "g".repeat(120)), gateway.clone())).collect();
    let document = document(&json!({ "priorities": priorities, "gateways": gateways }));
    let message = views::status(&document, true);
    let pressed = views::pressed((&user(), &known("ana")), &outcome(true), "b", None, &document);
    for message in [&message, &pressed] {
        let blocks = message["blocks"].as_array().unwrap();
        assert!(blocks.len() <= BLOCKS_MAX, "{}", blocks.len());
        assert!(texts(message).iter().all(|text| text.encode_utf16().count() <= TEXT_MAX));
        assert!(texts(message).last().unwrap().ends_with("and 88 more"), "nothing was cut off at the end");
    }
}

#[test]
fn help_comes_from_the_registry() {
    let all = texts(&views::help("/ops", None)).join("\n");
    for spec in Command::registry() {
        assert!(
            all.contains(&format!("`/ops {}`", spec.usage())) && all.contains(spec.help),
            "{}",
            spec.name
        );
    }
    let one = texts(&views::help("/ops", Some("refresh")));
    assert_eq!(one[1], "`/ops refresh` starts a collection, unless one is running");
}

#[test]
fn what_changed_something_is_for_the_channel() {
    let applied = views::outcome(&user(), &known("slack:U1"), &outcome(true), None);
    assert_eq!(applied["response_type"], "in_channel");
    assert_eq!(applied["text"], "<@U1>: P7 is &lt;approved&gt; now");
    let nothing = views::outcome(&user(), &known("ana"), &outcome(false), None);
    assert_eq!(
        (&nothing["response_type"], &nothing["text"]),
        (&json!("ephemeral"), &json!("ana: P7 is &lt;approved&gt; now"))
    );
}

#[test]
fn a_press_puts_its_outcome_in_the_place_of_the_buttons() {
    let blocks = vec![
        json!({ "type": "section", "block_id": "a", "text": { "type": "mrkdwn", "text": "one &amp; two" } }),
        json!({ "type": "actions", "block_id": "b", "elements": [] }),
        json!({ "type": "actions", "block_id": "c", "elements": [] }),
    ];
    let shown = Message { text: "t".into(), blocks };
    let document = document(&json!({}));
    let pressed = |block_id| {
        views::pressed((&user(), &known("ana")), &outcome(true), block_id, Some(&shown), &document)
    };
    let body = pressed("b");
    let kinds: Vec<&Value> = body["blocks"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["section", "context", "actions"]);
    assert_eq!(texts(&body)[..2], ["one &amp; two", "ana: P7 is &lt;approved&gt; now"]);
    assert_eq!((&body["replace_original"], &body["text"]), (&json!(true), &json!("t")));
    assert_eq!(pressed("x")["blocks"].as_array().unwrap().len(), 4, "the outcome is told all the same");
}

#[test]
fn who_may_not_is_told_which_roles_may() {
    let forbidden = |text: &str, role| views::forbidden(&Command::parse(text).unwrap(), role);
    let viewer = forbidden("approve P7", Role::Viewer);
    assert!(
        viewer.starts_with("approve needs the role operator or admin, and you are viewer here"),
        "{viewer}"
    );
    let collector = forbidden("status", Role::Collector);
    assert!(collector.contains("viewer or operator or admin, and you are collector"), "{collector}");
}

#[test]
fn a_press_that_is_refused_leaves_the_message() {
    let body = views::refused_press("no <b>");
    assert_eq!((&body["replace_original"], &body["response_type"]), (&json!(false), &json!("ephemeral")));
    assert_eq!(body["text"], "no &lt;b&gt;");
}
