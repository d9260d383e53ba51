//! JSON pointers (RFC 6901) as patches of the document use them.

use std::borrow::Cow;

use super::item::ListName;

/// Appends one reference token to a pointer, escaped.
pub(super) fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    if token.contains(['~', '/']) {
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
    } else {
        pointer.push_str(token);
    }
}

/// Takes the first token off a pointer; nothing when the pointer is empty or no pointer.
pub(super) fn split_first(pointer: &str) -> Option<(Cow<'_, str>, &str)> {
    let pointer = pointer.strip_prefix('/')?;
    let end = pointer.find('/').unwrap_or(pointer.len());
    Some((unescape(&pointer[..end]), &pointer[end..]))
}

/// Takes the last token off a pointer.
pub(super) fn split_last(pointer: &str) -> Option<(&str, Cow<'_, str>)> {
    let (parent, token) = pointer.rsplit_once('/')?;
    Some((parent, unescape(token)))
}

/// Says whether `pointer` is `place` or lies within it.
pub(super) fn is_within(pointer: &str, place: &str) -> bool {
    pointer.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Reads an array index as RFC 6901 writes it: no sign, no leading zero.
pub(super) fn index(token: &str) -> Option<usize> {
    let plain = token.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = token.len() > 1 && token.starts_with('0');
    if plain && !leading_zero { token.parse().ok() } else { None }
}

/// Splits a pointer into one of the document's lists and what follows it there.
pub(super) fn in_list(pointer: &str) -> Option<(ListName, &str)> {
    ListName::ALL
        .into_iter()
        .find(|list| is_within(pointer, list.pointer()))
        .map(|list| (list, &pointer[list.pointer().len()..]))
}

fn unescape(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_way_through_a_pointer() {
        for token in ["a", "a/b", "m~n", "~1", "", "ü"] {
            let mut pointer = "/x".to_owned();
            push(&mut pointer, token);
            assert_eq!(split_last(&pointer), Some(("/x", token.into())));
            let (first, rest) = split_first(&pointer).expect("it has a first token");
            assert_eq!((first.as_ref(), split_first(rest)), ("x", Some((token.into(), ""))));
        }
    }

    #[test]
    fn only_plain_digits_are_an_index() {
        assert_eq!((index("0"), index("10")), (Some(0), Some(10)));
        for token in ["", "01", "+1", "-1", "-", "1a", "99999999999999999999999"] {
            assert_eq!(index(token), None, "{token}");
        }
    }

    #[test]
    fn a_list_is_told_from_a_name_that_begins_alike() {
        assert_eq!(in_list("/commitments/owed/3"), Some((ListName::Owed, "/3")));
        assert_eq!(in_list("/priorities"), Some((ListName::Priorities, "")));
        assert_eq!(in_list("/calendars/1"), None);
    }
}
