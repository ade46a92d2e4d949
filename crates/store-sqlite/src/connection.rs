//! Opening the file, and the settings of every connection to it.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, OptionalExtension, limits::Limit};

use crate::{OpenError, function, migration};

/// How long a connection waits for another process's write before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many prepared statements a connection keeps. The heart call needs a dozen; the rest is for
/// the queries of clients, which repeat.
const STATEMENTS: usize = 128;

/// Opens the file for writing; creates it where it is not there, and migrates it where it is old.
///
/// No lock of ours keeps a second process out: SQLite orders the transactions of several. That only one
/// serves the file, the journal sees to.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    create_file(path)?;
    let connection = open(path)?;
    // Before anything is written to it, the file has to prove that it is ours.
    migration::version(&connection, path)?;
    start_wal(&connection, path)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_WRITTEN)?;
    // The log is synced at every commit: what is acknowledged survives a loss of power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // As the journal's files are synced on macOS; nothing elsewhere.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Savepoints keep the old pages aside, and those should not become temporary files.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB_WRITER)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    migration::migrate(&connection, path)?;
    Ok(connection)
}

/// Opens a file that [`open_writer`] has opened before, for reading alone.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let connection = open(path)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_READ)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB_READER)?;
    Ok(connection)
}

/// Page caches in KiB. Updates of run states touch pages all over the file, so the writer's is the
/// larger one.
const CACHE_KIB_WRITER: i64 = 32 * 1024;
const CACHE_KIB_READER: i64 = 4 * 1024;

/// After how many pages of 4 KiB the log is copied into the file: 256 MiB. Far more than SQLite's 1000,
/// because one copy of a page then stands for many updates of it.
const WAL_PAGES: i64 = 65_536;

/// How long a value, or all values of a row, may be, in bytes. A filter may put one value together
/// from many, where SQLite by itself would go up to a thousand million bytes. More may be read than
/// written, since rows are read with their sort keys beside them.
const LONGEST_WRITTEN: i32 = 32 * 1024 * 1024;
const LONGEST_READ: i32 = 2 * LONGEST_WRITTEN;

/// How much text one report may hold: what is around it in its row needs room too.
pub(crate) const LONGEST: usize = 31 * 1024 * 1024;

/// Makes the write-ahead log the file's journal. Where that cannot be, on some network file systems
/// or in memory, SQLite goes on with another, and readers would then be turned away by every write.
fn start_wal(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let sql = "PRAGMA journal_mode = WAL";
    let mode: String = connection.query_row(sql, [], |row| row.get(0))?;
    if mode == "wal" {
        return Ok(());
    }
    Err(OpenError::NoLog {
        file: path.to_owned(),
        mode,
    })
}

fn open(path: &Path) -> Result<Connection, OpenError> {
    // Not `SQLITE_OPEN_URI`: a path is a path, whatever its characters. Without a mutex, because a
    // connection is used by one thread at a time.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    function::register(&connection)?;
    Ok(connection)
}

/// Creates the file, which holds scripts and keys, so that its owner alone may read it. SQLite gives
/// the files beside it the same mode.
fn create_file(path: &Path) -> Result<(), OpenError> {
    let fail = |error| OpenError::Io {
        file: path.to_owned(),
        error,
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => sync_folder(path).map_err(fail),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(fail(error)),
    }
}

/// Makes the file's name durable: SQLite syncs what is in the file, not that it is there.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// One of the file's random secrets, made when it is first asked for. It is the file's and not the
/// process's: with the one for skip tokens a page can be followed up after a restart, by the one for
/// the journal it is known which file a journal is of.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where this crate asks for randomness"
)]
pub(crate) fn secret(connection: &Connection, name: &str) -> Result<[u8; 32], OpenError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| OpenError::Random {
        detail: error.to_string(),
    })?;
    // One statement for each: whoever is first has made the secret that everybody reads.
    connection.execute(
        "INSERT INTO secret (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        (name, random),
    )?;
    let key = connection
        .query_row("SELECT value FROM secret WHERE name = ?", [name], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(key.unwrap_or(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_log_nothing_is_opened() {
        let connection = Connection::open_in_memory().unwrap();
        let error = start_wal(&connection, Path::new("memory")).unwrap_err();
        assert!(matches!(error, OpenError::NoLog { mode, .. } if mode == "memory"));
    }

    #[test]
    fn a_value_that_a_query_makes_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        open_writer(&file).unwrap();
        let length = |bytes: i32| {
            let reader = open_reader(&file).unwrap();
            let sql = "SELECT length(zeroblob(?) || '')";
            let length = reader.query_row(sql, [bytes], |row| row.get::<_, i64>(0));
            length.map_err(crate::error::store_error)
        };
        assert!(length(LONGEST_WRITTEN).is_ok());
        let too_long = length(LONGEST_READ + 1);
        assert!(
            matches!(too_long, Err(runstate_store::Error::Invalid { .. })),
            "{too_long:?}"
        );
    }
}
