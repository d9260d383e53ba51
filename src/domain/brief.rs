//! The active brief: what people should read now, about one item or about the day.

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::change::Context;
use super::document::Document;
use super::error::{Error, FieldError};
use super::ids::ItemId;
use super::item::{Item, ListName, Moment};
use super::json::{self, JsonText};
use super::time::Timestamp;

/// The most lines of one part of a brief; what is beyond is counted.
const PART_MAX_LINES: usize = 100;
/// The most characters of one field in a brief.
const VALUE_MAX_CHARS: usize = 2_000;
/// The most characters of a title in a line of a brief.
const LABEL_MAX_CHARS: usize = 200;
/// Where a brief looks for its item, and for what refers to it.
const LOOKUP: [ListName; 4] = [ListName::Priorities, ListName::Owe, ListName::Owed, ListName::Calendar];

/// What people should read now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Brief {
    /// Its name; the hub's own are named after their change.
    pub id: String,
    /// The id of the item that it is about; null for the day's.
    #[schema(required = true)]
    pub target: Option<String>,
    /// One line.
    pub title: String,
    /// Plain text.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
}

impl Brief {
    /// The section's members.
    pub(super) const FIELDS: [&str; 5] = ["id", "target", "title", "body", "created_at"];

    /// Reads a section as a patch left it.
    pub(super) fn read(value: Value) -> Result<Option<Self>, Error> {
        const PLACE: &str = "/active_brief";
        let fields = match value {
            Value::Null => return Ok(None),
            Value::Object(fields) => fields,
            other => {
                let message = format!("{PLACE} must be an object or null, got {}", json::show(&other));
                return Err(Error::invalid(PLACE, message));
            }
        };
        let unknown: Vec<String> =
            fields.keys().filter(|key| !Brief::FIELDS.contains(&key.as_str())).cloned().collect();
        if !unknown.is_empty() {
            let error = Error::UnknownField { fields: unknown, expected: Brief::FIELDS.join(", ") };
            return Err(error.under(PLACE));
        }
        let mut bad = Vec::new();
        let mut text = |field: &str| match fields.get(field) {
            Some(Value::String(text)) => text.clone(),
            found => {
                let message = match found {
                    Some(found) => format!("{field} must be a string, got {}", json::show(found)),
                    None => format!("{field} is missing"),
                };
                bad.push(FieldError::new(field, message));
                String::new()
            }
        };
        let (id, title, body, created_at) = (text("id"), text("title"), text("body"), text("created_at"));
        let target = match fields.get("target") {
            None | Some(Value::Null) => None,
            Some(_) => Some(text("target")),
        };
        let moment = Timestamp::parse(&created_at);
        if moment.is_err() && fields.get("created_at").is_some_and(Value::is_string) {
            let found = json::quote(&created_at);
            let message = format!("created_at must be an RFC 3339 time, got {found}");
            bad.push(FieldError::new("created_at", message));
        }
        match moment {
            Ok(created_at) if bad.is_empty() => Ok(Some(Brief { id, target, title, body, created_at })),
            _ => Err(Error::invalid_fields(bad).under(PLACE)),
        }
    }

    /// Encodes the brief in its canonical form.
    pub(super) fn text(&self) -> JsonText {
        let text = serde_json_canonicalizer::to_string(self);
        JsonText::trusted(text.expect("every json value has a canonical form"))
    }
}

/// Says whether a priority still needs someone.
pub fn is_open(priority: &Item) -> bool {
    matches!(priority.str("status"), Some("proposed" | "approved"))
}

/// Writes the brief about one item: its fields, and the items that refer to it.
///
/// Nothing when no item has the id; where several lists have it, the first of priorities, owe, owed
/// and calendar is meant.
pub(super) fn of_item(document: &Document, id: &ItemId, context: &Context<'_>) -> Option<Brief> {
    let found = |name: ListName| document.list(name).find(id.as_str()).map(|item| (name, item));
    let (list, item) = LOOKUP.into_iter().find_map(found)?;
    let title = item.title().map_or_else(|| format!("{list} {id}"), one_line);
    let mut body = Body::default();
    body.line(&format!("{list} {id}"));
    for (field, value) in item.fields().iter().filter(|(field, _)| *field != "id") {
        body.line(&format!("{field}: {}", plain(value)));
    }
    let referring = LOOKUP.into_iter().flat_map(|name| {
        document.list(name).iter().filter(|other| refers(other, id)).map(move |other| (name, other))
    });
    let referring = referring.map(|(name, other)| format!("{name} {}", label(other)));
    body.part("Referred to by", referring, false);
    Some(brief(Some(id.as_str()), title, body, context))
}

/// Writes the day's brief: today's calendar, open priorities, commitments due or overdue.
pub(super) fn of_day(document: &Document, context: &Context<'_>) -> Brief {
    let zone = context.timezone;
    let today = local(context.now, zone).date_naive();
    let mut events: Vec<(Moment, &Item)> = document
        .list(ListName::Calendar)
        .iter()
        .filter(|item| is_on(item, today, zone))
        .filter_map(|item| item.moment("start").map(|start| (start, &**item)))
        .collect();
    events.sort_by_key(|(start, _)| match start {
        // All-day events lead, as on paper.
        Moment::Date(_) => None,
        Moment::Time(at) => Some(*at),
    });
    let events = events.into_iter().map(|(_, item)| format!("{}: {}", span(item, today, zone), label(item)));

    let priorities = document.list(ListName::Priorities).iter().filter(|item| is_open(item));
    let priorities =
        priorities.map(|item| format!("{} ({})", label(item), item.str("status").unwrap_or_default()));

    let commitments = [ListName::Owe, ListName::Owed].into_iter().flat_map(|name| {
        let due = |item| day_of(item, "due", zone).filter(|day| *day <= today);
        document.list(name).iter().filter_map(move |item| due(item).map(|day| (name, item, day)))
    });
    let commitments = commitments.map(|(name, item, day)| {
        let when = if day == today { "due today".to_owned() } else { format!("overdue since {day}") };
        format!("{name} {}, {when}", label(item))
    });

    let mut body = Body::default();
    body.part("Calendar", events, true);
    body.part("Open priorities", priorities, true);
    body.part("Commitments due", commitments, true);
    brief(None, today.format("%A, %-d %B %Y").to_string(), body, context)
}

fn brief(target: Option<&str>, title: String, body: Body, context: &Context<'_>) -> Brief {
    Brief {
        id: format!("brief-{}", context.seq),
        target: target.map(str::to_owned),
        title,
        body: body.0,
        created_at: context.now,
    }
}

/// Plain text, line by line.
#[derive(Default)]
struct Body(String);

impl Body {
    fn line(&mut self, line: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(line);
    }

    /// Appends a headed list; an empty one says so, or is left out.
    fn part(&mut self, head: &str, lines: impl Iterator<Item = String>, even_empty: bool) {
        let mut lines = lines.peekable();
        if lines.peek().is_none() && !even_empty {
            return;
        }
        if !self.0.is_empty() {
            self.line("");
        }
        self.line(head);
        if lines.peek().is_none() {
            self.line("- nothing");
        }
        for line in lines.by_ref().take(PART_MAX_LINES) {
            self.line(&format!("- {line}"));
        }
        let more = lines.count();
        if more > 0 {
            self.line(&format!("- and {more} more"));
        }
    }
}

/// Says whether a field of the item, or an element of an array there, is the id.
fn refers(item: &Item, id: &ItemId) -> bool {
    let is_id = |value: &Value| value.as_str() == Some(id.as_str());
    let mut others = item.fields().iter().filter(|(field, _)| *field != "id");
    others.any(|(_, value)| match value {
        Value::Array(values) => values.iter().any(is_id),
        value => is_id(value),
    })
}

fn label(item: &Item) -> String {
    match item.title() {
        Some(title) => format!("{}: {}", item.id(), one_line(title)),
        None => item.id().to_string(),
    }
}

fn one_line(text: &str) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), LABEL_MAX_CHARS)
}

/// Writes a field's value as people would.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(values) if !values.iter().any(|value| value.is_array() || value.is_object()) => {
            values.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        value => json::canonical(value),
    };
    cut(&text, VALUE_MAX_CHARS)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn local(at: Timestamp, zone: Tz) -> DateTime<Tz> {
    at.to_utc().with_timezone(&zone)
}

fn day_of(item: &Item, field: &str, zone: Tz) -> Option<NaiveDate> {
    item.moment(field).map(|moment| match moment {
        Moment::Date(day) => day,
        Moment::Time(at) => local(at, zone).date_naive(),
    })
}

/// Says whether a calendar item touches the day.
///
/// An end is exclusive, as calendars exchange it: a day's end of the 3rd means through the 2nd, and
/// what ends at midnight does not touch the next day; but what ends as it starts is there.
fn is_on(item: &Item, today: NaiveDate, zone: Tz) -> bool {
    let Some(first) = day_of(item, "start", zone) else {
        return false;
    };
    let last = match item.moment("end") {
        Some(Moment::Date(end)) => end.pred_opt(),
        Some(Moment::Time(end)) => Some(local(Timestamp::from_millis(end.millis() - 1), zone).date_naive()),
        None => None,
    };
    first <= today && today <= last.map_or(first, |last| last.max(first))
}

fn span(item: &Item, today: NaiveDate, zone: Tz) -> String {
    let show = |at: Timestamp| {
        let at = local(at, zone);
        let form = if at.date_naive() == today { "%H:%M" } else { "%Y-%m-%d %H:%M" };
        at.format(form).to_string()
    };
    match (item.moment("start"), item.moment("end")) {
        (Some(Moment::Time(start)), Some(Moment::Time(end))) if start != end => {
            format!("{} to {}", show(start), show(end))
        }
        (Some(Moment::Time(start)), _) => show(start),
        _ => "all day".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::super::{CollectionId, Limits, Seq};
    use super::*;

    fn document() -> Document {
        Document::from_json(&json!({
            "system": {"status": "IDLE", "progress": 0, "last_sync": null},
            "calendar": [
                {"id": "E1", "title": "Standup", "start": "2026-01-02T09:00:00+01:00", "end": "2026-01-02T09:15:00+01:00", "about": ["P7"]},
                {"id": "E2", "title": "Offsite", "start": "2026-01-01", "end": "2026-01-03"},
                {"id": "E3", "title": "Over", "start": "2026-01-01", "end": "2026-01-02"},
                {"id": "E4", "title": "Night shift", "start": "2026-01-01T22:00:00Z", "end": "2026-01-02T05:00:00Z"},
                {"id": "E5", "title": "Until midnight", "start": "2026-01-01T22:00:00Z", "end": "2026-01-01T23:00:00Z"},
                {"id": "E6", "title": "Late call", "start": "2026-01-02T23:30:00Z", "end": "2026-01-02T23:45:00Z"},
                {"id": "E7", "title": "Birthday", "start": "2026-01-02", "end": "2026-01-02"}
            ],
            "priorities": [
                {"id": "P7", "title": "Ship\n it", "status": "approved", "tags": ["a", "b"], "meta": {"n": 1}},
                {"id": "P8", "status": "proposed", "parent": "P7"},
                {"id": "P9", "status": "done"}
            ],
            "commitments": {
                "owe": [{"id": "C1", "title": "Slides", "due": "2026-01-02T22:00:00Z"}, {"id": "C2", "due": "2026-01-03"}],
                "owed": [{"id": "C3", "due": "2025-12-30", "for": "P7"}]
            },
            "active_brief": null, "gateways": {}
        }).to_string()).unwrap()
    }

    fn with_context<T>(run: impl FnOnce(&Context<'_>) -> T) -> T {
        run(&Context {
            now: Timestamp::parse("2026-01-02T07:30:00Z").unwrap(),
            seq: Seq::new(12),
            limits: &Limits::default(),
            timezone: chrono_tz::Europe::Berlin,
            new_collection_id: CollectionId::new("c"),
        })
    }

    #[test]
    fn a_brief_tells_an_items_fields_and_what_refers_to_it() {
        let id = ItemId::parse("P7").unwrap();
        let brief = with_context(|context| of_item(&document(), &id, context)).unwrap();
        assert_eq!(
            (brief.id.as_str(), brief.target.as_deref(), brief.title.as_str()),
            ("brief-12", Some("P7"), "Ship it")
        );
        assert_eq!(brief.created_at.to_string(), "2026-01-02T07:30:00.000Z");
        let expected = "priorities P7\nmeta: {\"n\":1}\nstatus: approved\ntags: a, b\ntitle: Ship\n it\n\n\
                        Referred to by\n- priorities P8\n- owed C3\n- calendar E1: Standup";
        assert_eq!(brief.body, expected);
    }

    #[test]
    fn the_days_brief_is_that_of_the_configured_timezone() {
        let brief = with_context(|context| of_day(&document(), context));
        assert_eq!((brief.target, brief.title.as_str()), (None, "Friday, 2 January 2026"));
        let expected = "Calendar\n- all day: E2: Offsite\n- all day: E7: Birthday\n\
                        - 2026-01-01 23:00 to 06:00: E4: Night shift\n- 09:00 to 09:15: E1: Standup\n\n\
                        Open priorities\n- P7: Ship it (approved)\n- P8 (proposed)\n\n\
                        Commitments due\n- owe C1: Slides, due today\n- owed C3, overdue since 2025-12-30";
        assert_eq!(brief.body, expected);
    }

    #[test]
    fn an_empty_day_says_so_and_a_long_one_is_cut() {
        let brief = with_context(|context| of_day(&Document::default(), context));
        assert_eq!(brief.body.matches("- nothing").count(), 3);
        let mut body = Body::default();
        body.part("Head", (0..250).map(|n| n.to_string()), true);
        assert!(body.0.ends_with("- 99\n- and 150 more"));
    }

    #[test]
    fn an_id_that_nothing_has_gives_no_brief() {
        let id = ItemId::parse("X").unwrap();
        assert_eq!(with_context(|context| of_item(&document(), &id, context)), None);
    }

    #[test]
    fn a_patched_brief_is_read_with_every_fault_named() {
        let good = json!({"id": "b", "title": "t", "body": "", "created_at": "2026-01-02T00:00:00+01:00"});
        let brief = Brief::read(good).unwrap().unwrap();
        assert_eq!(brief.created_at.to_string(), "2026-01-01T23:00:00.000Z");
        assert_eq!(Brief::read(Value::Null).unwrap(), None);
        let error = Brief::read(json!({"id": 1, "target": 2, "body": "", "created_at": "now"})).unwrap_err();
        let fields: Vec<_> = error.details().into_iter().map(|detail| detail.field).collect();
        let places = ["id", "title", "target", "created_at"].map(|field| format!("/active_brief/{field}"));
        assert_eq!(fields, places);
        let error = Brief::read(json!({"titel": 1})).unwrap_err();
        assert!(error.to_string().starts_with("unknown field /active_brief/titel, expected"));
    }
}
