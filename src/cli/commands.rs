//! `opshub status` and `opshub command`: one request each, told in a few lines.

use serde_json::{Value, json};

use super::args::{CommandArgs, StatusArgs};
use super::client::{Call, Client};
use super::describe::word;
use super::failure::{Failure, Refusal};
use super::output::{Output, Tone, clean};

/// Shows the hub's health and the system's status.
///
/// # Errors
/// Besides a hub that is not there: one that is degraded, after it was shown.
pub(super) async fn status(client: &Client, args: &StatusArgs, out: &mut Output) -> Result<(), Failure> {
    let answer = client.send_any(&Call::get("/health")).await?;
    let health = answer.body;
    // 503 is what a degraded hub says of itself; anything else without a status is no health report.
    if !health["status"].is_string() {
        return Err(Failure::Refused(Refusal::from_answer(answer.status, &health)));
    }
    let system = client.send(&Call::get("/api/system/status")).await?.body;
    let healthy = health["status"] == "healthy";
    if args.json {
        out.line(json!({"url": client.base(), "health": health, "system": system}).to_string())?;
    } else {
        let tone = if healthy { Tone::Good } else { Tone::Bad };
        let state = out.paint(tone, &word(&health["status"], "?"));
        out.line(format!("{:<10} {state} at {}", "hub", client.base()))?;
        for (name, text) in report(&health, &system) {
            out.line(format!("{name:<10} {text}"))?;
        }
    }
    if healthy { Ok(()) } else { Err(Failure::NotReached("the hub is degraded: it refuses changes".into())) }
}

/// What there is to say about a hub, as name and text.
fn report(health: &Value, system: &Value) -> Vec<(&'static str, String)> {
    let sync = match system["last_sync"].as_str() {
        Some(time) => format!(", last sync {}", clean(time)),
        None => ", never synced".into(),
    };
    let version = word(&health["version"], "?");
    vec![
        ("version", format!("{version}, up {}", duration(health["uptime_s"].as_f64().unwrap_or(0.0)))),
        ("database", word(&health["database"], "?")),
        ("clients", word(&health["websocket"]["connections"], "?")),
        ("seq", word(&health["seq"], "?")),
        ("system", format!("{} {} %{sync}", word(&system["status"], "?"), word(&system["progress"], "?"))),
    ]
}

/// Seconds in the two greatest units that they fill.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min {} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// Runs one command and tells its outcome.
pub(super) async fn command(client: &Client, args: &CommandArgs, out: &mut Output) -> Result<(), Failure> {
    let command = args.words.join(" ");
    let mut body = json!({ "command": command });
    if args.dry_run {
        body["dry_run"] = true.into();
    }
    let call = Call::post("/api/command", &body);
    let answer = client.send_once(call, args.idempotency_key.as_deref(), args.retry.retry_for).await?.body;
    if args.json {
        out.line(answer.to_string())?;
    } else {
        for (tone, text) in outcome(&answer, args.dry_run) {
            let text = out.paint(tone, &text);
            out.line(text)?;
        }
    }
    match answer["success"].as_bool() {
        Some(false) => Err(Failure::NotReached(format!("the hub did not accept {command:?}"))),
        _ => Ok(()),
    }
}

/// The hub's answer to a command in lines; `help` answers in several.
fn outcome(answer: &Value, dry_run: bool) -> Vec<(Tone, String)> {
    let tone = if answer["applied"] == true { Tone::Good } else { Tone::Plain };
    let message = answer["message"].as_str().unwrap_or("done");
    let mut lines: Vec<(Tone, String)> = message.lines().map(|line| (tone, clean(line))).collect();
    if let (Some(seq), Some((_, last)), false) = (answer["seq"].as_u64(), lines.last_mut(), dry_run) {
        last.push_str(&format!(" (#{seq})"));
    }
    if dry_run {
        lines.push((Tone::Dim, "a dry run: nothing was changed".into()));
        let patch = answer["patch"].as_array().map(Vec::as_slice).unwrap_or_default();
        lines.extend(patch.iter().map(|operation| (Tone::Plain, format!("  {operation}"))));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answer: Value, dry_run: bool) -> Vec<String> {
        outcome(&answer, dry_run).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn an_outcome_has_its_number() {
        let answer = json!({"success": true, "applied": true, "message": "P7 is approved", "seq": 42});
        assert_eq!(told(answer, false), ["P7 is approved (#42)"]);
    }

    #[test]
    fn a_dry_run_shows_the_patch_and_says_that_it_is_one() {
        let answer =
            json!({"success": true, "message": "P7 would be approved", "seq": 41, "patch": [{"op": "test"}]});
        let lines = told(answer, true);
        assert_eq!(lines, ["P7 would be approved", "a dry run: nothing was changed", "  {\"op\":\"test\"}"]);
    }

    #[test]
    fn help_keeps_its_lines() {
        let answer =
            json!({"success": true, "applied": false, "message": "approve ID\nreject ID", "seq": null});
        assert_eq!(told(answer, false), ["approve ID", "reject ID"]);
    }

    #[test]
    fn a_hub_is_reported_in_words() {
        let health = json!({"version": "0.1.0", "uptime_s": 3_725, "database": "connected",
            "websocket": {"connections": 3}, "seq": 42});
        let system = json!({"status": "IDLE", "progress": 0, "last_sync": null});
        let lines: Vec<String> =
            report(&health, &system).into_iter().map(|(name, text)| format!("{name}: {text}")).collect();
        assert_eq!(lines[0], "version: 0.1.0, up 1 h 2 min");
        assert_eq!(lines[4], "system: IDLE 0 %, never synced");
    }

    #[test]
    fn durations_have_two_units() {
        for (seconds, text) in
            [(0.9, "0 s"), (59.0, "59 s"), (61.0, "1 min 1 s"), (7_260.0, "2 h 1 min"), (90_000.0, "1 d 1 h")]
        {
            assert_eq!(duration(seconds), text);
        }
    }
}
