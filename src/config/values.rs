//! One value at a time: from what was written to what its key takes.

use serde_json::Value;

use super::keys::Kind;
use crate::net::Networks;

/// The word for an empty list, since an empty variable counts as not set.
const NONE: &str = "none";

/// What a value may look like where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// Nothing at all: `port:` without a value.
    Nothing,
    Bool(bool),
    Number(u64),
    /// A number that no key takes: negative, with a fraction, or too large.
    OddNumber,
    Text(String),
    List(Vec<Raw>),
    /// Keys below a key that has none.
    Section,
}

/// Why a value is refused.
#[derive(Debug, PartialEq)]
pub(super) enum Refusal {
    /// Its key takes something else, described here.
    Expected(String),
    /// It names a database other than SQLite by this scheme.
    OtherDatabase(String),
}

/// Turns a value with a type of its own, as YAML has them, into what `kind` takes.
///
/// Types are exact: the text `"8000"` is no number, the number `2024` is no folder.
pub(super) fn from_typed(kind: &Kind, raw: &Raw) -> Result<Value, Refusal> {
    match (kind, raw) {
        (Kind::Number(min, max) | Kind::MaybeNumber(min, max), Raw::Number(number))
            if (min..=max).contains(&number) =>
        {
            Ok(Value::from(*number))
        }
        (Kind::MaybeNumber(..) | Kind::MaybeChoice(_) | Kind::Database | Kind::MaybePath, Raw::Nothing) => {
            Ok(Value::Null)
        }
        (Kind::Switch, Raw::Bool(on)) => Ok(Value::from(*on)),
        (Kind::Origins, Raw::List(items)) => {
            let origin = |item: &Raw| match item {
                Raw::Text(text) if is_origin(text) => Some(Value::from(text.as_str())),
                _ => None,
            };
            items
                .iter()
                .map(origin)
                .collect::<Option<Vec<_>>>()
                .map(Value::from)
                .ok_or_else(|| expected(kind))
        }
        (Kind::Networks, Raw::List(items)) => {
            let text = |item: &Raw| match item {
                Raw::Text(text) => Some(text.clone()),
                _ => None,
            };
            let texts = items.iter().map(text).collect::<Option<Vec<_>>>();
            let texts = texts.filter(|texts| Networks::parse(texts).is_ok());
            texts.map(Value::from).ok_or_else(|| expected(kind))
        }
        (Kind::Number(..) | Kind::MaybeNumber(..) | Kind::Switch | Kind::Origins | Kind::Networks, _) => {
            Err(expected(kind))
        }
        (_, Raw::Text(text)) => from_words(kind, text),
        _ => Err(expected(kind)),
    }
}

/// Turns text without a type, as variables and flags have it, into what `kind` takes.
pub(super) fn from_text(kind: &Kind, text: &str) -> Result<Value, Refusal> {
    let text = text.trim();
    match kind {
        Kind::Number(..) | Kind::MaybeNumber(..) => {
            let raw = text.parse().map_or(Raw::OddNumber, Raw::Number);
            from_typed(kind, &raw)
        }
        Kind::Switch => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Value::from(true)),
            "false" | "0" | "no" | "off" => Ok(Value::from(false)),
            _ => Err(expected(kind)),
        },
        Kind::Networks if text == NONE => Ok(Value::Array(Vec::new())),
        Kind::Origins | Kind::Networks => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            from_typed(kind, &Raw::List(parts.map(|part| Raw::Text(part.into())).collect()))
        }
        _ => from_words(kind, text),
    }
}

fn from_words(kind: &Kind, text: &str) -> Result<Value, Refusal> {
    let taken = match kind {
        Kind::Database => return database(text).map(Value::from),
        Kind::Choice(words) | Kind::MaybeChoice(words) => words.contains(&text),
        Kind::Level => is_level(text),
        Kind::Zone => text.parse::<chrono_tz::Tz>().is_ok(),
        _ => !text.trim().is_empty(),
    };
    if taken { Ok(Value::from(text)) } else { Err(expected(kind)) }
}

fn expected(kind: &Kind) -> Refusal {
    Refusal::Expected(describe(kind))
}

/// Says what a kind of key takes, to follow "expected".
pub(super) fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".into(),
        Kind::Path | Kind::MaybePath => "a path (in quotes when it looks like a number)".into(),
        Kind::Database => "a file path or sqlite://<path>, without parameters".into(),
        Kind::Switch => "true or false".into(),
        Kind::Number(min, max) => format!("a whole number between {min} and {max}"),
        Kind::MaybeNumber(min, max) => {
            format!("a whole number between {min} and {max}, or nothing")
        }
        Kind::Origins => {
            "origins such as https://ops.example.org: scheme, host and port, no path, no *".into()
        }
        Kind::Networks => {
            format!("networks such as 10.0.0.0/8 and addresses such as 192.0.2.7, or in a variable {NONE}")
        }
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::MaybeChoice(words) => format!("one of {}, or nothing", words.join(", ")),
        Kind::Secret => "a variable with the secret, or {env: NAME} or {file: PATH} in the file".into(),
        Kind::Level => {
            "off, error, warn, info, debug or trace, or filters such as info,opshub::hub=debug".into()
        }
        Kind::Zone => "an IANA time zone such as Europe/Berlin or UTC".into(),
    }
}

/// A database's path, taken out of a URL where it is one.
fn database(text: &str) -> Result<String, Refusal> {
    let path = match text.split_once("://") {
        Some((scheme, path)) if scheme.eq_ignore_ascii_case("sqlite") => path,
        Some((scheme, _)) => return Err(Refusal::OtherDatabase(scheme.to_lowercase())),
        None => text.strip_prefix("sqlite:").unwrap_or(text),
    };
    // An in-memory database would break the promise that what was acknowledged is on disk.
    let a_file = !path.trim().is_empty()
        && !path.contains(":memory:")
        && !path.contains('?')
        && !path.starts_with("file:");
    if a_file { Ok(path.to_owned()) } else { Err(expected(&Kind::Database)) }
}

/// Compared byte for byte with a browser's `Origin`, so that a slash at the end would never match.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else {
        return false;
    };
    matches!(scheme, "http" | "https")
        && !host.is_empty()
        && !host.contains(['/', '*', '?', '#', '@', ' '])
        && !host.contains(char::is_uppercase)
}

/// A lone word that is no level would be read as a module's name and silence everything else,
/// so that it passes only when it is one beyond doubt.
fn is_level(text: &str) -> bool {
    let level = |word: &str| word.trim().parse::<log::LevelFilter>().is_ok();
    let module = |word: &str| word == "opshub" || word.contains('_') || word.contains("::");
    let filters = text.split('/').next().unwrap_or_default();
    !filters.trim().is_empty()
        && filters.split(',').map(str::trim).all(|filter| match filter.split_once('=') {
            Some((name, wanted)) => !name.is_empty() && level(wanted),
            None => level(filter) || module(filter),
        })
}
