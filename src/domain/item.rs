//! One item of a list, what makes it valid, and its canonical text.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::error::{Error, FieldError};
use super::ids::ItemId;
use super::json::{self, JsonText, Unfit};
use super::time::Timestamp;

const PRIORITY_STATUSES: [&str; 4] = ["proposed", "approved", "rejected", "done"];

/// The lists of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListName {
    /// What happens when.
    Calendar,
    /// What is to be decided and done.
    Priorities,
    /// What we owe others.
    Owe,
    /// What others owe us.
    Owed,
}

impl ListName {
    /// Every list.
    pub const ALL: [ListName; 4] = [ListName::Calendar, ListName::Priorities, ListName::Owe, ListName::Owed];

    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ListName::Calendar => "calendar",
            ListName::Priorities => "priorities",
            ListName::Owe => "owe",
            ListName::Owed => "owed",
        }
    }

    /// Returns the JSON pointer of the list in the document.
    pub fn pointer(self) -> &'static str {
        match self {
            ListName::Calendar => "/calendar",
            ListName::Priorities => "/priorities",
            ListName::Owe => "/commitments/owe",
            ListName::Owed => "/commitments/owed",
        }
    }
}

impl fmt::Display for ListName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ListName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ListName::ALL.into_iter().find(|list| list.as_str() == text).ok_or_else(|| {
            let found = json::quote(text);
            Error::invalid(
                "list",
                format!("list must be one of calendar, priorities, owe, owed, got {found}"),
            )
        })
    }
}

/// When something is: a moment, or a whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A day, written `YYYY-MM-DD`.
    Date(NaiveDate),
    /// A moment, written in RFC 3339.
    Time(Timestamp),
}

impl Moment {
    /// Reads a day or a moment; nothing when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        // chrono also reads `2026-1-2`, which is no RFC 3339 date.
        if text.len() == "YYYY-MM-DD".len() {
            return NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Moment::Date);
        }
        Timestamp::parse(text).ok().map(Moment::Time)
    }

    /// Says whether this is before `other`, as far as two days or two moments can be compared.
    fn is_before(self, other: Moment) -> bool {
        match (self, other) {
            (Moment::Date(one), Moment::Date(other)) => one < other,
            (Moment::Time(one), Moment::Time(other)) => one < other,
            _ => false,
        }
    }
}

/// One item: its id, its fields, and their canonical text, made once.
#[derive(Clone, Debug)]
pub struct Item {
    id: ItemId,
    fields: Map<String, Value>,
    text: JsonText,
}

impl Item {
    /// Makes an item of `list`. A priority without `status` gets `proposed`; all other fields, times
    /// included, stay as the feeder wrote them.
    ///
    /// # Errors
    /// `invalid_value` with every bad field, `limit_exceeded` for too many levels. Nothing was made.
    pub fn new(list: ListName, mut fields: Map<String, Value>) -> Result<Self, Error> {
        let normalized =
            fields.values_mut().try_for_each(|value| json::normalize(value, json::VALUE_MAX_DEPTH - 1));
        normalized.map_err(|unfit| match unfit {
            Unfit::Number => Error::invalid("", "integers beyond 2^53-1 are not exact in json"),
            Unfit::Depth => Error::LimitExceeded {
                message: format!("an item must not have more than {} levels", json::VALUE_MAX_DEPTH),
            },
        })?;
        let mut bad = Vec::new();
        let id = read_id(&fields, &mut bad);
        if let Some(title) = fields.get("title").filter(|title| !title.is_string()) {
            let message = format!("title must be a string, got {}", json::show(title));
            bad.push(FieldError::new("title", message));
        }
        match list {
            ListName::Calendar => check_span(&fields, &mut bad),
            ListName::Priorities => check_status(&mut fields, &mut bad),
            ListName::Owe | ListName::Owed => {
                if fields.contains_key("due") {
                    read_moment(&fields, "due", &mut bad);
                }
            }
        }
        match id {
            Some(id) if bad.is_empty() => Ok(Item::seal(id, fields)),
            _ => Err(Error::invalid_fields(bad)),
        }
    }

    /// Takes the fields of an item that was valid when it was stored.
    ///
    /// # Errors
    /// `internal` when it has no id, which no stored item lacks.
    pub(super) fn trusted(fields: Map<String, Value>) -> Result<Self, Error> {
        match fields.get("id").and_then(Value::as_str).map(ItemId::trusted) {
            Some(id) => Ok(Item::seal(id, fields)),
            None => Err(Error::internal("a stored item has no id")),
        }
    }

    fn seal(id: ItemId, fields: Map<String, Value>) -> Self {
        let text = serde_json_canonicalizer::to_string(&fields);
        let text = JsonText::trusted(text.expect("every json value has a canonical form"));
        Item { id, fields, text }
    }

    /// Returns the id.
    pub fn id(&self) -> &ItemId {
        &self.id
    }

    /// Returns the title, if the item has one.
    pub fn title(&self) -> Option<&str> {
        self.str("title")
    }

    /// Returns all fields, the id included.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// Returns a field.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field)
    }

    /// Returns a field that is a string.
    pub fn str(&self, field: &str) -> Option<&str> {
        self.get(field).and_then(Value::as_str)
    }

    /// Returns a field that is a day or a moment.
    pub fn moment(&self, field: &str) -> Option<Moment> {
        self.str(field).and_then(Moment::parse)
    }

    /// Returns the canonical text (RFC 8785).
    pub fn text(&self) -> &str {
        self.text.as_str()
    }

    /// Returns the canonical text, shared.
    pub fn json(&self) -> &JsonText {
        &self.text
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

fn read_id(fields: &Map<String, Value>, bad: &mut Vec<FieldError>) -> Option<ItemId> {
    let message = match fields.get("id") {
        Some(Value::String(text)) => match ItemId::parse(text) {
            Ok(id) => return Some(id),
            Err(error) => error.to_string(),
        },
        Some(other) => format!("id must be a string, got {}", json::show(other)),
        None => "id is missing".to_owned(),
    };
    bad.push(FieldError::new("id", message));
    None
}

fn read_moment(fields: &Map<String, Value>, field: &str, bad: &mut Vec<FieldError>) -> Option<Moment> {
    let message = match fields.get(field) {
        Some(value) => match value.as_str().and_then(Moment::parse) {
            Some(moment) => return Some(moment),
            None => {
                format!("{field} must be an RFC 3339 time or a date YYYY-MM-DD, got {}", json::show(value))
            }
        },
        None => format!("{field} is missing"),
    };
    bad.push(FieldError::new(field, message));
    None
}

fn check_span(fields: &Map<String, Value>, bad: &mut Vec<FieldError>) {
    let (start, end) = (read_moment(fields, "start", bad), read_moment(fields, "end", bad));
    if let (Some(start), Some(end)) = (start, end)
        && end.is_before(start)
    {
        bad.push(FieldError::new("end", "end must not be before start"));
    }
}

fn check_status(fields: &mut Map<String, Value>, bad: &mut Vec<FieldError>) {
    let status = fields.entry("status").or_insert_with(|| PRIORITY_STATUSES[0].into());
    if !status.as_str().is_some_and(|status| PRIORITY_STATUSES.contains(&status)) {
        let known = PRIORITY_STATUSES.join(", ");
        let message = format!("status must be one of {known}, got {}", json::show(status));
        bad.push(FieldError::new("status", message));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    fn item(list: ListName, fields: Value) -> Result<Item, Error> {
        Item::new(list, fields.as_object().unwrap().clone())
    }

    fn refused(list: ListName, fields: Value) -> String {
        item(list, fields).unwrap_err().to_string()
    }

    #[test]
    fn the_text_is_canonical_and_a_priority_starts_as_proposed() {
        let item = item(ListName::Priorities, json!({"title": "T", "id": "P7", "n": 2.0})).unwrap();
        assert_eq!(item.text(), r#"{"id":"P7","n":2,"status":"proposed","title":"T"}"#);
        assert_eq!((item.id().as_str(), item.title()), ("P7", Some("T")));
    }

    #[test]
    fn all_bad_fields_are_told_at_once() {
        let error = item(ListName::Calendar, json!({"title": 1, "start": "soon"})).unwrap_err();
        let fields: Vec<_> = error.details().into_iter().map(|detail| detail.field).collect();
        assert_eq!(fields, ["id", "title", "start", "end"]);
    }

    #[test]
    fn a_calendar_item_ends_when_or_after_it_starts() {
        let span = |start, end| json!({"id": "a", "start": start, "end": end});
        for (start, end) in [
            ("2026-01-02", "2026-01-02"),
            ("2026-01-02T10:00:00+02:00", "2026-01-02T08:00:00Z"),
            ("2026-01-02", "2026-01-01T00:00:00Z"),
        ] {
            assert!(item(ListName::Calendar, span(start, end)).is_ok(), "{start} {end}");
        }
        for (start, end) in
            [("2026-01-02", "2026-01-01"), ("2026-01-02T10:00:00Z", "2026-01-02T11:00:00+02:00")]
        {
            assert_eq!(refused(ListName::Calendar, span(start, end)), "end must not be before start");
        }
        assert!(item(ListName::Calendar, span("2026-1-002", "2026-01-02")).is_err());
    }

    #[test]
    fn a_status_is_one_of_four_and_a_due_time_is_a_time() {
        assert_eq!(
            refused(ListName::Priorities, json!({"id": "a", "status": "open"})),
            "status must be one of proposed, approved, rejected, done, got \"open\""
        );
        assert!(refused(ListName::Owe, json!({"id": "a", "due": 5})).starts_with("due must be"));
        assert!(item(ListName::Owed, json!({"id": "a", "due": "2026-01-01", "status": "x"})).is_ok());
    }

    #[test]
    fn an_item_that_nests_too_deep_is_refused() {
        let mut deep = json!(1);
        for _ in 0..json::VALUE_MAX_DEPTH {
            deep = json!([deep]);
        }
        let error = item(ListName::Owe, json!({"id": "a", "deep": deep})).unwrap_err();
        assert_eq!(error.spec(), (413, "limit_exceeded"));
    }

    #[test]
    fn lists_are_known_by_their_names() {
        for list in ListName::ALL {
            assert_eq!(list.as_str().parse::<ListName>().unwrap(), list);
            assert_eq!(serde_json::to_value(list).unwrap(), list.as_str());
            assert!(list.pointer().ends_with(list.as_str()));
        }
        assert!("tasks".parse::<ListName>().is_err());
    }
}
