//! The quick way of a JSON patch: single items changed in place, all others shared.

use std::collections::HashSet;
use std::sync::Arc;

use json_patch::jsonptr::{Pointer, PointerBuf};
use json_patch::{AddOperation, PatchErrorKind, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::{Map, Value};

use super::brief::Brief;
use super::document::Document;
use super::draft::{Guard, failure, run, section_value};
use super::error::Error;
use super::ids::ItemId;
use super::item::{Item, ListName};
use super::pointer;
use super::system::System;

/// Up to this many new ids are each looked for in their list; more of them by one set of all ids.
const IDS_LOOKED_UP: usize = 32;

/// Up to this many operations go this way: each one writes its item anew, which many operations on one
/// large item would pay for many times.
const OPS_MAX: usize = 16;

/// Applies the operations; nothing where this way cannot hold what is in between, or would fail.
pub(super) fn patch(
    document: &Document,
    ops: &[PatchOperation],
    guard: &mut Guard,
) -> Option<Result<Document, Error>> {
    if ops.len() > OPS_MAX {
        return None;
    }
    let mut draft =
        Quick { document: document.clone(), sections: Map::new(), loaded: Vec::new(), touched: Vec::new() };
    for (index, op) in ops.iter().enumerate() {
        match draft.step(op, guard)? {
            Step::Done => {}
            Step::TestFailed => return Some(Err(failure(index, op, &PatchErrorKind::TestFailed))),
        }
    }
    draft.finish().map(Ok)
}

enum Step {
    Done,
    TestFailed,
}

/// A place that this way can reach.
enum Place<'a> {
    /// An item, or within it.
    Item { list: ListName, index: usize, inside: &'a str },
    /// After the last item of a list.
    End(ListName),
    /// A small section, or within it.
    Section(&'static str),
}

struct Quick {
    document: Document,
    /// The small sections that were touched, as plain values.
    sections: Map<String, Value>,
    /// Which ones they are: an operation may have removed one since.
    loaded: Vec<&'static str>,
    /// The items that were put in.
    touched: Vec<(ListName, ItemId)>,
}

impl Quick {
    fn step(&mut self, op: &PatchOperation, guard: &mut Guard) -> Option<Step> {
        match op {
            PatchOperation::Add(op) => {
                guard.admit(&op.path, &op.value, false).ok()?;
                self.add(&op.path, op.value.clone())?;
            }
            PatchOperation::Replace(op) => {
                guard.admit(&op.path, &op.value, false).ok()?;
                self.replace(&op.path, op.value.clone())?;
            }
            PatchOperation::Remove(op) => self.remove(&op.path)?,
            PatchOperation::Test(op) => {
                if self.get(&op.path)? != op.value {
                    return Some(Step::TestFailed);
                }
            }
            PatchOperation::Copy(op) => {
                let value = self.get(&op.from)?;
                guard.admit(&op.path, &value, true).ok()?;
                self.add(&op.path, value)?;
            }
            PatchOperation::Move(op) => {
                let within = pointer::is_within(op.path.as_str(), op.from.as_str());
                let value = self.get(&op.from)?;
                guard.admit(&op.path, &value, true).ok()?;
                if within && op.path != op.from {
                    return None;
                }
                self.remove(&op.from)?;
                self.add(&op.path, value)?;
            }
        }
        Some(Step::Done)
    }

    fn get(&mut self, path: &Pointer) -> Option<Value> {
        match place(path)? {
            Place::Item { list, index, inside: "" } => {
                Some(Value::Object(self.document.list(list).get(index)?.fields().clone()))
            }
            Place::Item { list, index, inside } => {
                let (field, within) = pointer::split_first(inside)?;
                self.document.list(list).get(index)?.get(&field)?.pointer(within).cloned()
            }
            Place::Section(section) => {
                self.load(section);
                let (_, within) = pointer::split_first(path.as_str())?;
                self.sections.get(section)?.pointer(within).cloned()
            }
            Place::End(_) => None,
        }
    }

    fn add(&mut self, path: &Pointer, value: Value) -> Option<()> {
        match place(path)? {
            Place::Item { list, index, inside: "" } => self.insert(list, index, value),
            Place::End(list) => self.insert(list, self.document.list(list).len(), value),
            _ => self.edit(path, |path| PatchOperation::Add(AddOperation { path, value })),
        }
    }

    fn replace(&mut self, path: &Pointer, value: Value) -> Option<()> {
        match place(path)? {
            Place::Item { list, index, inside: "" } => self.set(list, index, value),
            _ => self.edit(path, |path| PatchOperation::Replace(ReplaceOperation { path, value })),
        }
    }

    fn remove(&mut self, path: &Pointer) -> Option<()> {
        match place(path)? {
            Place::Item { list, index, inside: "" } => {
                self.document.list(list).get(index)?;
                self.document.list_mut(list).remove(index);
                Some(())
            }
            _ => self.edit(path, |path| PatchOperation::Remove(RemoveOperation { path })),
        }
    }

    /// Changes what is within an item or a small section.
    fn edit(&mut self, path: &Pointer, op: impl FnOnce(PointerBuf) -> PatchOperation) -> Option<()> {
        match place(path)? {
            Place::Item { list, index, inside } => {
                let mut value = Value::Object(self.document.list(list).get(index)?.fields().clone());
                run(&mut value, &op(PointerBuf::parse(inside).ok()?)).ok()?;
                self.set(list, index, value)
            }
            Place::Section(section) => {
                self.load(section);
                let mut value = Value::Object(std::mem::take(&mut self.sections));
                let done = run(&mut value, &op(path.to_owned()));
                if let Value::Object(sections) = value {
                    self.sections = sections;
                }
                done.ok()
            }
            Place::End(_) => None,
        }
    }

    /// Makes a small section a plain value, once.
    fn load(&mut self, section: &'static str) {
        if !self.loaded.contains(&section) {
            self.loaded.push(section);
            self.sections.insert(section.to_owned(), section_value(&self.document, section));
        }
    }

    fn insert(&mut self, list: ListName, index: usize, value: Value) -> Option<()> {
        let item = self.item(list, value).filter(|_| index <= self.document.list(list).len())?;
        self.document.list_mut(list).insert(index, item);
        Some(())
    }

    fn set(&mut self, list: ListName, index: usize, value: Value) -> Option<()> {
        let same = {
            let before = self.document.list(list).get(index)?;
            value.as_object() == Some(before.fields())
        };
        if !same {
            let item = self.item(list, value)?;
            self.document.list_mut(list).set(index, item);
        }
        Some(())
    }

    /// Makes an item that is exactly the value: one that gets a default filled in is not.
    fn item(&mut self, list: ListName, value: Value) -> Option<Arc<Item>> {
        let Value::Object(fields) = value else {
            return None;
        };
        let given = fields.len();
        let item = Item::new(list, fields).ok().filter(|item| item.fields().len() == given)?;
        self.touched.push((list, item.id().clone()));
        Some(Arc::new(item))
    }

    /// Returns the document when it is valid.
    fn finish(mut self) -> Option<Document> {
        if ListName::ALL.into_iter().any(|list| self.has_id_twice(list)) {
            return None;
        }
        if self.loaded.contains(&"system") {
            self.document.set_system(System::read(self.sections.remove("system")?).ok()?);
        }
        if self.loaded.contains(&"active_brief") {
            let brief = self.sections.remove("active_brief").unwrap_or_default();
            self.document.set_brief(Brief::read(brief).ok()?);
        }
        Some(self.document)
    }

    fn has_id_twice(&self, name: ListName) -> bool {
        let list = self.document.list(name);
        let touched = || self.touched.iter().filter(|(list, _)| *list == name).map(|(_, id)| id);
        if touched().count() <= IDS_LOOKED_UP {
            return touched().any(|id| list.count(id.as_str()) > 1);
        }
        let mut seen = HashSet::with_capacity(list.len());
        list.iter().any(|item| !seen.insert(item.id()))
    }
}

fn place(path: &Pointer) -> Option<Place<'_>> {
    if let Some((list, within)) = pointer::in_list(path.as_str()) {
        let (token, inside) = pointer::split_first(within)?;
        return match (&*token, inside) {
            ("-", "") => Some(Place::End(list)),
            (token, inside) => pointer::index(token).map(|index| Place::Item { list, index, inside }),
        };
    }
    let (section, _) = pointer::split_first(path.as_str())?;
    ["system", "active_brief"].into_iter().find(|known| section == *known).map(Place::Section)
}
