//! `opshub top`: who is connected, once or as a table that redraws itself.

use std::time::Duration;

use serde_json::Value;

use super::args::TopArgs;
use super::client::{Call, Client};
use super::commands::duration;
use super::describe::word;
use super::failure::Failure;
use super::output::{Output, Tone, cut};

/// The time between two tables.
const PERIOD: Duration = Duration::from_secs(1);
/// Cursor to the top left; what is not overwritten is cleared line by line and at the end.
const HOME: &str = "\u{1b}[H";
const CLEAR_LINE: &str = "\u{1b}[K\n";
const CLEAR_BELOW: &str = "\u{1b}[J";
const CLEAR_SCREEN: &str = "\u{1b}[2J";

/// The columns: heading and width.
const COLUMNS: [(&str, usize); 9] = [
    ("STATE", 8),
    ("ACTOR", 16),
    ("ADDRESS", 21),
    ("PROTO", 6),
    ("SEQ", 9),
    ("BEHIND", 7),
    ("QUEUED", 9),
    ("CONFL", 6),
    ("CLIENT", 28),
];

/// Shows the table, again and again on a terminal.
///
/// # Errors
/// With one table only: a hub that is not there. The live table says so and goes on.
pub(super) async fn top(client: &Client, args: &TopArgs, out: &mut Output) -> Result<(), Failure> {
    if args.once || !out.is_terminal() {
        for (tone, line) in screen(client, args.rows).await? {
            let line = out.paint(tone, line.trim_end());
            out.line(line)?;
        }
        return Ok(());
    }
    out.raw(CLEAR_SCREEN)?;
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let lines = match screen(client, args.rows).await {
            Err(failure @ Failure::Unreachable { .. }) => vec![(Tone::Bad, failure.to_string())],
            lines => lines?,
        };
        let mut text = String::from(HOME);
        for (tone, line) in lines {
            text.push_str(&out.paint(tone, &line));
            text.push_str(CLEAR_LINE);
        }
        text.push_str(CLEAR_BELOW);
        out.raw(&text)?;
    }
}

async fn screen(client: &Client, rows: usize) -> Result<Vec<(Tone, String)>, Failure> {
    let (health, connections) = (Call::get("/health"), Call::get("/api/connections"));
    let (health, connections) = tokio::join!(client.send_any(&health), client.send(&connections));
    Ok(table(&health?.body, &connections?.body, rows))
}

/// The whole table: a summary, headings, and the connections with those in trouble first.
fn table(health: &Value, answer: &Value, rows: usize) -> Vec<(Tone, String)> {
    let mut connections: Vec<&Value> =
        answer["connections"].as_array().map(|list| list.iter().collect()).unwrap_or_default();
    connections.sort_by_key(|connection| {
        let trouble = match connection["state"].as_str() {
            Some("stalled") => 0,
            Some("lagging") => 1,
            _ => 2,
        };
        (trouble, std::cmp::Reverse(connection["behind"].as_u64()), connection["connected_at"].as_str())
    });
    let status = word(&health["status"], "?");
    let tone = if status == "healthy" { Tone::Plain } else { Tone::Bad };
    let up = duration(health["uptime_s"].as_f64().unwrap_or(0.0));
    let summary = format!(
        "opshub {status}, up {up}, seq {}, {} connected",
        word(&health["seq"], "?"),
        connections.len()
    );
    let mut lines = vec![(tone, summary), (Tone::Dim, row(COLUMNS.map(|(heading, _)| heading.to_owned())))];
    lines.extend(connections.iter().take(rows).map(|connection| connection_row(connection)));
    if let Some(hidden @ 1..) = connections.len().checked_sub(rows) {
        lines.push((Tone::Dim, format!("… and {hidden} more, see --rows")));
    }
    lines
}

fn connection_row(connection: &Value) -> (Tone, String) {
    let cell = |field: &str| word(&connection[field], "-");
    let tone = match connection["state"].as_str() {
        Some("stalled") => Tone::Bad,
        Some("lagging") => Tone::Warn,
        _ => Tone::Plain,
    };
    let queued = connection["queued_bytes"].as_u64().map_or_else(|| "-".into(), bytes);
    let cells = [
        cell("state"),
        cell("actor"),
        cell("address"),
        cell("protocol"),
        cell("seq"),
        cell("behind"),
        queued,
        cell("conflated"),
        cell("user_agent"),
    ];
    (tone, row(cells))
}

fn row(cells: [String; COLUMNS.len()]) -> String {
    let cells = cells.iter().zip(COLUMNS);
    cells.map(|(cell, (_, width))| format!("{:<width$}", cut(cell, width))).collect::<Vec<_>>().join(" ")
}

/// Bytes in the greatest unit that they fill.
fn bytes(count: u64) -> String {
    match count {
        0..1_024 => format!("{count} B"),
        1_024..1_048_576 => format!("{:.1} KiB", count as f64 / 1_024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn connection(actor: &str, state: &str, behind: u64) -> Value {
        json!({"session_id": "s", "actor": actor, "address": "127.0.0.1:5000", "user_agent": "Mozilla/5.0 with a very long tail of words",
            "protocol": "v1", "topics": ["state"], "connected_at": "2026-01-01T00:00:00.000Z", "seq": 40, "behind": behind,
            "queued_bytes": 2_048, "conflated": 1, "state": state})
    }

    fn lines(connections: Vec<Value>, rows: usize) -> Vec<(Tone, String)> {
        let health = json!({"status": "healthy", "uptime_s": 61, "seq": 42});
        table(&health, &json!({ "connections": connections }), rows)
    }

    #[test]
    fn those_in_trouble_come_first_and_stand_out() {
        let lines = lines(
            vec![connection("a", "live", 0), connection("b", "lagging", 2), connection("c", "stalled", 9)],
            40,
        );
        assert_eq!(lines[0].1, "opshub healthy, up 1 min 1 s, seq 42, 3 connected");
        let order: Vec<&str> =
            lines[2..].iter().filter_map(|(_, line)| line.split_whitespace().next()).collect();
        assert_eq!(order, ["stalled", "lagging", "live"]);
        assert_eq!((lines[2].0, lines[4].0), (Tone::Bad, Tone::Plain));
    }

    #[test]
    fn columns_stay_in_line_whatever_is_in_them() {
        let lines =
            lines(vec![connection("an actor with quite a name", "live", 0), connection("b", "live", 0)], 40);
        let address = lines[1].1.find("ADDRESS");
        let at = |line: &str| line.char_indices().position(|(byte, _)| line[byte..].starts_with("127.0.0.1"));
        assert_eq!(at(&lines[2].1), address);
        assert_eq!(at(&lines[3].1), address);
        assert!(lines[2].1.contains("2.0 KiB"));
    }

    #[test]
    fn a_long_list_says_what_it_leaves_out() {
        let lines = lines((0..5).map(|_| connection("a", "live", 0)).collect(), 2);
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[4].1, "… and 3 more, see --rows");
    }
}
