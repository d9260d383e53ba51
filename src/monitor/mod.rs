//! The monitor: one actor on a thread of its own that watches every gateway.
//!
//! It asks each gateway by its schedule, has the results judged ([`crate::gateway`]), proposes what
//! changes to the hub, runs recoveries and keeps the history. Nothing that one gateway does holds up
//! another: every probe is a future of its own with a hard time-out, and a panic in one is its failure.

mod actor;
mod handle;
mod history;
mod propose;
mod recover;
mod report;
mod watched;

pub use actor::{Monitor, MonitorParts};
pub use handle::{HistoryAnswer, MonitorHandle};
pub use report::{GatewayReport, LastCheck};
