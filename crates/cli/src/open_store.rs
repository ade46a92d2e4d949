//! The one place that picks a backend.

use std::{path::Path, sync::Arc};

use runstate_graph::clock::Clock;
use runstate_store::AnyStore;

use crate::{clock::SystemClock, failure::Failure};

/// Opens the store at `data`, the path of a SQLite file or the URL of a PostgreSQL database; makes it
/// where there is none.
///
/// # Errors
///
/// When it cannot be opened, or is not one of ours, or is of a newer release.
pub(crate) async fn open_store(data: &str) -> Result<Arc<dyn AnyStore>, Failure> {
    if is_database(data) {
        return open_database(data).await;
    }
    open_file(data.as_ref(), Arc::new(SystemClock))
}

/// Opens the store in the SQLite file at `path` by a clock that need not be the system's; makes it
/// where there is none.
///
/// # Errors
///
/// As [`open_store`].
pub(crate) fn open_file(path: &Path, clock: Arc<dyn Clock>) -> Result<Arc<dyn AnyStore>, Failure> {
    Ok(Arc::new(runstate_store_sqlite::open(path, clock)?))
}

/// As [`open_store`], for a command that manages tokens and applications, whether a server has the
/// store or not.
///
/// # Errors
///
/// As [`open_store`].
pub(crate) async fn open_beside(data: &str) -> Result<Arc<dyn AnyStore>, Failure> {
    if is_database(data) {
        return open_database(data).await;
    }
    let store = runstate_store_sqlite::open_beside(data, Arc::new(SystemClock))?;
    Ok(Arc::new(store))
}

/// As [`open_beside`], for a command that makes no sense on a store that is not there: a name that
/// is mistyped makes no new one.
///
/// # Errors
///
/// As [`open_beside`], and where there is no such file.
pub(crate) async fn open_existing_store(data: &str) -> Result<Arc<dyn AnyStore>, Failure> {
    if !is_database(data) && !std::path::Path::new(data).exists() {
        return Err(format!("there is no store at {data}; `runstate serve` makes one").into());
    }
    open_beside(data).await
}

async fn open_database(url: &str) -> Result<Arc<dyn AnyStore>, Failure> {
    let store = runstate_store_postgres::open(url, Arc::new(SystemClock)).await;
    Ok(Arc::new(store?))
}

/// Whether `data` is the URL of a PostgreSQL database rather than the path of a file.
pub(crate) fn is_database(data: &str) -> bool {
    let scheme = data
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| matches!(&*scheme, "postgres" | "postgresql"))
}

/// `data` as it may be shown and logged: the password in a URL, and what stands behind its `?`, stay out.
pub(crate) fn shown(data: &str) -> String {
    if !is_database(data) {
        return data.to_owned();
    }
    let (scheme, rest) = data.split_once("://").unwrap_or_default();
    // Up to the last `@` anything may be part of the password, and behind a `?` there may be one too.
    let (user, place) = match rest.rsplit_once('@') {
        Some((who, place)) => (who.split(':').next(), place),
        None => (None, rest),
    };
    let place = place.split('?').next().unwrap_or_default();
    match user {
        Some(user) => format!("{scheme}://{user}@{place}"),
        None => format!("{scheme}://{place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (data, what) in [
            ("runstate.db", "runstate.db"),
            ("./a@b:c?d", "./a@b:c?d"),
            ("postgres://u:p@h:5432/d", "postgres://u@h:5432/d"),
            (
                "postgresql://u:p@ss:w@h/d?sslmode=require",
                "postgresql://u@h/d",
            ),
            ("postgres://h/d?password=p", "postgres://h/d"),
            ("postgres://u:se?cret@h/d", "postgres://u@h/d"),
            ("Postgres://u:p@h/d", "Postgres://u@h/d"),
        ] {
            assert_eq!(shown(data), what);
        }
    }
}
