//! The state document as its readers see it: one type that describes it to the API documents and to the
//! TypeScript definitions. The hub itself keeps `domain::Document`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::{Brief, Gateway, System};

/// One live picture of a team's operations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateDocument {
    /// What the system does just now.
    pub system: System,
    /// What happens when.
    pub calendar: Vec<CalendarItem>,
    /// What is to be decided and done.
    pub priorities: Vec<Priority>,
    /// What was promised.
    pub commitments: Commitments,
    /// What people should read now.
    #[schema(required = true)]
    pub active_brief: Option<Brief>,
    /// The services that are watched, by their ids; only the hub's own parts write them.
    pub gateways: BTreeMap<String, Gateway>,
}

/// What was promised, in both directions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Commitments {
    /// What we owe others.
    pub owe: Vec<Commitment>,
    /// What others owe us.
    pub owed: Vec<Commitment>,
}

/// Something that happens; other fields are the feeder's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalendarItem {
    /// Its name, unique within the list.
    pub id: String,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// When it begins: an RFC 3339 time, or a date for all-day items.
    pub start: String,
    /// When it ends; for all-day items the day after the last.
    pub end: String,
    /// The feeder's own fields.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// Something to be decided and done; other fields are the feeder's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Priority {
    /// Its name, unique within the list.
    pub id: String,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What was decided.
    pub status: PriorityStatus,
    /// The feeder's own fields.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// What was decided about a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PriorityStatus {
    /// Nothing yet.
    Proposed,
    /// It is to be done.
    Approved,
    /// It is not to be done.
    Rejected,
    /// It is done.
    Done,
}

/// Something that was promised; other fields are the feeder's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Commitment {
    /// Its name, unique within the list.
    pub id: String,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// By when: an RFC 3339 time, or a date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// The feeder's own fields.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Document;

    fn reads_as_written(document: &Value) {
        let read: StateDocument = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), *document);
    }

    #[test]
    fn the_empty_document_is_described() {
        reads_as_written(&serde_json::from_str(&Document::default().to_json()).unwrap());
    }

    #[test]
    fn a_document_with_every_section_filled_is_described() {
        let text = json!({
            "system": {"status": "ERROR", "progress": 7, "last_sync": "2026-01-02T03:04:05.678Z"},
            "calendar": [{"id": "E1", "title": "Stand-up", "start": "2026-01-02", "end": "2026-01-03", "room": 4}],
            "priorities": [{"id": "P1", "status": "done", "weight": 0.25}, {"id": "P2", "title": "T", "status": "proposed"}],
            "commitments": {"owe": [{"id": "C1"}], "owed": [{"id": "C1", "due": "2026-01-02", "to": ["P1"]}]},
            "active_brief": {"id": "b", "target": null, "title": "t", "body": "w", "created_at": "2026-01-02T03:04:05.678Z"},
            "gateways": {"g": {"gateway_type": "mqtt", "status": "HEALTHY", "since": "2026-01-02T03:04:05.678Z", "message": null, "metadata": {}}}
        })
        .to_string();
        let document = Document::from_json(&text).unwrap();
        reads_as_written(&serde_json::from_str(&document.to_json()).unwrap());
    }
}
