//! Log lines on the wire: levels, what a connection wants of them, and their frames.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::{Error, Timestamp};

use super::topic::{Topic, Topics};

/// The longest source of a line, and the longest prefix to choose by, in bytes.
pub const LOG_SOURCE_MAX_BYTES: usize = 128;

/// How bad it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// For whoever looks for a fault.
    Debug,
    /// What happens in the normal run.
    #[default]
    Info,
    /// What somebody should know.
    Warn,
    /// What somebody should do something about.
    Error,
}

impl LogLevel {
    /// Every level, the lowest first.
    pub const ALL: [LogLevel; 4] = [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warn => "WARN",
            LogLevel::Error => "ERROR",
        }
    }

    /// Reads the level that the field `name` has.
    ///
    /// # Errors
    /// `invalid_value` naming the field and the levels.
    pub fn read(name: &str, text: &str) -> Result<LogLevel, Error> {
        text.parse().map_err(|()| {
            let shown: String = text.chars().take(32).collect();
            Error::invalid(name, format!("{name} must be DEBUG, INFO, WARN or ERROR, got {shown:?}"))
        })
    }
}

impl FromStr for LogLevel {
    type Err = ();

    /// Takes the names in any case, and those that other loggers have for the same.
    fn from_str(name: &str) -> Result<Self, ()> {
        match name.to_ascii_uppercase().as_str() {
            "DEBUG" | "TRACE" => Ok(LogLevel::Debug),
            "INFO" | "NOTICE" => Ok(LogLevel::Info),
            "WARN" | "WARNING" => Ok(LogLevel::Warn),
            "ERROR" | "CRITICAL" | "FATAL" => Ok(LogLevel::Error),
            _ => Err(()),
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for LogLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LogLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|()| {
            serde::de::Error::custom(format!("expected DEBUG, INFO, WARN or ERROR, got {name:?}"))
        })
    }
}

/// Which lines a connection gets: those of at least `level` whose source begins with `source`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct LogFilter {
    /// The lowest level.
    pub level: LogLevel,
    /// What the source begins with; empty for every source.
    pub source: String,
}

impl LogFilter {
    /// Whether a line is among them.
    pub fn takes(&self, level: LogLevel, source: &str) -> bool {
        level >= self.level && source.starts_with(self.source.as_str())
    }

    /// This filter with what is asked for in place of what it has.
    ///
    /// # Errors
    /// `invalid_value` for an unknown level and for a source that is too long.
    pub fn with(mut self, level: Option<&str>, source: Option<&str>) -> Result<LogFilter, Error> {
        if let Some(level) = level {
            self.level = LogLevel::read("log_level", level)?;
        }
        if let Some(source) = source {
            if source.len() > LOG_SOURCE_MAX_BYTES {
                let message = format!("log_source must have at most {LOG_SOURCE_MAX_BYTES} bytes");
                return Err(Error::invalid("log_source", message));
            }
            source.clone_into(&mut self.source);
        }
        Ok(self)
    }
}

/// The filter that `topics` and the two parameters beside them ask for; none without the topic `logs`.
///
/// `before` is what is in force: what is not asked for stays.
///
/// # Errors
/// `invalid_value` for a bad parameter, and for one without the topic.
pub fn log_filter(
    topics: Topics,
    before: Option<LogFilter>,
    level: Option<&str>,
    source: Option<&str>,
) -> Result<Option<LogFilter>, Error> {
    if topics.contains(Topic::Logs) {
        return before.unwrap_or_default().with(level, source).map(Some);
    }
    match (level, source) {
        (None, None) => Ok(None),
        (Some(_), _) => Err(Error::invalid("log_level", "log_level goes with the topic logs")),
        (None, Some(_)) => Err(Error::invalid("log_source", "log_source goes with the topic logs")),
    }
}

/// The data of `system_log`: one log line of the hub or of a service that posted it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemLog {
    /// Rises from line to line, also across restarts; `since` of `GET /api/logs`.
    pub id: u64,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// How bad it is.
    pub level: LogLevel,
    /// What was said: one line, secrets masked.
    pub message: String,
    /// Who said it; a module of the hub begins with `opshub`.
    #[schema(example = "collector.mail")]
    pub source: String,
    /// What belongs to it.
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    pub metadata: Map<String, Value>,
}

/// The data of `system_log_batch`: the lines of a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemLogBatch {
    /// Oldest first.
    pub lines: Vec<SystemLog>,
    /// Lines for this connection that were dropped since the last batch, the lowest levels first.
    pub dropped: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_and_read_as_other_loggers_write_them() {
        assert!(LogLevel::Debug < LogLevel::Info && LogLevel::Warn < LogLevel::Error);
        for level in LogLevel::ALL {
            assert_eq!(level.as_str().to_lowercase().parse(), Ok(level));
        }
        assert_eq!(("warning".parse(), "Fatal".parse()), (Ok(LogLevel::Warn), Ok(LogLevel::Error)));
        let message = LogLevel::read("level", "loud").unwrap_err().to_string();
        assert_eq!(message, "level must be DEBUG, INFO, WARN or ERROR, got \"loud\"");
    }

    #[test]
    fn a_filter_takes_its_level_and_above_of_its_sources() {
        let filter = LogFilter::default().with(Some("WARN"), Some("collector.")).unwrap();
        assert!(filter.takes(LogLevel::Warn, "collector.mail"));
        assert!(!filter.takes(LogLevel::Info, "collector.mail"));
        assert!(!filter.takes(LogLevel::Error, "collector"));
    }

    #[test]
    fn what_is_not_asked_for_stays_and_goes_with_the_topic() {
        let logs = Topics::from(Topic::Logs);
        let first = log_filter(logs, None, Some("WARN"), Some("a")).unwrap();
        let second = log_filter(logs, first, None, Some("b")).unwrap().unwrap();
        assert_eq!((second.level, second.source.as_str()), (LogLevel::Warn, "b"));
        assert_eq!(log_filter(logs, None, None, None).unwrap(), Some(LogFilter::default()));
        assert_eq!(log_filter(Topics::NONE, None, None, None).unwrap(), None);
        assert!(log_filter(Topics::NONE, None, Some("WARN"), None).is_err());
        let long = "x".repeat(LOG_SOURCE_MAX_BYTES + 1);
        assert!(log_filter(logs, None, None, Some(&long)).is_err());
    }
}
