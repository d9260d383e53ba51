//! Block Kit: the few blocks that the hub sends, within Slack's limits.

use serde_json::{Value, json};

use crate::domain::Command;

/// The most blocks of one message.
pub const BLOCKS_MAX: usize = 50;
/// The most characters of one text.
pub const TEXT_MAX: usize = 3_000;
/// The most characters of a title.
const HEADER_MAX: usize = 150;
/// What a button's `action_id` begins with where it is one of the hub's; the verb follows.
const ACTION_PREFIX: &str = "opshub:";
/// The verbs that buttons have.
const BUTTON_VERBS: [&str; 3] = ["approve", "reject", "done"];

/// Makes a text from outside harmless: no link, no mention of a person or a channel.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' | '\t' => escaped.push(letter),
            control if control.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// As [`escape`], on one line of at most `max` characters.
pub fn escape_line(text: &str, max: usize) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = line.chars();
    let mut kept: String = letters.by_ref().take(max).collect();
    if letters.next().is_some() {
        kept.pop();
        kept.push('…');
    }
    escape(&kept)
}

/// An id or a command in the letters of code.
pub fn code(text: &str) -> String {
    format!("`{}`", escape_line(&text.replace('`', "'"), HEADER_MAX))
}

/// Cuts an escaped text to at most `max` UTF-16 units, and never within an escape.
fn cut(text: &str, max: usize) -> String {
    if text.encode_utf16().count() <= max {
        return text.to_owned();
    }
    let mut room = max.saturating_sub(1);
    let fits = text.char_indices().find(|(_, letter)| match room.checked_sub(letter.len_utf16()) {
        Some(left) => {
            room = left;
            false
        }
        None => true,
    });
    let kept = &text[..fits.map_or(text.len(), |(end, _)| end)];
    let whole = match kept.rfind('&') {
        Some(start) if !kept[start..].contains(';') => &kept[..start],
        _ => kept,
    };
    format!("{whole}…")
}

fn mrkdwn(text: &str) -> Value {
    // `verbatim`: a name or an address in a text is not made into a link.
    json!({ "type": "mrkdwn", "text": cut(text, TEXT_MAX), "verbatim": true })
}

/// A title, as plain text.
pub fn header(text: &str) -> Value {
    json!({ "type": "header", "text": { "type": "plain_text", "text": cut(text, HEADER_MAX), "emoji": true } })
}

/// A text that is escaped already.
pub fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(text) })
}

/// A text beside a button.
pub fn section_with(text: &str, button: Option<Value>) -> Value {
    let mut block = section(text);
    if let Some(button) = button {
        block["accessory"] = button;
    }
    block
}

/// A small text that is escaped already.
pub fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [mrkdwn(text)] })
}

/// A button that says `verb` about `target`; none where no command could.
pub fn button(verb: &str, target: &str) -> Option<Value> {
    let command = Command::parse(&format!("{verb} {target}")).ok()?;
    if !BUTTON_VERBS.contains(&verb) || command.target() != Some(target) {
        return None;
    }
    let label = match verb {
        "approve" => "Approve",
        "reject" => "Reject",
        _ => "Done",
    };
    let mut button = json!({
        "type": "button", "action_id": format!("{ACTION_PREFIX}{verb}"), "value": target,
        "text": { "type": "plain_text", "text": label },
    });
    match verb {
        "approve" => button["style"] = json!("primary"),
        "reject" => button["style"] = json!("danger"),
        _ => {}
    }
    Some(button)
}

/// Two buttons that decide on `target`: a priority, a fix, a gateway's recovery.
pub fn decision(target: &str) -> Option<Value> {
    let buttons = [button("approve", target)?, button("reject", target)?];
    Some(json!({ "type": "actions", "elements": buttons }))
}

/// The verb of a button of the hub's own.
pub fn command_of(action_id: &str) -> Option<&'static str> {
    let verb = action_id.strip_prefix(ACTION_PREFIX)?;
    BUTTON_VERBS.into_iter().find(|known| *known == verb)
}

/// A message's body: `text` stands where there is no room for blocks, and links in it are not unfolded.
pub fn message(text: &str, mut blocks: Vec<Value>) -> Value {
    blocks.truncate(BLOCKS_MAX);
    let mut message = json!({ "text": cut(text, TEXT_MAX), "unfurl_links": false, "unfurl_media": false });
    if !blocks.is_empty() {
        message["blocks"] = Value::Array(blocks);
    }
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escape("<!channel> a & b\u{7}"), "&lt;!channel&gt; a &amp; b ");
        assert_eq!(escape_line(" a\n\n<b> ", 10), "a &lt;b&gt;");
        assert_eq!(escape_line("abcdef", 4), "abc…");
        assert_eq!(code("a`b"), "`a'b`");
    }

    #[test]
    fn a_cut_is_within_the_limit_and_not_within_an_escape() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("ab&amp;cd", 6), "ab…");
        assert_eq!(cut("&amp;&amp;", 9), "&amp;…");
        assert_eq!(cut("𝄞𝄞", 3), "𝄞…");
    }

    #[test]
    fn buttons_say_what_the_registry_knows() {
        for verb in BUTTON_VERBS {
            let button = button(verb, "P7").unwrap();
            assert_eq!(command_of(button["action_id"].as_str().unwrap()), Some(verb));
            assert_eq!(button["value"], "P7");
        }
        assert_eq!(button("refresh", "P7"), None);
        assert_eq!(decision("two words"), None);
        assert_eq!(decision(""), None);
        assert_eq!(decision("P7").unwrap()["elements"].as_array().unwrap().len(), 2);
        assert_eq!((command_of("opshub:refresh"), command_of("approve")), (None, None));
    }

    #[test]
    fn a_message_never_unfolds_links_and_has_few_blocks() {
        let message = message("t", vec![context("c"); 60]);
        assert_eq!(message["blocks"].as_array().unwrap().len(), BLOCKS_MAX);
        assert_eq!((&message["unfurl_links"], &message["unfurl_media"]), (&json!(false), &json!(false)));
    }

    proptest! {
        #[test]
        fn any_text_fits(text in "(.|[&<>𝄞\n]){0,80}", max in 1_usize..40) {
            let fitted = cut(&escape(&text), max);
            prop_assert!(fitted.encode_utf16().count() <= max);
            let open = fitted.rfind('&').is_some_and(|start| !fitted[start..].contains(';'));
            prop_assert!(!open && !fitted.contains(['<', '>']));
        }
    }
}
