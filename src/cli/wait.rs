//! `opshub wait`: blocks a script until the system has a status.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::args::{StatusArg, WaitArgs};
use super::client::{Answer, Call, Client, query};
use super::describe::word;
use super::failure::Failure;
use super::output::{Output, note};

/// The longest that one request waits; the hub allows 60 s.
const LONGEST_WAIT_S: u64 = 30;
/// The pause before an unreachable hub is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until the system's status is one of those asked for, and prints it.
///
/// A hub that restarts meanwhile is waited for as well.
///
/// # Errors
/// The time is over: [`Failure::NotReached`], or [`Failure::Unreachable`] when the hub was not there at last.
pub(super) async fn wait(client: &Client, args: &WaitArgs, out: &mut Output) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_secs(args.timeout);
    let mut seen: Option<Answer> = None;
    let mut lost = false;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match client.send(&next_call(seen.as_ref(), left)).await {
            // 304: nothing happened while the request waited.
            Ok(answer) if answer.status == 304 => seen = None,
            Ok(answer) => {
                lost = false;
                if reached(&answer.body, &args.status) {
                    return out.line(word(&answer.body["status"], "?"));
                }
                seen = Some(answer);
            }
            Err(failure @ Failure::Unreachable { .. }) => {
                if Instant::now() + PAUSE >= until {
                    return Err(failure);
                }
                if !lost {
                    note(&format!("{failure}; waiting for it"));
                }
                (lost, seen) = (true, None);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(failure) => return Err(failure),
        }
        if Instant::now() >= until {
            let status = seen.map_or_else(|| "as it was".into(), |answer| word(&answer.body["status"], "?"));
            return Err(Failure::NotReached(format!("still {status} after {} s", args.timeout)));
        }
    }
}

/// Asks for the status at once the first time, and after that when it changes.
fn next_call(seen: Option<&Answer>, left: Duration) -> Call {
    let path = "/api/system/status";
    let since =
        seen.and_then(|answer| answer.tag.as_deref()?.rsplit_once('-').map(|(_, seq)| seq.to_owned()));
    let seconds = left.as_secs_f64().ceil() as u64;
    match since {
        Some(since) if seconds > 0 => {
            let seconds = seconds.min(LONGEST_WAIT_S);
            let query = query([("wait", Some(seconds.to_string())), ("since", Some(since))]);
            Call::get(format!("{path}{query}")).patient(Duration::from_secs(seconds))
        }
        _ => Call::get(path),
    }
}

fn reached(system: &Value, wanted: &[StatusArg]) -> bool {
    wanted.iter().any(|status| system["status"] == status.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn any_of_the_statuses_will_do() {
        let wanted = [StatusArg::Idle, StatusArg::Error];
        assert!(reached(&json!({"status": "ERROR"}), &wanted));
        assert!(!reached(&json!({"status": "PROCESSING"}), &wanted));
    }

    #[test]
    fn the_first_request_answers_at_once_and_later_ones_wait_for_a_change() {
        let path =
            |seen: Option<&Answer>, left: u64| format!("{:?}", next_call(seen, Duration::from_secs(left)));
        let seen = Answer { status: 200, tag: Some("5f-2c-42".into()), body: Value::Null };
        assert!(path(None, 60).contains("\"/api/system/status\""));
        assert!(path(Some(&seen), 60).contains("/api/system/status?wait=30&since=42"));
        assert!(path(Some(&seen), 5).contains("?wait=5&since=42"));
        assert!(path(Some(&seen), 0).contains("\"/api/system/status\""));
    }
}
