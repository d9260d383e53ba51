//! Laws of the domain that hold for any document and any change, checked against other implementations.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use opshub::domain::{
    Change, CollectionId, Command, Context, Decision, Document, Error, ItemId, Limits, ListName, Patch, Seq,
    State, SystemUpdate, Timestamp, apply, canonical, decide, diff, parse_strict,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Few ids, so that lists share many; some that JSON pointers must escape.
const IDS: [&str; 9] = ["a", "b", "c", "d", "e", "x/y", "m~n", "\"q\"", "ü😀"];
const FIELDS: [&str; 7] = ["title", "note", "k/1", "k~2", "status", "\u{fb33}", "😀"];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_i64..1_000).prop_map(Value::from),
        prop::sample::select(vec![0.5, -1.25, 1e-7, 123.456]).prop_map(Value::from),
        "[a-c\"\\\\\n/~ü]{0,6}".prop_map(Value::from),
        prop::sample::select(IDS.to_vec()).prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(FIELDS.to_vec()), inner, 0..3)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

/// A valid item of the list, without its id.
fn fields(list: ListName) -> impl Strategy<Value = Map<String, Value>> {
    let extra = prop::collection::btree_map(prop::sample::select(FIELDS.to_vec()), value(), 0..4);
    (extra, 0..4_usize, "[a-d ]{0,40}").prop_map(move |(extra, pick, title)| {
        let mut fields: Map<String, Value> =
            extra.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        if fields.contains_key("title") {
            fields.insert("title".into(), title.into());
        }
        match list {
            ListName::Calendar => {
                fields.insert("start".into(), "2026-01-02".into());
                fields.insert("end".into(), format!("2026-01-0{}", 2 + pick).into());
            }
            ListName::Priorities => {
                fields.insert("status".into(), ["proposed", "approved", "rejected", "done"][pick].into());
            }
            ListName::Owe | ListName::Owed => {}
        }
        fields
    })
}

fn list(name: ListName) -> impl Strategy<Value = Value> {
    let ids = prop::sample::subsequence(IDS.to_vec(), 0..=IDS.len()).prop_shuffle();
    let items = ids.prop_flat_map(move |ids| {
        let fields = prop::collection::vec(fields(name), ids.len());
        fields.prop_map(move |all| {
            let with_id = |(id, mut fields): (&&str, Map<String, Value>)| {
                fields.insert("id".into(), (*id).into());
                Value::Object(fields)
            };
            ids.iter().zip(all).map(with_id).collect::<Vec<_>>()
        })
    });
    items.prop_map(Value::from)
}

fn system() -> impl Strategy<Value = Value> {
    let status = prop::sample::select(vec!["IDLE", "COLLECTING", "PROCESSING", "ERROR"]);
    let last_sync = prop::option::of((0..4_i64).prop_map(|n| Timestamp::from_millis(n * 1_000_003)));
    (status, 0..=100_u8, last_sync).prop_map(|(status, progress, last_sync)| {
        json!({"status": status, "progress": progress, "last_sync": last_sync})
    })
}

fn brief() -> impl Strategy<Value = Value> {
    let body = "[a-c\"\n]{0,8}";
    prop_oneof![
        Just(Value::Null),
        (prop::option::of("[ab]"), body).prop_map(|(target, body)| json!({
            "id": "b", "target": target, "title": "t", "body": body, "created_at": "2026-01-02T03:04:05.678Z"
        })),
    ]
}

/// A valid document, as a plain value.
fn document() -> impl Strategy<Value = Value> {
    let lists =
        (list(ListName::Calendar), list(ListName::Priorities), list(ListName::Owe), list(ListName::Owed));
    (lists, system(), brief(), prop::bool::ANY).prop_map(
        |((calendar, priorities, owe, owed), system, brief, gateway)| {
            json!({
                "system": system, "calendar": calendar, "priorities": priorities,
                "commitments": {"owe": owe, "owed": owed}, "active_brief": brief,
                "gateways": if gateway { json!({"g/1": {"status": "up"}}) } else { json!({}) },
            })
        },
    )
}

/// A merge patch that is often, not always, valid.
fn merge_patch() -> impl Strategy<Value = Value> {
    let section = prop_oneof![
        list(ListName::Calendar).prop_map(|list| ("calendar", list)),
        list(ListName::Priorities).prop_map(|list| ("priorities", list)),
        list(ListName::Owe).prop_map(|list| ("commitments", json!({ "owe": list }))),
        system().prop_map(|system| ("system", system)),
        (0..=120).prop_map(|progress| ("system", json!({ "progress": progress }))),
        brief().prop_map(|brief| ("active_brief", brief)),
        "[a-c]{0,3}".prop_map(|title| ("active_brief", json!({"title": title, "target": null}))),
        value().prop_map(|value| ("priorities", value)),
        value().prop_map(|value| ("commitments", value)),
    ];
    prop::collection::vec(section, 0..4)
        .prop_map(|sections| sections.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn place() -> impl Strategy<Value = String> {
    let item = (prop::sample::select(ListName::ALL.to_vec()), 0..6_usize);
    prop_oneof![
        6 => item.clone().prop_map(|(list, index)| format!("{}/{index}", list.pointer())),
        4 => (item, prop::sample::select(vec!["id", "title", "note", "status", "k~11", "start", "note/0", "note/-"]))
            .prop_map(|((list, index), field)| format!("{}/{index}/{field}", list.pointer())),
        2 => prop::sample::select(ListName::ALL.to_vec()).prop_map(|list| format!("{}/-", list.pointer())),
        3 => prop::sample::select(vec![
            "/system", "/system/progress", "/system/status", "/system/last_sync", "/active_brief", "/active_brief/title",
            "/calendar", "/priorities", "/commitments", "/commitments/owe", "/commitments/owed", "/tmp", "",
        ]).prop_map(str::to_owned),
    ]
}

fn operation() -> impl Strategy<Value = Value> {
    let item = prop::sample::select(ListName::ALL.to_vec()).prop_flat_map(|name| {
        (prop::sample::select(IDS.to_vec()), fields(name)).prop_map(|(id, mut fields)| {
            fields.insert("id".into(), id.into());
            Value::Object(fields)
        })
    });
    let value = prop_oneof![item, value(), (0..=100).prop_map(Value::from), system()];
    (0..6_usize, place(), place(), value).prop_map(|(op, path, from, value)| match op {
        0 => json!({"op": "add", "path": path, "value": value}),
        1 => json!({"op": "replace", "path": path, "value": value}),
        2 => json!({"op": "remove", "path": path}),
        3 => json!({"op": "move", "from": from, "path": path}),
        4 => json!({"op": "copy", "from": from, "path": path}),
        _ => json!({"op": "test", "path": path, "value": value}),
    })
}

/// Operations that mostly fit: one or two that belong together.
fn fitting() -> impl Strategy<Value = Vec<Value>> {
    let at = |list: ListName, index: usize| format!("{}/{index}", list.pointer());
    let name = || prop::sample::select(ListName::ALL.to_vec());
    let new_item = name().prop_flat_map(|list| (Just(list), "n[0-9]", fields(list)));
    let new_item = new_item.prop_map(|(list, id, mut fields)| {
        fields.insert("id".into(), id.into());
        (list, Value::Object(fields))
    });
    let field = prop::sample::select(vec!["note", "k~11", "😀"]);
    let index = || 0..3_usize;
    prop_oneof![
        (new_item.clone(), prop::option::of(index())).prop_map(|((list, item), index)| {
            let place = index.map_or("-".to_owned(), |index| index.to_string());
            vec![json!({"op": "add", "path": format!("{}/{place}", list.pointer()), "value": item})]
        }),
        (new_item, index()).prop_map(move |((list, item), index)| {
            vec![json!({"op": "replace", "path": at(list, index), "value": item})]
        }),
        (name(), index(), field.clone(), value()).prop_map(move |(list, index, field, value)| {
            vec![json!({"op": "add", "path": format!("{}/{field}", at(list, index)), "value": value})]
        }),
        (name(), index(), field, value()).prop_map(move |(list, index, field, value)| {
            let path = format!("{}/{field}", at(list, index));
            let copy = json!({"op": "copy", "from": path, "path": format!("{}/note", at(list, index))});
            vec![
                json!({"op": "add", "path": path, "value": [value]}),
                copy,
                json!({"op": "remove", "path": path}),
            ]
        }),
        (name(), index())
            .prop_map(move |(list, index)| vec![json!({"op": "remove", "path": at(list, index)})]),
        (name(), index(), index()).prop_map(move |(list, from, to)| {
            vec![json!({"op": "move", "from": at(list, from), "path": at(list, to)})]
        }),
        (name(), index(), "n[0-9]").prop_map(move |(list, from, id)| {
            let copy = json!({"op": "copy", "from": at(list, from), "path": at(list, 0)});
            vec![copy, json!({"op": "replace", "path": format!("{}/id", at(list, 0)), "value": id})]
        }),
        system().prop_map(|system| vec![json!({"op": "replace", "path": "/system", "value": system})]),
        (0..=100).prop_map(|progress| vec![
            json!({"op": "replace", "path": "/system/progress", "value": progress})
        ]),
        brief().prop_map(|brief| vec![json!({"op": "add", "path": "/active_brief", "value": brief})]),
        Just(vec![
            json!({"op": "move", "from": "/commitments/owe", "path": "/tmp"}),
            json!({"op": "move", "from": "/commitments/owed", "path": "/commitments/owe"}),
            json!({"op": "move", "from": "/tmp", "path": "/commitments/owed"}),
        ]),
    ]
}

fn operations() -> impl Strategy<Value = Vec<Value>> {
    let fitting = prop::collection::vec(fitting(), 1..4).prop_map(|parts| parts.concat()).boxed();
    prop_oneof![
        4 => fitting.clone(),
        1 => prop::collection::vec(operation(), 1..4),
        1 => (fitting, operation()).prop_map(|(mut ops, wild)| {
            ops.push(wild);
            ops
        }),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let id = || prop::sample::select(IDS.to_vec()).prop_map(|id| ItemId::parse(id).unwrap());
    let name = || prop::sample::select(ListName::ALL.to_vec());
    prop_oneof![
        merge_patch().prop_map(Change::MergePatch),
        operations().prop_map(|ops| Change::JsonPatch(ops.into())),
        name()
            .prop_flat_map(move |list| (Just(list), id(), fields(list)))
            .prop_map(|(list, id, item)| Change::PutItem { list, id, item }),
        (name(), id()).prop_map(|(list, id)| Change::DeleteItem { list, id }),
        system().prop_map(|system| Change::SetSystem(SystemUpdate::parse(system).unwrap())),
        id().prop_map(|id| Change::Command(Command::Approve(id))),
        id().prop_map(|id| Change::Command(Command::Brief(Some(id)))),
        Just(Change::Command(Command::Brief(None))),
        Just(Change::Command(Command::Refresh)),
        Just(Change::StartCollection),
        Just(Change::EndCollection { id: CollectionId::new("c-3") }),
    ]
}

fn try_decide(state: &State, change: &Change, number: u64) -> Result<Decision, Error> {
    with_limits(state, change, number, &Limits { list_items: 12, ..Limits::default() })
}

fn with_limits(state: &State, change: &Change, number: u64, limits: &Limits) -> Result<Decision, Error> {
    let context = Context {
        now: Timestamp::from_millis(1_767_000_000_000),
        seq: Seq::new(number),
        limits,
        timezone: chrono_tz::UTC,
        new_collection_id: CollectionId::new(format!("c-{number}")),
    };
    decide(state, change, &context)
}

fn load(value: &Value) -> State {
    State { document: Document::from_json(&canonical(value)).unwrap(), collection: None }
}

fn plain(document: &Document) -> Value {
    serde_json::from_str(&document.to_json()).unwrap()
}

/// The document's next state by the tested road, or why not.
fn next(state: &State, change: &Change) -> Result<Value, Error> {
    let decision = try_decide(state, change, 1)?;
    Ok(plain(&decision.event.as_ref().map_or(state, |event| &event.next).document))
}

/// Fills in what the hub fills in: a priority's status, and what is null when it is absent.
fn filled(mut document: Value) -> Value {
    if let Some(priorities) = document.pointer_mut("/priorities").and_then(Value::as_array_mut) {
        for fields in priorities.iter_mut().filter_map(Value::as_object_mut) {
            fields.entry("status").or_insert("proposed".into());
        }
    }
    if let Some(document) = document.as_object_mut() {
        document.entry("active_brief").or_insert(Value::Null);
    }
    for (section, field) in [("system", "last_sync"), ("active_brief", "target")] {
        if let Some(section) = document.get_mut(section).and_then(Value::as_object_mut) {
            section.entry(field).or_insert(Value::Null);
        }
    }
    document
}

/// RFC 7396 as its pseudocode has it.
fn reference_merge(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch.clone();
    };
    let mut target = match target {
        Value::Object(target) => target,
        _ => Map::new(),
    };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            let before = target.remove(key).unwrap_or(Value::Null);
            target.insert(key.clone(), reference_merge(before, value));
        }
    }
    Value::Object(target)
}

/// Says whether a merge patch names a member of the commitments that no document has.
fn names_unknown(patch: &Value) -> bool {
    let commitments = patch.get("commitments").and_then(Value::as_object);
    commitments.is_some_and(|lists| lists.keys().any(|key| key != "owe" && key != "owed"))
}

/// Says whether a plain value is a valid document with the same gateways.
fn is_valid(state: &State, value: &Value) -> bool {
    let value = filled(value.clone());
    let whole = Change::JsonPatch(json!([{"op": "replace", "path": "", "value": value}]));
    next(state, &whole).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_patch_between_any_two_documents_turns_one_into_the_other(old in document(), new in document()) {
        let (one, other) = (load(&old).document, load(&new).document);
        let patch = diff(&one, &other);
        let text = serde_json::to_string(&patch).unwrap();
        prop_assert_eq!(text.len(), patch.encoded_len());

        let stored: Patch = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&stored, &patch);
        let replayed = apply(&one, &stored).unwrap();
        prop_assert_eq!(replayed.to_json(), other.to_json());
        prop_assert_eq!(replayed.size(), other.to_json().len());
        prop_assert_eq!(replayed.hash(), other.hash());

        let mut by_others = old;
        json_patch::patch(&mut by_others, &serde_json::from_str::<json_patch::Patch>(&text).unwrap()).unwrap();
        prop_assert_eq!(by_others, new);
    }

    #[test]
    fn long_lists_change_by_their_patches(
        kept in prop::sample::subsequence((0..400_usize).collect::<Vec<_>>(), 0..400),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..5),
        changed in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        cut in 0..400_usize,
    ) {
        let item = |id: &usize| json!({"id": format!("C{id}"), "title": "t", "note": "kept as it is"});
        let old: Vec<Value> = kept.iter().filter(|id| **id < cut || **id % 7 != 0).map(item).collect();
        let mut new: Vec<Value> = kept.iter().filter(|id| **id >= cut || **id % 5 != 0).map(item).collect();
        for (one, other) in swaps {
            if !new.is_empty() {
                let (one, other) = (one.index(new.len()), other.index(new.len()));
                new.swap(one, other);
            }
        }
        for place in changed {
            if !new.is_empty() {
                let place = place.index(new.len());
                new[place]["title"] = "changed".into();
            }
        }
        let limits = Limits::default();
        let change = |state: &State, items: &[Value]| {
            let change = Change::MergePatch(json!({"commitments": {"owe": items}}));
            let decision = with_limits(state, &change, 1, &limits).unwrap();
            decision.event.map_or_else(|| (state.clone(), Patch::default()), |event| (event.next, event.patch))
        };
        let (before, _) = change(&State::default(), &old);
        let (after, patch) = change(&before, &new);
        prop_assert_eq!(&plain(&after.document)["commitments"]["owe"], &Value::from(new));
        prop_assert_eq!(after.document.size(), after.document.to_json().len());
        prop_assert_eq!(apply(&before.document, &patch).unwrap().to_json(), after.document.to_json());
        let back = diff(&after.document, &before.document);
        prop_assert_eq!(apply(&after.document, &back).unwrap(), before.document);
        let list = after.document.list(ListName::Owe);
        for (index, item) in list.iter().enumerate() {
            prop_assert_eq!(list.position(item.id().as_str()), Some(index));
        }
    }

    #[test]
    fn the_text_of_a_document_is_canonical(document in document()) {
        let loaded = load(&document).document;
        prop_assert_eq!(loaded.to_json(), canonical(&document));
        prop_assert_eq!(loaded.size(), loaded.to_json().len());
        prop_assert_eq!(parse_strict(loaded.to_json().as_bytes()).unwrap(), document);
    }

    #[test]
    fn replaying_from_any_snapshot_gives_the_same_bytes(changes in prop::collection::vec(change(), 1..25)) {
        let mut state = State::default();
        let mut snapshots = vec![state.document.to_json()];
        let mut patches: Vec<String> = Vec::new();
        for (number, change) in changes.iter().enumerate() {
            let before = state.document.to_json();
            let decision = try_decide(&state, change, number as u64 + 1);
            prop_assert_eq!(state.document.to_json(), before, "deciding alters nothing");
            if let Ok(Decision { event: Some(event), .. }) = decision {
                state = event.next;
                let text = state.document.to_json();
                prop_assert_eq!(text.len(), state.document.size());
                prop_assert_eq!(&text, &canonical(&serde_json::from_str(&text).unwrap()));
                snapshots.push(text);
                patches.push(serde_json::to_string(&event.patch).unwrap());
            }
        }
        for (from, snapshot) in snapshots.iter().enumerate() {
            let mut document = Document::from_json(snapshot).unwrap();
            for (patch, expected) in patches[from..].iter().zip(&snapshots[from + 1..]) {
                document = apply(&document, &serde_json::from_str(patch).unwrap()).unwrap();
                prop_assert_eq!(&document.to_json(), expected);
            }
        }
    }

    #[test]
    fn a_merge_patch_does_what_rfc_7396_says(document in document(), patch in merge_patch()) {
        let state = load(&document);
        let expected = reference_merge(document, &patch);
        // RFC 7396 would skip an unknown member that is null; the hub names what nobody reads.
        let unknown = names_unknown(&patch);
        match next(&state, &Change::MergePatch(patch)) {
            Ok(merged) => prop_assert_eq!(merged, filled(expected)),
            Err(error) => {
                prop_assert!(unknown || !is_valid(&state, &expected), "refused without cause: {}", error);
            }
        }
    }

    #[test]
    fn a_json_patch_does_what_rfc_6902_says(document in document(), ops in operations()) {
        let state = load(&document);
        let mut expected = document;
        let reference: json_patch::Patch = serde_json::from_value(ops.clone().into()).unwrap();
        // Its `patch` also takes back what it did before a failure, and panics where it cannot.
        let applied = json_patch::patch_unsafe(&mut expected, &reference);
        match next(&state, &Change::JsonPatch(ops.into())) {
            Ok(patched) => {
                prop_assert!(applied.is_ok());
                prop_assert_eq!(patched, filled(expected));
            }
            Err(error) => {
                prop_assert!(applied.is_err() || !is_valid(&state, &expected), "refused without cause: {}", error);
            }
        }
    }
}
