//! Strict reading of JSON (I-JSON, RFC 7493), its canonical writing (RFC 8785), typed decoding.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::error::Error;

/// The largest integer that every JSON reader keeps exactly: 2^53 − 1.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The most levels of objects and arrays within one item.
///
/// A stored document, the frame around a patch and their readers (128 levels) leave that much room.
pub const VALUE_MAX_DEPTH: usize = 64;

/// The most characters of a caller's text that a message repeats.
pub(super) const QUOTE_MAX_CHARS: usize = 64;

/// Parses I-JSON: UTF-8, no key twice, no integer beyond ±(2^53−1), no lone surrogate, at most 128 levels.
///
/// A number that is an integer comes back as one however it was written (`1.0`, `1e2`, `-0`), so that
/// equal numbers are equal values.
///
/// # Errors
/// `invalid_json` with line and column of what was met.
pub fn parse_strict(text: &[u8]) -> Result<Value, Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict.deserialize(&mut reader).map_err(|error| invalid_json(&error))?;
    reader.end().map_err(|error| invalid_json(&error))?;
    Ok(value)
}

/// Writes `value` in its canonical form (RFC 8785).
pub fn canonical(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value).expect("every json value has a canonical form")
}

/// Decodes a parsed value into `T`, which is written as an object.
///
/// # Errors
/// `unknown_field` naming the field that `T` does not have, `invalid_value` for everything else.
pub fn decode<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    // serde would take the elements for fields, in the order in which they are declared.
    if value.is_array() {
        let message = "expected an object, got an array".to_owned();
        return Err(Error::InvalidValue { details: Vec::new(), message });
    }
    serde_json::from_value(value).map_err(|error| {
        // serde tells its errors apart by their text alone.
        let message = error.to_string();
        match unknown_field(&message) {
            Some((field, expected)) => Error::UnknownField { fields: vec![field.to_owned()], expected },
            None => Error::InvalidValue { details: Vec::new(), message },
        }
    })
}

/// Takes serde's "unknown field `a`, expected `b` or `c`" apart.
fn unknown_field(message: &str) -> Option<(&str, String)> {
    let (field, rest) = message.strip_prefix("unknown field `")?.split_once("`, ")?;
    let expected = rest.strip_prefix("expected ").map_or_else(
        || "no field".to_owned(),
        |fields| fields.trim_start_matches("one of ").replace('`', ""),
    );
    Some((field, expected))
}

/// One JSON value as the text it has on the wire: shared, and never encoded twice.
///
/// Canonical (RFC 8785) wherever the hub made it.
#[derive(Clone)]
pub struct JsonText(Arc<RawValue>);

impl JsonText {
    /// Encodes `value` in its canonical form.
    pub fn of(value: &Value) -> Self {
        JsonText::trusted(canonical(value))
    }

    /// Takes a text that is known to be JSON.
    pub(super) fn trusted(text: String) -> Self {
        JsonText(RawValue::from_string(text).expect("the text was made by an encoder").into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Parses the text.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.as_str()).expect("the text was made by an encoder")
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for JsonText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    /// Reads by way of a value, which unlike a raw text also works inside tagged and flattened types.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| JsonText::of(&value))
    }
}

/// Quotes a caller's text for a message, cut to a bearable length.
pub(super) fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTE_MAX_CHARS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Cuts a text to so many characters; an ellipsis tells of the rest.
pub fn cut(mut text: String, max_chars: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(max_chars) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Shows a value in a message: short ones as they are, others by their kind.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        scalar => scalar.to_string(),
    }
}

/// Why a value cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It holds an integer beyond ±(2^53−1).
    Number,
    /// It has too many levels.
    Depth,
}

/// Brings the numbers of a value into the form that [`parse_strict`] gives them.
///
/// # Errors
/// Says why a value of at most `levels` levels cannot be kept; what was changed until then stays so.
pub(super) fn normalize(value: &mut Value, levels: usize) -> Result<(), Unfit> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => {
            *number = safe_number(number).ok_or(Unfit::Number)?;
            Ok(())
        }
        Value::Array(_) | Value::Object(_) if levels == 0 => Err(Unfit::Depth),
        Value::Array(values) => values.iter_mut().try_for_each(|value| normalize(value, levels - 1)),
        Value::Object(map) => map.values_mut().try_for_each(|value| normalize(value, levels - 1)),
    }
}

/// Returns about how many bytes a value's text has, and how many levels.
pub(super) fn measure(value: &Value) -> (usize, usize) {
    let (bytes, levels) = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => return (4, 0),
        Value::String(text) => return (text.len() + 2, 0),
        Value::Array(values) => values.iter().map(measure).fold((2, 0), joined),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let (bytes, levels) = measure(value);
                (bytes + key.len() + 3, levels)
            })
            .fold((2, 0), joined),
    };
    (bytes, levels + 1)
}

fn joined((bytes, levels): (usize, usize), (more, deeper): (usize, usize)) -> (usize, usize) {
    (bytes + more + 1, levels.max(deeper))
}

/// Returns the number as an integer when it is one, nothing when that is beyond ±(2^53−1).
fn safe_number(number: &Number) -> Option<Number> {
    const LARGEST: f64 = MAX_SAFE_INTEGER as f64;
    if let Some(integer) = number.as_i64() {
        return (integer.unsigned_abs() <= MAX_SAFE_INTEGER).then(|| integer.into());
    }
    let float = number.as_f64()?;
    if float.fract() != 0.0 {
        return Some(number.clone());
    }
    #[expect(clippy::cast_possible_truncation, reason = "an integer within ±(2^53−1) is exact")]
    (float.abs() <= LARGEST).then(|| Number::from(float as i64))
}

fn invalid_json(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let place = format!(" at line {line} column {column}");
    let message = message.strip_suffix(place.as_str()).unwrap_or(&message).to_owned();
    Error::InvalidJson { message, line, column }
}

/// Builds a value and refuses on the way what I-JSON refuses, while line and column are still known.
struct Strict;

impl Strict {
    fn number<E: serde::de::Error>(number: Option<Number>) -> Result<Value, E> {
        let safe = number.as_ref().and_then(safe_number);
        safe.map(Value::Number).ok_or_else(|| E::custom("an integer beyond 2^53-1 is not exact in json"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a json value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        Strict::number(Some(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        Strict::number(Some(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Strict::number(Number::from_f64(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(Strict)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                let message = format_args!("duplicate key {}", quote(&key)).to_string();
                return Err(serde::de::Error::custom(message));
            }
            let value = access.next_value_seed(Strict)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    fn refused(text: &str) -> String {
        let error = parse_strict(text.as_bytes()).unwrap_err();
        assert_eq!(error.spec(), (400, "invalid_json"));
        error.to_string()
    }

    #[test]
    fn a_key_twice_is_refused_at_any_depth() {
        assert_eq!(refused(r#"{"a":1,"a":2}"#), "invalid json at line 1 column 10: duplicate key \"a\"");
        assert!(refused("[{\"b\":{\"c\":1,\n\"c\":1}}]").starts_with("invalid json at line 2 column 3"));
    }

    #[test]
    fn integers_that_are_not_exact_are_refused_however_they_are_written() {
        let accepted = ["9007199254740991", "-9007199254740991", "9007199254740991.0", "0.5e1", "1e15"];
        for text in accepted {
            assert!(parse_strict(text.as_bytes()).is_ok(), "{text}");
        }
        for text in [
            "9007199254740992",
            "-9007199254740992",
            "9007199254740992.0",
            "1e16",
            "18446744073709551616",
            "[1e300]",
        ] {
            assert!(refused(text).contains("2^53-1"), "{text}");
        }
        assert!(refused("1e999").contains("out of range"));
    }

    #[test]
    fn equal_numbers_are_equal_values() {
        assert_eq!(parse_strict(b"[1.0, 1e2, -0, -0.0, 1.5]").unwrap(), json!([1, 100, 0, 0, 1.5]));
    }

    #[test]
    fn what_is_not_utf8_or_not_unicode_is_refused() {
        assert!(parse_strict(b"\"\xff\"").is_err());
        refused(r#""\ud800""#);
        refused(r#""\udc00""#);
        assert_eq!(parse_strict(r#""\ud83d\ude00""#.as_bytes()).unwrap(), json!("😀"));
    }

    #[test]
    fn bad_syntax_is_refused_with_its_place() {
        assert!(refused("{\"a\":\n nope}").starts_with("invalid json at line 2 column 3"));
        refused("");
        refused("1 2");
        refused(&"[".repeat(1_000));
    }

    #[test]
    fn an_unknown_field_is_named() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only decoding counts here")]
        struct Body {
            command: String,
            dry_run: Option<bool>,
        }
        let error = decode::<Body>(json!({"command": "status", "dry": true})).unwrap_err();
        assert_eq!(error.spec(), (400, "unknown_field"));
        assert_eq!(error.to_string(), "unknown field dry, expected command or dry_run");
        assert_eq!(decode::<Body>(json!({})).unwrap_err().to_string(), "missing field `command`");
        // In the order of its fields, it would be one to serde.
        assert_eq!(decode::<Body>(json!(["status"])).unwrap_err().spec().1, "invalid_value");
    }

    #[test]
    fn normalizing_gives_what_strict_parsing_gives() {
        let mut value = json!({"a": [1.0, 2.5, -0.0], "b": 100.0});
        normalize(&mut value, 9).unwrap();
        assert_eq!(value, json!({"a": [1, 2.5, 0], "b": 100}));
        assert_eq!(normalize(&mut json!([9_007_199_254_740_992_u64]), 9), Err(Unfit::Number));
        let mut deep = json!(1);
        for _ in 0..VALUE_MAX_DEPTH {
            deep = json!([deep]);
        }
        assert_eq!(measure(&deep).1, VALUE_MAX_DEPTH);
        assert_eq!(normalize(&mut deep, VALUE_MAX_DEPTH), Ok(()));
        assert_eq!(normalize(&mut json!([deep]), VALUE_MAX_DEPTH), Err(Unfit::Depth));
    }

    #[test]
    fn a_text_is_written_as_it_is_and_read_inside_tagged_types() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "op")]
        enum Tagged {
            Add { value: JsonText },
        }
        let tagged = Tagged::Add { value: JsonText::of(&json!({"b": 1, "a": [1.5, "ü"]})) };
        let text = serde_json::to_string(&tagged).unwrap();
        assert_eq!(text, r#"{"op":"Add","value":{"a":[1.5,"ü"],"b":1}}"#);
        assert_eq!(serde_json::from_str::<Tagged>(&text).unwrap(), tagged);
    }
}
