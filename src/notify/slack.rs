//! Events in words, in the form that Slack's incoming webhooks take.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::{EventData, GatewayStatus, JsonText, Op, Patch, RecoveryStep, Timestamp};
use crate::gateway::result::bounded;
use crate::slack::blocks::{code, context, decision, escape, escape_line, message, section};

use super::message::Event;

/// An event that is older when it is sent says when it was, in milliseconds.
const LATE_MS: i64 = 60_000;

/// What of a frame is told in words.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    actor: Cow<'a, str>,
    data: EventData,
    #[serde(default)]
    patch: Patch,
}

/// The most decisions that one message asks for.
const DECISIONS_MAX: usize = 10;
/// The most characters of a title.
const TITLE_MAX: usize = 200;

/// Writes the body: one line for people, escaped as Slack asks, and `buttons` for what waits for a decision.
pub(super) fn body(event: &Event, buttons: bool, now: Timestamp) -> String {
    let told = serde_json::from_slice::<Told<'_>>(&event.text);
    let mut line = match &told {
        Ok(told) => line(told),
        // A frame of a later version, say: better its kind than nothing.
        Err(_) => format!("{} (event {})", event.kind, event.seq),
    };
    if now.millis() - event.at.millis() > LATE_MS {
        line.push_str(&format!(" (at {})", event.at));
    }
    let asked = told.as_ref().ok().filter(|_| buttons).map(decisions).unwrap_or_default();
    let blocks = if asked.is_empty() { asked } else { [vec![section(&line)], asked].concat() };
    message(&line, blocks).to_string()
}

/// The buttons of what waits for a decision since this event.
fn decisions(told: &Told<'_>) -> Vec<Value> {
    if let EventData::GatewayRecovery { gateway_id, step: RecoveryStep::AwaitingApproval, .. } = &told.data {
        return decision(gateway_id.as_str()).into_iter().collect();
    }
    let proposed: Vec<Proposed> = told.patch.ops().iter().filter_map(proposed).collect();
    let (mut blocks, mut left) = (Vec::new(), proposed.len().saturating_sub(DECISIONS_MAX));
    for Proposed { id, title } in proposed.iter().take(DECISIONS_MAX) {
        let Some(buttons) = decision(id) else {
            left += 1;
            continue;
        };
        let title = title.as_deref().map(|title| format!(" {}", escape_line(title, TITLE_MAX)));
        blocks.extend([section(&format!("{}{}", code(id), title.unwrap_or_default())), buttons]);
    }
    if left > 0 && !blocks.is_empty() {
        blocks.push(context(&format!("… and {left} more")));
    }
    blocks
}

/// A priority that nobody has decided on.
#[derive(Deserialize)]
struct Proposed {
    id: String,
    title: Option<String>,
}

/// The priority that an operation proposes: a new one, or one that is written anew as a whole.
fn proposed(op: &Op) -> Option<Proposed> {
    #[derive(Deserialize)]
    struct Status {
        status: String,
    }
    let (Op::Add { path, value } | Op::Replace { path, value }) = op else { return None };
    let place = path.strip_prefix("/priorities/")?;
    let read = |text: &JsonText| serde_json::from_str::<Status>(text.as_str()).ok();
    let is_item = place.bytes().all(|byte| byte.is_ascii_digit());
    let waits = is_item && read(value)?.status == "proposed";
    waits.then(|| serde_json::from_str(value.as_str()).ok()).flatten()
}

fn line(told: &Told<'_>) -> String {
    let actor = escaped(&told.actor);
    match &told.data {
        EventData::StateChange { summary } => format!("{actor}: {}", escaped(summary)),
        EventData::CommandExecuted { command, message, .. } => {
            format!("{actor} said `{}`: {}", escaped(command), escaped(message))
        }
        EventData::GatewayStatusChange {
            gateway_id,
            gateway_type,
            previous_status,
            current_status,
            metadata,
        } => {
            let (id, kind) = (escaped(gateway_id.as_str()), escaped(gateway_type));
            let before = previous_status.map(|status| format!("{status} → ")).unwrap_or_default();
            let why = because(*current_status, metadata);
            format!("{} *{id}* ({kind}): {before}{current_status}{why}", mark(*current_status))
        }
        EventData::GatewayRecovery { gateway_id, step, attempt, message } => {
            let id = escaped(gateway_id.as_str());
            let message = message.as_deref().map(|text| format!(": {}", escaped(text))).unwrap_or_default();
            format!(":wrench: *{id}*: {}{message}", wording(*step, *attempt, &id))
        }
        EventData::GatewayRegistered { gateway_id, gateway_type } => {
            let (id, kind) = (escaped(gateway_id.as_str()), escaped(gateway_type));
            format!("{actor} registered the gateway *{id}* ({kind})")
        }
        EventData::GatewayRemoved { gateway_id } => {
            format!("{actor} removed the gateway *{}*", escaped(gateway_id.as_str()))
        }
    }
}

/// What went wrong, where the status says that something did.
fn because(status: GatewayStatus, metadata: &Map<String, Value>) -> String {
    let text = |key: &str| metadata.get(key).and_then(Value::as_str);
    let flapping = metadata.get("flapping").and_then(Value::as_bool) == Some(true);
    match (status, text("error")) {
        (GatewayStatus::Healthy | GatewayStatus::Paused, _) => String::new(),
        (GatewayStatus::Degraded, _) if flapping => ": it changes too often to be believed".to_owned(),
        (_, Some(error)) => format!(": {}", escaped(error)),
        _ => String::new(),
    }
}

fn mark(status: GatewayStatus) -> &'static str {
    match status {
        GatewayStatus::Healthy => ":large_green_circle:",
        GatewayStatus::Degraded => ":large_yellow_circle:",
        GatewayStatus::Unhealthy | GatewayStatus::Disconnected => ":red_circle:",
        GatewayStatus::Recovering => ":wrench:",
        GatewayStatus::Unknown | GatewayStatus::Paused => ":white_circle:",
    }
}

fn wording(step: RecoveryStep, attempt: u32, id: &str) -> String {
    match step {
        RecoveryStep::Requested => "it is down and is to be recovered".to_owned(),
        RecoveryStep::AwaitingApproval => format!("its recovery waits for `approve {id}`"),
        RecoveryStep::Approved => "its recovery was approved".to_owned(),
        RecoveryStep::Rejected => "its recovery was rejected".to_owned(),
        RecoveryStep::Started => format!("attempt {attempt} to recover it began"),
        RecoveryStep::DryRun => "a recovery would have begun, but this is a dry run".to_owned(),
        RecoveryStep::Succeeded => "it was recovered".to_owned(),
        RecoveryStep::Failed => format!("attempt {attempt} to recover it failed"),
        RecoveryStep::GaveUp if attempt == 1 => "its recovery was given up after one attempt".to_owned(),
        RecoveryStep::GaveUp => format!("its recovery was given up after {attempt} attempts"),
        RecoveryStep::Cancelled => "its recovery was cancelled".to_owned(),
    }
}

/// One bounded line in which nothing is markup: no link, no mention of a channel.
fn escaped(text: &str) -> String {
    escape(&bounded(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{EventKind, Seq};

    fn sent(kind: EventKind, data: &Value, patch: &Value, buttons: bool, late_ms: i64) -> Value {
        let frame = json!({ "type": kind.as_str(), "seq": 7, "timestamp": "2026-01-02T03:04:05.678Z",
            "actor": "anna", "data": data, "patch": patch });
        let event = Event::read(Seq::new(7), frame.to_string()).unwrap();
        let body = body(&event, buttons, Timestamp::from_millis(event.at.millis() + late_ms));
        serde_json::from_str(&body).unwrap()
    }

    fn text(kind: EventKind, data: &Value, late_ms: i64) -> String {
        let body = sent(kind, data, &json!([]), true, late_ms);
        assert_eq!((&body["unfurl_links"], &body["unfurl_media"]), (&json!(false), &json!(false)));
        body["text"].as_str().unwrap().to_owned()
    }

    /// The ids that a message has buttons for.
    fn asked(body: &Value) -> Vec<&str> {
        let blocks = body["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let actions = blocks.iter().filter(|block| block["type"] == "actions");
        actions.map(|block| block["elements"][1]["value"].as_str().unwrap()).collect()
    }

    fn status(previous: Option<&str>, current: &str, metadata: &Value) -> String {
        let data = json!({ "gateway_id": "web-1", "gateway_type": "http", "previous_status": previous,
            "current_status": current, "metadata": metadata });
        text(EventKind::GatewayStatusChange, &data, 0)
    }

    fn recovery(step: &str, attempt: u32, message: Option<&str>) -> String {
        let data = json!({ "gateway_id": "web-1", "step": step, "attempt": attempt, "message": message });
        text(EventKind::GatewayRecovery, &data, 0)
    }

    #[test]
    fn a_status_is_told_with_what_went_wrong() {
        assert_eq!(
            status(Some("HEALTHY"), "UNHEALTHY", &json!({ "error": "connection refused", "attempts": 3 })),
            ":red_circle: *web-1* (http): HEALTHY → UNHEALTHY: connection refused"
        );
        assert_eq!(
            status(Some("UNHEALTHY"), "HEALTHY", &json!({ "latency_ms": 4.2 })),
            ":large_green_circle: *web-1* (http): UNHEALTHY → HEALTHY"
        );
        assert_eq!(status(None, "UNKNOWN", &json!({})), ":white_circle: *web-1* (http): UNKNOWN");
        assert_eq!(
            status(Some("HEALTHY"), "DEGRADED", &json!({ "flapping": true, "error": "x" })),
            ":large_yellow_circle: *web-1* (http): HEALTHY → DEGRADED: it changes too often to be believed"
        );
    }

    #[test]
    fn every_step_of_a_recovery_has_its_words() {
        assert_eq!(
            recovery("awaiting_approval", 0, None),
            ":wrench: *web-1*: its recovery waits for `approve web-1`"
        );
        assert_eq!(
            recovery("failed", 2, Some("exit code 1")),
            ":wrench: *web-1*: attempt 2 to recover it failed: exit code 1"
        );
        let steps = ["requested", "approved", "rejected", "started", "dry_run", "succeeded", "gave_up"];
        let lines: std::collections::BTreeSet<_> = steps.iter().map(|step| recovery(step, 1, None)).collect();
        assert_eq!(lines.len(), steps.len());
    }

    #[test]
    fn the_other_kinds_are_told_in_one_line_each() {
        let executed = json!({ "command": "approve P7", "action": "approve", "target": "P7",
            "applied": true, "message": "approved P7" });
        assert_eq!(text(EventKind::CommandExecuted, &executed, 0), "anna said `approve P7`: approved P7");
        let changed = json!({ "summary": "priorities: P7 changed" });
        assert_eq!(text(EventKind::StateChange, &changed, 0), "anna: priorities: P7 changed");
        let registered = json!({ "gateway_id": "web-1", "gateway_type": "http" });
        assert_eq!(
            text(EventKind::GatewayRegistered, &registered, 0),
            "anna registered the gateway *web-1* (http)"
        );
        let removed = json!({ "gateway_id": "web-1" });
        assert_eq!(text(EventKind::GatewayRemoved, &removed, 0), "anna removed the gateway *web-1*");
    }

    #[test]
    fn a_priority_that_is_proposed_has_buttons() {
        let data = json!({ "summary": "priorities: 3 added" });
        let patch = json!([
            { "op": "add", "path": "/priorities/0", "value": { "id": "P7", "status": "proposed", "title": "<a>" } },
            { "op": "replace", "path": "/priorities/1", "value": { "id": "P8", "status": "proposed" } },
            { "op": "add", "path": "/priorities/2", "value": { "id": "P9", "status": "approved" } },
            { "op": "add", "path": "/calendar/0", "value": { "id": "C1", "status": "proposed" } },
            { "op": "replace", "path": "/priorities/3/title", "value": "t" },
            { "op": "remove", "path": "/priorities/4" },
        ]);
        let body = sent(EventKind::StateChange, &data, &patch, true, 0);
        assert_eq!(asked(&body), ["P7", "P8"]);
        assert_eq!(body["blocks"][1]["text"]["text"], "`P7` &lt;a&gt;");
        assert_eq!(body["text"], "anna: priorities: 3 added");
        let without = sent(EventKind::StateChange, &data, &patch, false, 0);
        assert_eq!(without.get("blocks"), None, "nobody listens to buttons");
    }

    #[test]
    fn a_flood_of_proposals_stays_within_a_message() {
        let add = |n: usize| {
            json!({ "op": "add", "path": format!("/priorities/{n}"),
            "value": { "id": format!("P{n}"), "status": "proposed", "title": "t".repeat(5_000) } })
        };
        let patch: Vec<Value> = (0..40).map(add).collect();
        let body = sent(EventKind::StateChange, &json!({ "summary": "s" }), &json!(patch), true, 0);
        assert_eq!(asked(&body).len(), DECISIONS_MAX);
        let blocks = body["blocks"].as_array().unwrap();
        assert_eq!(blocks.last().unwrap()["elements"][0]["text"], "… and 30 more");
    }

    #[test]
    fn a_recovery_that_waits_has_buttons_and_no_other_step_has() {
        let step = |step: &str| {
            let data = json!({ "gateway_id": "web-1", "step": step, "attempt": 0, "message": null });
            sent(EventKind::GatewayRecovery, &data, &json!([]), true, 0)
        };
        assert_eq!(asked(&step("awaiting_approval")), ["web-1"]);
        assert_eq!(step("approved").get("blocks"), None);
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        let summary = "<!channel> a & b\n<https://evil.example|click>";
        assert_eq!(
            text(EventKind::StateChange, &json!({ "summary": summary }), 0),
            "anna: &lt;!channel&gt; a &amp; b &lt;https://evil.example|click&gt;"
        );
    }

    #[test]
    fn what_comes_late_says_when_it_was() {
        let changed = json!({ "summary": "s" });
        assert_eq!(text(EventKind::StateChange, &changed, 60_000), "anna: s");
        assert_eq!(text(EventKind::StateChange, &changed, 60_001), "anna: s (at 2026-01-02T03:04:05.678Z)");
    }

    #[test]
    fn a_frame_that_is_not_known_is_named() {
        assert_eq!(text(EventKind::StateChange, &json!({ "later": 1 }), 0), "state_change (event 7)");
    }
}
