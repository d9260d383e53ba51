//! Lines that other services post: read strictly, and taken all together or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::domain::{Error, Timestamp, parse_strict};
use crate::protocol::LogLevel;
use crate::protocol::logs::LOG_SOURCE_MAX_BYTES;

use super::filters::HUB_SOURCE;
use super::line::{Draft, Said};
use super::store::Logs;

/// Bodies up to this size are read where they arrive, in bytes; a worker has other clients too.
const INLINE_MAX_BYTES: usize = 8 * 1024;
/// Large bodies that may wait for their turn.
const WAITING_MAX: usize = 32;
/// The fields of a line.
const FIELDS: [&str; 5] = ["level", "message", "source", "metadata", "timestamp"];

/// How lines stand in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One object, or an array of them.
    Json,
    /// One object a line (NDJSON); empty lines are passed over.
    Lines,
}

/// What was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// How many lines.
    pub accepted: usize,
    /// The id of the last one.
    pub last_id: Option<u64>,
}

/// Lets large bodies in one at a time, so that they cost one core at most.
#[derive(Debug)]
pub(super) struct Door {
    turn: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Door {
    fn default() -> Self {
        Door { turn: Arc::new(Semaphore::new(1)), waiting: AtomicUsize::new(0) }
    }
}

impl Logs {
    /// Takes the lines of a body.
    ///
    /// # Errors
    /// What is wrong with which line, or `overloaded` where too many bodies wait; no line was taken.
    pub async fn post(self: &Arc<Self>, body: Bytes, form: Form, now: Timestamp) -> Result<Posted, Error> {
        if body.len() <= INLINE_MAX_BYTES {
            return self.post_now(&body, form, now);
        }
        if self.door.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            self.door.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Error::Overloaded);
        }
        let turn = self.door.turn.clone().acquire_owned().await;
        self.door.waiting.fetch_sub(1, Ordering::AcqRel);
        let (logs, turn) = (self.clone(), turn.map_err(|_| Error::ShuttingDown)?);
        // It goes on where the caller leaves meanwhile: it has its turn until it is done.
        let done = tokio::task::spawn_blocking(move || {
            let posted = logs.post_now(&body, form, now);
            drop(turn);
            posted
        });
        done.await.map_err(|error| Error::internal(error.to_string()))?
    }

    fn post_now(&self, body: &[u8], form: Form, now: Timestamp) -> Result<Posted, Error> {
        let drafts = read(body, form, now)?;
        let accepted = drafts.len();
        Ok(Posted { accepted, last_id: self.take("posted", drafts) })
    }
}

/// Reads the lines of a body; those without a time are of `now`.
///
/// # Errors
/// What is wrong with the first bad line, and which that is.
pub fn read(body: &[u8], form: Form, now: Timestamp) -> Result<Vec<Draft>, Error> {
    match form {
        Form::Lines => lines(body, now),
        Form::Json => match parse_strict(body)? {
            Value::Array(items) => {
                let numbered = items.into_iter().enumerate();
                numbered
                    .map(|(index, item)| draft(item, now).map_err(|e| e.under(&format!("/{index}"))))
                    .collect()
            }
            one => Ok(vec![draft(one, now)?]),
        },
    }
}

fn lines(body: &[u8], now: Timestamp) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let number = index + 1;
        let parsed = parse_strict(line).map_err(|error| match error {
            Error::InvalidJson { message, column, .. } => {
                Error::InvalidJson { message, line: number, column }
            }
            other => other,
        })?;
        drafts.push(draft(parsed, now).map_err(|error| error.under(&format!("line {number}")))?);
    }
    if drafts.is_empty() {
        return Err(Error::InvalidJson { message: "no log line in the body".to_owned(), line: 1, column: 0 });
    }
    Ok(drafts)
}

fn draft(item: Value, now: Timestamp) -> Result<Draft, Error> {
    let Value::Object(mut fields) = item else {
        let message = format!("a log line must be an object with {}", FIELDS.join(", "));
        return Err(Error::InvalidValue { message, details: vec![] });
    };
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(Error::unknown_field(unknown.clone(), &FIELDS));
    }
    let level = LogLevel::read("level", &text(&mut fields, "level")?)?;
    let message = text(&mut fields, "message")?;
    let source = text(&mut fields, "source")?;
    check_source(&source)?;
    let metadata = match fields.remove("metadata") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err(Error::invalid("metadata", "metadata must be an object")),
    };
    let at = match fields.remove("timestamp") {
        None | Some(Value::Null) => now,
        Some(Value::String(time)) => Timestamp::parse(&time).map_err(|_| {
            let shown: String = time.chars().take(40).collect();
            Error::invalid("timestamp", format!("timestamp must be an RFC 3339 time, got {shown:?}"))
        })?,
        Some(_) => return Err(Error::invalid("timestamp", "timestamp must be an RFC 3339 time")),
    };
    let draft = Draft::new(Said { at, level, message: &message, gone: 0, source: &source, metadata });
    // As it will be shown: what was cleaned away must not have hidden it.
    if is_own(&draft.source) {
        let message = "source must not be one of the hub's own, opshub or opshub::…";
        return Err(Error::invalid("source", message));
    }
    Ok(draft)
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<String, Error> {
    match fields.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Error::invalid(name, format!("{name} must be a string"))),
        None => Err(Error::invalid(name, format!("{name} is missing"))),
    }
}

fn check_source(source: &str) -> Result<(), Error> {
    if source.trim().is_empty() || source.len() > LOG_SOURCE_MAX_BYTES {
        let message = format!("source must have 1 to {LOG_SOURCE_MAX_BYTES} bytes");
        return Err(Error::invalid("source", message));
    }
    Ok(())
}

/// Whether a source is one of the hub itself.
fn is_own(source: &str) -> bool {
    source.trim().strip_prefix(HUB_SOURCE).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
