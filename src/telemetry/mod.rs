//! What operators see of a running hub: log lines and metrics; and the clock that all go by.

pub mod clock;
pub mod logging;
pub mod metrics;

pub use metrics::Metrics;
