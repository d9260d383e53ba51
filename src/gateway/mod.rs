//! Gateways: the services that the hub watches, from how they are written down to how they are asked,
//! judged, recovered and remembered.
//!
//! Everything here is either pure, with the time handed in ([`judge`], [`recovery`], [`schedule`],
//! [`rollup`]), or a future of the current thread that may be dropped at any point ([`probe`],
//! [`action`]). Nothing here knows actors, the hub or routes.

pub mod action;
#[cfg(test)]
mod action_tests;
pub mod bucket;
pub mod connect;
pub mod definition;
#[cfg(test)]
mod definition_tests;
mod flapping;
pub mod histogram;
pub mod judge;
#[cfg(test)]
mod judge_tests;
pub mod maintenance;
pub mod probe;
pub mod probe_spec;
mod process;
pub mod recovery;
#[cfg(test)]
mod recovery_tests;
pub mod result;
pub mod rollup;
#[cfg(test)]
mod rollup_tests;
pub mod schedule;
pub mod secret;
mod series;
pub mod toolkit;
pub(crate) mod validate;
mod varint;

pub use action::{Action, ActionRequest};
pub use definition::{Definition, Origin, RecoverySpec};
pub use flapping::{FLAP_CHANGES, FLAP_INTERVALS, FLAP_WINDOW};
pub use judge::{Judge, PauseReason, StatusMetadata, Thresholds, Transition};
pub use maintenance::Window;
pub use probe::{Prober, PushMonitor, PushReport};
pub use probe_spec::ProbeSpec;
pub use recovery::{Recovery, RecoveryRules, RecoveryStep};
pub use result::{FailureKind, Outcome, ProbeResult};
pub use rollup::{HistoryWindow, Rollup, StoredBucket, Summary};
pub use schedule::Schedule;
pub use toolkit::Toolkit;
