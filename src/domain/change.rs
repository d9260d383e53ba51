//! What can be proposed, to which state, and with what at hand.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::Command;
use super::document::Document;
use super::gateway::GatewayChange;
use super::ids::{CollectionId, ItemId, Seq};
use super::item::ListName;
use super::limits::Limits;
use super::system::SystemUpdate;
use super::time::Timestamp;

/// A proposed change. Nothing of it has been judged yet; [`decide`](super::decide) does that.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A merge patch of the document (RFC 7396).
    MergePatch(Value),
    /// A JSON patch of the document (RFC 6902): an array of operations.
    JsonPatch(Value),
    /// Puts one item into a list: in the place of the one with its id, else at the end.
    PutItem {
        /// The list.
        list: ListName,
        /// The item's id.
        id: ItemId,
        /// Its fields; an `id` among them must be the same one.
        item: Map<String, Value>,
    },
    /// Takes one item out of a list.
    DeleteItem {
        /// The list.
        list: ListName,
        /// The item's id.
        id: ItemId,
    },
    /// Sets fields of the `system` section.
    SetSystem(SystemUpdate),
    /// Runs a command.
    Command(Command),
    /// Starts a collection, unless one is running.
    StartCollection,
    /// Ends a collection that took too long; nothing when it ended in the meantime.
    EndCollection {
        /// The collection.
        id: CollectionId,
    },
    /// Changes a gateway.
    Gateway(GatewayChange),
}

/// A collection that is running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Its name.
    pub id: CollectionId,
    /// When it was started.
    pub started_at: Timestamp,
}

/// Everything that changes are decided on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The document that everyone sees.
    pub document: Document,
    /// The collection that is running, if one is.
    pub collection: Option<Collection>,
}

/// What a decision needs from outside: the domain has no clock and no randomness of its own.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The time of the change.
    pub now: Timestamp,
    /// The number that the change would get.
    pub seq: Seq,
    /// What must not be exceeded.
    pub limits: &'a Limits,
    /// Where people live: decides what is today.
    pub timezone: Tz,
    /// The name of the collection that the change may start.
    pub new_collection_id: CollectionId,
}
