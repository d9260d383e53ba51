//! Everything a caller can be told went wrong: one table for HTTP, WebSocket and the command line.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::Seq;
use super::json::{QUOTE_MAX_CHARS, cut, quote};

/// Unknown fields that a message names.
const FIELDS_TOLD: usize = 10;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The field, as the request names it: a name, a dotted path or a JSON pointer.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl FieldError {
    /// Says what is wrong with `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        FieldError { field: field.into(), message: message.into() }
    }
}

/// Everything a caller can be told went wrong. Messages never show internals; a `cause` is for the log.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A value is outside what its field allows.
    #[error("{message}")]
    InvalidValue {
        /// The whole story in one line.
        message: String,
        /// Every bad field.
        details: Vec<FieldError>,
    },
    /// The text is not I-JSON (RFC 7493): bad syntax, a key twice, an integer beyond ±(2^53−1).
    #[error("invalid json at line {line} column {column}: {message}")]
    InvalidJson {
        /// What the parser met.
        message: String,
        /// Line, from 1; 0 when the text as a whole is meant.
        line: usize,
        /// Column in bytes, from 1; 0 when the line as a whole is meant.
        column: usize,
    },
    /// The request has fields that nobody reads.
    #[error("unknown field {}, expected {expected}", listed(.fields))]
    UnknownField {
        /// The unknown fields.
        fields: Vec<String>,
        /// The fields that there are, in words.
        expected: String,
    },
    /// A patch touches what only the hub's own parts write.
    #[error("{path} is read-only")]
    ReadOnly {
        /// JSON pointer of what was touched.
        path: String,
    },
    /// No command has this name.
    #[error("unknown command {}, known commands: {known}", quote(.command))]
    UnknownCommand {
        /// The verb as it was given.
        command: String,
        /// The known commands, in words.
        known: String,
    },
    /// The command needs the id of what it is for.
    #[error("{command} needs a target, known commands: {known}")]
    MissingTarget {
        /// The verb.
        command: String,
        /// The known commands, in words.
        known: String,
    },
    /// The patch is no RFC 6902 patch, or does not fit the document.
    #[error("{message}")]
    InvalidPatch {
        /// Which operation, and why.
        message: String,
    },
    /// A `test` operation of a JSON patch found another value.
    #[error("test failed at {path:?}")]
    TestFailed {
        /// JSON pointer of the tested place.
        path: String,
    },
    /// The change would make something larger than its limit.
    #[error("{message}")]
    LimitExceeded {
        /// Which limit, and what was found.
        message: String,
    },
    /// The request itself is too large.
    #[error("the body must not be larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The head of the request is too large.
    #[error("{message}")]
    HeadTooLarge {
        /// What is too large, and the limit.
        message: String,
    },
    /// The request did not arrive in time.
    #[error("{message}")]
    RequestTimeout {
        /// What was waited for, and for how long.
        message: String,
    },
    /// The body is encoded, so that nobody knows how large it would become.
    #[error("bodies with Content-Encoding are not read, send them as they are")]
    EncodedBody,
    /// Nothing is at this path.
    #[error("nothing is at this path")]
    NotFound,
    /// What is at this path is not switched on.
    #[error("{message}")]
    NotOffered {
        /// What would switch it on.
        message: String,
    },
    /// The path is known, the method is not one of its own.
    #[error("method not allowed, allowed: {allowed}")]
    MethodNotAllowed {
        /// The allowed methods, as the `Allow` header lists them.
        allowed: String,
    },
    /// The body's content type is not one that this path reads.
    #[error("unsupported media type, expected {expected}")]
    UnsupportedMediaType {
        /// The expected types.
        expected: String,
    },
    /// `If-Match` names another state than the newest one.
    #[error("the state has changed since, it is now {current}")]
    PreconditionFailed {
        /// The entity tag in force.
        current: String,
    },
    /// The idempotency key was used with another request.
    #[error("this idempotency key was used with another request")]
    IdempotencyMismatch,
    /// The wanted part of the history was pruned.
    #[error("changes after {since} are no longer kept, the first kept is {first}")]
    HistoryPruned {
        /// What was asked for.
        since: Seq,
        /// The oldest change that is kept.
        first: Seq,
    },
    /// The caller asks for what has not happened yet.
    #[error("{wanted} is ahead of now, the newest change is {last}")]
    AheadOfNow {
        /// What was asked for: a number or a time.
        wanted: String,
        /// The newest change.
        last: Seq,
    },
    /// Nobody knows who asks, and the hub wants to.
    #[error("{message}")]
    NotAuthenticated {
        /// What is missing or wrong, without saying what would be right.
        message: String,
    },
    /// Who asks may not do this.
    #[error("{message}")]
    Forbidden {
        /// What it needs.
        message: String,
    },
    /// The request comes from a web page of another origin.
    #[error("requests from this origin are refused")]
    OriginRefused,
    /// The request is for a name that is none of the hub's.
    #[error("{host:?} is no name of this hub, server.cors_origins may add some")]
    HostRefused {
        /// The name, as far as it is shown.
        host: String,
    },
    /// Nothing was applied, since it could not be stored.
    #[error("the change could not be stored, nothing was applied")]
    StorageUnavailable {
        /// For the log.
        cause: String,
    },
    /// Too many changes wait to be committed.
    #[error("too many requests are waiting, try again")]
    Overloaded,
    /// The hub is about to end.
    #[error("the hub is shutting down")]
    ShuttingDown,
    /// The hub has as many connections as it may have.
    #[error("too many connections")]
    TooManyConnections,
    /// The caller's address has as many connections as it may have.
    #[error("too many connections from this address")]
    TooManyFromAddress,
    /// The caller sends more than its rate allows.
    #[error("too many messages, slow down")]
    RateLimited,
    /// The caller asks more often than it may, and is told how long to wait.
    #[error("too many requests, try again in {seconds} s")]
    SlowDown {
        /// How long to wait.
        seconds: u32,
    },
    /// No topic has this name.
    #[error("unknown topic {}, known topics: {known}", quote(.topic))]
    UnknownTopic {
        /// The topic as it was given.
        topic: String,
        /// The known topics, in words.
        known: String,
    },
    /// No client frame has this type.
    #[error("unknown type {}, known types: {known}", quote(.found))]
    UnknownType {
        /// The type as it was given.
        found: String,
        /// The known types, in words.
        known: String,
    },
    /// Only WebSocket subprotocols that the hub does not speak were offered.
    #[error("unknown protocol {}, known protocols: {known}", quote(.found))]
    UnknownProtocol {
        /// What was offered.
        found: String,
        /// The known protocols, in words.
        known: String,
    },
    /// The WebSocket handshake is not one.
    #[error("{message}")]
    BadHandshake {
        /// What is wrong with it.
        message: String,
    },
    /// The hub has not started up yet.
    #[error("the hub is not ready yet")]
    NotReady,
    /// A fault of the hub's own.
    #[error("internal error")]
    Internal {
        /// For the log.
        cause: String,
    },
}

impl Error {
    /// Returns the HTTP status and the `error_type`. Types are never renamed; messages may be.
    pub fn spec(&self) -> (u16, &'static str) {
        match self {
            Error::InvalidValue { .. } => (400, "invalid_value"),
            Error::InvalidJson { .. } => (400, "invalid_json"),
            Error::UnknownField { .. } => (400, "unknown_field"),
            Error::ReadOnly { .. } => (400, "read_only"),
            Error::UnknownCommand { .. } => (400, "unknown_command"),
            Error::MissingTarget { .. } => (400, "missing_target"),
            Error::InvalidPatch { .. } => (400, "invalid_patch"),
            Error::TestFailed { .. } => (409, "test_failed"),
            Error::LimitExceeded { .. } => (413, "limit_exceeded"),
            Error::TooLarge { .. } => (413, "payload_too_large"),
            Error::HeadTooLarge { .. } => (431, "head_too_large"),
            Error::RequestTimeout { .. } => (408, "request_timeout"),
            Error::EncodedBody => (415, "unsupported_encoding"),
            Error::NotFound | Error::NotOffered { .. } => (404, "not_found"),
            Error::MethodNotAllowed { .. } => (405, "method_not_allowed"),
            Error::UnsupportedMediaType { .. } => (415, "unsupported_media_type"),
            Error::PreconditionFailed { .. } => (412, "precondition_failed"),
            Error::IdempotencyMismatch => (422, "idempotency_mismatch"),
            Error::HistoryPruned { .. } => (410, "history_pruned"),
            Error::AheadOfNow { .. } => (400, "ahead_of_now"),
            Error::NotAuthenticated { .. } => (401, "not_authenticated"),
            Error::Forbidden { .. } => (403, "forbidden"),
            Error::OriginRefused => (403, "origin_refused"),
            Error::HostRefused { .. } => (421, "host_refused"),
            Error::StorageUnavailable { .. } => (503, "storage_unavailable"),
            Error::Overloaded => (503, "overloaded"),
            Error::ShuttingDown => (503, "shutting_down"),
            Error::TooManyConnections => (503, "too_many_connections"),
            Error::TooManyFromAddress => (429, "too_many_connections"),
            Error::RateLimited | Error::SlowDown { .. } => (429, "rate_limited"),
            Error::UnknownTopic { .. } => (400, "unknown_topic"),
            Error::UnknownType { .. } => (400, "unknown_type"),
            Error::UnknownProtocol { .. } => (400, "unknown_protocol"),
            Error::BadHandshake { .. } => (400, "bad_handshake"),
            Error::NotReady => (503, "not_ready"),
            Error::Internal { .. } => (500, "internal"),
        }
    }

    /// Returns what is wrong with each field, as far as fields are to blame.
    pub fn details(&self) -> Vec<FieldError> {
        match self {
            Error::InvalidValue { details, .. } => details.clone(),
            Error::UnknownField { fields, .. } => {
                fields.iter().map(|field| FieldError::new(field, "unknown field")).collect()
            }
            Error::ReadOnly { path } => vec![FieldError::new(path, "read-only")],
            Error::TestFailed { path } => vec![FieldError::new(path, "test failed")],
            _ => Vec::new(),
        }
    }

    /// Returns the seconds after which trying again makes sense, for what passes by itself.
    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            Error::Overloaded | Error::RateLimited | Error::NotReady => Some(1),
            Error::StorageUnavailable { .. } => Some(2),
            Error::SlowDown { seconds } => Some(*seconds),
            Error::ShuttingDown | Error::TooManyConnections | Error::TooManyFromAddress => Some(5),
            _ => None,
        }
    }

    /// Blames one field; `message` stands alone.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        Error::InvalidValue { details: vec![FieldError::new(field, &message)], message }
    }

    /// Blames several fields at once; the message joins theirs.
    pub(super) fn invalid_fields(details: Vec<FieldError>) -> Self {
        let messages: Vec<&str> = details.iter().map(|detail| detail.message.as_str()).collect();
        Error::InvalidValue { message: messages.join("; "), details }
    }

    /// Says where in the request the blamed fields are: `place` is a JSON pointer.
    #[must_use]
    pub(crate) fn under(self, place: &str) -> Self {
        match self {
            Error::InvalidValue { message, details } => {
                let within = |field: &str| match field {
                    "" => place.to_owned(),
                    field => format!("{place}/{field}"),
                };
                let details = details
                    .into_iter()
                    .map(|detail| FieldError::new(within(&detail.field), detail.message))
                    .collect();
                Error::InvalidValue { message: format!("{place}: {message}"), details }
            }
            Error::LimitExceeded { message } => {
                Error::LimitExceeded { message: format!("{place}: {message}") }
            }
            Error::UnknownField { fields, expected } => {
                let fields = fields.iter().map(|field| format!("{place}/{field}")).collect();
                Error::UnknownField { fields, expected }
            }
            other => other,
        }
    }

    /// Names one unknown field and those that there are.
    pub fn unknown_field(field: impl Into<String>, expected: &[&str]) -> Self {
        Error::UnknownField { fields: vec![field.into()], expected: expected.join(", ") }
    }

    /// Names a fault of the hub's own.
    pub fn internal(cause: impl Into<String>) -> Self {
        Error::Internal { cause: cause.into() }
    }
}

/// The first of many names, each cut to a bearable length.
fn listed(fields: &[String]) -> String {
    let name = |field: &String| cut(field.clone(), QUOTE_MAX_CHARS);
    let mut told: Vec<String> = fields.iter().take(FIELDS_TOLD).map(name).collect();
    if fields.len() > FIELDS_TOLD {
        told.push(format!("and {} more", fields.len() - FIELDS_TOLD));
    }
    told.join(", ")
}
