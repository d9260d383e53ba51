//! The query of a URL, read strictly.

use actix_web::HttpRequest;
use actix_web::error::QueryPayloadError;
use actix_web::web::Query;
use serde::de::DeserializeOwned;

use crate::domain::Error;

/// Reads the query as `T`.
///
/// # Errors
/// `invalid_value` with the reason; `T` decides whether unknown names are one.
pub(super) fn read<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Error> {
    Query::<T>::from_query(request.query_string()).map(Query::into_inner).map_err(|error| match error {
        QueryPayloadError::Deserialize(reason) => {
            Error::InvalidValue { message: format!("query: {reason}"), details: vec![] }
        }
        other => Error::InvalidValue { message: format!("query: {other}"), details: vec![] },
    })
}
