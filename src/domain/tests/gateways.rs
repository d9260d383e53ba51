//! Gateways: who may change them, and what is told.

use serde_json::{Map, json};

use super::*;

fn id() -> GatewayId {
    GatewayId::parse("mail").unwrap()
}

fn status(status: GatewayStatus) -> Change {
    Change::Gateway(GatewayChange::Status {
        id: id(),
        gateway_type: "smtp".into(),
        status,
        message: Some("why".into()),
        metadata: Map::from_iter([("latency_ms".to_owned(), json!(3))]),
    })
}

fn recovery(step: RecoveryStep) -> Change {
    Change::Gateway(GatewayChange::Recovery { id: id(), step, attempt: 1, message: None })
}

fn shown(state: &State) -> Gateway {
    Gateway::of(state.document.gateways(), "mail").unwrap()
}

/// The kinds of what is committed, and the state after it.
fn committed(state: &State, change: &Change) -> (Vec<EventKind>, State) {
    let decision = decided(state, change);
    let next = decision.next().cloned().unwrap_or_else(|| state.clone());
    (decision.events().map(|event| event.kind).collect(), next)
}

#[test]
fn a_status_is_told_with_the_one_before_and_only_when_it_is_another() {
    let healthy = event(&State::default(), &status(GatewayStatus::Healthy));
    assert_eq!(
        serde_json::to_value(&healthy.data).unwrap(),
        json!({"gateway_id": "mail", "gateway_type": "smtp", "previous_status": null,
               "current_status": "HEALTHY", "metadata": {"latency_ms": 3}})
    );
    assert_eq!(decided(&healthy.next, &status(GatewayStatus::Healthy)).event, None);
    let down = event(&healthy.next, &status(GatewayStatus::Unhealthy));
    let EventData::GatewayStatusChange { previous_status, .. } = down.data else { panic!("a status change") };
    assert_eq!(previous_status, Some(GatewayStatus::Healthy));
    assert_eq!((shown(&down.next).status, shown(&down.next).since), (GatewayStatus::Unhealthy, NOW));
}

#[test]
fn what_somebody_paused_stays_paused_until_it_is_resumed() {
    let up = event(&State::default(), &status(GatewayStatus::Healthy)).next;
    let (kinds, paused) = committed(&up, &command("pause mail"));
    assert_eq!(kinds, [EventKind::GatewayStatusChange, EventKind::CommandExecuted]);
    assert!(shown(&paused).is_held());
    assert_eq!(committed(&paused, &status(GatewayStatus::Unhealthy)), (vec![], paused.clone()));
    assert_eq!(committed(&paused, &command("pause mail")).0, [EventKind::CommandExecuted]);
    let (kinds, resumed) = committed(&paused, &command("resume mail"));
    assert_eq!(kinds, [EventKind::GatewayStatusChange, EventKind::CommandExecuted]);
    assert_eq!(shown(&resumed).status, GatewayStatus::Unknown);
    assert_eq!(summary(&event(&up, &command("resume mail"))), "mail is watched already");
    assert_eq!(summary(&event(&up, &command("pause post"))), "no gateway with id post");
}

#[test]
fn a_recovery_is_approved_once_and_only_where_it_waits() {
    let down = event(&State::default(), &status(GatewayStatus::Unhealthy)).next;
    assert_eq!(summary(&event(&down, &command("approve mail"))), "no recovery of mail waits for approval");
    let waits = event(&down, &recovery(RecoveryStep::AwaitingApproval)).next;
    let (kinds, approved) = committed(&waits, &command("approve mail"));
    assert_eq!(kinds, [EventKind::GatewayRecovery, EventKind::CommandExecuted]);
    assert_eq!(shown(&approved).recovery().unwrap().step, RecoveryStep::Approved);
    assert_eq!(committed(&approved, &command("reject mail")).0, [EventKind::CommandExecuted]);
    let (_, rejected) = committed(&waits, &command("reject mail"));
    assert_eq!(shown(&rejected).recovery().unwrap().step, RecoveryStep::Rejected);
    // The last recovery stays to be seen when the status changes.
    let up = event(&approved, &status(GatewayStatus::Healthy)).next;
    assert_eq!(shown(&up).recovery().unwrap().step, RecoveryStep::Approved);
}

#[test]
fn a_priority_with_the_same_id_goes_first() {
    let both = event(&priorities(), &status(GatewayStatus::Unhealthy)).next;
    let both = event(&both, &put(ListName::Priorities, "mail", json!({"title": "T"}))).next;
    let both = event(&both, &recovery(RecoveryStep::AwaitingApproval)).next;
    let (kinds, next) = committed(&both, &command("approve mail"));
    assert_eq!(kinds, [EventKind::CommandExecuted]);
    assert_eq!(shown(&next).recovery().unwrap().step, RecoveryStep::AwaitingApproval);
}

#[test]
fn a_definition_is_kept_beside_the_event_and_shown_to_nobody() {
    let definition = r#"{"secret":"s"}"#.to_owned();
    let register = Change::Gateway(GatewayChange::Register {
        id: id(),
        gateway_type: "smtp".into(),
        definition: definition.clone(),
    });
    let registered = event(&State::default(), &register);
    assert_eq!(registered.gateway, Some(GatewayStep::Registered { id: id(), definition }));
    assert_eq!(
        serde_json::to_value(&registered.data).unwrap(),
        json!({"gateway_id": "mail", "gateway_type": "smtp"})
    );
    assert!(!registered.next.document.to_json().contains("secret"));
    let removed = event(&registered.next, &Change::Gateway(GatewayChange::Remove { id: id() }));
    assert_eq!(removed.gateway, Some(GatewayStep::Removed { id: id() }));
    assert!(removed.next.document.gateways().is_empty());
    assert_eq!(decided(&removed.next, &Change::Gateway(GatewayChange::Remove { id: id() })).event, None);
}

#[test]
fn an_event_is_read_back_as_what_it_was() {
    for (change, kind) in [
        (status(GatewayStatus::Paused), EventKind::GatewayStatusChange),
        (Change::Gateway(GatewayChange::Remove { id: id() }), EventKind::GatewayRemoved),
        (recovery(RecoveryStep::GaveUp), EventKind::GatewayRecovery),
    ] {
        let up = event(&State::default(), &status(GatewayStatus::Healthy)).next;
        let event = event(&up, &change);
        assert_eq!(event.kind, kind);
        let text = serde_json::to_string(&event.data).unwrap();
        assert_eq!(serde_json::from_str::<EventData>(&text).unwrap(), event.data);
    }
}
