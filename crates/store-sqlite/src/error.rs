//! What can go wrong, in the words of the store.

use std::{io, path::PathBuf};

use runstate_store::Error;
use rusqlite::ErrorCode;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is some other kind of file.
    #[error("{} is not an SQLite database; name another file with --data", file.display())]
    NotSqlite {
        /// The file.
        file: PathBuf,
    },
    /// It is another program's database.
    #[error(
        "{} is an SQLite database, but not one of runstate; name another file with --data",
        file.display()
    )]
    NotRunstate {
        /// The file.
        file: PathBuf,
    },
    /// A newer release has migrated it.
    #[error(
        "{} has version {version}, and this runstate knows versions up to {known}: use the newer \
         runstate that wrote the file, or a copy of the file from before that upgrade",
        file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// The file's version.
        version: i64,
        /// The newest version that we know.
        known: usize,
    },
    /// Where it is, it cannot have a write-ahead log.
    #[error(
        "{} cannot have a write-ahead log where it is (SQLite's journal mode is {mode} there); name \
         a file on a local disk with --data",
        file.display()
    )]
    NoLog {
        /// The file.
        file: PathBuf,
        /// The journal mode that SQLite chose instead.
        mode: String,
    },
    /// Another process serves it.
    #[error("{} is in use: another runstate serves this data file", folder.display())]
    InUse {
        /// The folder of its journal.
        folder: PathBuf,
    },
    /// The journal beside it is of another data file.
    #[error(
        "{} is the journal of another data file; move it away, or put back the file that it belongs to",
        folder.display()
    )]
    ForeignJournal {
        /// The folder of the journal.
        folder: PathBuf,
    },
    /// The journal beside it cannot be used.
    #[error("the journal {} cannot be used: {error}", folder.display())]
    Journal {
        /// Its folder, or the file in it that is concerned.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It cannot be created.
    #[error("{} cannot be created: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The system has no randomness for the keys of a new file.
    #[error("the system gives no random bytes: {detail}")]
    Random {
        /// Why.
        detail: String,
    },
    /// SQLite says no.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// SQLite's error in the store's words. What may pass by itself (a busy file, a full disk) is
/// unavailable, a value that is too long is the client's; all else is a fault of ours.
pub(crate) fn store_error(error: rusqlite::Error) -> Error {
    let detail = error.to_string();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory,
        ) => Error::Unavailable { detail },
        Some(ErrorCode::TooBig) => Error::Invalid {
            message: "A value is longer than the store takes.".to_owned(),
        },
        _ => Error::Internal { detail },
    }
}

/// A fault of ours, by its description.
pub(crate) fn internal(detail: impl Into<String>) -> Error {
    Error::Internal {
        detail: detail.into(),
    }
}
