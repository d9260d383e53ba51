//! What comes to the doors of Slack. The first byte says to which: a form of a command, a form of a press, the JSON of
//! a press, or the headers that sign it (two lines).
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use opshub::domain::{Command, CommandOutcome, Document, Role, Timestamp};
use opshub::slack::ResponseHosts;
use opshub::slack::interaction::Press;
use opshub::slack::people::People;
use opshub::slack::signature::{Signed, SigningSecret, sign};
use opshub::slack::slash::Slash;
use opshub::slack::views;

/// The time of the example in Slack's documentation, and its secret.
const NOW_S: i64 = 1_531_420_618;
static SECRET: LazyLock<SigningSecret> =
    LazyLock::new(|| SigningSecret::new("8f742231b10e8888abcd99yyyzzz85a5").expect("a secret"));
static HOSTS: LazyLock<ResponseHosts> =
    LazyLock::new(|| ResponseHosts::new(&["https://hooks.slack.com".to_owned()]));
/// Blocks of one message, by Slack's documentation.
const BLOCKS_MAX: usize = 50;

fn command(body: &[u8]) {
    let Ok(Slash::Said(said)) = Slash::parse(body) else { return };
    check_url(said.response_url.as_deref());
    match Command::parse(&said.text) {
        Ok(Command::Help(name)) => check_message(&views::help(&said.slash, name.as_deref())),
        Ok(command) => {
            let _ = views::forbidden(&command, Role::Viewer);
        }
        Err(error) => check_message(&views::told(&error.to_string())),
    }
}

fn press(body: &[u8]) {
    let Ok(press) = Press::parse(body) else { return };
    check_url(press.response_url.as_deref());
    let people = People::new(BTreeMap::new(), Some(Role::Operator));
    let Some(known) = people.find(&press.user, press.guest) else {
        assert!(press.guest);
        return;
    };
    let outcome = CommandOutcome {
        action: press.command.action().to_owned(),
        target: press.command.target().map(str::to_owned),
        success: true,
        applied: true,
        message: "done".to_owned(),
        patch: None,
    };
    let shown = press.message.as_ref();
    let document = Document::default();
    check_message(&views::pressed((&press.user, &known), &outcome, &press.block_id, shown, &document));
}

fn signed(text: &str) {
    let mut lines = text.splitn(3, '\n');
    let (timestamp, signature) = (lines.next(), lines.next());
    let body = lines.next().unwrap_or_default().as_bytes();
    let now = Timestamp::from_millis(NOW_S * 1_000);
    let Ok(signed) = Signed::read(timestamp, signature, now) else { return };
    let right = sign(&SECRET, timestamp.unwrap_or_default(), body);
    let is_right = signature.is_some_and(|signature| signature.eq_ignore_ascii_case(&right));
    assert_eq!(signed.check(&SECRET, body).is_ok(), is_right);
}

fn check_url(url: Option<&str>) {
    let Some(url) = url else { return };
    if HOSTS.check(url).is_ok() {
        let parsed = url::Url::parse(url).expect("it was taken");
        assert_eq!((parsed.scheme(), parsed.host_str()), ("https", Some("hooks.slack.com")));
    }
}

fn check_message(message: &serde_json::Value) {
    let blocks = message["blocks"].as_array().map_or(0, Vec::len);
    assert!(blocks <= BLOCKS_MAX, "{blocks} blocks");
}

fuzz_target!(|data: &[u8]| {
    let Some((door, body)) = data.split_first() else { return };
    match door % 4 {
        0 => command(body),
        1 => press(body),
        2 => {
            let Ok(payload) = std::str::from_utf8(body) else { return };
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            press(form.append_pair("payload", payload).finish().as_bytes());
        }
        _ => {
            if let Ok(text) = std::str::from_utf8(body) {
                signed(text);
            }
        }
    }
});
