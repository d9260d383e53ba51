//! Notification sinks: events of the log told to webhooks outside, at least once and in order.
//!
//! [`SinkDefinition`] is how one is written down; the [`Notifier`] is the one actor that serves them all.
//! Each sink has a cursor over the event log: everything up to it was taken by the receiver, was none of
//! the sink's kinds, or was given up. What a sink does next is decided without a clock or a network
//! (`sink`, `backoff`, `message`, `slack`), so that tests can lead it through hours in no time.

mod actor;
mod backoff;
mod definition;
mod handle;
mod message;
mod report;
mod sink;
#[cfg(test)]
mod sink_tests;
mod slack;
mod target;

pub use actor::{Notifier, NotifierParts};
pub use backoff::{BACKOFF_FIRST, BACKOFF_MAX, RETRY_AFTER_MAX};
pub use definition::{SINKS_MAX, SinkDefinition, SinkFormat};
pub use handle::NotifierHandle;
pub use report::{SinkError, SinkReport, SinkState};
