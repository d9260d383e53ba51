//! The changes that are posted: items and progress in turn, each altering the state.

use crate::http;

/// Items are written in turn, so that the document stays small however long a run is.
const ITEMS: u64 = 16;

/// What all of them together may take of the document, which a hub limits to 1 MiB.
const ITEMS_MAX_BYTES: usize = 800 * 1024;

/// Makes one request after another.
#[derive(Debug)]
pub(crate) struct Changes {
    host: String,
    made: u64,
    /// Bytes added to an item's title.
    padding: usize,
    /// How many items are written in turn.
    items: u64,
    mix: Mix,
}

/// What is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    /// An item, then the progress, then an item again.
    Alternating,
    /// Items alone, whose frames all have the wanted size.
    Items,
}

impl Changes {
    pub(crate) fn new(host: String, mix: Mix) -> Changes {
        Changes { host, made: 0, padding: 0, items: ITEMS, mix }
    }

    /// Posts this from now on.
    pub(crate) fn set_mix(&mut self, mix: Mix) {
        self.mix = mix;
    }

    /// Makes titles longer by so many bytes from now on, and writes fewer items if these are long.
    pub(crate) fn pad(&mut self, bytes: usize) {
        self.padding += bytes;
        let fit = ITEMS_MAX_BYTES / self.padding.max(1);
        self.items = (fit as u64).clamp(1, ITEMS);
    }

    /// Builds the next request that writes an item.
    pub(crate) fn next_item(&mut self) -> Vec<u8> {
        let number = self.made;
        self.made += 1;
        let item = self.item_of(number);
        let id = format!("load-{item}");
        let title = format!("{number:010}{}", "x".repeat(self.padding));
        let body = format!(r#"{{"id":"{id}","title":"{title}"}}"#);
        http::request("PUT", &format!("/api/items/priorities/{id}"), &self.host, &body)
    }

    /// Builds the next request.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        if self.mix == Mix::Items || self.made.is_multiple_of(2) {
            return self.next_item();
        }
        // Never the same value twice among the changes that can be under way together.
        let progress = 1 + (self.made / 2) % 100;
        self.made += 1;
        let body = format!(r#"{{"progress":{progress}}}"#);
        http::request("POST", "/api/system/status", &self.host, &body)
    }

    /// How many changes write every item once.
    pub(crate) fn round(&self) -> u64 {
        match self.mix {
            Mix::Alternating => 2 * self.items,
            Mix::Items => self.items,
        }
    }

    fn item_of(&self, number: u64) -> u64 {
        match self.mix {
            Mix::Alternating => number / 2 % self.items,
            Mix::Items => number % self.items,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::collections::BTreeSet;

    use super::*;

    fn texts(mix: Mix, count: usize) -> Vec<String> {
        let mut changes = Changes::new("127.0.0.1:1".into(), mix);
        changes.pad(50);
        (0..count).map(|_| String::from_utf8(changes.next()).unwrap()).collect()
    }

    #[test]
    fn items_and_progress_take_turns() {
        let texts = texts(Mix::Alternating, 4);
        assert!(texts[0].starts_with("PUT /api/items/priorities/load-0 "), "{}", texts[0]);
        assert!(texts[1].starts_with("POST /api/system/status "), "{}", texts[1]);
        assert!(texts[1].ends_with(r#"{"progress":1}"#), "{}", texts[1]);
        assert!(texts[2].starts_with("PUT /api/items/priorities/load-1 "), "{}", texts[2]);
        assert!(texts[3].ends_with(r#"{"progress":2}"#), "{}", texts[3]);
    }

    #[test]
    fn requests_close_to_each_other_differ_so_that_each_alters_something() {
        let texts = texts(Mix::Alternating, 400);
        for near in texts.windows(64) {
            assert_eq!(near.iter().collect::<BTreeSet<_>>().len(), 64);
        }
    }

    #[test]
    fn one_round_writes_every_item() {
        for mix in [Mix::Alternating, Mix::Items] {
            let count = Changes::new(String::new(), mix).round();
            let texts = texts(mix, usize::try_from(count).unwrap());
            let puts = texts.iter().filter(|text| text.starts_with("PUT"));
            let paths: BTreeSet<_> = puts.map(|text| text.lines().next()).collect();
            assert_eq!(paths.len() as u64, ITEMS, "{mix:?}");
        }
    }

    #[test]
    fn long_items_are_so_few_that_the_document_holds_them() {
        for padding in [100, 16_384, 100_000, 400_000] {
            let mut changes = Changes::new(String::new(), Mix::Items);
            changes.pad(padding);
            let bodies = (0..64).map(|_| String::from_utf8(changes.next()).unwrap());
            let items: BTreeSet<_> = bodies.map(|text| text.lines().next().map(str::to_owned)).collect();
            assert!(items.len() * padding <= ITEMS_MAX_BYTES, "{padding} bytes each");
        }
    }

    #[test]
    fn padding_makes_the_title_longer_by_as_much() {
        let mut changes = Changes::new("h".into(), Mix::Items);
        let short = changes.next_item().len();
        changes.pad(80);
        assert_eq!(changes.next_item().len(), short + 80 + 1, "the length has one digit more");
    }
}
