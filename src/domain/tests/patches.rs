//! Patches, items and the system's status: what is taken in, what is refused, what is written.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_posted_status_is_one_change_with_only_what_differs() {
    let event = event(&State::default(), &set(json!({"status": "IDLE", "progress": 40})));
    assert_eq!(ops(&event), json!([{"op": "replace", "path": "/system/progress", "value": 40}]));
    assert_eq!(event.kind, EventKind::StateChange);
    assert_eq!(summary(&event), "system: progress 40");
}

#[test]
fn a_change_that_alters_nothing_commits_nothing() {
    let state = priorities();
    for change in [
        set(json!({})),
        set(json!({"status": "IDLE"})),
        Change::MergePatch(json!({})),
        Change::MergePatch(json!({"priorities": [{"id": "P7", "title": "T"}, {"id": "P8"}]})),
        Change::JsonPatch(json!([])),
        Change::JsonPatch(json!([{"op": "test", "path": "/priorities/0/id", "value": "P7"}])),
        put(ListName::Priorities, "P7", json!({"title": "T"})),
        Change::DeleteItem { list: ListName::Owe, id: ItemId::parse("C1").unwrap() },
        Change::EndCollection { id: CollectionId::new("gone") },
        command("status"),
        command("help approve"),
    ] {
        assert_eq!(decided(&state, &change).event, None, "{change:?}");
    }
}

#[test]
fn an_item_is_put_replaced_and_deleted_by_its_id() {
    let list = ListName::Owe;
    let added = event(
        &State::default(),
        &put(list, "C1", json!({"title": "a", "note": "long enough to be kept as it is"})),
    );
    assert_eq!(ops(&added)[0]["path"], "/commitments/owe/0");
    assert_eq!(summary(&added), "owe: C1 added");

    let changed = event(
        &added.next,
        &put(list, "C1", json!({"id": "C1", "title": "b", "note": "long enough to be kept as it is"})),
    );
    assert_eq!(ops(&changed), json!([{"op": "replace", "path": "/commitments/owe/0/title", "value": "b"}]));

    let removed = event(&changed.next, &Change::DeleteItem { list, id: ItemId::parse("C1").unwrap() });
    assert_eq!(removed.next, State::default());

    let other = put(list, "C1", json!({"id": "C2"}));
    assert_eq!(
        refused(&State::default(), &other),
        ("invalid_value", "id must be that of the path, \"C1\", got \"C2\"".into())
    );
}

#[test]
fn removing_the_first_of_many_items_is_one_operation() {
    let items: Vec<Value> = (0..500).map(|n| json!({"id": format!("P{n}"), "status": "done"})).collect();
    let state = state(json!({ "priorities": items }));
    let removed = event(&state, &Change::MergePatch(json!({"priorities": items[1..]})));
    assert_eq!(ops(&removed), json!([{"op": "remove", "path": "/priorities/0"}]));
    assert_eq!(summary(&removed), "priorities: P0 removed");

    let mut moved = items.clone();
    moved.rotate_left(1);
    let moved = event(&state, &Change::MergePatch(json!({ "priorities": moved })));
    assert_eq!(moved.patch.ops().len(), 2);
    assert_eq!(ops(&moved)[1]["path"], "/priorities/499");
    assert_eq!(summary(&moved), "priorities: P0 moved");
}

#[test]
fn a_list_is_replaced_where_operations_would_be_longer() {
    let items: Vec<Value> = (0..50).map(|n| json!({"id": format!("{n}")})).collect();
    let reversed: Vec<Value> = items.iter().rev().cloned().collect();
    let before = state(json!({"commitments": {"owed": items}}));
    let event = event(&before, &Change::MergePatch(json!({"commitments": {"owed": reversed}})));
    assert_eq!(ops(&event), json!([{"op": "replace", "path": "/commitments/owed", "value": reversed}]));
}

#[test]
fn an_item_is_replaced_where_its_fields_would_be_longer() {
    let before = state(json!({"commitments": {"owe": [{"id": "C1", "a": 1, "b": 2}]}}));
    let event = event(&before, &put(ListName::Owe, "C1", json!({"c": 3})));
    assert_eq!(
        ops(&event),
        json!([{"op": "replace", "path": "/commitments/owe/0", "value": {"id": "C1", "c": 3}}])
    );
}

#[test]
fn gateways_cannot_be_touched_by_a_request() {
    for patch in [json!({"gateways": {}}), json!({"gateways": null})] {
        assert_eq!(refused(&State::default(), &Change::MergePatch(patch)).0, "read_only");
    }
    for op in [
        json!({"op": "add", "path": "/gateways/g", "value": {}}),
        json!({"op": "remove", "path": "/gateways"}),
        json!({"op": "move", "from": "/gateways", "path": "/system"}),
        json!({"op": "copy", "from": "/system", "path": "/gateways/g"}),
    ] {
        assert_eq!(refused(&State::default(), &Change::JsonPatch(json!([op]))).0, "read_only", "{op}");
    }
    let read = json!([{"op": "test", "path": "/gateways", "value": {}}]);
    assert!(try_decide(&State::default(), &Change::JsonPatch(read)).is_ok());
}

#[test]
fn the_whole_document_is_replaced_only_with_the_same_gateways() {
    let mut whole: Value = serde_json::from_str(&priorities().document.to_json()).unwrap();
    let replace = |value: &Value| Change::JsonPatch(json!([{"op": "replace", "path": "", "value": value}]));
    let event = event(&State::default(), &replace(&whole));
    assert_eq!(event.next, priorities());
    whole["gateways"]["g"] = json!({});
    assert_eq!(refused(&State::default(), &replace(&whole)).0, "read_only");
}

#[test]
fn in_between_a_json_patch_may_be_invalid() {
    let swap = json!([
        {"op": "move", "from": "/commitments/owe", "path": "/kept"},
        {"op": "move", "from": "/commitments/owed", "path": "/commitments/owe"},
        {"op": "move", "from": "/kept", "path": "/commitments/owed"}
    ]);
    let before = state(json!({"commitments": {"owe": [{"id": "a"}], "owed": [{"id": "b"}]}}));
    let after = state(json!({"commitments": {"owe": [{"id": "b"}], "owed": [{"id": "a"}]}}));
    assert_eq!(event(&before, &Change::JsonPatch(swap)).next, after);

    let twice = json!([
        {"op": "copy", "from": "/priorities/0", "path": "/priorities/-"},
        {"op": "replace", "path": "/priorities/2/id", "value": "P9"}
    ]);
    let event = event(&priorities(), &Change::JsonPatch(twice.clone()));
    assert_eq!(event.next.document.list(ListName::Priorities).len(), 3);
    let left = Change::JsonPatch(json!([twice[0]]));
    assert_eq!(refused(&priorities(), &left).1, "/priorities/2/id: id \"P7\" is there twice");
}

#[test]
fn a_bad_patch_is_told_with_its_place() {
    let merge = |patch| refused(&priorities(), &Change::MergePatch(patch));
    assert_eq!(merge(json!({"sytem": {}})).0, "unknown_field");
    assert_eq!(
        merge(json!({"commitments": {"due": []}})).1,
        "unknown field /commitments/due, expected owe, owed"
    );
    assert_eq!(
        merge(json!({"system": {"speed": 1}})).1,
        "unknown field /system/speed, expected status, progress, last_sync"
    );
    assert_eq!(merge(json!({"system": {"speed": null}})).0, "unknown_field");
    assert_eq!(merge(json!({"active_brief": {"titel": null}})).0, "unknown_field");
    assert_eq!(
        merge(json!({"system": {"progress": 150}})).1,
        "/system: progress must be between 0 and 100, got 150"
    );
    assert_eq!(merge(json!({"system": {"progress": null}})).1, "/system: progress is missing");
    assert_eq!(merge(json!({"calendar": null})).1, "/calendar cannot be removed");
    assert_eq!(merge(json!({"calendar": {"0": 1}})).1, "/calendar must be an array, got an object");
    assert_eq!(merge(json!([])).1, "the document must be an object, got an array");
    assert_eq!(merge(Value::Null).1, "the document must be an object, got null");
    assert_eq!(merge(json!({"priorities": [{"id": "a"}, 5]})).1, "/priorities/1 must be an object, got 5");
    assert_eq!(merge(json!({"priorities": [{}]})).1, "/priorities/0: id is missing");

    let patch = |ops| refused(&priorities(), &Change::JsonPatch(ops));
    assert_eq!(patch(json!({})).0, "invalid_patch");
    assert_eq!(patch(json!([{"op": "add", "path": "/x"}])).0, "invalid_patch");
    assert_eq!(patch(json!([{"op": "jump", "path": "/x"}])).0, "invalid_patch");
    assert_eq!(
        patch(json!([{"op": "remove", "path": "/priorities/0"}, {"op": "remove", "path": "/priorities/9"}])),
        ("invalid_patch", "operation 1: nothing is at \"/priorities/9\"".into())
    );
    assert_eq!(patch(json!([{"op": "add", "path": "/x", "value": 1}])).0, "unknown_field");
    assert_eq!(patch(json!([{"op": "remove", "path": "/calendar"}])).1, "/calendar cannot be removed");
    assert_eq!(
        patch(json!([{"op": "replace", "path": "/priorities/0/status", "value": "x"}])).0,
        "invalid_value"
    );
}

#[test]
fn a_failed_test_is_a_conflict_on_either_way() {
    for path in ["/priorities/0/title", "/priorities/0/absent", "/priorities", "/system/status", "/nowhere"] {
        let patch = Change::JsonPatch(json!([{"op": "test", "path": path, "value": "x"}]));
        let error = try_decide(&priorities(), &patch).unwrap_err();
        assert_eq!(error.spec(), (409, "test_failed"));
        assert_eq!(error.details()[0].field, path);
    }
}

#[test]
fn a_patch_that_copies_without_bound_is_refused() {
    let mut doubling = vec![json!({"op": "add", "path": "/priorities/0/x", "value": ["some text"]})];
    doubling.extend(
        (0..60).map(|_| json!({"op": "copy", "from": "/priorities/0/x", "path": "/priorities/0/x/-"})),
    );
    assert_eq!(refused(&priorities(), &Change::JsonPatch(doubling.into())).0, "limit_exceeded");

    let mut deepening = vec![json!({"op": "add", "path": "/x", "value": {}})];
    for _ in 0..200 {
        deepening.push(json!({"op": "add", "path": "/y", "value": {}}));
        deepening.push(json!({"op": "move", "from": "/x", "path": "/y/x"}));
        deepening.push(json!({"op": "move", "from": "/y", "path": "/x"}));
    }
    assert_eq!(refused(&priorities(), &Change::JsonPatch(deepening.into())).0, "limit_exceeded");
}

#[test]
fn limits_refuse_what_grows_and_let_shrink_what_is_too_large() {
    let before = priorities();
    let size = before.document.size();
    let tight = Limits { document_bytes: size, list_items: 2, ..Limits::default() };
    let try_with = |limits: &Limits, state: &State, change: &Change| {
        with_context(limits, |context| decide(state, change, context))
    };
    let third = put(ListName::Priorities, "P9", json!({}));
    let refused = [
        (&tight, &third),
        (&Limits { list_items: 2, ..Limits::default() }, &third),
        (&tight, &set(json!({"progress": 10}))),
    ];
    for (limits, change) in refused {
        assert_eq!(try_with(limits, &before, change).unwrap_err().spec(), (413, "limit_exceeded"));
    }
    let smaller = Limits { document_bytes: 10, list_items: 1, ..Limits::default() };
    let removal = Change::DeleteItem { list: ListName::Priorities, id: ItemId::parse("P8").unwrap() };
    assert!(try_with(&smaller, &before, &removal).is_ok());

    let small_change = Limits { change_bytes: 500, ..Limits::default() };
    let fits = put(ListName::Owe, "C1", json!({"note": "x".repeat(100)}));
    assert!(try_with(&small_change, &before, &fits).is_ok());
    let large = put(ListName::Owe, "C1", json!({"note": "x".repeat(1_000)}));
    assert_eq!(try_with(&small_change, &before, &large).unwrap_err().spec().1, "limit_exceeded");
}

#[test]
fn a_patch_of_another_document_is_not_applied() {
    for patch in [
        json!([{"op": "remove", "path": "/priorities/5"}]),
        json!([{"op": "replace", "path": "/priorities/0/absent", "value": 1}]),
        json!([{"op": "remove", "path": "/gateways/g"}]),
        json!([{"op": "replace", "path": "/system/status", "value": "NEW"}]),
        json!([{"op": "replace", "path": "/unknown", "value": 1}]),
    ] {
        let patch: Patch = serde_json::from_value(patch).unwrap();
        assert_eq!(apply(&priorities().document, &patch).unwrap_err().spec(), (500, "internal"));
    }
}

#[test]
fn gateways_set_by_the_hub_are_in_the_patch() {
    let old = Document::default().with_gateway("a/b", Some(json!({"n": 1}))).unwrap();
    let new =
        old.with_gateway("a/b", Some(json!({"n": 2}))).unwrap().with_gateway("c", Some(json!({}))).unwrap();
    for (one, other) in [(&old, &new), (&new, &old), (&new, &Document::default())] {
        assert_eq!(apply(one, &diff(one, other)).unwrap().to_json(), other.to_json());
    }
}
