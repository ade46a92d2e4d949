//! What can go wrong, in the words of the store.

use std::{error::Error as _, fmt};

use deadpool_postgres::PoolError;
use runstate_store::Error;
use tokio_postgres::{error::SqlState, types::WrongType};

/// After how many seconds one that was turned away should come again.
pub(crate) const RETRY_AFTER: u32 = 1;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What was given is no URL of a PostgreSQL database.
    #[error("the URL of the database cannot be read: {}", chain(.0))]
    Url(tokio_postgres::Error),
    /// There is no TLS to be had.
    #[error("TLS cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The pool of connections cannot be made.
    #[error("the connections cannot be made: {0}")]
    Pool(#[from] deadpool_postgres::BuildError),
    /// A newer release has migrated it, and this one does not understand what it is now.
    #[error(
        "the database has version {version}, and this runstate knows versions up to {known}: use the \
         newer runstate that has migrated it"
    )]
    Newer {
        /// The database's version.
        version: i64,
        /// The newest version that we know.
        known: i64,
    },
    /// It lacks something.
    #[error("the database cannot be used: {what}")]
    Unfit {
        /// What it lacks.
        what: &'static str,
    },
    /// The system has no randomness for the keys of a new database.
    #[error("the system gives no random bytes: {detail}")]
    Random {
        /// Why.
        detail: String,
    },
    /// It cannot be reached.
    #[error("the database cannot be reached: {detail}")]
    Unreachable {
        /// Why.
        detail: String,
    },
    /// PostgreSQL says no.
    #[error("the database cannot be opened: {}", chain(.0))]
    Postgres(#[from] tokio_postgres::Error),
}

impl From<PoolError> for OpenError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) if error.code().is_some() => Self::Postgres(error),
            PoolError::Backend(error) => Self::Unreachable {
                detail: chain(&error),
            },
            other => Self::Unreachable {
                detail: other.to_string(),
            },
        }
    }
}

/// What an error means for the transaction in which it arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It would be the same again.
    Final,
    /// Others stood in the way: it has changed nothing and may well succeed the next time.
    Again,
    /// The same, where the other has perhaps done what was to be done.
    AgainOnce,
    /// The connection is of no use any more. What was not committed is not done; what was just being
    /// committed may be.
    Lost,
}

/// What is to be done about an error.
pub(crate) fn fate(error: &tokio_postgres::Error) -> Fate {
    let Some(code) = error.code() else {
        return if is_ours(error) {
            Fate::Final
        } else {
            Fate::Lost
        };
    };
    if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
        Fate::Again
    } else if *code == SqlState::UNIQUE_VIOLATION {
        Fate::AgainOnce
    } else if is_lost(code.code()) {
        Fate::Lost
    } else {
        Fate::Final
    }
}

/// A server that goes down, or is no longer the one that may be written to, and the like.
fn is_lost(code: &str) -> bool {
    // 08: the connection; 57P01 … 57P05: the server stops, starts, or wants us gone; 25P03: so too;
    // 25006: it follows another now.
    code.starts_with("08") || code.starts_with("57P0") || matches!(code, "25P03" | "25006")
}

/// PostgreSQL's error in the store's words. What may pass by itself (a server that starts, a full disk)
/// is unavailable, a value that is too long is the client's; all else is a fault of ours.
pub(crate) fn store_error(error: &tokio_postgres::Error) -> Error {
    let detail = chain(error);
    let Some(code) = error.code() else {
        return match is_ours(error) {
            true => Error::Internal { detail },
            false => Error::Unavailable { detail },
        };
    };
    let invalid = |message: &str| Error::Invalid {
        message: message.to_owned(),
    };
    match code.code() {
        "23505" => Error::Conflict {
            message: "An entity with that key exists already.".to_owned(),
        },
        "57014" => Error::TooLong,
        "40001" | "40P01" | "55P03" => Error::Busy {
            retry_after: RETRY_AFTER,
        },
        // Text of ours is UTF-8; what PostgreSQL's may not hold is U+0000.
        "22021" | "22P05" => invalid("A text holds a character that the store does not take."),
        "54000" | "22001" => invalid("A value is longer than the store takes."),
        "54001" | "54011" | "54023" => invalid("That is more than the store does at once."),
        // A lack of disk, memory, connections; the system's failures.
        code if is_lost(code) || code.starts_with("53") || code.starts_with("58") => {
            Error::Unavailable { detail }
        }
        _ => Error::Internal { detail },
    }
}

/// That no connection was to be had.
pub(crate) fn pool_error(error: PoolError) -> Error {
    match error {
        PoolError::Backend(error) => match store_error(&error) {
            // Whatever refuses a connection, a password say, has been good when the store was opened.
            Error::Internal { detail } => Error::Unavailable { detail },
            other => other,
        },
        PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => Error::Busy {
            retry_after: RETRY_AFTER,
        },
        other => Error::Unavailable {
            detail: other.to_string(),
        },
    }
}

/// Whether an error arose on our side of the connection, from values that do not fit.
fn is_ours(error: &tokio_postgres::Error) -> bool {
    let source = error.source();
    source.is_some_and(|source| source.is::<Misfit>() || source.is::<WrongType>())
}

/// A value that does not fit the type that the server asks for, or gives.
#[derive(Debug)]
pub(crate) struct Misfit(pub(crate) String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

/// An error and what it comes from; the driver's own text names the kind alone.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    match error.code() {
        Some(code) => format!("{text} ({})", code.code()),
        None => text,
    }
}

/// A fault of ours, by its description.
pub(crate) fn internal(detail: impl Into<String>) -> Error {
    Error::Internal {
        detail: detail.into(),
    }
}
