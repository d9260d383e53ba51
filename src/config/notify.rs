//! The `notify` list of the YAML file: notification sinks, judged one by one.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::error::Problem;
use super::yaml;
use crate::notify::{SINKS_MAX, SinkDefinition};

/// The key of the file that this reads.
pub(super) const KEY: &str = "notify";

/// What the file says of sinks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct List {
    notify: Vec<Spanned<SinkDefinition>>,
}

/// Reads the sinks.
///
/// # Errors
/// Everything that is wrong with them, each with its line.
pub(super) fn read(path: &Path, text: &str) -> Result<Vec<SinkDefinition>, Vec<Problem>> {
    let List { notify } = yaml::read_typed(path, text).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (place, sink) in notify.iter().enumerate() {
        let wrong = |message: String| Problem::Syntax {
            path: path.to_owned(),
            line: sink.referenced.line(),
            message: format!("sink {}: {message}", sink.value.id),
        };
        if place == SINKS_MAX {
            problems.push(wrong(format!("there must not be more than {SINKS_MAX} sinks")));
        }
        if !seen.insert(&sink.value.id) {
            problems.push(wrong("another one has this id".to_owned()));
        }
        if let Err(error) = sink.value.check() {
            problems.push(wrong(error.to_string()));
        }
    }
    if problems.is_empty() { Ok(notify.into_iter().map(|sink| sink.value).collect()) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        let found = read(Path::new("opshub.yaml"), text).unwrap_err();
        found.iter().map(|problem| format!("{problem}\n")).collect()
    }

    #[test]
    fn sinks_are_read_with_their_defaults() {
        let text = "notify:\n  - id: ops\n    url: https://ops.example/hook\n  - id: chat\n    url: {env: SLACK_URL}\n    format: slack\n    events: [command_executed]\n";
        let sinks = read(Path::new("opshub.yaml"), text).unwrap();
        assert_eq!(sinks.iter().map(|sink| sink.id.as_str()).collect::<Vec<_>>(), ["ops", "chat"]);
        assert_eq!(read(Path::new("opshub.yaml"), "timezone: UTC\n").unwrap(), []);
    }

    #[test]
    fn everything_wrong_is_told_with_its_line_and_no_secret() {
        let text = "notify:\n  - id: a\n    url: http://ops.example/\n    secret: hunter2\n  - id: a\n    url: ops.example\n";
        let told = problems(text);
        assert!(told.contains("line 2: sink a: secret must come from {env: NAME}"), "{told}");
        assert!(told.contains("line 5: sink a: another one has this id"), "{told}");
        assert!(told.contains("line 5: sink a: url must be a URL"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_field_that_is_not_known_is_named_with_its_line() {
        let told = problems("notify:\n  - id: a\n    url: http://ops.example/\n    event: [state_change]\n");
        assert!(told.contains("line 4") && told.contains("event"), "{told}");
        let told = problems("notify:\n  - id: a\n    url: http://ops.example/\n    events: [state]\n");
        assert!(told.contains("line 4") && told.contains("state_change"), "{told}");
    }
}
