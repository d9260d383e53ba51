//! Reads a YAML file into keys and values that remember their lines.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::error::Problem;
use super::values::Raw;

/// One value of a file, under its path: `server.port`.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) path: String,
    /// Counted from 1.
    pub(super) line: u64,
    pub(super) value: Raw,
    /// The value as it was written, to be quoted in messages.
    pub(super) written: String,
}

/// Reads `text` into its values, in their order; sections that are empty leave none.
///
/// `is_section` decides which mappings are entered; others are kept as one [`Raw::Section`].
///
/// # Errors
/// A text that is not YAML, uses a key twice or is not a mapping: where, and what is wrong.
pub(super) fn read(
    path: &Path,
    text: &str,
    is_section: impl Fn(&str) -> bool,
) -> Result<Vec<Entry>, Problem> {
    let syntax = |line, message: String| Problem::Syntax { path: path.to_owned(), line, message };
    let root: Node = read_typed(path, text)?;
    let mut entries = Vec::new();
    match root {
        Node::Leaf(Raw::Nothing) => {}
        Node::Map(pairs) => flatten("", pairs, text, &is_section, &mut entries),
        _ => {
            return Err(syntax(1, "expected sections such as `server:` with keys below them".into()));
        }
    }
    Ok(entries)
}

/// Reads `text` as a whole into a type of its own.
///
/// # Errors
/// A text that is not YAML or does not fit: where, and what is wrong.
pub(super) fn read_typed<T: for<'de> Deserialize<'de>>(path: &Path, text: &str) -> Result<T, Problem> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        Problem::Syntax { path: path.to_owned(), line, message: reason(&error.to_string()) }
    })
}

/// The message alone: the line is told beside it, and the parser's options are none of the reader's.
fn reason(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let message = message.split(" at line ").next().unwrap_or(message);
    let message = message.split(", set DuplicateKeyPolicy").next().unwrap_or(message);
    let (start, rest) = message.split_once(": ").unwrap_or(("", message));
    let place = start.starts_with("line ") && start.contains("column");
    (if place { rest } else { message }).trim().to_owned()
}

/// A value of any shape; those below it know their places.
enum Node {
    Leaf(Raw),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

fn flatten(
    prefix: &str,
    pairs: Vec<(Spanned<String>, Spanned<Node>)>,
    text: &str,
    is_section: &impl Fn(&str) -> bool,
    entries: &mut Vec<Entry>,
) {
    for (key, value) in pairs {
        let path = if prefix.is_empty() { key.value } else { format!("{prefix}.{}", key.value) };
        let line = key.referenced.line();
        let written = written(&value, text);
        match value.value {
            Node::Map(pairs) if is_section(&path) => flatten(&path, pairs, text, is_section, entries),
            Node::Leaf(Raw::Nothing) if is_section(&path) => {}
            node => entries.push(Entry { path, line, value: node.into_raw(), written }),
        }
    }
}

/// The characters of the file that made up a value; lists and sections are only named.
fn written(node: &Spanned<Node>, text: &str) -> String {
    match &node.value {
        Node::List(_) => "a list".into(),
        Node::Map(_) => "a section".into(),
        Node::Leaf(Raw::Nothing) => "nothing".into(),
        Node::Leaf(raw) => {
            let span = node.defined.span();
            let source: String =
                text.chars().skip(span.offset() as usize).take(span.len() as usize).collect();
            match source.trim() {
                "" => format!("{raw:?}"),
                source => source.to_owned(),
            }
        }
    }
}

impl Node {
    fn into_raw(self) -> Raw {
        match self {
            Node::Leaf(raw) => raw,
            Node::List(items) => Raw::List(items.into_iter().map(Node::into_raw).collect()),
            Node::Map(_) => Raw::Section,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Leaf(Raw::Bool(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Leaf(Raw::Number(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Leaf(u64::try_from(value).map_or(Raw::OddNumber, Raw::Number)))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Leaf(Raw::OddNumber))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Leaf(Raw::OddNumber))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Leaf(Raw::OddNumber))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Leaf(Raw::Text(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(Raw::Nothing))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(Raw::Nothing))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(Node::Map(pairs))
    }
}
