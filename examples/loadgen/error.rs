//! Why something could not be measured.

use std::io;

/// What ended a measurement before it had a result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The machine or the connection to the server did not do what was asked.
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    /// The server answered, but not as the contract says, or not in time.
    #[error("{0}")]
    Unmet(String),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Names what was being done when an I/O call failed.
pub(crate) trait Doing<T> {
    /// Turns the I/O error into an [`Error`] that begins with `what`.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { what: what(), source })
    }
}
