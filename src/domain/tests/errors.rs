//! What callers are told.

use super::super::{Error, FieldError, Seq};

fn text() -> String {
    "secret".to_owned()
}

/// One of each, with what clients match on. A change to a line here breaks a client.
fn table() -> Vec<(Error, u16, &'static str)> {
    let at = Seq::new(1);
    vec![
        (Error::invalid("a", "a is bad"), 400, "invalid_value"),
        (Error::InvalidJson { message: text(), line: 1, column: 2 }, 400, "invalid_json"),
        (Error::unknown_field("a", &["b"]), 400, "unknown_field"),
        (Error::ReadOnly { path: text() }, 400, "read_only"),
        (Error::UnknownCommand { command: text(), known: text() }, 400, "unknown_command"),
        (Error::MissingTarget { command: text(), known: text() }, 400, "missing_target"),
        (Error::InvalidPatch { message: text() }, 400, "invalid_patch"),
        (Error::TestFailed { path: text() }, 409, "test_failed"),
        (Error::LimitExceeded { message: text() }, 413, "limit_exceeded"),
        (Error::TooLarge { limit: 1 }, 413, "payload_too_large"),
        (Error::HeadTooLarge { message: text() }, 431, "head_too_large"),
        (Error::RequestTimeout { message: text() }, 408, "request_timeout"),
        (Error::EncodedBody, 415, "unsupported_encoding"),
        (Error::NotFound, 404, "not_found"),
        (Error::MethodNotAllowed { allowed: text() }, 405, "method_not_allowed"),
        (Error::UnsupportedMediaType { expected: text() }, 415, "unsupported_media_type"),
        (Error::PreconditionFailed { current: text() }, 412, "precondition_failed"),
        (Error::IdempotencyMismatch, 422, "idempotency_mismatch"),
        (Error::HistoryPruned { since: at, first: at }, 410, "history_pruned"),
        (Error::AheadOfNow { wanted: text(), last: at }, 400, "ahead_of_now"),
        (Error::NotAuthenticated { message: text() }, 401, "not_authenticated"),
        (Error::Forbidden { message: text() }, 403, "forbidden"),
        (Error::OriginRefused, 403, "origin_refused"),
        (Error::HostRefused { host: text() }, 421, "host_refused"),
        (Error::StorageUnavailable { cause: text() }, 503, "storage_unavailable"),
        (Error::Overloaded, 503, "overloaded"),
        (Error::ShuttingDown, 503, "shutting_down"),
        (Error::TooManyConnections, 503, "too_many_connections"),
        (Error::TooManyFromAddress, 429, "too_many_connections"),
        (Error::RateLimited, 429, "rate_limited"),
        (Error::SlowDown { seconds: 7 }, 429, "rate_limited"),
        (Error::UnknownTopic { topic: text(), known: text() }, 400, "unknown_topic"),
        (Error::UnknownType { found: text(), known: text() }, 400, "unknown_type"),
        (Error::UnknownProtocol { found: text(), known: text() }, 400, "unknown_protocol"),
        (Error::BadHandshake { message: text() }, 400, "bad_handshake"),
        (Error::NotReady, 503, "not_ready"),
        (Error::Internal { cause: text() }, 500, "internal"),
    ]
}

#[test]
fn every_error_keeps_its_status_and_type() {
    for (error, status, kind) in table() {
        assert_eq!(error.spec(), (status, kind), "{error:?}");
    }
}

#[test]
fn what_passes_by_itself_says_when_to_try_again() {
    for (error, status, _) in table() {
        let passes = status == 503 || status == 429;
        assert_eq!(error.retry_after_s().is_some(), passes, "{error:?}");
    }
}

#[test]
fn a_cause_is_never_shown() {
    for error in [Error::StorageUnavailable { cause: text() }, Error::internal(text())] {
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn several_bad_fields_are_told_at_once() {
    let error = Error::invalid_fields(vec![FieldError::new("a", "a is bad"), FieldError::new("b", "b too")]);
    assert_eq!(error.to_string(), "a is bad; b too");
    assert_eq!(error.details().len(), 2);
}
