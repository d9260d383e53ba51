//! The pure heart of the hub: the state document, the changes to it, and what a caller can be told.
//!
//! Plain types and pure functions. Clock, randomness, disk and network stay outside and hand their
//! values in, so that every decision can be repeated: [`decide`] turns a state and a proposed change
//! into the next state and the event to record, [`diff`] writes the patch of that event and
//! [`apply`] replays it.

mod apply;
mod brief;
mod change;
mod command;
mod decide;
mod diff;
mod document;
mod draft;
mod error;
mod event;
mod execute;
mod gateway;
mod ids;
mod item;
mod json;
mod limits;
mod list;
mod merge;
mod patch;
mod pointer;
mod quick;
mod role;
mod system;
mod time;
mod watch;

#[cfg(test)]
mod tests;

pub use apply::apply;
pub use brief::{Brief, is_open};
pub use change::{Change, Collection, Context, State};
pub use command::{Args, COMMAND_MAX_BYTES, Command, CommandSpec};
pub use decide::{decide, dry_run};
pub use diff::diff;
pub use document::Document;
pub use error::{Error, FieldError};
pub use event::{
    CollectionEnd, CollectionStep, CommandOutcome, Decision, Event, EventData, EventKind, Outcome,
};
pub use gateway::{
    GATEWAY_ID_MAX_CHARS, Gateway, GatewayChange, GatewayId, GatewayStatus, GatewayStep, RecoveryNote,
    RecoveryStep,
};
pub use ids::{CollectionId, Epoch, ITEM_ID_MAX_CHARS, ItemId, Seq};
pub use item::{Item, ListName, Moment};
pub use json::{JsonText, MAX_SAFE_INTEGER, VALUE_MAX_DEPTH, canonical, cut, decode, parse_strict};
pub use limits::Limits;
pub use list::ItemList;
pub use patch::{Op, Patch};
pub use role::{Right, Role, UnknownRole};
pub use system::{System, SystemStatus, SystemUpdate};
pub use time::Timestamp;
