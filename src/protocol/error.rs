//! The one form in which HTTP, WebSocket and the command line tell an error.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Error, FieldError, Timestamp, cut};

/// The longest message, in characters: what a caller sent is repeated in part at most.
const MESSAGE_MAX_CHARS: usize = 1_000;
/// The most fields that are told of.
const DETAILS_MAX: usize = 32;
/// The longest name of a field, and the longest message about one, in characters.
const DETAIL_MAX_CHARS: usize = 200;

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
        let details = error.details().into_iter().take(DETAILS_MAX).map(|detail| FieldError {
            field: cut(detail.field, DETAIL_MAX_CHARS),
            message: cut(detail.message, DETAIL_MAX_CHARS),
        });
        ErrorObject {
            status_code,
            error_type: error_type.to_owned(),
            message: cut(error.to_string(), MESSAGE_MAX_CHARS),
            timestamp: now,
            request_id: request_id.into(),
            details: details.collect(),
        }
    }
}

/// The body of every failed HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorObject,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::decode;

    #[test]
    fn however_much_is_wrong_the_answer_is_short() {
        let name = "\u{7f}".repeat(20_000);
        let fields: Vec<String> = (0..5_000).map(|n| format!("\"{name:.200}{n}\":1")).collect();
        let frames = [
            format!(r#"{{"type":"{name}"}}"#),
            format!(r#"{{"type":"ping","{name}":1}}"#),
            format!(r#"{{"type":"ping","data":{{{}}}}}"#, fields.join(",")),
            format!(r#"{{"type":"subscribe","data":{{"topics":["{name}"]}}}}"#),
            format!(r#"{{"type":"subscribe","data":{{"topics":"{name}"}}}}"#),
        ];
        for frame in frames {
            let error = decode(frame.as_bytes()).unwrap_err().error;
            let told =
                serde_json::to_string(&ErrorObject::new(&error, "r", Timestamp::from_millis(0))).unwrap();
            assert!(told.len() < 8 * 1_024, "{} bytes of {}", told.len(), error.spec().1);
        }
    }
}
