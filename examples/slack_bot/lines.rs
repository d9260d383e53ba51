//! Lines on stdin, typed in Slack one after the other.

use std::io::{BufRead, Write};
use std::time::Duration;

use serde_json::Value;

use crate::slack::{Answer, Slack};

/// How often one line is delivered before it is given up.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// One message of the chat.
#[derive(Debug, PartialEq)]
struct Message {
    /// Names the message: one that is delivered twice, here or after a restart, keeps it.
    trigger: Option<String>,
    text: String,
}

/// Types every line as `user` and prints what they are told.
///
/// # Errors
/// A line that nobody answered, or that was not believed to be Slack's.
pub(crate) async fn type_all(slack: &mut Slack, user: &str) -> Result<(), String> {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let Some(message) = parse(&line) else { continue };
        let request = slack.typed_briefly(user, &message.text, message.trigger);
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        let answer = loop {
            match slack.deliver(&request).await {
                Ok(answer) if answer.status < 500 => break judge(&answer)?,
                _ if attempt == ATTEMPTS => return Err(format!("gave up on {:?}", message.text)),
                _ => {}
            }
            attempt += 1;
            tokio::time::sleep(pause).await;
            pause *= 2;
        };
        if writeln!(std::io::stdout(), "{}: {answer}", message.text).is_err() {
            break;
        }
    }
    Ok(())
}

/// Takes a line apart; one that has no id gets a new one, so that saying a thing twice does it twice.
fn parse(line: &str) -> Option<Message> {
    let line = line.trim();
    let text = |text: &str| text.trim().trim_start_matches('/').to_owned();
    match line.split_once(' ') {
        _ if line.is_empty() => None,
        // Slack's ids are times: 1712345678.000200
        Some((id, rest)) if id.contains('.') && id.parse::<f64>().is_ok() => {
            Some(Message { trigger: Some(id.to_owned()), text: text(rest) })
        }
        _ => Some(Message { trigger: None, text: text(line) }),
    }
}

/// What people are told, refusals of their commands included.
fn judge(answer: &Answer) -> Result<String, String> {
    match answer.status {
        200 => Ok(answer.body["text"].as_str().unwrap_or("done").to_owned()),
        status => {
            let message: &Value = &answer.body["error"]["message"];
            Err(format!("HTTP {status}: {}", message.as_str().unwrap_or("no reason given")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_that_is_delivered_twice_keeps_its_name() {
        let line = "1712345678.000200 /approve P7";
        let expected = Message { trigger: Some("1712345678.000200".into()), text: "approve P7".into() };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse(line), parse(line));
    }

    #[test]
    fn a_line_without_an_id_gets_a_new_one_each_time() {
        assert_eq!(parse("brief"), Some(Message { trigger: None, text: "brief".into() }));
        assert_eq!(parse("  "), None);
    }

    #[test]
    fn a_request_that_is_not_believed_ends_it() {
        let answer = |status, body| Answer { status, replayed: false, body };
        assert_eq!(judge(&answer(200, json!({"text": "P7 is approved"}))), Ok("P7 is approved".into()));
        let error = json!({"error": {"message": "no signature"}});
        assert_eq!(judge(&answer(401, error)), Err("HTTP 401: no signature".into()));
    }
}
