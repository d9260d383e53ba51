//! The state document: immutable, shared by section and item, with one serialization.

use std::fmt::Write;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::brief::Brief;
use super::error::Error;
use super::item::{Item, ListName};
use super::json::{self, JsonText};
use super::list::ItemList;
use super::system::System;

/// A section that is kept as one value, with its canonical text.
#[derive(Debug)]
pub(super) struct Section<T> {
    pub(super) value: T,
    pub(super) text: JsonText,
}

/// The state document. Cloning is cheap; a changed clone shares what it did not change.
#[derive(Clone, Debug)]
pub struct Document {
    system: System,
    lists: [Arc<ItemList>; 4],
    active_brief: Option<Arc<Section<Brief>>>,
    gateways: Arc<Section<Map<String, Value>>>,
}

impl Document {
    /// Returns the `system` section.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// Returns a list.
    pub fn list(&self, name: ListName) -> &ItemList {
        &self.lists[name as usize]
    }

    /// Returns the active brief, if there is one.
    pub fn active_brief(&self) -> Option<&Brief> {
        self.active_brief.as_ref().map(|section| &section.value)
    }

    /// Returns the gateways by their ids.
    pub fn gateways(&self) -> &Map<String, Value> {
        &self.gateways.value
    }

    /// Returns the bytes of the canonical text, without making it.
    pub fn size(&self) -> usize {
        let around = concat!(
            r#"{"active_brief":,"calendar":,"commitments":{"owe":,"owed":},"#,
            r#""gateways":,"priorities":,"system":}"#
        );
        let lists: usize = self.lists.iter().map(|list| list.size()).sum();
        let gateways = self.gateways.text.as_str().len();
        around.len() + self.brief_text().len() + lists + gateways + self.system.size()
    }

    /// Returns the canonical text (RFC 8785), the document's one serialization.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.size());
        out.push_str(r#"{"active_brief":"#);
        out.push_str(self.brief_text());
        out.push_str(r#","calendar":"#);
        self.list(ListName::Calendar).write(&mut out);
        out.push_str(r#","commitments":{"owe":"#);
        self.list(ListName::Owe).write(&mut out);
        out.push_str(r#","owed":"#);
        self.list(ListName::Owed).write(&mut out);
        out.push_str(r#"},"gateways":"#);
        out.push_str(self.gateways.text.as_str());
        out.push_str(r#","priorities":"#);
        self.list(ListName::Priorities).write(&mut out);
        out.push_str(r#","system":"#);
        self.system.write(&mut out);
        out.push('}');
        out
    }

    /// Reads a document that [`Document::to_json`] wrote, without judging its items anew.
    ///
    /// # Errors
    /// `internal` when the text is no document.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let stored: Stored = serde_json::from_str(text)
            .map_err(|error| Error::internal(format!("a stored document cannot be read: {error}")))?;
        let mut document = Document { system: stored.system, ..Document::default() };
        document.set_brief(stored.active_brief);
        document.set_gateways(stored.gateways);
        for (name, values) in [
            (ListName::Calendar, stored.calendar),
            (ListName::Priorities, stored.priorities),
            (ListName::Owe, stored.commitments.owe),
            (ListName::Owed, stored.commitments.owed),
        ] {
            let items = values.into_iter().map(|fields| Item::trusted(fields).map(Arc::new));
            document.set_list(name, Arc::new(items.collect::<Result<_, _>>()?));
        }
        Ok(document)
    }

    /// Returns the SHA-256 of the canonical text in lower-case hex.
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.to_json());
        digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Returns this document with one gateway set, or taken out with `None`.
    ///
    /// For the hub's own parts: requests cannot change gateways.
    ///
    /// # Errors
    /// `invalid_value` when the value holds numbers that JSON does not keep or nests too deep.
    pub fn with_gateway(&self, id: &str, gateway: Option<Value>) -> Result<Self, Error> {
        let mut gateways = self.gateways.value.clone();
        match gateway {
            Some(mut gateway) => {
                json::normalize(&mut gateway, json::VALUE_MAX_DEPTH)
                    .map_err(|_| Error::invalid(id, format!("gateway {id} cannot be kept as json")))?;
                gateways.insert(id.to_owned(), gateway);
            }
            None => {
                gateways.remove(id);
            }
        }
        let mut next = self.clone();
        next.set_gateways(gateways);
        Ok(next)
    }

    pub(super) fn set_system(&mut self, system: System) {
        self.system = system;
    }

    pub(super) fn shared_list(&self, name: ListName) -> &Arc<ItemList> {
        &self.lists[name as usize]
    }

    pub(super) fn set_list(&mut self, name: ListName, list: Arc<ItemList>) {
        self.lists[name as usize] = list;
    }

    /// Returns a list to change; it is copied first when another document shares it.
    pub(super) fn list_mut(&mut self, name: ListName) -> &mut ItemList {
        Arc::make_mut(&mut self.lists[name as usize])
    }

    pub(super) fn brief_section(&self) -> Option<&Arc<Section<Brief>>> {
        self.active_brief.as_ref()
    }

    pub(super) fn set_brief(&mut self, brief: Option<Brief>) {
        self.active_brief = brief.map(|value| Arc::new(Section { text: value.text(), value }));
    }

    /// Tells whether the gateways of two versions are the same ones in memory; a cheap look for change.
    pub fn shares_gateways(&self, other: &Document) -> bool {
        Arc::ptr_eq(&self.gateways, &other.gateways)
    }

    pub(super) fn gateways_section(&self) -> &Arc<Section<Map<String, Value>>> {
        &self.gateways
    }

    pub(super) fn set_gateways(&mut self, gateways: Map<String, Value>) {
        let text = serde_json_canonicalizer::to_string(&gateways);
        let text = JsonText::trusted(text.expect("every json value has a canonical form"));
        self.gateways = Arc::new(Section { value: gateways, text });
    }

    fn brief_text(&self) -> &str {
        self.active_brief.as_ref().map_or("null", |section| section.text.as_str())
    }
}

impl Default for Document {
    fn default() -> Self {
        let gateways = Section { value: Map::new(), text: JsonText::trusted("{}".to_owned()) };
        Document {
            system: System::default(),
            lists: Default::default(),
            active_brief: None,
            gateways: Arc::new(gateways),
        }
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.system == other.system
            && self.brief_text() == other.brief_text()
            && self.gateways.text == other.gateways.text
            && self.lists == other.lists
    }
}

/// The document as it is stored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    system: System,
    calendar: Vec<Map<String, Value>>,
    priorities: Vec<Map<String, Value>>,
    commitments: StoredCommitments,
    active_brief: Option<Brief>,
    gateways: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCommitments {
    owe: Vec<Map<String, Value>>,
    owed: Vec<Map<String, Value>>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_empty_document_is_the_contracts() {
        let expected = json!({
            "system": {"status": "IDLE", "progress": 0, "last_sync": null},
            "calendar": [], "priorities": [], "commitments": {"owe": [], "owed": []},
            "active_brief": null, "gateways": {}
        });
        let document = Document::default();
        assert_eq!(document.to_json(), json::canonical(&expected));
        assert_eq!(document.size(), document.to_json().len());
    }

    #[test]
    fn the_hash_is_sha_256_of_the_text_in_lower_case_hex() {
        // printf '%s' '<the text above in canonical form>' | sha256sum
        let hash = Document::default().hash();
        assert_eq!(hash, "3fa729544dcf48e99201f12923a02f7fef0ba1251a3a9939324be59958333566");
    }

    #[test]
    fn a_document_reads_back_with_every_section_filled() {
        let text = json::canonical(&json!({
            "system": {"status": "ERROR", "progress": 7, "last_sync": "2026-01-02T03:04:05.678Z"},
            "calendar": [{"id": "E1", "start": "2026-01-02", "end": "2026-01-02"}],
            "priorities": [{"id": "P1", "status": "done", "weight": 0.25}],
            "commitments": {"owe": [{"id": "C1"}], "owed": [{"id": "C1", "due": "2026-01-02"}]},
            "active_brief": {"id": "b", "target": null, "title": "t", "body": "\u{1F600}\n", "created_at": "2026-01-02T03:04:05.678Z"},
            "gateways": {"g": {"status": "up"}}
        }));
        let document = Document::from_json(&text).unwrap();
        assert_eq!(document.to_json(), text);
        assert_eq!(document.size(), text.len());
        assert_ne!(document, Document::default());
        assert_eq!(document, Document::from_json(&text).unwrap());
        assert!(Document::from_json("{}").is_err());
    }

    #[test]
    fn a_gateway_is_set_and_taken_out() {
        let document = Document::default().with_gateway("g/1", Some(json!({"status": "up"}))).unwrap();
        assert_eq!(document.gateways()["g/1"]["status"], "up");
        assert_eq!(document.size(), document.to_json().len());
        assert_eq!(document.with_gateway("g/1", None).unwrap(), Document::default());
    }
}
