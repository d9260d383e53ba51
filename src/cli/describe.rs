//! Frames and events in one line each, for people.

use serde_json::Value;

use super::output::{Output, Tone, clean, cut};

/// The longest data shown of a frame without a known form, in characters.
const DATA_WIDTH: usize = 160;

/// One line for people about a frame.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    /// `12:00:01Z`, or nothing for a frame without a time.
    pub(super) time: String,
    pub(super) seq: Option<u64>,
    pub(super) kind: String,
    pub(super) text: String,
    pub(super) actor: Option<String>,
    pub(super) tone: Tone,
}

/// Puts a frame into lines; none for those that only keep the connection alive.
pub(super) fn describe(frame: &Value) -> Vec<Line> {
    let kind = frame["type"].as_str().unwrap_or("?");
    let data = &frame["data"];
    let (text, tone) = match kind {
        "heartbeat" | "pong" | "subscribed" | "connected" | "closing" => return Vec::new(),
        "state" => (state_summary(&data["state"]), Tone::Dim),
        "command_executed" => (command_summary(data), Tone::Strong),
        "gateway_status_change" => {
            let status = |field: &str| word(&data[field], "none");
            let change = format!(
                "{}: {} → {}",
                word(&data["gateway_id"], "?"),
                status("previous_status"),
                status("current_status")
            );
            (change, Tone::Warn)
        }
        "gateway_recovery" => {
            let step = format!("{}: recovery {}", word(&data["gateway_id"], "?"), word(&data["step"], "?"));
            (data["message"].as_str().map_or(step.clone(), |why| format!("{step}: {why}")), Tone::Warn)
        }
        "gateway_registered" | "gateway_removed" => (word(&data["gateway_id"], "?"), Tone::Plain),
        "gateway_latency" => return Vec::new(),
        "system_log" => log_summary(data),
        "system_log_batch" => return log_batch(frame),
        "system_health" => {
            let status = word(&data["status"], "?");
            let tone = if status == "healthy" { Tone::Good } else { Tone::Bad };
            (format!("{status}, database {}", word(&data["database"], "?")), tone)
        }
        "presence" => (format!("{} connected", data["client_count"]), Tone::Dim),
        "error" => (word(&data["message"], "?"), Tone::Bad),
        _ if kind.starts_with("error_") => (summary(data), Tone::Bad),
        _ => (summary(data), Tone::Plain),
    };
    vec![line(frame, kind, text, tone)]
}

impl Line {
    /// The line as it is printed.
    pub(super) fn render(&self, out: &Output) -> String {
        let mut text = String::new();
        if !self.time.is_empty() {
            text.push_str(&out.paint(Tone::Dim, &self.time));
            text.push(' ');
        }
        let seq = self.seq.map(|seq| format!("#{seq}")).unwrap_or_default();
        text.push_str(&format!("{seq:>7} {:<22} {}", self.kind, out.paint(self.tone, &self.text)));
        if let Some(actor) = &self.actor {
            text.push_str(&out.paint(Tone::Dim, &format!("  by {actor}")));
        }
        text
    }
}

/// The state document in one line: the status, and how much of everything there is.
pub(super) fn state_summary(state: &Value) -> String {
    let count = |pointer: &str| state.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
    let gateways = state["gateways"].as_object().map_or(0, serde_json::Map::len);
    format!(
        "{} {} %, calendar {}, priorities {}, owe {}, owed {}, gateways {gateways}",
        word(&state["system"]["status"], "?"),
        state["system"]["progress"],
        count("/calendar"),
        count("/priorities"),
        count("/commitments/owe"),
        count("/commitments/owed"),
    )
}

fn command_summary(data: &Value) -> String {
    let message = word(&data["message"], "");
    let command = word(&data["command"], &word(&data["action"], "?"));
    match message.as_str() {
        "" if data["applied"] == true => command,
        "" => format!("{command}: nothing changed"),
        _ => format!("{command}: {message}"),
    }
}

fn log_summary(data: &Value) -> (String, Tone) {
    let level = word(&data["level"], "INFO");
    let tone = match level.as_str() {
        "ERROR" => Tone::Bad,
        "WARN" => Tone::Warn,
        "DEBUG" => Tone::Dim,
        _ => Tone::Plain,
    };
    (format!("{level} {}: {}", word(&data["source"], "?"), word(&data["message"], "")), tone)
}

fn log_batch(frame: &Value) -> Vec<Line> {
    let data = &frame["data"];
    let mut lines: Vec<Line> = data["lines"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(|entry| {
            let (text, tone) = log_summary(entry);
            line(frame, "system_log", text, tone)
        })
        .collect();
    if let Some(dropped @ 1..) = data["dropped"].as_u64() {
        lines.push(line(frame, "system_log", format!("{dropped} more lines were dropped"), Tone::Dim));
    }
    lines
}

/// What a frame of a part says about itself, else its data.
fn summary(data: &Value) -> String {
    let said = ["summary", "message"].iter().find_map(|field| data[*field].as_str());
    match said {
        Some(said) => clean(said),
        None if data.is_null() => String::new(),
        None => cut(&clean(&data.to_string()), DATA_WIDTH),
    }
}

fn line(frame: &Value, kind: &str, text: String, tone: Tone) -> Line {
    // 2026-01-31T12:00:01.250Z: the day is known to who watches, the zone is not.
    let time = frame["timestamp"].as_str().and_then(|time| time.get(11..19));
    Line {
        time: time.map(|time| format!("{}Z", clean(time))).unwrap_or_default(),
        seq: frame["seq"].as_u64(),
        kind: clean(kind),
        text,
        actor: frame["actor"].as_str().map(clean),
        tone,
    }
}

/// A value as a word of a sentence, with a stand-in for one that is not there.
pub(super) fn word(value: &Value, absent: &str) -> String {
    match value {
        Value::Null => absent.to_owned(),
        Value::String(text) => clean(text),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(frame: Value) -> String {
        describe(&frame).into_iter().map(|line| line.text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_change_is_told_with_time_number_and_actor() {
        let frame = json!({"type": "state_change", "timestamp": "2026-01-31T12:00:01.250Z", "seq": 42,
            "actor": "cli", "data": {"summary": "progress is 40"}, "patch": []});
        let line = &describe(&frame)[0];
        assert_eq!(
            (line.time.as_str(), line.seq, line.actor.as_deref()),
            ("12:00:01Z", Some(42), Some("cli"))
        );
        assert_eq!((line.kind.as_str(), line.text.as_str()), ("state_change", "progress is 40"));
    }

    #[test]
    fn a_command_is_told_with_its_outcome() {
        let frame = |data: Value| json!({"type": "command_executed", "data": data});
        let said = json!({"command": "approve P7", "applied": true, "message": "P7 is approved"});
        assert_eq!(text(frame(said)), "approve P7: P7 is approved");
        let silent = json!({"command": "approve P7", "applied": false, "message": ""});
        assert_eq!(text(frame(silent)), "approve P7: nothing changed");
    }

    #[test]
    fn what_keeps_the_connection_alive_is_not_told() {
        for kind in ["heartbeat", "pong", "connected"] {
            assert!(describe(&json!({"type": kind, "data": {"seq": 1}})).is_empty());
        }
    }

    #[test]
    fn a_state_is_told_by_its_counts() {
        let state = json!({"system": {"status": "IDLE", "progress": 0}, "calendar": [1], "priorities": [1, 2],
            "commitments": {"owe": [], "owed": [1]}, "gateways": {"g": {}}});
        let expected = "IDLE 0 %, calendar 1, priorities 2, owe 0, owed 1, gateways 1";
        assert_eq!(text(json!({"type": "state", "seq": 1, "data": {"state": state}})), expected);
    }

    #[test]
    fn a_gateway_is_told_by_its_change() {
        let data = json!({"gateway_id": "mail", "previous_status": null, "current_status": "DOWN"});
        assert_eq!(text(json!({"type": "gateway_status_change", "data": data})), "mail: none → DOWN");
    }

    #[test]
    fn log_lines_come_one_by_one_and_say_what_was_dropped() {
        let lines = json!([{"level": "WARN", "source": "hub", "message": "slow"}]);
        let frame = json!({"type": "system_log_batch", "data": {"lines": lines, "dropped": 3}});
        assert_eq!(text(frame), "WARN hub: slow\n3 more lines were dropped");
    }

    #[test]
    fn a_type_that_is_not_known_is_told_by_its_data_and_cannot_steer_the_terminal() {
        assert_eq!(text(json!({"type": "fix_proposed", "data": {"id": "F1"}})), r#"{"id":"F1"}"#);
        assert_eq!(text(json!({"type": "x", "data": {"message": "a\u{1b}[2Jb"}})), "a [2Jb");
        let long = text(json!({"type": "x", "data": {"text": "y".repeat(500)}}));
        assert_eq!(long.chars().count(), DATA_WIDTH);
    }
}
