//! Writes the patch between two documents: the single source of every committed patch.
//!
//! What both documents share in memory is skipped unseen, so that a patch costs what was changed.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::document::Document;
use super::item::{Item, ListName};
use super::json::JsonText;
use super::list::ItemList;
use super::patch::{Op, Patch};
use super::pointer;

/// Returns the operations that turn `old` into `new`, byte for byte.
///
/// List items are matched by id: fields of a changed item one by one, or the item as a whole where
/// that is shorter; an item that changed its place is taken out and put in, the fewest possible; and
/// where all that would be longer than the list, the list is replaced.
pub fn diff(old: &Document, new: &Document) -> Patch {
    compare(old, new).patch
}

/// A patch and what to tell people about it.
pub(super) struct Comparison {
    pub(super) patch: Patch,
    /// One short line, such as `priorities: P7 changed`; empty when nothing changed.
    pub(super) summary: String,
}

/// As [`diff`], with a summary.
pub(super) fn compare(old: &Document, new: &Document) -> Comparison {
    let mut writer = Writer::default();
    let mut notes = Vec::new();
    notes.extend(writer.system(old, new));
    for name in ListName::ALL {
        notes.extend(writer.list(name, old.shared_list(name), new.shared_list(name)));
    }
    notes.extend(writer.brief(old, new));
    notes.extend(writer.gateways(old, new));
    Comparison { patch: Patch(writer.ops), summary: notes.join("; ") }
}

/// How the items of one list changed.
#[derive(Default)]
struct Tally<'a> {
    added: Vec<&'a Item>,
    removed: Vec<&'a Item>,
    changed: Vec<&'a Item>,
    moved: Vec<&'a Item>,
}

impl Tally<'_> {
    fn note(&self, list: ListName) -> String {
        let parts = [
            ("added", &self.added),
            ("removed", &self.removed),
            ("changed", &self.changed),
            ("moved", &self.moved),
        ];
        let parts = parts.into_iter().filter_map(|(what, items)| match items.as_slice() {
            [] => None,
            [item] => Some(format!("{} {what}", item.id())),
            items => Some(format!("{} {what}", items.len())),
        });
        format!("{list}: {}", parts.collect::<Vec<_>>().join(", "))
    }
}

#[derive(Default)]
struct Writer {
    ops: Vec<Op>,
    /// Bytes of the operations' texts with a comma each.
    bytes: usize,
}

impl Writer {
    fn push(&mut self, op: Op) {
        self.bytes += op.encoded_len() + 1;
        self.ops.push(op);
    }

    /// Puts `whole` in the place of the operations since `mark` where they would be longer.
    fn shorten(&mut self, (ops, bytes): (usize, usize), whole: impl FnOnce() -> Op, whole_len: usize) {
        if self.bytes - bytes > whole_len + 1 {
            self.ops.truncate(ops);
            self.bytes = bytes;
            self.push(whole());
        }
    }

    fn mark(&self) -> (usize, usize) {
        (self.ops.len(), self.bytes)
    }

    fn replace(&mut self, path: &str, text: String) {
        self.push(Op::Replace { path: path.to_owned(), value: JsonText::trusted(text) });
    }

    fn system(&mut self, old: &Document, new: &Document) -> Option<String> {
        let (old, new) = (old.system(), new.system());
        let mut notes = Vec::new();
        if old.last_sync != new.last_sync {
            let text = new.last_sync.map_or_else(|| "null".to_owned(), |at| format!("\"{at}\""));
            notes.push(format!("last_sync {}", text.trim_matches('"')));
            self.replace("/system/last_sync", text);
        }
        if old.progress != new.progress {
            notes.push(format!("progress {}", new.progress));
            self.replace("/system/progress", new.progress.to_string());
        }
        if old.status != new.status {
            notes.push(format!("status {}", new.status));
            self.replace("/system/status", format!("\"{}\"", new.status));
        }
        // The status first: it is what people look for.
        notes.reverse();
        if notes.is_empty() { None } else { Some(format!("system: {}", notes.join(", "))) }
    }

    fn brief(&mut self, old: &Document, new: &Document) -> Option<String> {
        let (old, new) = (old.brief_section(), new.brief_section());
        let text = |section: Option<&Arc<_>>| {
            section.map(|section: &Arc<super::document::Section<_>>| section.text.clone())
        };
        let (old, new) = (text(old), text(new));
        if old == new {
            return None;
        }
        let note = if new.is_some() { "active_brief: set" } else { "active_brief: cleared" };
        let value = new.unwrap_or_else(|| JsonText::trusted("null".to_owned()));
        self.push(Op::Replace { path: "/active_brief".to_owned(), value });
        Some(note.to_owned())
    }

    fn gateways(&mut self, old: &Document, new: &Document) -> Option<String> {
        if Arc::ptr_eq(old.gateways_section(), new.gateways_section()) {
            return None;
        }
        let mark = self.mark();
        for id in old.gateways().keys().filter(|id| !new.gateways().contains_key(*id)) {
            self.push(Op::Remove { path: place("/gateways", id) });
        }
        for (id, gateway) in new.gateways() {
            match old.gateways().get(id) {
                Some(before) if before == gateway => {}
                Some(_) => {
                    self.push(Op::Replace { path: place("/gateways", id), value: JsonText::of(gateway) })
                }
                None => self.push(Op::Add { path: place("/gateways", id), value: JsonText::of(gateway) }),
            }
        }
        match self.ops.len() - mark.0 {
            0 => None,
            count => Some(format!("gateways: {count} changed")),
        }
    }

    fn list(&mut self, name: ListName, old: &Arc<ItemList>, new: &Arc<ItemList>) -> Option<String> {
        if Arc::ptr_eq(old, new) {
            return None;
        }
        let mark = self.mark();
        let (start, end) = old.common_ends(new);
        let middle = |list: &'_ Arc<ItemList>| list.len() - start - end;
        let before: Vec<&Arc<Item>> = old.iter().skip(start).take(middle(old)).collect();
        let after: Vec<&Arc<Item>> = new.iter().skip(start).take(middle(new)).collect();
        if before.is_empty() && after.is_empty() {
            return None;
        }
        let tally = self.items(name, start, &before, &after);
        let whole = || {
            let mut text = String::with_capacity(new.size());
            new.write(&mut text);
            Op::Replace { path: name.pointer().to_owned(), value: JsonText::trusted(text) }
        };
        let around = r#"{"op":"replace","path":"","value":}"#.len() + name.pointer().len();
        self.shorten(mark, whole, around + new.size());
        Some(tally.note(name))
    }

    /// Writes the operations for the items from index `start` on.
    fn items<'a>(
        &mut self,
        name: ListName,
        start: usize,
        before: &[&'a Arc<Item>],
        after: &[&'a Arc<Item>],
    ) -> Tally<'a> {
        let plan = Plan::new(before, after);
        let mut tally = Tally::default();
        // From the last to the first, so that no removal moves what is still to be removed.
        for (index, item) in before.iter().enumerate().rev().filter(|(index, _)| !plan.stays[*index]) {
            self.push(Op::Remove { path: at(name, start + index) });
            if !plan.is_known(item) {
                tally.removed.push(item);
            }
        }
        // From the first to the last: whatever is before an index is in its final place by then.
        for (index, item) in after.iter().enumerate() {
            match plan.origin[index] {
                Some(origin) if plan.stays[origin] => {
                    if before[origin] != *item {
                        self.item(name, start + index, before[origin], item);
                        tally.changed.push(item);
                    }
                }
                origin => {
                    self.push(Op::Add { path: at(name, start + index), value: item.json().clone() });
                    if origin.is_some() { tally.moved.push(item) } else { tally.added.push(item) }
                }
            }
        }
        tally
    }

    fn item(&mut self, name: ListName, index: usize, old: &Item, new: &Item) {
        let path = at(name, index);
        let mark = self.mark();
        self.members(&path, old.fields(), new.fields());
        let whole = Op::Replace { path, value: new.json().clone() };
        let whole_len = whole.encoded_len();
        self.shorten(mark, || whole, whole_len);
    }

    fn members(&mut self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            self.push(Op::Remove { path: place(path, key) });
        }
        for (key, value) in new {
            match (old.get(key), value) {
                (Some(before), value) if before == value => {}
                (Some(Value::Object(before)), Value::Object(after)) => {
                    self.members(&place(path, key), before, after);
                }
                (Some(_), value) => {
                    self.push(Op::Replace { path: place(path, key), value: JsonText::of(value) });
                }
                (None, value) => {
                    self.push(Op::Add { path: place(path, key), value: JsonText::of(value) });
                }
            }
        }
    }
}

/// Which items keep their place relative to each other while the others are taken out and put in.
struct Plan<'a> {
    /// For each item before: whether it stays.
    stays: Vec<bool>,
    /// For each item after: where it was before.
    origin: Vec<Option<usize>>,
    /// Where each id is after; empty when every item kept its place.
    places: HashMap<&'a str, usize>,
}

impl<'a> Plan<'a> {
    fn new(before: &[&'a Arc<Item>], after: &[&'a Arc<Item>]) -> Self {
        let mut pairs = before.iter().zip(after);
        if before.len() == after.len() && pairs.all(|(one, other)| one.id() == other.id()) {
            let origin = (0..after.len()).map(Some).collect();
            return Plan { stays: vec![true; before.len()], origin, places: HashMap::new() };
        }
        let places: HashMap<&str, usize> =
            after.iter().enumerate().map(|(index, item)| (item.id().as_str(), index)).collect();
        let mut origin = vec![None; after.len()];
        let mut kept = Vec::with_capacity(before.len());
        for (index, item) in before.iter().enumerate() {
            if let Some(&place) = places.get(item.id().as_str()) {
                origin[place] = Some(index);
                kept.push((index, place));
            }
        }
        let mut stays = vec![false; before.len()];
        for index in longest_rising(&kept) {
            stays[index] = true;
        }
        Plan { stays, origin, places }
    }

    fn is_known(&self, item: &Item) -> bool {
        self.places.contains_key(item.id().as_str())
    }
}

/// Returns the first halves of a longest run of pairs whose second halves rise.
///
/// Patience sorting: `tails[n]` is the pair that ends the best run of `n + 1` pairs so far.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<usize> {
    let mut tails: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (at, (_, place)) in pairs.iter().enumerate() {
        let length = tails.partition_point(|&tail| pairs[tail].1 < *place);
        previous.push(length.checked_sub(1).map(|shorter| tails[shorter]));
        if length == tails.len() {
            tails.push(at);
        } else {
            tails[length] = at;
        }
    }
    let mut run = Vec::with_capacity(tails.len());
    let mut next = tails.last().copied();
    while let Some(at) = next {
        run.push(pairs[at].0);
        next = previous[at];
    }
    run
}

fn at(list: ListName, index: usize) -> String {
    format!("{}/{index}", list.pointer())
}

fn place(parent: &str, key: &str) -> String {
    let mut path = String::with_capacity(parent.len() + key.len() + 1);
    path.push_str(parent);
    pointer::push(&mut path, key);
    path
}
