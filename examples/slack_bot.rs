//! What a chat bot does with a hub: it posts what people say as commands and tells the outcome.
//!
//! ```text
//! echo "approve P7" | cargo run --example slack_bot -- http://127.0.0.1:8000
//! ```
//!
//! Lines on stdin stand for messages, `<message id> <text>` or only `<text>`. Chat platforms deliver
//! a message again when they are not sure that it arrived. That is why the message's id is the
//! idempotency key: whatever is delivered twice, here or after a restart, happens once.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

/// How often one message is sent before the bot gives it up.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const TIMEOUT: Duration = Duration::from_secs(10);

/// One message of the chat.
#[derive(Debug, PartialEq)]
struct Message {
    id: String,
    text: String,
}

/// What to say about one attempt.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// The hub's last word, which is said in the channel.
    Said(String),
    /// Nobody knows whether it was done; the same key will tell.
    Again(String),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8000".into());
    let client = match reqwest::Client::builder().timeout(TIMEOUT).build() {
        Ok(client) => client,
        Err(error) => {
            eprintln!("cannot start the HTTP client: {error}");
            return ExitCode::FAILURE;
        }
    };
    let endpoint = format!("{}/api/command", url.trim_end_matches('/'));
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let Some(message) = parse(&line) else {
            continue;
        };
        let answer = match deliver(&client, &endpoint, &message).await {
            Ok(said) => said,
            Err(cause) => {
                eprintln!("gave up on {}: {cause}", message.id);
                return ExitCode::from(3);
            }
        };
        if writeln!(std::io::stdout(), "{}: {answer}", message.text).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// Takes a line apart; one that has no id gets a new one, so that saying a thing twice does it twice.
fn parse(line: &str) -> Option<Message> {
    let line = line.trim();
    let text = |text: &str| text.trim().trim_start_matches('/').to_owned();
    match line.split_once(' ') {
        _ if line.is_empty() => None,
        // Slack's ids are times: 1712345678.000200
        Some((id, rest)) if id.contains('.') && id.parse::<f64>().is_ok() => {
            Some(Message { id: format!("slack-{id}"), text: text(rest) })
        }
        _ => Some(Message { id: uuid::Uuid::new_v4().to_string(), text: text(line) }),
    }
}

/// Posts a message until the hub has the last word on it.
async fn deliver(client: &reqwest::Client, endpoint: &str, message: &Message) -> Result<String, String> {
    let mut pause = FIRST_PAUSE;
    let mut cause = String::new();
    for attempt in 1..=ATTEMPTS {
        match post(client, endpoint, message).await {
            Outcome::Said(said) => return Ok(said),
            Outcome::Again(why) => cause = why,
        }
        if attempt < ATTEMPTS {
            eprintln!("{}: {cause}, trying again in {} ms", message.id, pause.as_millis());
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
    Err(cause)
}

async fn post(client: &reqwest::Client, endpoint: &str, message: &Message) -> Outcome {
    let request = client
        .post(endpoint)
        .header("Idempotency-Key", &message.id)
        .json(&json!({ "command": message.text }));
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Outcome::Again(format!("no answer: {error}")),
    };
    let status = answer.status().as_u16();
    match answer.json().await {
        Ok(body) => judge(status, &body),
        Err(error) => Outcome::Again(format!("HTTP {status}, the answer broke off: {error}")),
    }
}

/// A refusal is a last word, except that the hub is busy or cannot store anything at the moment.
fn judge(status: u16, body: &Value) -> Outcome {
    match status {
        200..300 => Outcome::Said(body["message"].as_str().unwrap_or("done").to_owned()),
        429 | 502..=504 => Outcome::Again(format!("HTTP {status}")),
        _ => {
            let message = body["error"]["message"].as_str().unwrap_or("no reason given");
            Outcome::Said(format!("sorry, {message}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_delivered_twice_keeps_its_key() {
        let line = "1712345678.000200 /approve P7";
        let expected = Message { id: "slack-1712345678.000200".into(), text: "approve P7".into() };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse(line), parse(line));
    }

    #[test]
    fn a_line_that_is_typed_twice_is_meant_twice() {
        let (first, second) = (parse("brief"), parse("brief"));
        assert_eq!(first.as_ref().map(|message| message.text.as_str()), Some("brief"));
        assert_ne!(first, second);
        assert_eq!(parse("  "), None);
    }

    #[test]
    fn only_what_may_work_later_is_tried_again() {
        let refused = json!({"error": {"message": "unknown command frob"}});
        assert_eq!(judge(200, &json!({"message": "P7 is approved"})), Outcome::Said("P7 is approved".into()));
        assert_eq!(judge(400, &refused), Outcome::Said("sorry, unknown command frob".into()));
        assert!(matches!(judge(503, &Value::Null), Outcome::Again(_)));
    }
}
