//! What a change costs: the item, not the document.
//!
//! `cargo bench --bench document`: one item put, a status set and a patch applied, in a small document
//! and in one of a mebibyte.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use opshub::domain::{
    Change, CollectionId, Context, Document, Limits, Outcome, Patch, Seq, State, SystemUpdate, Timestamp,
    apply, decide,
};
use serde_json::{Value, json};

/// Items of the large document: 10,000 of about a hundred bytes are a mebibyte.
const MANY: usize = 9_500;

fn context(limits: &Limits) -> Context<'_> {
    Context {
        now: Timestamp::from_millis(1_700_000_000_000),
        seq: Seq::new(1),
        limits,
        timezone: chrono_tz::UTC,
        new_collection_id: CollectionId::new("c"),
    }
}

fn item(index: usize, title: &str) -> Value {
    json!({ "id": format!("P{index}"), "title": format!("{title} of item number {index}"), "status": "proposed" })
}

fn state(items: usize) -> State {
    let items: Vec<Value> = (0..items).map(|index| item(index, "the first title")).collect();
    let change = Change::MergePatch(json!({ "priorities": items }));
    let limits = Limits { document_bytes: 2 << 20, list_items: 20_000, change_bytes: 4 << 20 };
    let empty = State { document: Document::default(), collection: None };
    let decision = decide(&empty, &change, &context(&limits)).expect("the items are valid");
    decision.event.map_or(empty, |event| event.next)
}

fn put(index: usize) -> Change {
    let Value::Object(item) = item(index, "another title") else { unreachable!("an item is an object") };
    let id = opshub::domain::ItemId::parse(&format!("P{index}")).expect("a valid id");
    Change::PutItem { list: opshub::domain::ListName::Priorities, id, item }
}

fn patch_of(state: &State, change: &Change, limits: &Limits) -> Patch {
    match decide(state, change, &context(limits)).expect("the change is valid").outcome {
        Outcome::Patched { patch } => patch,
        other => unreachable!("an item gives a patch, not {other:?}"),
    }
}

fn benchmarks(criterion: &mut Criterion) {
    let limits = Limits { document_bytes: 2 << 20, ..Limits::default() };
    let mut group = criterion.benchmark_group("document");
    for items in [10, MANY] {
        let state = state(items);
        let size = state.document.size();
        let name = |what| BenchmarkId::new(what, format!("{size}_bytes"));
        let change = put(items / 2);
        group.bench_function(name("put_item"), |b| {
            b.iter(|| decide(black_box(&state), black_box(&change), &context(&limits)));
        });
        let status =
            Change::SetSystem(SystemUpdate::parse(json!({ "progress": 40 })).expect("a valid value"));
        group.bench_function(name("set_progress"), |b| {
            b.iter(|| decide(black_box(&state), black_box(&status), &context(&limits)));
        });
        let patch = patch_of(&state, &change, &limits);
        group.bench_function(name("apply"), |b| {
            b.iter(|| apply(black_box(&state.document), black_box(&patch)))
        });
        group.bench_function(name("to_json"), |b| b.iter(|| black_box(&state.document).to_json()));
        group.bench_function(name("hash"), |b| b.iter(|| black_box(&state.document).hash()));
    }
    group.finish();
}

fn main() {
    // `cargo test --all-targets` runs benches once without `--bench`: criterion then only tries them.
    let mut criterion = Criterion::default().configure_from_args();
    benchmarks(&mut criterion);
    criterion.final_summary();
}
