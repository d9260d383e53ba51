//! The one mapping from errors to HTTP.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};

use crate::domain::Error;
use crate::protocol::ErrorObject;
use crate::protocol::error::ErrorBody;
use crate::telemetry::clock::now;

/// An [`Error`] on its way out of a route.
#[derive(Debug, Clone)]
pub struct ApiError(pub Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        ApiError(error.into())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.spec().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The middleware knows the request's id and writes the answer again with it.
    fn error_response(&self) -> HttpResponse {
        write(&self.0, "")
    }
}

/// Writes an error as every caller reads it.
pub(super) fn write(error: &Error, request_id: &str) -> HttpResponse {
    let status = StatusCode::from_u16(error.spec().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if let Some(seconds) = error.retry_after_s() {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    match error {
        Error::MethodNotAllowed { allowed } => {
            response.insert_header((header::ALLOW, allowed.as_str()));
        }
        Error::NotAuthenticated { .. } => {
            response.insert_header((
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"opshub\""),
            ));
        }
        Error::EncodedBody => {
            // RFC 9110 section 15.5.16.
            response.insert_header((header::ACCEPT_ENCODING, "identity"));
        }
        Error::BadHandshake { .. } => {
            response.insert_header((header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")));
        }
        _ => {}
    }
    response.json(ErrorBody { error: ErrorObject::new(error, request_id, now()) })
}

/// What an answer of actix-web itself means in our words.
pub(super) fn of_status(status: StatusCode, body_bytes: usize) -> Error {
    match status {
        StatusCode::NOT_FOUND => Error::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Error::MethodNotAllowed { allowed: String::new() },
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge { limit: body_bytes },
        status if status.is_client_error() => Error::InvalidValue {
            message: status.canonical_reason().unwrap_or("bad request").to_lowercase(),
            details: vec![],
        },
        status => Error::internal(format!("a response of status {status}")),
    }
}
