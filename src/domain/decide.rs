//! Turns a state and a proposed change into the next state and the event to record.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::change::{Change, Collection, Context, State};
use super::command::Command;
use super::diff::{Comparison, compare};
use super::document::Document;
use super::draft;
use super::error::Error;
use super::event::{
    CollectionEnd, CollectionStep, CommandOutcome, Decision, Event, EventData, EventKind, Outcome,
};
use super::execute::{self, Effect};
use super::gateway::{GatewayChange, GatewayStep};
use super::ids::ItemId;
use super::item::{Item, ListName};
use super::json;
use super::limits::Limits;
use super::merge;
use super::patch::Patch;
use super::system::{System, SystemStatus};
use super::watch::{self, Turn};

/// Decides on a change: judged as a whole, and either taken in as a whole or not at all.
///
/// # Errors
/// Everything that makes the change invalid, or the document or the patch too large. `state` is
/// untouched, as it always is.
pub fn decide(state: &State, change: &Change, context: &Context<'_>) -> Result<Decision, Error> {
    match change {
        Change::MergePatch(patch) => {
            let document = merge::merge(&state.document, patch)?;
            let sets_last_sync = patch.pointer("/system/last_sync").is_some();
            patched(state, document, sets_last_sync, context)
        }
        Change::JsonPatch(patch) => {
            let ops = draft::parse(patch)?;
            let document = draft::patch(&state.document, &ops, context.limits)?;
            let sets_last_sync = draft::writes(&ops, "/system/last_sync");
            patched(state, document, sets_last_sync, context)
        }
        Change::PutItem { list, id, item } => {
            let document = put_item(&state.document, *list, id, item)?;
            patched(state, document, false, context)
        }
        Change::DeleteItem { list, id } => {
            let mut document = state.document.clone();
            if let Some(index) = document.list(*list).position(id.as_str()) {
                document.list_mut(*list).remove(index);
            }
            patched(state, document, false, context)
        }
        Change::SetSystem(update) => {
            let mut document = state.document.clone();
            document.set_system(update.onto(state.document.system()));
            let next = settle(state, document, update.last_sync.is_some(), context);
            let system = *next.document.system();
            let event = state_change(state, next, context)?;
            Ok(Decision { outcome: Outcome::System { system }, event, leading: None })
        }
        Change::Command(command) => run(state, command, context),
        Change::Gateway(change) => gateway(state, change, context),
        Change::StartCollection => start_collection(state, context),
        Change::EndCollection { id } => {
            let running = state.collection.as_ref().filter(|collection| collection.id == *id);
            let next = running.map(|collection| timed_out(state, collection));
            let event = next.map(|next| state_change(state, next, context)).transpose()?.flatten();
            let system = event.as_ref().map_or(state, |event| &event.next).document.system();
            Ok(Decision { outcome: Outcome::System { system: *system }, event, leading: None })
        }
    }
}

/// Answers what a command would do, with the patch; nothing is to be recorded.
///
/// # Errors
/// As [`decide`].
pub fn dry_run(state: &State, command: &Command, context: &Context<'_>) -> Result<CommandOutcome, Error> {
    let Effect { next, message, .. } = execute::execute(state, command, context)?;
    let applied = next.is_some();
    let patch = match next {
        Some(next) => checked(state, &next, context.limits)?.patch,
        None => Patch::default(),
    };
    Ok(CommandOutcome { patch: Some(patch), ..answer(command, applied, message) })
}

/// A state to come, before limits are checked and its patch is written.
pub(super) struct Next {
    pub(super) document: Document,
    pub(super) collection: Option<Collection>,
    pub(super) step: Option<CollectionStep>,
    pub(super) gateway: Option<GatewayStep>,
}

impl Next {
    /// Another document, and the same collection if one runs.
    pub(super) fn keeping(state: &State, document: Document) -> Self {
        Next { document, collection: state.collection.clone(), step: None, gateway: None }
    }
}

fn patched(
    state: &State,
    document: Document,
    sets_last_sync: bool,
    context: &Context<'_>,
) -> Result<Decision, Error> {
    let event = state_change(state, settle(state, document, sets_last_sync, context), context)?;
    let patch = event.as_ref().map(|event| event.patch.clone()).unwrap_or_default();
    Ok(Decision { outcome: Outcome::Patched { patch }, event, leading: None })
}

/// Ends the running collection when the status moved to `IDLE` or `ERROR`.
fn settle(state: &State, mut document: Document, sets_last_sync: bool, context: &Context<'_>) -> Next {
    let Some(running) = &state.collection else {
        return Next::keeping(state, document);
    };
    let system = *document.system();
    let moved = system.status != state.document.system().status;
    let outcome = match system.status {
        SystemStatus::Idle if moved => CollectionEnd::Done,
        SystemStatus::Error if moved => CollectionEnd::Error,
        _ => return Next::keeping(state, document),
    };
    if outcome == CollectionEnd::Done && !sets_last_sync {
        document.set_system(System { last_sync: Some(context.now), ..system });
    }
    let step = CollectionStep::Ended { id: running.id.clone(), outcome };
    Next { document, collection: None, step: Some(step), gateway: None }
}

fn timed_out(state: &State, running: &Collection) -> Next {
    let mut document = state.document.clone();
    document.set_system(System { status: SystemStatus::Error, ..*document.system() });
    let step = CollectionStep::Ended { id: running.id.clone(), outcome: CollectionEnd::Timeout };
    Next { document, collection: None, step: Some(step), gateway: None }
}

fn start_collection(state: &State, context: &Context<'_>) -> Result<Decision, Error> {
    let already = state.collection.as_ref().map(|collection| collection.id.clone());
    let already_running = already.is_some();
    let collection_id = already.unwrap_or_else(|| context.new_collection_id.clone());
    let next = execute::start_collection(state, context);
    let event = next.map(|next| state_change(state, next, context)).transpose()?.flatten();
    Ok(Decision { outcome: Outcome::Collection { collection_id, already_running }, event, leading: None })
}

fn gateway(state: &State, change: &GatewayChange, context: &Context<'_>) -> Result<Decision, Error> {
    let Some(Turn { next, kind, data }) = watch::turn(state, change, context)? else {
        let outcome = Outcome::Patched { patch: Patch::default() };
        return Ok(Decision { outcome, event: None, leading: None });
    };
    let patch = checked(state, &next, context.limits)?.patch;
    let outcome = Outcome::Patched { patch: patch.clone() };
    Ok(Decision { outcome, event: Some(event(kind, data, patch, next)), leading: None })
}

fn run(state: &State, command: &Command, context: &Context<'_>) -> Result<Decision, Error> {
    let Effect { next, message, own } = execute::execute(state, command, context)?;
    let outcome = answer(command, next.is_some(), message);
    if !command.is_recorded() {
        return Ok(Decision { outcome: Outcome::Command(outcome), event: None, leading: None });
    }
    let data = EventData::CommandExecuted {
        command: command.text(),
        action: outcome.action.clone(),
        target: outcome.target.clone(),
        applied: outcome.applied,
        message: outcome.message.clone(),
    };
    let next = next.unwrap_or_else(|| Next::keeping(state, state.document.clone()));
    let patch = checked(state, &next, context.limits)?.patch;
    let outcome = Outcome::Command(outcome);
    let Some((kind, own)) = own else {
        let event = event(EventKind::CommandExecuted, data, patch, next);
        return Ok(Decision { outcome, event: Some(event), leading: None });
    };
    let leading = event(kind, own, patch, next);
    let after = Next::keeping(&leading.next, leading.next.document.clone());
    let event = event(EventKind::CommandExecuted, data, Patch::default(), after);
    Ok(Decision { outcome, event: Some(event), leading: Some(leading) })
}

fn answer(command: &Command, applied: bool, message: String) -> CommandOutcome {
    let (action, target) = (command.action().to_owned(), command.target().map(str::to_owned));
    CommandOutcome { action, target, success: true, applied, message, patch: None }
}

/// Makes the event of a change that has none of its own; nothing when nothing was altered.
fn state_change(state: &State, next: Next, context: &Context<'_>) -> Result<Option<Event>, Error> {
    let Comparison { patch, mut summary } = checked(state, &next, context.limits)?;
    if patch.is_empty() && next.step.is_none() {
        return Ok(None);
    }
    let step = match &next.step {
        Some(CollectionStep::Started { id }) => Some(format!("collection {id} started")),
        Some(CollectionStep::Ended { id, outcome }) => Some(match outcome {
            CollectionEnd::Done => format!("collection {id} done"),
            CollectionEnd::Error => format!("collection {id} failed"),
            CollectionEnd::Timeout => format!("collection {id} timed out"),
        }),
        None => None,
    };
    if let Some(step) = step {
        summary = if summary.is_empty() { step } else { format!("{step}; {summary}") };
    }
    Ok(Some(event(EventKind::StateChange, EventData::StateChange { summary }, patch, next)))
}

fn event(kind: EventKind, data: EventData, patch: Patch, next: Next) -> Event {
    let Next { document, collection, step, gateway } = next;
    Event { kind, data, patch, next: State { document, collection }, collection: step, gateway }
}

/// Checks the limits and writes the patch.
///
/// What was too large before, since the limits were lowered, may stay so as long as it does not grow.
fn checked(state: &State, next: &Next, limits: &Limits) -> Result<Comparison, Error> {
    let (old, new) = (&state.document, &next.document);
    let exceeded = |message| Err(Error::LimitExceeded { message });
    let size = new.size();
    if size > limits.document_bytes && size > old.size() {
        let most = limits.document_bytes;
        return exceeded(format!("the document must not be larger than {most} bytes, it would have {size}"));
    }
    for name in ListName::ALL {
        let len = new.list(name).len();
        if len > limits.list_items && len > old.list(name).len() {
            let most = limits.list_items;
            return exceeded(format!("{name} must not have more than {most} items, it would have {len}"));
        }
    }
    let comparison = compare(old, new);
    let (size, most) = (comparison.patch.encoded_len(), limits.change_bytes);
    if size > most {
        return exceeded(format!("one change must not be larger than {most} bytes, its patch has {size}"));
    }
    Ok(comparison)
}

fn put_item(
    document: &Document,
    list: ListName,
    id: &ItemId,
    fields: &Map<String, Value>,
) -> Result<Document, Error> {
    let mut fields = fields.clone();
    let given = fields.entry("id").or_insert_with(|| id.as_str().into());
    if given != id.as_str() {
        let message =
            format!("id must be that of the path, {}, got {}", json::quote(id.as_str()), json::show(given));
        return Err(Error::invalid("id", message));
    }
    let item = Item::new(list, fields)?;
    let mut document = document.clone();
    match document.list(list).position(id.as_str()) {
        Some(index) => {
            let same = document.list(list).get(index).is_some_and(|before| **before == item);
            if !same {
                document.list_mut(list).set(index, Arc::new(item));
            }
        }
        None => document.list_mut(list).push(Arc::new(item)),
    }
    Ok(document)
}
