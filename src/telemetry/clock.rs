//! The clock on the wall.

use crate::domain::Timestamp;

/// The time now: the only place where it is read.
pub fn now() -> Timestamp {
    Timestamp::from_millis(chrono::Utc::now().timestamp_millis())
}
