//! A JSON patch (RFC 6902) of the document, as a request brings it.
//!
//! In between, the document may be invalid; the result is judged as a whole. Two ways lead there,
//! with one meaning: most patches touch single items, and those are changed in place, sharing all
//! others; what that way cannot hold (an item without its id for a moment, a list moved as a whole)
//! is done on plain values of the touched sections. Every fault is told by the second way.

use std::slice;

use json_patch::jsonptr::Pointer;
use json_patch::{PatchErrorKind, PatchOperation};
use serde_json::{Map, Value};

use super::brief::Brief;
use super::document::Document;
use super::error::Error;
use super::item::ListName;
use super::json;
use super::limits::Limits;
use super::merge::{COMMITMENTS, SECTIONS, members, set_list, to_value};
use super::pointer;
use super::quick;
use super::system::System;

/// The most levels of the document while a patch is under way: what JSON readers take.
const DRAFT_MAX_DEPTH: usize = 128;
/// How often a patch may move or copy as much as a document holds; `copy` alone doubles each time.
const COPIED_DOCUMENTS: usize = 8;

/// Operations of one patch; more than that many are better told as a merge patch.
const OPS_MAX: usize = 5_000;

/// Reads the operations of a patch.
///
/// # Errors
/// `invalid_patch` naming the first bad operation, counted from 0; `limit_exceeded` for too many.
pub(super) fn parse(patch: &Value) -> Result<Vec<PatchOperation>, Error> {
    let Value::Array(ops) = patch else {
        let message = format!("a json patch must be an array of operations, got {}", json::show(patch));
        return Err(Error::InvalidPatch { message });
    };
    if ops.len() > OPS_MAX {
        let message = format!("a json patch must not have more than {OPS_MAX} operations, got {}", ops.len());
        return Err(Error::LimitExceeded { message });
    }
    let read = |(index, op): (usize, &Value)| {
        let mut op = op.clone();
        if let Some(value) = op.get_mut("value") {
            let unsafe_number = |_| "integers beyond 2^53-1 are not exact in json".to_owned();
            json::normalize(value, DRAFT_MAX_DEPTH).map_err(unsafe_number)?;
        }
        serde_json::from_value(op)
            .map_err(|error| error.to_string())
            .map_err(|message| format!("operation {index}: {message}"))
    };
    let ops = ops.iter().enumerate().map(read).collect::<Result<_, _>>();
    ops.map_err(|message| Error::InvalidPatch { message })
}

/// Says whether an operation of the patch writes `place`, or something around it.
pub(super) fn writes(ops: &[PatchOperation], place: &str) -> bool {
    ops.iter().flat_map(written).any(|path| pointer::is_within(place, path.as_str()))
}

/// Returns `document` with the operations applied in their order, valid as a whole.
///
/// # Errors
/// `read_only` for gateways, `test_failed`, `invalid_patch` for an operation that does not fit,
/// `limit_exceeded` for one that copies too much, and whatever the result is not valid for.
/// Nothing was applied.
pub(super) fn patch(document: &Document, ops: &[PatchOperation], limits: &Limits) -> Result<Document, Error> {
    let mut touched = ops.iter().flat_map(written);
    if let Some(path) = touched.find(|path| pointer::is_within(path.as_str(), "/gateways")) {
        return Err(Error::ReadOnly { path: path.to_string() });
    }
    match quick::patch(document, ops, &mut Guard::new(limits)) {
        Some(result) => result,
        None => on_values(document, ops, &mut Guard::new(limits)),
    }
}

/// Applies the operations to plain values of the sections that they name.
fn on_values(document: &Document, ops: &[PatchOperation], guard: &mut Guard) -> Result<Document, Error> {
    let sections = sections(ops);
    let values = sections.iter().map(|section| ((*section).to_owned(), section_value(document, section)));
    let mut root = Value::Object(values.collect());
    for (index, op) in ops.iter().enumerate() {
        guard.check(&root, op)?;
        run(&mut root, op).map_err(|kind| failure(index, op, &kind))?;
    }
    let values = members(&root, "", &SECTIONS)?;
    let mut next = document.clone();
    for section in sections {
        let place = format!("/{section}");
        match (section, values.get(section)) {
            ("gateways", value) => {
                if value.and_then(Value::as_object) != Some(document.gateways()) {
                    return Err(Error::ReadOnly { path: place });
                }
            }
            ("active_brief", value) => next.set_brief(Brief::read(value.cloned().unwrap_or_default())?),
            (_, None) => return Err(Error::invalid(&place, format!("{place} cannot be removed"))),
            ("system", Some(value)) => {
                next.set_system(System::read(value.clone()).map_err(|error| error.under(&place))?);
            }
            ("commitments", Some(value)) => {
                let lists = members(value, &place, &COMMITMENTS)?;
                for name in [ListName::Owe, ListName::Owed] {
                    set_list(&mut next, name, lists.get(name.as_str()).unwrap_or(&Value::Null))?;
                }
            }
            ("calendar", Some(value)) => set_list(&mut next, ListName::Calendar, value)?,
            (_, Some(value)) => set_list(&mut next, ListName::Priorities, value)?,
        }
    }
    Ok(next)
}

/// Returns the sections that the operations name; all of them when one names the whole document.
fn sections(ops: &[PatchOperation]) -> Vec<&'static str> {
    let named: Vec<_> =
        ops.iter().flat_map(places).map(|place| pointer::split_first(place.as_str())).collect();
    let all = named.iter().any(Option::is_none);
    let is_named = |section: &str| named.iter().flatten().any(|(first, _)| first == section);
    SECTIONS.into_iter().filter(|section| all || is_named(section)).collect()
}

/// Returns a section as a plain value.
pub(super) fn section_value(document: &Document, section: &str) -> Value {
    let list = |name| {
        let items = document.list(name).iter();
        Value::Array(items.map(|item| Value::Object(item.fields().clone())).collect())
    };
    match section {
        "system" => to_value(document.system()),
        "active_brief" => document.active_brief().map_or(Value::Null, to_value),
        "gateways" => Value::Object(document.gateways().clone()),
        "calendar" => list(ListName::Calendar),
        "priorities" => list(ListName::Priorities),
        _ => {
            let lists = [ListName::Owe, ListName::Owed].map(|name| (name.to_string(), list(name)));
            Value::Object(Map::from_iter(lists))
        }
    }
}

/// Applies one operation to a value.
pub(super) fn run(root: &mut Value, op: &PatchOperation) -> Result<(), PatchErrorKind> {
    json_patch::patch_unsafe(root, slice::from_ref(op)).map_err(|error| error.kind)
}

/// Says why an operation failed. A `test` of what is not there has failed as a test.
pub(super) fn failure(index: usize, op: &PatchOperation, kind: &PatchErrorKind) -> Error {
    let path = op.path();
    let message = match (op, kind) {
        (PatchOperation::Test(_), _) => {
            return Error::TestFailed { path: path.to_string() };
        }
        (_, PatchErrorKind::CannotMoveInsideItself) => "a value cannot be moved into itself".to_owned(),
        (
            PatchOperation::Move(json_patch::MoveOperation { from, .. }),
            PatchErrorKind::InvalidFromPointer,
        )
        | (
            PatchOperation::Copy(json_patch::CopyOperation { from, .. }),
            PatchErrorKind::InvalidFromPointer,
        ) => {
            format!("nothing is at {}", json::quote(from.as_str()))
        }
        (PatchOperation::Remove(_) | PatchOperation::Replace(_), _) => {
            format!("nothing is at {}", json::quote(path.as_str()))
        }
        _ => format!("nothing can be put at {}", json::quote(path.as_str())),
    };
    Error::InvalidPatch { message: format!("operation {index}: {message}") }
}

/// Returns the places that an operation names.
fn places(op: &PatchOperation) -> impl Iterator<Item = &Pointer> {
    let from = match op {
        PatchOperation::Move(op) => Some(op.from.as_ref()),
        PatchOperation::Copy(op) => Some(op.from.as_ref()),
        _ => None,
    };
    from.into_iter().chain([op.path()])
}

/// Returns the places that an operation writes.
fn written(op: &PatchOperation) -> impl Iterator<Item = &Pointer> {
    let path = match op {
        PatchOperation::Test(_) => None,
        op => Some(op.path()),
    };
    let from = match op {
        PatchOperation::Move(op) => Some(op.from.as_ref()),
        _ => None,
    };
    from.into_iter().chain(path)
}

/// Keeps a patch from growing the draft without bound, in bytes and in levels.
pub(super) struct Guard {
    /// Bytes that may still be moved or copied.
    bytes: usize,
}

impl Guard {
    fn new(limits: &Limits) -> Self {
        Guard { bytes: limits.document_bytes.saturating_mul(COPIED_DOCUMENTS) }
    }

    /// Judges one operation before it is applied to `root`.
    fn check(&mut self, root: &Value, op: &PatchOperation) -> Result<(), Error> {
        let value = match op {
            PatchOperation::Add(op) => Some(&op.value),
            PatchOperation::Replace(op) => Some(&op.value),
            PatchOperation::Move(op) => root.pointer(op.from.as_str()),
            PatchOperation::Copy(op) => root.pointer(op.from.as_str()),
            PatchOperation::Remove(_) | PatchOperation::Test(_) => None,
        };
        let copies = matches!(op, PatchOperation::Move(_) | PatchOperation::Copy(_));
        match value {
            Some(value) => self.admit(op.path(), value, copies),
            None => Ok(()),
        }
    }

    /// Judges what is to be put at `path`; what is moved or copied counts by its size.
    pub(super) fn admit(&mut self, path: &Pointer, value: &Value, copies: bool) -> Result<(), Error> {
        let (bytes, levels) = json::measure(value);
        let exceeded = |message: String| Err(Error::LimitExceeded { message });
        if path.count() + levels > DRAFT_MAX_DEPTH {
            return exceeded(format!("the document must not have more than {DRAFT_MAX_DEPTH} levels"));
        }
        if copies {
            let Some(left) = self.bytes.checked_sub(bytes) else {
                return exceeded("the patch moves and copies too much".to_owned());
            };
            self.bytes = left;
        }
        Ok(())
    }
}
