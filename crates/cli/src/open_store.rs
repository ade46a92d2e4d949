//! The one place that picks a backend.

use std::sync::Arc;

use runstate_store_sqlite::SqliteStore;

use crate::{clock::SystemClock, failure::Failure};

/// Opens the store at `data`, the path of a SQLite file; makes it where there is none.
///
/// # Errors
///
/// When the file cannot be opened, or is not one of ours, or is of a newer release.
pub(crate) fn open_store(data: &str) -> Result<Arc<SqliteStore>, Failure> {
    Ok(Arc::new(runstate_store_sqlite::open(
        data,
        Arc::new(SystemClock),
    )?))
}

/// As [`open_store`], for a command that manages tokens and applications, whether a server has the
/// store or not.
///
/// # Errors
///
/// As [`open_store`].
pub(crate) fn open_beside(data: &str) -> Result<Arc<SqliteStore>, Failure> {
    Ok(Arc::new(runstate_store_sqlite::open_beside(
        data,
        Arc::new(SystemClock),
    )?))
}

/// As [`open_beside`], for a command that makes no sense on a store that is not there: a name that
/// is mistyped makes no new one.
///
/// # Errors
///
/// As [`open_beside`], and where there is no such file.
pub(crate) fn open_existing_store(data: &str) -> Result<Arc<SqliteStore>, Failure> {
    if !std::path::Path::new(data).exists() {
        return Err(format!("there is no store at {data}; `runstate serve` makes one").into());
    }
    open_beside(data)
}
