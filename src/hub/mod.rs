//! The hub: the one actor that owns the state, orders every change and announces what is on disk.
//!
//! A change is proposed, validated against the newest pending state, given the next number, stored,
//! and only then acknowledged and shown. [`HubHandle`] is the door for everybody who changes
//! something; [`Live`] is what everybody who only looks shares with the hub.

mod actor;
mod announce;
mod batch;
mod chores;
mod commit;
mod connections;
mod handle;
mod live;
mod ring;

#[cfg(test)]
mod tests;

pub use actor::{Hub, HubParts, HubSettings};
pub use announce::{AddFanout, Announce, Wake};
pub use chores::Drain;
pub use connections::{Admission, ConnectionKind, Connections};
pub use handle::{Accepted, Executed, Expectation, HubHandle, Idempotency, Proposal};
pub(crate) use live::News;
pub use live::{Committed, Live, View};
pub use ring::{Lost, Ring};
