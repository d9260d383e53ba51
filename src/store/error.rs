//! What can be wrong with a store, and how SQLite says it.

use std::path::PathBuf;

use diesel::result::{ConnectionError, DatabaseErrorKind, Error as DieselError};

/// Why a store cannot be opened, read or written. Nothing was written where one of these is told.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another hub holds the lock file.
    #[error("{} is in use by another hub; stop that one first, or give this one a --data-dir of its own", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The database has migrations that this binary does not know.
    #[error("{} was written by a newer opshub (migration {migration}); start that version, or restore a backup", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// The newest migration that is not known here.
        migration: String,
    },
    /// SQLite, the chain or a frame says that the bytes are not what was written.
    #[error("the database is damaged: {cause}; restore a backup, `opshub verify` names the first bad row")]
    Corrupt {
        /// What was found.
        cause: String,
    },
    /// The file or its folder takes no writes.
    #[error("the database is read-only: {cause}; let the hub write the file and its folder")]
    ReadOnly {
        /// What was found.
        cause: String,
    },
    /// The disk, or the size that `store.max_bytes` allows, is used up.
    #[error("the disk is full: {cause}; free space, or raise store.max_bytes if it is set")]
    Full {
        /// What was found.
        cause: String,
    },
    /// Another program holds SQLite's write lock for longer than `store.busy_timeout_ms`.
    #[error("the database is locked by another program: {cause}; end it, or wait until it is done")]
    Busy {
        /// What was found.
        cause: String,
    },
    /// A row broke a constraint: the fault of its change, not of the disk.
    #[error("a row was refused: {cause}")]
    Constraint {
        /// What was found.
        cause: String,
    },
    /// The log does not end where the writer expected.
    #[error("the log ends at {found}, expected {expected}: another program wrote to it")]
    Conflict {
        /// Where the writer thought it ended.
        expected: u64,
        /// Where it ends.
        found: u64,
    },
    /// The state asked for lies before what is kept.
    #[error("what was asked for is no longer kept, the oldest kept change is {first}")]
    Pruned {
        /// What was asked for.
        since: u64,
        /// The oldest change that can be read.
        first: u64,
    },
    /// The state asked for lies ahead of the log.
    #[error("what was asked for is ahead of the log, which ends at {last}")]
    Ahead {
        /// What was asked for, a number or a time.
        wanted: String,
        /// The newest change.
        last: u64,
    },
    /// The target of a backup exists.
    #[error("{} exists; a backup never overwrites a file", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The key that links the rows is not the one that this log was written with.
    #[error("the audit key {} {cause}; bring the file that was beside the database, or begin with a new one: `opshub rekey`", path.display())]
    AuditKey {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// There is no database.
    #[error("there is no database at {}; give the hub's --data-dir", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Too many readers wait already.
    #[error("too many reads are waiting")]
    Overloaded,
    /// Anything else that SQLite or the operating system says.
    #[error("the database failed: {cause}")]
    Io {
        /// What was found.
        cause: String,
    },
}

impl StoreError {
    /// The exit code of a program that cannot go on; each cause its own.
    pub fn exit_code(&self) -> u8 {
        match self {
            StoreError::InUse { .. } => 10,
            StoreError::Newer { .. } => 11,
            StoreError::Corrupt { .. } => 12,
            StoreError::ReadOnly { .. } => 13,
            StoreError::Full { .. } => 14,
            StoreError::Busy { .. } => 15,
            StoreError::Exists { .. } => 1,
            StoreError::Missing { .. } => 17,
            StoreError::AuditKey { .. } => 22,
            _ => 16,
        }
    }

    /// Reads the cause out of SQLite's message, which is all that diesel passes on.
    pub(super) fn from_message(cause: String) -> StoreError {
        let has = |words: &str| cause.contains(words);
        if has("database is locked") || has("database table is locked") {
            StoreError::Busy { cause }
        } else if has("readonly") || has("read-only") || has("Read-only") {
            StoreError::ReadOnly { cause }
        } else if has("disk is full") || has("No space left") {
            StoreError::Full { cause }
        } else if has("malformed") || has("not a database") || has("file is encrypted") {
            StoreError::Corrupt { cause }
        } else if has("constraint failed") {
            StoreError::Constraint { cause }
        } else {
            StoreError::Io { cause }
        }
    }

    /// What the operating system says about a file.
    pub(super) fn from_io(error: &std::io::Error, path: &std::path::Path) -> StoreError {
        let cause = format!("{}: {error}", path.display());
        match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::ReadOnly { cause }
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full { cause },
            _ => StoreError::Io { cause },
        }
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(
                DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::CheckViolation,
                _,
            ) => StoreError::Constraint { cause: error.to_string() },
            DieselError::RollbackErrorOnCommit { commit_error, .. } => {
                StoreError::from_message(commit_error.to_string())
            }
            _ => StoreError::from_message(error.to_string()),
        }
    }
}

impl From<ConnectionError> for StoreError {
    fn from(error: ConnectionError) -> Self {
        StoreError::from_message(error.to_string())
    }
}

impl From<StoreError> for crate::domain::Error {
    fn from(error: StoreError) -> Self {
        use crate::domain::{Error, Seq};
        match error {
            StoreError::Pruned { since, first } => {
                Error::HistoryPruned { since: Seq::new(since), first: Seq::new(first) }
            }
            StoreError::Ahead { wanted, last } => Error::AheadOfNow { wanted, last: Seq::new(last) },
            StoreError::Overloaded => Error::Overloaded,
            other => Error::StorageUnavailable { cause: other.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_that_stops_a_start_has_an_exit_code_of_its_own() {
        let cause = String::new;
        let all = [
            StoreError::InUse { path: "x".into() },
            StoreError::Newer { path: "x".into(), migration: cause() },
            StoreError::Corrupt { cause: cause() },
            StoreError::ReadOnly { cause: cause() },
            StoreError::Full { cause: cause() },
            StoreError::Busy { cause: cause() },
            StoreError::Io { cause: cause() },
            StoreError::Missing { path: "x".into() },
        ];
        let codes: std::collections::BTreeSet<u8> = all.iter().map(StoreError::exit_code).collect();
        assert_eq!(codes.len(), all.len());
    }

    #[test]
    fn sqlites_words_lead_to_the_cause() {
        let of = |message: &str| StoreError::from_message(message.into()).exit_code();
        assert_eq!(of("database is locked"), 15);
        assert_eq!(of("attempt to write a readonly database"), 13);
        assert_eq!(of("database or disk is full"), 14);
        assert_eq!(of("database disk image is malformed"), 12);
        assert_eq!(of("file is not a database"), 12);
        assert_eq!(of("disk I/O error"), 16);
    }
}
