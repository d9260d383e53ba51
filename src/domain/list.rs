//! An ordered list of items in shared chunks, so that a change costs one chunk and not the list.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde_json::Value;

use super::error::Error;
use super::item::{Item, ListName};
use super::json;

/// About the square root of the longest list: a change copies one chunk and the list of chunks.
const CHUNK_ITEMS: usize = 64;

/// Items that follow each other, with the hashes of their ids side by side for a quick search.
#[derive(Clone, Debug, Default)]
struct Chunk {
    hashes: Vec<u64>,
    items: Vec<Arc<Item>>,
}

impl Chunk {
    fn split_off(&mut self, at: usize) -> Chunk {
        Chunk { hashes: self.hashes.split_off(at), items: self.items.split_off(at) }
    }
}

/// An ordered list of items. Cloning shares everything; changing a clone copies one chunk.
#[derive(Clone, Debug, Default)]
pub struct ItemList {
    chunks: Vec<Arc<Chunk>>,
    len: usize,
    /// Bytes of the items' texts, without what is between and around them.
    bytes: usize,
}

impl ItemList {
    /// Returns the number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Says whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the bytes of the list's canonical text.
    pub fn size(&self) -> usize {
        "[]".len() + self.bytes + self.len.saturating_sub(1)
    }

    /// Returns the items in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Item>> {
        self.chunks.iter().flat_map(|chunk| chunk.items.iter())
    }

    /// Returns the item at `index`.
    pub fn get(&self, index: usize) -> Option<&Arc<Item>> {
        let (chunk, at) = self.locate(index)?;
        self.chunks[chunk].items.get(at)
    }

    /// Returns the index of the item with this id.
    pub fn position(&self, id: &str) -> Option<usize> {
        let hash = hash(id);
        let mut start = 0;
        for chunk in &self.chunks {
            // Without an early exit the compiler compares several hashes at once.
            if chunk.hashes.iter().fold(false, |hit, other| hit | (*other == hash)) {
                let found = chunk.items.iter().position(|item| item.id().as_str() == id);
                if let Some(at) = found {
                    return Some(start + at);
                }
            }
            start += chunk.items.len();
        }
        None
    }

    /// Returns the item with this id.
    pub fn find(&self, id: &str) -> Option<&Arc<Item>> {
        self.get(self.position(id)?)
    }

    /// Says how many items have this id: more than one only while a patch is under way.
    pub(super) fn count(&self, id: &str) -> usize {
        let hash = hash(id);
        let alike =
            |chunk: &&Arc<Chunk>| chunk.hashes.iter().fold(false, |hit, other| hit | (*other == hash));
        let items = self.chunks.iter().filter(alike).flat_map(|chunk| chunk.items.iter());
        items.filter(|item| item.id().as_str() == id).count()
    }

    /// Replaces the item at `index`; there must be one.
    pub(super) fn set(&mut self, index: usize, item: Arc<Item>) {
        let (chunk, at) = self.locate(index).expect("the caller knows the index");
        let chunk = Arc::make_mut(&mut self.chunks[chunk]);
        self.bytes = self.bytes - chunk.items[at].text().len() + item.text().len();
        chunk.hashes[at] = hash(item.id().as_str());
        chunk.items[at] = item;
    }

    /// Inserts before the item at `index`, or at the end when `index` is the length.
    pub(super) fn insert(&mut self, index: usize, item: Arc<Item>) {
        self.bytes += item.text().len();
        let (position, at) = self.locate(index).unwrap_or_else(|| match self.chunks.last() {
            Some(last) => (self.chunks.len() - 1, last.items.len()),
            None => (0, 0),
        });
        self.len += 1;
        if self.chunks.is_empty() {
            self.chunks.push(Arc::default());
        }
        let chunk = Arc::make_mut(&mut self.chunks[position]);
        chunk.hashes.insert(at, hash(item.id().as_str()));
        chunk.items.insert(at, item);
        if chunk.items.len() == 2 * CHUNK_ITEMS {
            let rest = chunk.split_off(CHUNK_ITEMS);
            self.chunks.insert(position + 1, Arc::new(rest));
        }
    }

    /// Appends an item.
    pub(super) fn push(&mut self, item: Arc<Item>) {
        self.insert(self.len, item);
    }

    /// Takes the item at `index` out; there must be one.
    pub(super) fn remove(&mut self, index: usize) -> Arc<Item> {
        let (position, at) = self.locate(index).expect("the caller knows the index");
        let chunk = Arc::make_mut(&mut self.chunks[position]);
        chunk.hashes.remove(at);
        let item = chunk.items.remove(at);
        let left = chunk.items.len();
        self.len -= 1;
        self.bytes -= item.text().len();
        if left == 0 {
            self.chunks.remove(position);
        } else if left < CHUNK_ITEMS / 4 {
            self.join(position);
            self.join(position.saturating_sub(1));
        }
        item
    }

    /// Joins a chunk with the next one where both are small, so that removals leave no crumbs.
    fn join(&mut self, position: usize) {
        let [one, other] = match self.chunks.get(position..position + 2) {
            Some([one, other]) if one.items.len() + other.items.len() <= CHUNK_ITEMS => {
                [Arc::clone(one), Arc::clone(other)]
            }
            _ => return,
        };
        let mut joined = Chunk::clone(&one);
        joined.hashes.extend_from_slice(&other.hashes);
        joined.items.extend_from_slice(&other.items);
        self.chunks[position] = Arc::new(joined);
        self.chunks.remove(position + 1);
    }

    /// Returns how many items at the start and at the end both lists share.
    ///
    /// Whole chunks are told by their address, so that most of a long list costs nothing.
    pub(super) fn common_ends(&self, other: &ItemList) -> (usize, usize) {
        let shorter = self.len.min(other.len);
        let shared = |(one, other): &(&Arc<Chunk>, &Arc<Chunk>)| Arc::ptr_eq(one, other);
        let same = |(one, other): &(&Arc<Item>, &Arc<Item>)| Arc::ptr_eq(one, other) || one == other;

        let chunks = self.chunks.iter().zip(&other.chunks).take_while(shared);
        let skipped: usize = chunks.map(|(chunk, _)| chunk.items.len()).sum();
        let items = self.iter().skip(skipped).zip(other.iter().skip(skipped)).take_while(same);
        let start = skipped + items.count();

        let chunks = self.chunks.iter().rev().zip(other.chunks.iter().rev()).take_while(shared);
        let skipped: usize = chunks.map(|(chunk, _)| chunk.items.len()).sum();
        let skipped = skipped.min(shorter - start);
        let items = self.iter().rev().skip(skipped).zip(other.iter().rev().skip(skipped));
        let end = skipped + items.take(shorter - start - skipped).take_while(same).count();
        (start, end)
    }

    /// Says whether both are one and the same in memory, item by item.
    fn is_same(&self, other: &ItemList) -> bool {
        let mut pairs = self.iter().zip(other.iter());
        self.len == other.len && pairs.all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// Builds `list` from the values of a request; what equals an item of `old` is shared with it.
    ///
    /// # Errors
    /// `invalid_value` naming the place of the first bad item, or of an id that is there twice.
    pub(super) fn rebuild(
        list: ListName,
        values: &[Value],
        old: &Arc<ItemList>,
    ) -> Result<Arc<ItemList>, Error> {
        let mut known: Option<HashMap<&str, &Arc<Item>>> = None;
        let mut built = Vec::with_capacity(values.len());
        let mut in_step = old.iter();
        for (index, value) in values.iter().enumerate() {
            let place = || format!("{}/{index}", list.pointer());
            let Value::Object(fields) = value else {
                let found = json::show(value);
                return Err(Error::invalid(place(), format!("{} must be an object, got {found}", place())));
            };
            let id = fields.get("id").and_then(Value::as_str).unwrap_or_default();
            let neighbour = in_step.next().filter(|item| item.id().as_str() == id);
            let before = neighbour.or_else(|| {
                let index = || old.iter().map(|item| (item.id().as_str(), item)).collect();
                known.get_or_insert_with(index).get(id).copied()
            });
            built.push(match before {
                Some(before) if before.fields() == fields => Arc::clone(before),
                _ => Arc::new(Item::new(list, fields.clone()).map_err(|error| error.under(&place()))?),
            });
        }
        let mut seen = HashSet::with_capacity(built.len());
        if let Some(twice) = built.iter().position(|item| !seen.insert(item.id().as_str())) {
            let place = format!("{}/{twice}/id", list.pointer());
            let id = json::quote(built[twice].id().as_str());
            return Err(Error::invalid(&place, format!("{place}: id {id} is there twice")));
        }
        let built: ItemList = built.into_iter().collect();
        Ok(if built.is_same(old) { Arc::clone(old) } else { Arc::new(built) })
    }

    /// Appends the list's canonical text.
    pub(super) fn write(&self, out: &mut String) {
        out.push('[');
        for (index, item) in self.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(item.text());
        }
        out.push(']');
    }

    fn locate(&self, mut index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        for (position, chunk) in self.chunks.iter().enumerate() {
            match index.checked_sub(chunk.items.len()) {
                Some(rest) => index = rest,
                None => return Some((position, index)),
            }
        }
        None
    }
}

impl FromIterator<Arc<Item>> for ItemList {
    fn from_iter<I: IntoIterator<Item = Arc<Item>>>(items: I) -> Self {
        let mut list = ItemList::default();
        let mut chunk = Chunk::default();
        for item in items {
            list.len += 1;
            list.bytes += item.text().len();
            chunk.hashes.push(hash(item.id().as_str()));
            chunk.items.push(item);
            if chunk.items.len() == CHUNK_ITEMS {
                list.chunks.push(Arc::new(std::mem::take(&mut chunk)));
            }
        }
        if !chunk.items.is_empty() {
            list.chunks.push(Arc::new(chunk));
        }
        list
    }
}

impl PartialEq for ItemList {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.bytes == other.bytes && self.common_ends(other).0 == self.len
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn item(id: usize, note: usize) -> Arc<Item> {
        let fields = json!({"id": format!("C{id}"), "note": "x".repeat(note)});
        Arc::new(Item::new(ListName::Owe, fields.as_object().unwrap().clone()).unwrap())
    }

    fn text(list: &ItemList) -> String {
        let mut text = String::new();
        list.write(&mut text);
        text
    }

    #[test]
    fn every_item_of_a_long_list_is_found_by_its_id() {
        let list: ItemList = (0..1_000).map(|id| item(id, 0)).collect();
        for id in 0..1_000 {
            assert_eq!(list.position(&format!("C{id}")), Some(id));
        }
        assert_eq!(list.position("C1000"), None);
    }

    #[test]
    fn a_change_copies_one_chunk_and_shares_the_others() {
        let old: ItemList = (0..1_000).map(|id| item(id, 0)).collect();
        let mut new = old.clone();
        new.set(500, item(500, 3));
        let copied = old.chunks.iter().zip(&new.chunks).filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
        assert_eq!(copied, 1);
        assert_eq!(old.common_ends(&new), (500, 499));
    }

    #[test]
    fn rebuilding_shares_what_is_equal_and_refuses_an_id_twice() {
        let old: Arc<ItemList> = Arc::new((0..5).map(|id| item(id, 0)).collect());
        let mut values: Vec<Value> = old.iter().map(|item| item.json().value()).collect();
        let same = ItemList::rebuild(ListName::Owe, &values, &old).unwrap();
        assert!(Arc::ptr_eq(&same, &old));

        values.swap(0, 4);
        let swapped = ItemList::rebuild(ListName::Owe, &values, &old).unwrap();
        assert!(Arc::ptr_eq(swapped.get(0).unwrap(), old.get(4).unwrap()));

        values.push(values[1].clone());
        let error = ItemList::rebuild(ListName::Owe, &values, &old).unwrap_err();
        assert_eq!(error.to_string(), "/commitments/owe/5/id: id \"C1\" is there twice");
    }

    #[test]
    fn chunks_join_when_most_items_are_removed() {
        // From the front, from the back, behind a few that stay, and from all over.
        let orders: [fn(usize) -> usize; 4] = [|_| 0, |len| len - 1, |_| 3, |len| len * len / 3 % len];
        for order in orders {
            let (mut list, mut model) = (ItemList::default(), Vec::<Arc<Item>>::new());
            for id in 0..10 * CHUNK_ITEMS {
                list.insert(id / 2, item(id, id % 5));
                model.insert(id / 2, item(id, id % 5));
            }
            let crumbs = |two: &[Arc<Chunk>]| two.iter().all(|chunk| chunk.items.len() < CHUNK_ITEMS / 4);
            while model.len() > 3 {
                let index = order(model.len());
                assert_eq!(list.remove(index), model.remove(index));
                assert!(!list.chunks.windows(2).any(crumbs), "crumbs side by side at {}", model.len());
            }
            assert_eq!((list.chunks.len(), list.len()), (1, 3));
            assert_eq!(list, model.iter().cloned().collect());
            assert_eq!(text(&list), text(&model.into_iter().collect()));
        }
    }

    proptest! {
        #[test]
        fn a_list_behaves_as_a_vector(steps in prop::collection::vec((0..3_u8, any::<prop::sample::Index>(), 0..9_usize), 0..400)) {
            let mut list = ItemList::default();
            let mut model: Vec<Arc<Item>> = Vec::new();
            for (number, (step, place, note)) in steps.into_iter().enumerate() {
                match step {
                    0 if !model.is_empty() => {
                        let index = place.index(model.len());
                        prop_assert_eq!(list.remove(index), model.remove(index));
                    }
                    1 if !model.is_empty() => {
                        let index = place.index(model.len());
                        let new = item(number, note);
                        list.set(index, Arc::clone(&new));
                        model[index] = new;
                    }
                    _ => {
                        let index = place.index(model.len() + 1);
                        let new = item(number, note);
                        list.insert(index, Arc::clone(&new));
                        model.insert(index, new);
                    }
                }
            }
            prop_assert_eq!(list.size(), text(&list).len());
            let built: ItemList = model.iter().cloned().collect();
            prop_assert_eq!(text(&list), text(&built));
            prop_assert_eq!(&list, &built);
            for (index, item) in model.iter().enumerate() {
                prop_assert_eq!(list.position(item.id().as_str()), Some(index));
                prop_assert_eq!(list.get(index), Some(item));
            }
        }
    }
}
