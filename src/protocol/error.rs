//! The one form in which HTTP, WebSocket and the command line tell an error.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Error, FieldError, Timestamp};

/// What went wrong; `error` in an HTTP body, `data` in an `error` frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorObject {
    /// The HTTP status, also on a WebSocket.
    #[schema(example = 400)]
    pub status_code: u16,
    /// Never renamed: programs decide by it.
    #[schema(example = "invalid_value")]
    pub error_type: String,
    /// One sentence for people; its words may change.
    #[schema(example = "progress must be between 0 and 100, got 150")]
    pub message: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The id of the request that failed, as in `X-Request-Id` and in the hub's log.
    pub request_id: String,
    /// What is wrong with each field, where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<FieldError>,
}

impl ErrorObject {
    /// Tells `error` to the caller of `request_id`.
    pub fn new(error: &Error, request_id: impl Into<String>, now: Timestamp) -> Self {
        let (status_code, error_type) = error.spec();
        ErrorObject {
            status_code,
            error_type: error_type.to_owned(),
            message: error.to_string(),
            timestamp: now,
            request_id: request_id.into(),
            details: error.details(),
        }
    }
}

/// The body of every failed HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorObject,
}
