//! One look at a hub, for cron and shell scripts.
//!
//! ```text
//! cargo run --example operator_status -- http://127.0.0.1:8000 || page-someone
//! ```
//!
//! Prints one line and exits with 0 when the hub is healthy and the system is not in ERROR, with 1
//! when it is degraded or in ERROR, with 2 when it was called wrongly, with 3 when nobody answers.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

/// Longer than the hub's own time-out for its database, so that a slow disk is told as degraded.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a script needs to know, by exit code.
#[derive(Debug, PartialEq)]
enum Verdict {
    Fine(String),
    Trouble(String),
    Unreachable(String),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "http://127.0.0.1:8000".into());
    if url.starts_with('-') || arguments.next().is_some() {
        eprintln!("usage: operator_status [URL]");
        return ExitCode::from(2);
    }
    let url = url.trim_end_matches('/');
    let (line, code) = match look(url).await {
        Ok((health, system)) => judge(&health, &system),
        Err(error) => Verdict::Unreachable(format!("no hub at {url}: {error}")),
    }
    .into_parts();
    // A closed stdout changes nothing about the verdict.
    let _ = writeln!(std::io::stdout(), "{line}");
    ExitCode::from(code)
}

/// Asks for health and status; a degraded hub answers 503 and is an answer all the same.
async fn look(url: &str) -> Result<(Value, Value), reqwest::Error> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    let health = client.get(format!("{url}/health")).send().await?.json().await?;
    let system = client.get(format!("{url}/api/system/status")).send().await?.json().await?;
    Ok((health, system))
}

fn judge(health: &Value, system: &Value) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    let (health_status, status) = (text(&health["status"]), text(&system["status"]));
    let line = format!(
        "hub {health_status}, database {}, system {status} at {} %, seq {}, {} connected",
        text(&health["database"]),
        system["progress"],
        health["seq"],
        health["websocket"]["connections"],
    );
    // Anything but the known good words is trouble, so that another server is not taken for a hub.
    match (health_status.as_str(), status.as_str()) {
        ("healthy", "IDLE" | "COLLECTING" | "PROCESSING") => Verdict::Fine(line),
        _ => Verdict::Trouble(line),
    }
}

impl Verdict {
    fn into_parts(self) -> (String, u8) {
        match self {
            Verdict::Fine(line) => (line, 0),
            Verdict::Trouble(line) => (line, 1),
            Verdict::Unreachable(line) => (line, 3),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(health: &str, status: &str) -> u8 {
        judge(&json!({ "status": health }), &json!({ "status": status })).into_parts().1
    }

    #[test]
    fn only_a_healthy_hub_without_an_error_is_fine() {
        assert_eq!(code("healthy", "IDLE"), 0);
        assert_eq!(code("healthy", "ERROR"), 1);
        assert_eq!(code("degraded", "IDLE"), 1);
    }

    #[test]
    fn another_server_is_not_taken_for_a_hub() {
        assert_eq!(judge(&json!({}), &json!({})).into_parts().1, 1);
    }
}
