//! A merge patch (RFC 7396) of the document.

use serde_json::{Map, Value};

use super::brief::Brief;
use super::document::Document;
use super::error::Error;
use super::item::ListName;
use super::json;
use super::list::ItemList;
use super::system::System;

/// The members of the document.
pub(super) const SECTIONS: [&str; 6] =
    ["system", "calendar", "priorities", "commitments", "active_brief", "gateways"];
/// The members of its `commitments`.
pub(super) const COMMITMENTS: [&str; 2] = ["owe", "owed"];

/// Returns `document` with `patch` merged into it, valid as a whole.
///
/// Lists are replaced as wholes, as RFC 7396 has it; items that stay equal stay shared.
///
/// # Errors
/// `read_only` for gateways, `unknown_field` for what the document does not have, `invalid_value` for
/// what it does not allow. Nothing was merged.
pub(super) fn merge(document: &Document, patch: &Value) -> Result<Document, Error> {
    let sections = members(patch, "", &SECTIONS)?;
    if sections.contains_key("gateways") {
        return Err(Error::ReadOnly { path: "/gateways".to_owned() });
    }
    let mut next = document.clone();
    for (section, patch) in sections {
        match section.as_str() {
            "system" => {
                let patch = fields(required(patch, "/system")?, "/system", &System::FIELDS)?;
                let merged = merged(to_value(document.system()), patch);
                next.set_system(System::read(merged).map_err(|error| error.under("/system"))?);
            }
            "active_brief" => {
                let patch = fields(patch, "/active_brief", &Brief::FIELDS)?;
                let before = document.active_brief().map_or(Value::Null, to_value);
                next.set_brief(Brief::read(merged(before, patch))?);
            }
            "commitments" => {
                for (list, patch) in members(patch, "/commitments", &COMMITMENTS)? {
                    let name = if list == "owe" { ListName::Owe } else { ListName::Owed };
                    set_list(&mut next, name, patch)?;
                }
            }
            "calendar" => set_list(&mut next, ListName::Calendar, patch)?,
            _ => set_list(&mut next, ListName::Priorities, patch)?,
        }
    }
    Ok(next)
}

/// Puts an array in the place of a list.
pub(super) fn set_list(document: &mut Document, name: ListName, value: &Value) -> Result<(), Error> {
    let value = required(value, name.pointer())?;
    let Value::Array(values) = value else {
        let place = name.pointer();
        return Err(Error::invalid(place, format!("{place} must be an array, got {}", json::show(value))));
    };
    let list = ItemList::rebuild(name, values, document.shared_list(name))?;
    document.set_list(name, list);
    Ok(())
}

/// Returns the members of an object, all of them known.
pub(super) fn members<'a>(
    value: &'a Value,
    place: &str,
    known: &[&str],
) -> Result<&'a Map<String, Value>, Error> {
    let Value::Object(members) = required(value, place)? else {
        let name = if place.is_empty() { "the document" } else { place };
        return Err(Error::invalid(place, format!("{name} must be an object, got {}", json::show(value))));
    };
    let unknown: Vec<String> = members
        .keys()
        .filter(|key| !known.contains(&key.as_str()))
        .map(|key| if place.is_empty() { key.clone() } else { format!("{place}/{key}") })
        .collect();
    if unknown.is_empty() {
        Ok(members)
    } else {
        Err(Error::UnknownField { fields: unknown, expected: known.join(", ") })
    }
}

/// Refuses unknown members, of which RFC 7396 would skip those that are null.
fn fields<'a>(patch: &'a Value, place: &str, known: &[&str]) -> Result<&'a Value, Error> {
    if patch.is_object() {
        members(patch, place, known)?;
    }
    Ok(patch)
}

/// Refuses to take out what every document has.
fn required<'a>(value: &'a Value, place: &str) -> Result<&'a Value, Error> {
    if value.is_null() && !place.is_empty() {
        return Err(Error::invalid(place, format!("{place} cannot be removed")));
    }
    Ok(value)
}

/// Merges by the rules of RFC 7396.
fn merged(mut target: Value, patch: &Value) -> Value {
    json_patch::merge(&mut target, patch);
    target
}

/// Encodes a section.
pub(super) fn to_value<T: serde::Serialize>(section: &T) -> Value {
    serde_json::to_value(section).expect("a section has string keys and finite numbers")
}
