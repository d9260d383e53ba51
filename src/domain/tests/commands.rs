//! Commands and collections: what they do, say and record.

use serde_json::json;

use super::*;

#[test]
fn approving_sets_the_status_and_records_the_decision() {
    let approved = event(&priorities(), &command("approve P7"));
    assert_eq!(approved.kind, EventKind::CommandExecuted);
    assert_eq!(
        ops(&approved),
        json!([{"op": "replace", "path": "/priorities/0/status", "value": "approved"}])
    );
    assert_eq!(
        serde_json::to_value(&approved.data).unwrap(),
        json!({"command": "approve P7", "action": "approve", "target": "P7", "applied": true, "message": "P7 is approved now"})
    );
    for (text, said) in [("APPROVE P7", "P7 is approved already"), ("done p7", "no priority with id p7")] {
        let decision = decided(&approved.next, &command(text));
        let event = decision.event.expect("a decision is recorded all the same");
        assert!(event.patch.is_empty());
        let Outcome::Command(outcome) = decision.outcome else { panic!("a command's outcome") };
        assert_eq!((outcome.success, outcome.applied, outcome.message.as_str()), (true, false, said));
    }
}

#[test]
fn a_dry_run_answers_with_the_patch_of_the_real_one() {
    for text in ["reject P8", "brief", "brief P7", "refresh", "approve nobody", "status"] {
        let (state, command) = (priorities(), Command::parse(text).unwrap());
        let dry = with_context(&Limits::default(), |context| dry_run(&state, &command, context)).unwrap();
        let decision = decided(&state, &Change::Command(command));
        let patch = decision.event.map(|event| event.patch).unwrap_or_default();
        let Outcome::Command(real) = decision.outcome else { panic!("a command's outcome") };
        assert_eq!(dry, CommandOutcome { patch: Some(patch), ..real }, "{text}");
    }
}

#[test]
fn a_brief_is_named_after_its_change_and_stays_when_the_id_is_unknown() {
    let briefed = event(&priorities(), &command("brief P7"));
    let brief = briefed.next.document.active_brief().unwrap();
    assert_eq!((brief.id.as_str(), brief.target.as_deref()), ("brief-9", Some("P7")));
    let unknown = event(&briefed.next, &command("brief P99"));
    assert_eq!(unknown.next, briefed.next);
    assert_eq!(summary(&unknown), "no item with id P99");
    let cleared = event(&briefed.next, &Change::MergePatch(json!({"active_brief": null})));
    assert_eq!(cleared.next, priorities());
}

#[test]
fn one_collection_runs_at_a_time() {
    let id = CollectionId::new("c-new");
    let started = event(&State::default(), &Change::StartCollection);
    assert_eq!(started.collection, Some(CollectionStep::Started { id: id.clone() }));
    assert_eq!(started.next.document.system().status, SystemStatus::Collecting);
    assert_eq!(started.next.collection, Some(Collection { id: id.clone(), started_at: NOW }));

    let again = decided(&started.next, &Change::StartCollection);
    assert_eq!(again.outcome, Outcome::Collection { collection_id: id, already_running: true });
    assert_eq!(again.event, None);

    let refreshed = event(&started.next, &command("refresh"));
    assert_eq!(summary(&refreshed), "collection c-new is running already");
    assert_eq!((refreshed.collection, refreshed.next), (None, started.next));
    let refreshed = event(&State::default(), &command("refresh"));
    assert!(matches!(refreshed.collection, Some(CollectionStep::Started { .. })));
}

#[test]
fn a_status_of_idle_or_error_ends_the_collection() {
    let at = "2026-01-02T03:04:05.678Z";
    let given = Some(Timestamp::parse(at).unwrap());
    let cases = [
        (set(json!({"status": "IDLE"})), CollectionEnd::Done, Some(NOW)),
        (set(json!({"status": "IDLE", "last_sync": at})), CollectionEnd::Done, given),
        (set(json!({"status": "IDLE", "last_sync": null})), CollectionEnd::Done, None),
        (set(json!({"status": "ERROR"})), CollectionEnd::Error, None),
        (Change::MergePatch(json!({"system": {"status": "IDLE"}})), CollectionEnd::Done, Some(NOW)),
        (
            Change::MergePatch(json!({"system": {"status": "IDLE", "last_sync": at}})),
            CollectionEnd::Done,
            given,
        ),
        (
            Change::JsonPatch(json!([{"op": "replace", "path": "/system/status", "value": "IDLE"}])),
            CollectionEnd::Done,
            Some(NOW),
        ),
        (
            Change::JsonPatch(
                json!([{"op": "replace", "path": "/system", "value": {"status": "IDLE", "progress": 100, "last_sync": at}}]),
            ),
            CollectionEnd::Done,
            given,
        ),
    ];
    for (change, outcome, last_sync) in cases {
        let ended = event(&collecting(), &change);
        assert_eq!(
            ended.collection,
            Some(CollectionStep::Ended { id: CollectionId::new("c-new"), outcome }),
            "{change:?}"
        );
        assert_eq!(
            (ended.next.collection, ended.next.document.system().last_sync),
            (None, last_sync),
            "{change:?}"
        );
    }
    let going_on = event(&collecting(), &set(json!({"status": "PROCESSING", "progress": 80})));
    assert_eq!((going_on.collection, going_on.next.collection.is_some()), (None, true));
}

#[test]
fn a_collection_that_takes_too_long_ends_with_an_error() {
    let ended = event(&collecting(), &Change::EndCollection { id: CollectionId::new("c-new") });
    assert_eq!(ended.next.document.system().status, SystemStatus::Error);
    assert_eq!(summary(&ended), "collection c-new timed out; system: status ERROR");
    assert_eq!(ended.next.collection, None);
}

#[test]
fn status_and_help_answer_and_commit_nothing() {
    let said = |state: &State, text: &str| match decided(state, &command(text)).outcome {
        Outcome::Command(outcome) => outcome.message,
        other => panic!("a command's outcome, not {other:?}"),
    };
    assert_eq!(
        said(&priorities(), "status"),
        "IDLE, progress 0, last sync never; calendar 0, priorities 2 (2 open), owe 0, owed 0; no collection is running"
    );
    assert!(said(&collecting(), "status").ends_with("collection c-new is running"));
    assert!(said(&priorities(), "help").contains("approve ID: sets the status"));
}
