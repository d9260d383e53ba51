//! One thing that happens, as the hub is told it.

use std::fmt;

use serde_json::Value;

/// Marks what this program has put, so that it never touches anybody else's.
pub(crate) const SOURCE: &str = "demo";

/// The lists of the document, by their name in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum List {
    Calendar,
    Priorities,
    Owe,
    Owed,
}

impl List {
    /// Every list.
    pub(crate) const ALL: [List; 4] = [List::Calendar, List::Priorities, List::Owe, List::Owed];

    /// The name in `/api/items/{list}/{id}`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            List::Calendar => "calendar",
            List::Priorities => "priorities",
            List::Owe => "owe",
            List::Owed => "owed",
        }
    }

    /// Where the list is in the document.
    pub(crate) fn pointer(self) -> &'static str {
        match self {
            List::Calendar => "/calendar",
            List::Priorities => "/priorities",
            List::Owe => "/commitments/owe",
            List::Owed => "/commitments/owed",
        }
    }

    /// The items of the list in `state`.
    pub(crate) fn of(self, state: &Value) -> &[Value] {
        state.pointer(self.pointer()).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// An item comes, or changes.
    Put(List, Value),
    /// An item goes.
    Delete(List, String),
    /// Somebody says something.
    Command(String),
    /// A collector reports: `{status?, progress?, last_sync?}`.
    Report(Value),
    /// A collection begins.
    Collect,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Put(list, item) => write!(f, "{} {}: {}", list.name(), id(item), text(item, "title")),
            Step::Delete(list, id) => write!(f, "{} {id} is gone", list.name()),
            Step::Command(command) => write!(f, "command: {command}"),
            Step::Report(report) => match report["status"].as_str() {
                Some(status) => write!(f, "{status} at {} %", report["progress"]),
                None => write!(f, "{} %", report["progress"]),
            },
            Step::Collect => write!(f, "a collection begins"),
        }
    }
}

/// The item's id.
pub(crate) fn id(item: &Value) -> &str {
    text(item, "id")
}

/// A field of an item; empty where it is none or no text.
pub(crate) fn text<'a>(item: &'a Value, field: &str) -> &'a str {
    item[field].as_str().unwrap_or_default()
}

/// Whether this program has put the item.
pub(crate) fn is_ours(item: &Value) -> bool {
    text(item, "source") == SOURCE
}
