//! What each command does to the state, and what it says about it.

use std::sync::Arc;

use super::brief;
use super::change::{Collection, Context, State};
use super::command::Command;
use super::decide::Next;
use super::error::Error;
use super::event::{CollectionStep, EventData, EventKind};
use super::gateway::RecoveryStep;
use super::ids::ItemId;
use super::item::{Item, ListName};
use super::system::{System, SystemStatus};
use super::watch::{self, Turn};

/// What a command comes to.
pub(super) struct Effect {
    /// The state after it; nothing when it changes nothing.
    pub(super) next: Option<Next>,
    /// What it says, for people.
    pub(super) message: String,
    /// The event of its own kind that the change is; none where the command's own event has it.
    pub(super) own: Option<(EventKind, EventData)>,
}

impl Effect {
    fn nothing(message: String) -> Self {
        Effect { next: None, message, own: None }
    }

    fn change(next: Next, message: String) -> Self {
        Effect { next: Some(next), message, own: None }
    }

    fn turn(turn: Turn, message: String) -> Self {
        Effect { next: Some(turn.next), message, own: Some((turn.kind, turn.data)) }
    }
}

/// Runs a command on `state`.
///
/// # Errors
/// Whatever makes the changed item invalid; nothing was changed.
pub(super) fn execute(state: &State, command: &Command, context: &Context<'_>) -> Result<Effect, Error> {
    match command {
        Command::Approve(id) => judge_any(state, id, "approved", RecoveryStep::Approved, context),
        Command::Reject(id) => judge_any(state, id, "rejected", RecoveryStep::Rejected, context),
        Command::Done(id) => judge(state, id, "done"),
        Command::Pause(id) => hold(state, id, watch::pause(state, id.as_str(), context)?, "is paused"),
        Command::Resume(id) => hold(state, id, watch::resume(state, id.as_str(), context)?, "is watched"),
        Command::Brief(id) => Ok(set_brief(state, id.as_ref(), context)),
        Command::Refresh => Ok(refresh(state, context)),
        Command::Status => Ok(Effect::nothing(status(state))),
        Command::Help(name) => Ok(Effect::nothing(Command::help(name.as_deref()))),
    }
}

/// Starts a collection; nothing when one is running.
pub(super) fn start_collection(state: &State, context: &Context<'_>) -> Option<Next> {
    if state.collection.is_some() {
        return None;
    }
    let id = context.new_collection_id.clone();
    let mut document = state.document.clone();
    let last_sync = document.system().last_sync;
    document.set_system(System { status: SystemStatus::Collecting, progress: 0, last_sync });
    Some(Next {
        document,
        collection: Some(Collection { id: id.clone(), started_at: context.now }),
        step: Some(CollectionStep::Started { id }),
        gateway: None,
    })
}

/// Judges a priority, or where none has the id, the recovery of a gateway.
fn judge_any(
    state: &State,
    id: &ItemId,
    status: &'static str,
    step: RecoveryStep,
    context: &Context<'_>,
) -> Result<Effect, Error> {
    let is_priority = state.document.list(ListName::Priorities).position(id.as_str()).is_some();
    if is_priority || watch::find(state, id.as_str()).is_none() {
        return judge(state, id, status);
    }
    Ok(match watch::judge(state, id.as_str(), step, context)? {
        Some(turn) => Effect::turn(turn, format!("the recovery of {id} is {status}")),
        None => Effect::nothing(format!("no recovery of {id} waits for approval")),
    })
}

fn hold(state: &State, id: &ItemId, turn: Option<Turn>, done: &str) -> Result<Effect, Error> {
    Ok(match turn {
        Some(turn) => Effect::turn(turn, format!("{id} {done} now")),
        None if watch::find(state, id.as_str()).is_none() => {
            Effect::nothing(format!("no gateway with id {id}"))
        }
        None => Effect::nothing(format!("{id} {done} already")),
    })
}

/// Sets the status of a priority.
fn judge(state: &State, id: &ItemId, status: &'static str) -> Result<Effect, Error> {
    let priorities = state.document.list(ListName::Priorities);
    let Some(index) = priorities.position(id.as_str()) else {
        return Ok(Effect::nothing(format!("no priority with id {id}")));
    };
    let item = priorities.get(index).expect("the position was just found");
    if item.str("status") == Some(status) {
        return Ok(Effect::nothing(format!("{id} is {status} already")));
    }
    let mut fields = item.fields().clone();
    fields.insert("status".to_owned(), status.into());
    let item = Item::new(ListName::Priorities, fields)?;
    let mut document = state.document.clone();
    document.list_mut(ListName::Priorities).set(index, Arc::new(item));
    Ok(Effect::change(Next::keeping(state, document), format!("{id} is {status} now")))
}

fn set_brief(state: &State, id: Option<&ItemId>, context: &Context<'_>) -> Effect {
    let document = &state.document;
    let (brief, message) = match id {
        Some(id) => match brief::of_item(document, id, context) {
            Some(brief) => (brief, format!("the active brief is about {id} now")),
            None => return Effect::nothing(format!("no item with id {id}")),
        },
        None => (brief::of_day(document, context), "the active brief is the day's now".to_owned()),
    };
    let mut document = document.clone();
    document.set_brief(Some(brief));
    Effect::change(Next::keeping(state, document), message)
}

fn refresh(state: &State, context: &Context<'_>) -> Effect {
    match (&state.collection, start_collection(state, context)) {
        (None, Some(next)) => {
            let message = format!("collection {} started", context.new_collection_id);
            Effect::change(next, message)
        }
        (running, _) => {
            let id = running.as_ref().map_or("", |collection| collection.id.as_str());
            Effect::nothing(format!("collection {id} is running already"))
        }
    }
}

/// Tells how things stand, in one line.
fn status(state: &State) -> String {
    let document = &state.document;
    let System { status, progress, last_sync } = document.system();
    let last_sync = last_sync.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let count = |list| document.list(list).len();
    let open = document.list(ListName::Priorities).iter().filter(|item| brief::is_open(item)).count();
    let collection = match &state.collection {
        Some(collection) => format!("collection {} is running", collection.id),
        None => "no collection is running".to_owned(),
    };
    format!(
        "{status}, progress {progress}, last sync {last_sync}; calendar {}, priorities {} ({open} open), owe {}, owed {}; {collection}",
        count(ListName::Calendar),
        count(ListName::Priorities),
        count(ListName::Owe),
        count(ListName::Owed),
    )
}
