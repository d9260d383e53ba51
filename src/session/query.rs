//! The query of a URL, read strictly: for the handshake and for every route.

use actix_web::error::QueryPayloadError;
use actix_web::web::Query;
use serde::de::DeserializeOwned;

use crate::domain::Error;

/// Reads what stands behind the question mark as `T`.
///
/// # Errors
/// `invalid_value` with the reason; `T` decides whether unknown names are one.
pub fn read<T: DeserializeOwned>(query: &str) -> Result<T, Error> {
    Query::<T>::from_query(query).map(Query::into_inner).map_err(|error| {
        let reason = match error {
            QueryPayloadError::Deserialize(reason) => reason.to_string(),
            other => other.to_string(),
        };
        Error::InvalidValue { message: format!("query: {reason}"), details: vec![] }
    })
}
