//! A log line as it is kept and sent: cleaned, masked, bounded, encoded once.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::domain::Timestamp;
use crate::protocol::LogLevel;
use crate::protocol::logs::LOG_SOURCE_MAX_BYTES;

use super::clean::{cut, visible, without_sequences};
use super::mask::{MASK, is_secret_name, mask};

/// The longest message, and the largest metadata, in bytes.
pub const LINE_MAX_BYTES: usize = 8 * 1024;
/// What the id takes before the rest of a line, and the comma between two lines, in bytes.
const ID_BYTES: usize = 24;
/// What a line costs in memory beside its text, in bytes.
const OVERHEAD_BYTES: usize = 96;

/// A line before it has its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub(super) level: LogLevel,
    pub(super) source: Box<str>,
    /// Its JSON behind the `id`.
    tail: Box<str>,
}

/// A line with its number, as connections share it.
#[derive(Debug)]
pub struct Line {
    /// Rises from line to line.
    pub id: u64,
    draft: Draft,
}

/// What somebody said, as it came.
#[derive(Debug, Clone)]
pub(super) struct Said<'a> {
    pub(super) at: Timestamp,
    pub(super) level: LogLevel,
    pub(super) message: &'a str,
    /// Bytes of the message that were not even taken.
    pub(super) gone: usize,
    pub(super) source: &'a str,
    pub(super) metadata: Map<String, Value>,
}

impl Draft {
    /// Makes a line of what was said, without what may not leave the process.
    pub(super) fn new(said: Said<'_>) -> Draft {
        let source = safe(said.source, LOG_SOURCE_MAX_BYTES, 0);
        let message = safe(said.message, LINE_MAX_BYTES, said.gone);
        let (level, at) = (said.level, said.at);
        let mut tail = String::with_capacity(message.len() + source.len() + 112);
        tail.push_str(&format!("\"timestamp\":\"{at}\",\"level\":\"{level}\",\"message\":"));
        push_json(&mut tail, &message);
        tail.push_str(",\"source\":");
        push_json(&mut tail, &source);
        tail.push_str(",\"metadata\":");
        tail.push_str(&metadata(said.metadata));
        tail.push('}');
        Draft { level, source: source.into(), tail: tail.into() }
    }
}

impl Line {
    /// The line that `draft` becomes under `id`.
    pub(super) fn new(id: u64, draft: Draft) -> Line {
        Line { id, draft }
    }

    /// How bad it is.
    pub fn level(&self) -> LogLevel {
        self.draft.level
    }

    /// Who said it.
    pub fn source(&self) -> &str {
        &self.draft.source
    }

    /// What it takes in a frame, in bytes.
    pub fn encoded_len(&self) -> usize {
        self.draft.tail.len() + ID_BYTES
    }

    /// What it takes in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.draft.tail.len() + self.draft.source.len() + OVERHEAD_BYTES
    }

    /// Writes it as a JSON object.
    pub fn write(&self, to: &mut String) {
        to.push_str("{\"id\":");
        to.push_str(&self.id.to_string());
        to.push(',');
        to.push_str(&self.draft.tail);
    }
}

/// Writes lines as a JSON array.
pub(super) fn write_array<'a>(lines: impl Iterator<Item = &'a Line>, to: &mut String) {
    to.push('[');
    for (index, line) in lines.enumerate() {
        if index > 0 {
            to.push(',');
        }
        line.write(to);
    }
    to.push(']');
}

/// A text without sequences, secrets, controls, and what is too long. Masked before it is cut, so that no
/// half of a secret escapes.
fn safe(text: &str, max: usize, gone: usize) -> String {
    let plain = without_sequences(text);
    let masked = mask(&plain);
    cut(visible(&masked), max, gone).into_owned()
}

fn push_json(to: &mut String, text: &str) {
    to.push_str(&serde_json::to_string(text).expect("a text is always JSON"));
}

/// Metadata as JSON, masked at every depth; what is too large is left out, and said.
fn metadata(fields: Map<String, Value>) -> Cow<'static, str> {
    if fields.is_empty() {
        return Cow::Borrowed("{}");
    }
    let text = serde_json::to_string(&masked_object(fields)).expect("values have string keys");
    if text.len() <= LINE_MAX_BYTES {
        return Cow::Owned(text);
    }
    Cow::Owned(format!("{{\"omitted\":\"metadata of {} bytes\"}}", text.len()))
}

fn masked_object(fields: Map<String, Value>) -> Map<String, Value> {
    // `{"name": "Cookie", "value": …}` names its secret in another field.
    let named = ["name", "key", "header", "field"]
        .iter()
        .any(|field| fields.get(*field).and_then(Value::as_str).is_some_and(is_secret_name));
    fields
        .into_iter()
        .map(|(name, value)| {
            let hidden = is_secret_name(&name) || (named && name == "value");
            (safe(&name, LOG_SOURCE_MAX_BYTES, 0), if hidden { hidden_value(value) } else { masked(value) })
        })
        .collect()
}

/// A secret says no more than whether it is there.
fn hidden_value(value: Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value,
        _ => MASK.into(),
    }
}

fn masked(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(safe(&text, LINE_MAX_BYTES, 0)),
        Value::Array(mut items) => {
            let pair = items.len() == 2 && items[0].as_str().is_some_and(is_secret_name);
            if pair {
                let secret = items.pop().expect("there are two");
                items.push(hidden_value(secret));
            }
            Value::Array(items.into_iter().map(masked).collect())
        }
        Value::Object(fields) => Value::Object(masked_object(fields)),
        other => other,
    }
}
