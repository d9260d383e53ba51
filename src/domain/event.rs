//! What a decision comes to: the event to record and the answer to give.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::change::State;
use super::error::Error;
use super::gateway::{GatewayId, GatewayStatus, GatewayStep, RecoveryStep};
use super::ids::CollectionId;
use super::patch::Patch;
use super::system::System;

/// A change that was found good: what to answer, and what to record unless nothing was altered.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What the proposer is told.
    pub outcome: Outcome,
    /// What is committed; nothing when the change altered nothing.
    pub event: Option<Event>,
    /// What is committed right before it, both or none: what a command did, where that is an event of
    /// its own kind.
    pub leading: Option<Event>,
}

impl Decision {
    /// What is committed, in order.
    pub fn events(self) -> impl Iterator<Item = Event> {
        self.leading.into_iter().chain(self.event)
    }

    /// The state after everything that is committed; none where nothing is.
    pub fn next(&self) -> Option<&State> {
        self.event.as_ref().or(self.leading.as_ref()).map(|event| &event.next)
    }
}

/// What is committed: it gets the next number, and its patch leads to the next state.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What kind of event.
    pub kind: EventKind,
    /// The data of its frame.
    pub data: EventData,
    /// Turns the document before into the one after; empty when the document stays.
    pub patch: Patch,
    /// The state after the event.
    pub next: State,
    /// What the event means for collections, if anything.
    pub collection: Option<CollectionStep>,
    /// What it means for the definitions of gateways, if anything.
    pub gateway: Option<GatewayStep>,
}

/// The kind of a committed event: the `type` of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A change without an event of its own.
    StateChange,
    /// A command that was accepted.
    CommandExecuted,
    /// A gateway is another way than before.
    GatewayStatusChange,
    /// A step of a gateway's recovery.
    GatewayRecovery,
    /// A gateway was registered, or defined anew.
    GatewayRegistered,
    /// A gateway is watched no more.
    GatewayRemoved,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [EventKind; 6] = [
        EventKind::StateChange,
        EventKind::CommandExecuted,
        EventKind::GatewayStatusChange,
        EventKind::GatewayRecovery,
        EventKind::GatewayRegistered,
        EventKind::GatewayRemoved,
    ];

    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::StateChange => "state_change",
            EventKind::CommandExecuted => "command_executed",
            EventKind::GatewayStatusChange => "gateway_status_change",
            EventKind::GatewayRecovery => "gateway_recovery",
            EventKind::GatewayRegistered => "gateway_registered",
            EventKind::GatewayRemoved => "gateway_removed",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EventKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known = EventKind::ALL.map(EventKind::as_str).join(", ");
            Error::UnknownType { found: text.to_owned(), known }
        })
    }
}

/// The `data` of a committed frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum EventData {
    /// Of `state_change`.
    StateChange {
        /// One short line for people, such as `priorities: P7 changed`.
        summary: String,
    },
    /// Of `command_executed`.
    CommandExecuted {
        /// The command's text, such as `approve P7`.
        command: String,
        /// Its verb.
        action: String,
        /// What it was for.
        target: Option<String>,
        /// Whether it changed something.
        applied: bool,
        /// What came of it, for people.
        message: String,
    },
    /// Of `gateway_status_change`.
    GatewayStatusChange {
        /// Which gateway.
        gateway_id: GatewayId,
        /// What it is.
        gateway_type: String,
        /// How it was; null where it is new.
        previous_status: Option<GatewayStatus>,
        /// How it is.
        current_status: GatewayStatus,
        /// What else is known: latency, error, attempts.
        #[schema(value_type = Object)]
        metadata: Map<String, Value>,
    },
    /// Of `gateway_recovery`.
    GatewayRecovery {
        /// Which gateway.
        gateway_id: GatewayId,
        /// The step.
        step: RecoveryStep,
        /// Which attempt it belongs to; 0 before the first one.
        attempt: u32,
        /// What happened, for people.
        message: Option<String>,
    },
    /// Of `gateway_registered`.
    GatewayRegistered {
        /// Which gateway.
        gateway_id: GatewayId,
        /// What it is.
        gateway_type: String,
    },
    /// Of `gateway_removed`.
    GatewayRemoved {
        /// Which gateway.
        gateway_id: GatewayId,
    },
}

impl EventData {
    /// What the event is about, where that has an id.
    pub fn target(&self) -> Option<String> {
        match self {
            EventData::StateChange { .. } => None,
            EventData::CommandExecuted { target, .. } => target.clone(),
            EventData::GatewayStatusChange { gateway_id, .. }
            | EventData::GatewayRecovery { gateway_id, .. }
            | EventData::GatewayRegistered { gateway_id, .. }
            | EventData::GatewayRemoved { gateway_id } => Some(gateway_id.as_str().to_owned()),
        }
    }
}

/// What an event means for collections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionStep {
    /// A collection was started.
    Started {
        /// Which one.
        id: CollectionId,
    },
    /// A collection has ended.
    Ended {
        /// Which one.
        id: CollectionId,
        /// How.
        outcome: CollectionEnd,
    },
}

/// How a collection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CollectionEnd {
    /// The status went to `IDLE`.
    Done,
    /// The status went to `ERROR`.
    Error,
    /// It took too long.
    Timeout,
}

impl CollectionEnd {
    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            CollectionEnd::Done => "done",
            CollectionEnd::Error => "error",
            CollectionEnd::Timeout => "timeout",
        }
    }
}

/// What the proposer is told; stored with its idempotency key, so that it can be told again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A patch or an item was taken in.
    Patched {
        /// What changed.
        patch: Patch,
    },
    /// The `system` section was set.
    System {
        /// The section as it is now.
        system: System,
    },
    /// A command was accepted.
    Command(CommandOutcome),
    /// A collection runs.
    Collection {
        /// Which one.
        collection_id: CollectionId,
        /// Whether it ran before this change.
        already_running: bool,
    },
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandOutcome {
    /// The verb.
    pub action: String,
    /// What it was for.
    pub target: Option<String>,
    /// Accepted.
    pub success: bool,
    /// It changed something, or would.
    pub applied: bool,
    /// What came of it, for people.
    pub message: String,
    /// What would change; only for a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Patch>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_are_known_by_their_names() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse::<EventKind>().unwrap(), kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!("x".parse::<EventKind>().unwrap_err().spec().1, "unknown_type");
    }

    #[test]
    fn an_outcome_is_told_again_as_it_was() {
        let patch: Patch = serde_json::from_value(json!([
            {"op": "add", "path": "/priorities/0", "value": {"id": "a", "n": 1.5}}
        ]))
        .unwrap();
        let collection_id = CollectionId::new("c1");
        for outcome in [
            Outcome::Patched { patch: patch.clone() },
            Outcome::System { system: System::default() },
            Outcome::Collection { collection_id, already_running: true },
            Outcome::Command(CommandOutcome {
                action: "approve".into(),
                target: Some("P7".into()),
                success: true,
                applied: true,
                message: "approved P7".into(),
                patch: Some(patch),
            }),
        ] {
            let text = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome, "{text}");
        }
    }

    #[test]
    fn event_data_is_told_apart_by_its_fields() {
        let executed = json!({"command": "refresh", "action": "refresh", "target": null, "applied": false, "message": "m"});
        let data: EventData = serde_json::from_value(executed.clone()).unwrap();
        assert!(matches!(data, EventData::CommandExecuted { .. }));
        assert_eq!(serde_json::to_value(data).unwrap(), executed);
        let data: EventData = serde_json::from_value(json!({"summary": "s"})).unwrap();
        assert_eq!(data, EventData::StateChange { summary: "s".into() });
    }
}
