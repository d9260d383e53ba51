//! Fan-out: one actor for each worker, which moves shared frames to that worker's subscribers.
//!
//! A subscriber holds no queue of frames: it has a position in the worker's [`Mirror`] of the ring,
//! and takes the next frame when its connection has room. What is its own (answers, pages of a
//! replay) waits in a small private queue. [`Outbox`] is the one interface between all this and the
//! bytes of a connection.

mod actor;
mod encoding;
mod head;
mod logs;
mod mirror;
mod outbox;
mod private;
mod replay;
mod report;
mod socket;
mod subscriber;
mod tcp;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

pub use actor::{CloseAll, Fanout, Fanouts, ListConnections, spread};
pub use encoding::Encoding;
pub use mirror::Mirror;
pub use outbox::{Outbox, OutboxBody};
pub use replay::{Resume, ResumePoint, decide_resume};
pub use report::{ConnectionReport, ConnectionState, Identity};
pub use socket::{Answering, SharedSocket, SocketParts, UnderWay};
pub use subscriber::{OutboxLimits, Subscriber};
pub use tcp::{Tcp, WaitingRoom};
