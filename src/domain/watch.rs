//! What changes and commands do to the gateways of a document.

use serde_json::Map;

use super::change::{Context, State};
use super::decide::Next;
use super::error::Error;
use super::event::{EventData, EventKind};
use super::gateway::{
    Gateway, GatewayChange, GatewayId, GatewayStatus, GatewayStep, RecoveryNote, RecoveryStep,
};

/// What becomes of a gateway: the state to come and the event that tells it.
pub(super) struct Turn {
    pub(super) next: Next,
    pub(super) kind: EventKind,
    pub(super) data: EventData,
}

/// Decides on a change of gateways; nothing where it alters nothing.
///
/// # Errors
/// `not_found` for a recovery of a gateway that is not there.
pub(super) fn turn(
    state: &State,
    change: &GatewayChange,
    context: &Context<'_>,
) -> Result<Option<Turn>, Error> {
    match change {
        GatewayChange::Register { id, gateway_type, definition } => {
            register(state, id, gateway_type, definition, context).map(Some)
        }
        GatewayChange::Remove { id } => remove(state, id),
        GatewayChange::Status { id, gateway_type, status, message, metadata } => {
            let before = Gateway::of(state.document.gateways(), id.as_str());
            if before.as_ref().is_some_and(|gateway| {
                gateway.is_held() || (gateway.status == *status && gateway.gateway_type == *gateway_type)
            }) {
                return Ok(None);
            }
            let mut after = before.clone().unwrap_or_else(|| unknown(gateway_type, context));
            after.gateway_type.clone_from(gateway_type);
            after.message.clone_from(message);
            after.set_metadata(metadata.clone());
            changed(state, id, before, after, *status, context).map(Some)
        }
        GatewayChange::Recovery { id, step, attempt, message } => {
            let note =
                RecoveryNote { step: *step, attempt: *attempt, message: message.clone(), at: context.now };
            recovery(state, id, note)?.map_or_else(|| Err(Error::NotFound), |turn| Ok(Some(turn)))
        }
    }
}

/// Pauses a gateway; nothing where it is paused already. The error is what to tell people.
pub(super) fn pause(state: &State, id: &str, context: &Context<'_>) -> Result<Option<Turn>, Error> {
    let Some((id, before)) = find(state, id) else { return Ok(None) };
    if before.is_held() {
        return Ok(None);
    }
    let mut after = before.clone();
    after.message = None;
    after.hold();
    changed(state, &id, Some(before), after, GatewayStatus::Paused, context).map(Some)
}

/// Has a paused gateway judged again; nothing where nobody paused it.
pub(super) fn resume(state: &State, id: &str, context: &Context<'_>) -> Result<Option<Turn>, Error> {
    let Some((id, before)) = find(state, id).filter(|(_, gateway)| gateway.is_held()) else {
        return Ok(None);
    };
    let mut after = before.clone();
    after.message = None;
    after.set_metadata(Map::new());
    changed(state, &id, Some(before), after, GatewayStatus::Unknown, context).map(Some)
}

/// Approves or rejects a recovery that waits for it, or approves another one of a gateway that is still
/// down after the last; nothing where there is none.
pub(super) fn judge(
    state: &State,
    id: &str,
    step: RecoveryStep,
    context: &Context<'_>,
) -> Result<Option<Turn>, Error> {
    let Some((id, gateway)) = find(state, id) else { return Ok(None) };
    let Some(last) = gateway.recovery() else { return Ok(None) };
    let ended = matches!(last.step, RecoveryStep::GaveUp | RecoveryStep::Rejected | RecoveryStep::DryRun);
    let again = ended && step == RecoveryStep::Approved && gateway.status.is_down();
    if last.step != RecoveryStep::AwaitingApproval && !again {
        return Ok(None);
    }
    recovery(state, &id, RecoveryNote { step, attempt: 0, message: None, at: context.now })
}

/// The gateway with this id.
pub(super) fn find(state: &State, id: &str) -> Option<(GatewayId, Gateway)> {
    let id = GatewayId::parse(id).ok()?;
    let gateway = Gateway::of(state.document.gateways(), id.as_str())?;
    Some((id, gateway))
}

fn unknown(gateway_type: &str, context: &Context<'_>) -> Gateway {
    Gateway {
        gateway_type: gateway_type.to_owned(),
        status: GatewayStatus::Unknown,
        since: context.now,
        message: None,
        metadata: Map::new(),
    }
}

fn with(state: &State, id: &GatewayId, gateway: Option<&Gateway>) -> Result<Next, Error> {
    let value = gateway.map(|gateway| serde_json::to_value(gateway).expect("a gateway is plain data"));
    Ok(Next::keeping(state, state.document.with_gateway(id.as_str(), value)?))
}

fn changed(
    state: &State,
    id: &GatewayId,
    before: Option<Gateway>,
    mut after: Gateway,
    status: GatewayStatus,
    context: &Context<'_>,
) -> Result<Turn, Error> {
    if before.as_ref().is_none_or(|gateway| gateway.status != status) {
        after.since = context.now;
    }
    after.status = status;
    let data = EventData::GatewayStatusChange {
        gateway_id: id.clone(),
        gateway_type: after.gateway_type.clone(),
        previous_status: before.map(|gateway| gateway.status),
        current_status: status,
        metadata: after.metadata.clone(),
    };
    Ok(Turn { next: with(state, id, Some(&after))?, kind: EventKind::GatewayStatusChange, data })
}

fn recovery(state: &State, id: &GatewayId, note: RecoveryNote) -> Result<Option<Turn>, Error> {
    let Some((_, mut gateway)) = find(state, id.as_str()) else { return Ok(None) };
    gateway.note_recovery(&note);
    let data = EventData::GatewayRecovery {
        gateway_id: id.clone(),
        step: note.step,
        attempt: note.attempt,
        message: note.message,
    };
    Ok(Some(Turn { next: with(state, id, Some(&gateway))?, kind: EventKind::GatewayRecovery, data }))
}

fn register(
    state: &State,
    id: &GatewayId,
    gateway_type: &str,
    definition: &str,
    context: &Context<'_>,
) -> Result<Turn, Error> {
    let mut gateway = match find(state, id.as_str()) {
        Some((_, gateway)) => gateway,
        None => unknown(gateway_type, context),
    };
    gateway_type.clone_into(&mut gateway.gateway_type);
    let step = GatewayStep::Registered { id: id.clone(), definition: definition.to_owned() };
    let next = Next { gateway: Some(step), ..with(state, id, Some(&gateway))? };
    let data = EventData::GatewayRegistered { gateway_id: id.clone(), gateway_type: gateway_type.to_owned() };
    Ok(Turn { next, kind: EventKind::GatewayRegistered, data })
}

fn remove(state: &State, id: &GatewayId) -> Result<Option<Turn>, Error> {
    if !state.document.gateways().contains_key(id.as_str()) {
        return Ok(None);
    }
    let next = Next { gateway: Some(GatewayStep::Removed { id: id.clone() }), ..with(state, id, None)? };
    let data = EventData::GatewayRemoved { gateway_id: id.clone() };
    Ok(Some(Turn { next, kind: EventKind::GatewayRemoved, data }))
}
