//! Makes text from outside harmless to show: no control character, no terminal escape, no invisible
//! character that turns a line around, and a bounded length.

use std::borrow::Cow;

/// The escape character, with which sequences for terminals begin.
const ESCAPE: char = '\u{1b}';

/// Takes colours and other control sequences of terminals (`ESC [ … letter`) out of a text.
///
/// They go before anything looks for secrets, which they may stand in the midst of.
pub(super) fn without_sequences(text: &str) -> Cow<'_, str> {
    if !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(ESCAPE) {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = sequence_len(rest.as_bytes());
        if end == 0 {
            // No sequence that is known: the character itself is written out later.
            kept.push(ESCAPE);
            rest = &rest[1..];
        } else {
            rest = &rest[end..];
        }
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// The length of the control sequence at the front (ECMA-48 section 5.4); 0 where there is none.
fn sequence_len(bytes: &[u8]) -> usize {
    if bytes.get(1) != Some(&b'[') {
        return 0;
    }
    let parameters = bytes[2..].iter().take_while(|byte| (0x20..=0x3F).contains(*byte)).count();
    match bytes.get(2 + parameters) {
        Some(0x40..=0x7E) => 2 + parameters + 1,
        _ => 0,
    }
}

/// Writes characters that steer (controls, line ends, marks of direction, invisible ones) as their
/// escapes, so that a text is one line that shows what it has.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let Some(first) = text.char_indices().find(|(_, character)| steers(*character)) else {
        return Cow::Borrowed(text);
    };
    let mut line = String::with_capacity(text.len() + 16);
    line.push_str(&text[..first.0]);
    for character in text[first.0..].chars() {
        if steers(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    Cow::Owned(line)
}

/// Joiners (U+200C, U+200D) stay: scripts and emoji need them, and they move nothing.
pub(super) fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Cuts a text to at most `max` bytes, at a character, with a mark that tells how much is gone.
pub(super) fn cut(text: Cow<'_, str>, max: usize, gone_already: usize) -> Cow<'_, str> {
    if text.len() <= max && gone_already == 0 {
        return text;
    }
    // Room for the mark with a number of any length.
    let room = max.saturating_sub(48);
    let mut end = room.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let gone = text.len() - end + gone_already;
    Cow::Owned(format!("{}… [{gone} bytes cut]", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        visible(&without_sequences(text)).into_owned()
    }

    #[test]
    fn colours_go_and_other_controls_are_written_out() {
        assert_eq!(clean("\u{1b}[1;31mred\u{1b}[0m"), "red");
        assert_eq!(clean("a\u{1b}]0;title\u{7}b\r\nc"), "a\\u{1b}]0;title\\u{7}b\\r\\nc");
        assert_eq!(clean("cut \u{1b}["), "cut \\u{1b}[");
        assert_eq!(clean("C1 \u{9b}31m"), "C1 \\u{9b}31m");
    }

    #[test]
    fn what_turns_a_line_around_or_hides_is_shown() {
        assert_eq!(clean("a\u{202e}b\u{2066}c\u{200b}d\u{feff}"), "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{feff}");
        let kept = "नमस्ते می\u{200c}خواهم 👩\u{200d}🔧 Grüße";
        assert_eq!(clean(kept), kept);
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        let cut_text = cut(Cow::Owned("é".repeat(600)), 1_000, 0);
        assert!(cut_text.len() <= 1_000 && cut_text.ends_with(" bytes cut]"), "{cut_text}");
        assert_eq!(cut(Cow::Borrowed("short"), 1_000, 0), "short");
        assert!(cut(Cow::Borrowed("begun"), 1_000, 77).ends_with("begun… [77 bytes cut]"));
    }
}
