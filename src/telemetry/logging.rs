//! Log lines: coloured text for people on a terminal, one JSON object a line for machines.
//!
//! A message is a sentence that stands alone; what belongs to it goes into key-value pairs
//! (`log::info!(request_id, elapsed_ms; "request answered")`), which both forms show. Lines go to
//! stderr, so that stdout stays the answer of a command.

use std::io::{self, IsTerminal, Write};

use env_logger::Builder;
use env_logger::fmt::Formatter;
use log::kv::{self, VisitSource};
use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};
use serde_json::{Number, Value};

use crate::config::LogFormat;

/// Starts logging for the whole process.
///
/// `level` is a level or filters, as in `info,opshub::hub=debug`. [`LogFormat::Auto`] is text when
/// stderr is a terminal, JSON otherwise.
///
/// # Errors
/// Logging was started before; that logger stays.
pub fn init(level: &str, format: LogFormat) -> Result<(), SetLoggerError> {
    init_with_tap(level, format, |_| {})
}

/// As [`init`], and hands every line that passes the filter to `tap` as well.
///
/// The tap runs on the thread that logs, so that it must be quick; what it logs itself comes back to it.
///
/// # Errors
/// As [`init`].
pub fn init_with_tap(
    level: &str,
    format: LogFormat,
    tap: impl Fn(&Record<'_>) + Send + Sync + 'static,
) -> Result<(), SetLoggerError> {
    let mut builder = Builder::new();
    // Its notices about workers tell an operator nothing; a filter that names it brings them back.
    builder.filter_module("actix_server", LevelFilter::Warn);
    // It logs an error for every request that is none, which anybody can send.
    builder.filter_module("actix_http", LevelFilter::Off);
    builder.parse_filters(level);
    let json = match format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    if json {
        builder.format(write_json);
    } else {
        builder.format(write_text);
    }
    let logger = builder.build();
    let most = logger.filter();
    log::set_boxed_logger(Box::new(Tapped { logger, tap }))?;
    log::set_max_level(most);
    Ok(())
}

struct Tapped<T> {
    logger: env_logger::Logger,
    tap: T,
}

impl<T: Fn(&Record<'_>) + Send + Sync> Log for Tapped<T> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.logger.matches(record) {
            self.logger.log(record);
            (self.tap)(record);
        }
    }

    fn flush(&self) {
        self.logger.flush();
    }
}

fn write_json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let timestamp = out.timestamp_millis();
    writeln!(out, "{}", json_line(record, &timestamp.to_string()))
}

fn write_text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let timestamp = out.timestamp_millis();
    let style = out.default_level_style(record.level());
    let level = record.level();
    let dim = env_logger::fmt::style::Style::new().dimmed();
    writeln!(out, "{dim}{timestamp}{dim:#} {style}{level:<5}{style:#} {}", text_line(record))
}

/// A record as one JSON object: `timestamp`, `level`, `module`, `event`, then its key-value pairs.
fn json_line(record: &Record<'_>, timestamp: &str) -> String {
    let module = record.module_path().unwrap_or(record.target());
    let mut fields: Vec<(String, Value)> = vec![
        ("timestamp".into(), timestamp.into()),
        ("level".into(), record.level().as_str().into()),
        ("module".into(), module.into()),
        ("event".into(), record.args().to_string().into()),
    ];
    for (mut key, value) in pairs(record) {
        // A pair must not take the place of what every reader of the lines relies on.
        while fields.iter().any(|(taken, _)| *taken == key) {
            key.push('_');
        }
        fields.push((key, value));
    }
    // Written field by field, since a map would sort them.
    let fields = fields.into_iter().map(|(key, value)| format!("{}:{value}", Value::from(key)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// A record for people: message, pairs as `key=value`, and the module.
fn text_line(record: &Record<'_>) -> String {
    let mut line = one_line(&record.args().to_string());
    for (key, value) in pairs(record) {
        let value = match value {
            Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=', '\n']) => text,
            other => other.to_string(),
        };
        line.push_str(&format!(" {key}={value}"));
    }
    let module = record.module_path().unwrap_or(record.target());
    line.push_str(&format!(" [{module}]"));
    line
}

/// Keeps a value from outside from looking like a line of its own or moving the cursor.
fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for character in message.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// The record's key-value pairs, in their order.
pub fn pairs(record: &Record<'_>) -> Vec<(String, Value)> {
    let mut pairs = Pairs(Vec::new());
    // Collecting cannot fail: a value without a JSON form is kept as its text.
    let _ = record.key_values().visit(&mut pairs);
    pairs.0
}

struct Pairs(Vec<(String, Value)>);

impl<'kvs> VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let mut json = ToJson(Value::Null);
        value.visit(&mut json)?;
        self.0.push((key.as_str().to_owned(), json.0));
        Ok(())
    }
}

struct ToJson(Value);

impl<'v> kv::VisitValue<'v> for ToJson {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        self.0 = value.to_string().into();
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        self.0 = Value::Null;
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        self.0 = Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number);
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
        self.0 = value.into();
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn with_record<T>(message: &str, pairs: &[(&str, kv::Value<'_>)], look: impl Fn(&Record<'_>) -> T) -> T {
        let args = format_args!("{message}");
        look(
            &Record::builder()
                .level(log::Level::Warn)
                .target("elsewhere")
                .module_path(Some("opshub::hub"))
                .args(args)
                .key_values(&pairs)
                .build(),
        )
    }

    #[test]
    fn a_json_line_has_its_fixed_fields_and_the_pairs_with_their_types() {
        let pairs = [
            ("elapsed_ms", kv::Value::from(12)),
            ("request_id", kv::Value::from("r1")),
            ("ok", kv::Value::from(true)),
            ("load", kv::Value::from(0.5)),
        ];
        let line =
            with_record("commit failed", &pairs, |record| json_line(record, "2026-01-02T03:04:05.678Z"));
        assert_eq!(
            line,
            r#"{"timestamp":"2026-01-02T03:04:05.678Z","level":"WARN","module":"opshub::hub","event":"commit failed","elapsed_ms":12,"request_id":"r1","ok":true,"load":0.5}"#
        );
    }

    #[test]
    fn a_json_line_is_one_line_whatever_is_in_it() {
        let pairs = [("agent", kv::Value::from("a\nb\u{1b}[2J"))];
        let line = with_record("two\nlines", &pairs, |record| json_line(record, "t"));
        assert!(!line.contains(['\n', '\u{1b}']), "{line}");
    }

    #[test]
    fn a_pair_cannot_replace_a_fixed_field() {
        let pairs = [("level", kv::Value::from("fake"))];
        let line = with_record("m", &pairs, |record| json_line(record, "t"));
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["level"], &line["level_"]), (&"WARN".into(), &"fake".into()));
    }

    #[test]
    fn a_text_line_shows_message_pairs_and_module() {
        let pairs =
            [("seq", kv::Value::from(7)), ("who", kv::Value::from("a b")), ("id", kv::Value::from("x1"))];
        let line = with_record("client stalled", &pairs, text_line);
        assert_eq!(line, "client stalled seq=7 who=\"a b\" id=x1 [opshub::hub]");
    }

    #[test]
    fn a_text_line_cannot_be_broken_or_coloured_from_outside() {
        let line = with_record("name is \u{1b}[31mred\nERROR fake", &[], text_line);
        assert!(!line.contains(['\n', '\u{1b}']), "{line}");
    }
}
