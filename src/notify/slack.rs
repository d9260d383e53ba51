//! Events in words, in the form that Slack's incoming webhooks take.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::domain::{EventData, GatewayStatus, RecoveryStep, Timestamp};
use crate::gateway::result::bounded;

use super::message::Event;

/// An event that is older when it is sent says when it was, in milliseconds.
const LATE_MS: i64 = 60_000;

/// What of a frame is told in words.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    actor: Cow<'a, str>,
    data: EventData,
}

/// Writes the body: one line for people, escaped as Slack asks.
pub(super) fn body(event: &Event, now: Timestamp) -> String {
    let mut line = match serde_json::from_slice::<Told<'_>>(&event.text) {
        Ok(told) => line(&told),
        // A frame of a later version, say: better its kind than nothing.
        Err(_) => format!("{} (event {})", event.kind, event.seq),
    };
    if now.millis() - event.at.millis() > LATE_MS {
        line.push_str(&format!(" (at {})", event.at));
    }
    json!({ "text": line }).to_string()
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
    bounded(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EventKind, Seq};

    fn text(kind: EventKind, data: &Value, late_ms: i64) -> String {
        let frame = json!({ "type": kind.as_str(), "seq": 7, "timestamp": "2026-01-02T03:04:05.678Z",
            "actor": "anna", "data": data });
        let event = Event::read(Seq::new(7), frame.to_string()).unwrap();
        let body = body(&event, Timestamp::from_millis(event.at.millis() + late_ms));
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 1);
        body["text"].as_str().unwrap().to_owned()
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
