//! Replays a committed patch: exact, sharing what it leaves alone.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::document::Document;
use super::error::Error;
use super::item::{Item, ListName};
use super::patch::{Op, Patch};
use super::pointer;

/// Returns `document` with a patch applied that [`diff`](super::diff) wrote for it.
///
/// The result has the bytes of the document that the patch was written from. Costs what is altered.
///
/// # Errors
/// `internal` when the patch was not written for this document; nothing was applied.
pub fn apply(document: &Document, patch: &Patch) -> Result<Document, Error> {
    let mut next = document.clone();
    let mut ops = patch.ops();
    while let [op, rest @ ..] = ops {
        ops = match pointer::in_list(op.path()) {
            Some((name, within)) => list(&mut next, name, within, ops)?,
            None => {
                section(&mut next, op)?;
                rest
            }
        };
    }
    Ok(next)
}

/// Applies the first operation, which is about a list, and those after it within the same item.
fn list<'a>(next: &mut Document, name: ListName, within: &str, ops: &'a [Op]) -> Result<&'a [Op], Error> {
    let (op, rest) = ops.split_first().expect("the caller saw the first operation");
    let unfit = || misfit(op);
    let Some((token, inside)) = pointer::split_first(within) else {
        let Op::Replace { value, .. } = op else {
            return Err(unfit());
        };
        let Value::Array(values) = value.value() else {
            return Err(unfit());
        };
        let items = values.into_iter().map(item_of).collect::<Result<_, _>>()?;
        next.set_list(name, Arc::new(items));
        return Ok(rest);
    };
    let index = pointer::index(&token).ok_or_else(unfit)?;
    let items = next.list_mut(name);
    if !inside.is_empty() {
        let item = items.get(index).ok_or_else(unfit)?;
        let place = &op.path()[..op.path().len() - inside.len()];
        let same_item = |op: &&Op| pointer::is_within(op.path(), place) && op.path() != place;
        let run = ops.iter().take_while(same_item).count();
        let mut fields = Value::Object(item.fields().clone());
        for op in &ops[..run] {
            member(&mut fields, &op.path()[place.len()..], op)?;
        }
        items.set(index, item_of(fields)?);
        return Ok(&ops[run..]);
    }
    match op {
        Op::Add { value, .. } if index <= items.len() => items.insert(index, item_of(value.value())?),
        Op::Replace { value, .. } if index < items.len() => items.set(index, item_of(value.value())?),
        Op::Remove { .. } if index < items.len() => {
            items.remove(index);
        }
        _ => return Err(unfit()),
    }
    Ok(rest)
}

/// Applies one operation outside of the lists.
fn section(next: &mut Document, op: &Op) -> Result<(), Error> {
    let unfit = |_| misfit(op);
    let mut system = *next.system();
    match op {
        Op::Replace { path, value } => match path.as_str() {
            "/system/status" => system.status = serde_json::from_str(value.as_str()).map_err(unfit)?,
            "/system/progress" => system.progress = serde_json::from_str(value.as_str()).map_err(unfit)?,
            "/system/last_sync" => system.last_sync = serde_json::from_str(value.as_str()).map_err(unfit)?,
            "/active_brief" => next.set_brief(serde_json::from_str(value.as_str()).map_err(unfit)?),
            _ => return gateways(next, op),
        },
        _ => return gateways(next, op),
    }
    next.set_system(system);
    Ok(())
}

fn gateways(next: &mut Document, op: &Op) -> Result<(), Error> {
    let within = op.path().strip_prefix("/gateways").ok_or_else(|| misfit(op))?;
    let mut all = Value::Object(next.gateways().clone());
    member(&mut all, within, op)?;
    if let Value::Object(all) = all {
        next.set_gateways(all);
    }
    Ok(())
}

/// Applies `op` to the member that `within` names in `value`.
fn member(value: &mut Value, within: &str, op: &Op) -> Result<(), Error> {
    let (parent, key) = pointer::split_last(within).ok_or_else(|| misfit(op))?;
    let parent: &mut Map<String, Value> =
        value.pointer_mut(parent).and_then(Value::as_object_mut).ok_or_else(|| misfit(op))?;
    match op {
        Op::Add { value, .. } => {
            parent.insert(key.into_owned(), value.value());
        }
        Op::Replace { value, .. } => {
            *parent.get_mut(key.as_ref()).ok_or_else(|| misfit(op))? = value.value();
        }
        Op::Remove { .. } => {
            parent.remove(key.as_ref()).ok_or_else(|| misfit(op))?;
        }
    }
    Ok(())
}

fn item_of(value: Value) -> Result<Arc<Item>, Error> {
    match value {
        Value::Object(fields) => Item::trusted(fields).map(Arc::new),
        _ => Err(Error::internal("a stored item is no object")),
    }
}

fn misfit(op: &Op) -> Error {
    Error::internal(format!("a stored patch does not fit its document at {}", op.path()))
}
