//! What operators see of a running hub: log lines and metrics.

pub mod logging;
pub mod metrics;

pub use metrics::Metrics;
