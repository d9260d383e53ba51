//! What the domain promises as a whole: decisions, their patches and their events.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod commands;
mod errors;
mod gateways;
mod patches;

use serde_json::{Value, json};

use super::*;

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_767_000_000_000);

pub(super) fn state(sections: Value) -> State {
    let patch = Change::MergePatch(sections);
    decided(&State::default(), &patch).event.map_or_else(State::default, |event| event.next)
}

pub(super) fn with_context<T>(limits: &Limits, run: impl FnOnce(&Context<'_>) -> T) -> T {
    run(&Context {
        now: NOW,
        seq: Seq::new(9),
        limits,
        timezone: chrono_tz::UTC,
        new_collection_id: CollectionId::new("c-new"),
    })
}

pub(super) fn try_decide(state: &State, change: &Change) -> Result<Decision, Error> {
    with_context(&Limits::default(), |context| decide(state, change, context))
}

pub(super) fn decided(state: &State, change: &Change) -> Decision {
    try_decide(state, change).unwrap()
}

pub(super) fn event(state: &State, change: &Change) -> Event {
    let event = decided(state, change).event.expect("the change alters something");
    let replayed = apply(&state.document, &event.patch).unwrap();
    assert_eq!(replayed.to_json(), event.next.document.to_json());
    event
}

pub(super) fn refused(state: &State, change: &Change) -> (&'static str, String) {
    let error = try_decide(state, change).unwrap_err();
    (error.spec().1, error.to_string())
}

pub(super) fn command(text: &str) -> Change {
    Change::Command(Command::parse(text).unwrap())
}

pub(super) fn put(list: ListName, id: &str, item: Value) -> Change {
    let id = ItemId::parse(id).unwrap();
    Change::PutItem { list, id, item: item.as_object().unwrap().clone() }
}

pub(super) fn set(system: Value) -> Change {
    Change::SetSystem(SystemUpdate::parse(system).unwrap())
}

pub(super) fn ops(event: &Event) -> Value {
    serde_json::to_value(&event.patch).unwrap()
}

pub(super) fn summary(event: &Event) -> &str {
    match &event.data {
        EventData::StateChange { summary } => summary,
        EventData::CommandExecuted { message, .. } => message,
        other => panic!("{other:?} has no summary"),
    }
}

pub(super) fn priorities() -> State {
    state(json!({"priorities": [{"id": "P7", "title": "T"}, {"id": "P8"}]}))
}

pub(super) fn collecting() -> State {
    event(&State::default(), &Change::StartCollection).next
}
