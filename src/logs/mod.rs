//! Log lines on their way to people: what the hub itself logs and what services post.
//!
//! [`Tap`] takes the hub's own records without ever waiting; [`posted`] reads those of others. Both
//! become lines that are harmless for a terminal (`clean`) and without secrets (`mask`) before
//! anything keeps them. [`Logs`] holds the recent ones in a ring and, for each filter that connections
//! have, those that are not sent yet; the pump's thread turns these into shared frames, which the
//! fan-out delivers. Nothing here is durable.
//!
//! Lines are never made from what the ways of log lines log themselves: see `tap`.

mod clean;
mod filters;
mod line;
mod mask;
mod pending;
pub mod posted;
mod pump;
mod ring;
mod store;
mod tap;
#[cfg(test)]
mod tests;

pub use line::{Draft, LINE_MAX_BYTES, Line};
pub use pending::Pending;
pub use pump::Pump;
pub use ring::{LogPage, LogQuery};
pub use store::{AddLogSink, Batch, Lease, LogWake, Logs, Tick, frame};
pub use tap::{Records, Tap};
