//! Changes of the document, a line each: JSON patches (RFC 6902) where it is an array, else merge patches (RFC 7396).
//!
//! What is taken leads to a document within the limits, and the patch that is committed leads there as well.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opshub::domain::{
    Change, CollectionId, Context, Document, Limits, Seq, State, Timestamp, apply, decide, parse_strict,
};
use serde_json::Value;

const LIMITS: Limits = Limits { document_bytes: 16 * 1024, list_items: 32, change_bytes: 48 * 1024 };
/// What the document begins as.
const BEGIN: &[u8] = br#"{"priorities":[{"id":"P1","title":"a"},{"id":"P7","title":"b","tags":["x",{"y":[1,2]}]}],
"commitments":{"owe":[{"id":"C3","title":"c"}]},"calendar":[{"id":"E1","title":"d","start":"2026-01-02","end":"2026-01-03"}]}"#;

fn step(state: &State, change: &Change, seq: u64) -> Option<State> {
    let context = Context {
        now: Timestamp::from_millis(1_700_000_000_000),
        seq: Seq::new(seq),
        limits: &LIMITS,
        timezone: chrono_tz::UTC,
        new_collection_id: CollectionId::new("c"),
    };
    let decision = match decide(state, change, &context) {
        Ok(decision) => decision,
        Err(error) => {
            let (status, kind) = error.spec();
            assert!((400..500).contains(&status), "{kind}: {error}");
            return None;
        }
    };
    let mut before = state.document.clone();
    for event in decision.events() {
        let replayed = apply(&before, &event.patch).expect("a committed patch fits its document");
        let text = event.next.document.to_json();
        assert_eq!(replayed.to_json(), text);
        assert_eq!(event.next.document.size(), text.len());
        assert!(text.len() <= LIMITS.document_bytes);
        assert_eq!(Document::from_json(&text).expect("a document is read back"), event.next.document);
        before = event.next.document.clone();
        if event.next.document != state.document {
            return Some(event.next);
        }
    }
    None
}

fuzz_target!(|data: &[u8]| {
    let begin = parse_strict(BEGIN).expect("a document");
    let mut state = step(&State::default(), &Change::MergePatch(begin), 1).expect("a valid document");
    for (index, line) in data.split(|byte| *byte == b'\n').take(8).enumerate() {
        let Ok(value) = parse_strict(line) else { continue };
        let change = match value {
            Value::Array(_) => Change::JsonPatch(value),
            other => Change::MergePatch(other),
        };
        if let Some(next) = step(&state, &change, index as u64 + 2) {
            state = next;
        }
    }
});
