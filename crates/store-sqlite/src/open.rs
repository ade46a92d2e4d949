//! The store opened: its file, its journal, its threads.

use std::{fs::File, path::Path, sync::Arc};

use runstate_graph::clock::Clock;
use runstate_store::Change;
use runstate_store_sql::SqlStore;
use rusqlite::Connection;
use tokio::sync::broadcast;

use crate::{
    OpenError, connection,
    journal::{self, Journal, Opened, Overlay},
    readers::Readers,
    writer::Writer,
};

/// The store in one SQLite file, and the journal in the folder beside it, whose name ends in `-runs`.
///
/// One process serves a file; others may use it meanwhile for what concerns the issuer of tokens
/// alone. Dropping the store waits until all that was accepted is written.
pub type SqliteStore = SqlStore<Sqlite>;

/// How many changes a listener may be behind before it has to take it that anything has changed.
const CHANGES: usize = 1_024;

/// The file, its journal, its threads.
pub struct Sqlite {
    // Dropped in this order: first nothing more is taken in, and then what was is written.
    pub(crate) journal: Option<Journal>,
    pub(crate) readers: Readers,
    pub(crate) writer: Arc<Writer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) skip_token_key: [u8; 32],
    /// The listeners of changes: this process has the file alone.
    pub(crate) changes: broadcast::Sender<Change>,
}

/// Opens the file at `path` to serve it, creates it where there is none (mode 0600), and brings its
/// schema to the newest version. What a crash has left in the journal is folded. `clock` dates the
/// reports.
///
/// Blocks; to be called before serving. The store's futures need a tokio runtime with its timers
/// enabled.
///
/// # Errors
///
/// Where the file is not ours, or of a newer release, or cannot be opened, or another process serves
/// it.
pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<SqliteStore, OpenError> {
    Ok(SqlStore::new(Sqlite::open(path.as_ref(), clock)?))
}

/// Opens the file for the issuer's part alone ([`runstate_store::issuer::IssuerStore`]), whether another
/// process serves it or not. What is asked of it as a [`runstate_store::Store`] is
/// [`runstate_store::Error::Unavailable`].
///
/// # Errors
///
/// As [`open`], but for the last.
pub fn open_beside(
    path: impl AsRef<Path>,
    clock: Arc<dyn Clock>,
) -> Result<SqliteStore, OpenError> {
    let path = path.as_ref();
    let sqlite = Sqlite::with(connection::open_writer(path)?, path, clock, None)?;
    Ok(SqlStore::new(sqlite))
}

impl Sqlite {
    fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let connection = connection::open_writer(path)?;
        let Opened { log, overlay, lock } = journal::open(&connection, path)?;
        let folding = Some((Arc::clone(&overlay), lock));
        let mut sqlite = Self::with(connection, path, Arc::clone(&clock), folding)?;
        let reading = connection::open_reader(path)?;
        let writer = Arc::clone(&sqlite.writer);
        let journal = Journal::start(log, overlay, reading, clock, writer);
        sqlite.journal = Some(journal.map_err(|error| OpenError::Io {
            file: path.to_owned(),
            error,
        })?);
        Ok(sqlite)
    }

    fn with(
        connection: Connection,
        path: &Path,
        clock: Arc<dyn Clock>,
        folding: Option<(Arc<Overlay>, File)>,
    ) -> Result<Self, OpenError> {
        let skip_token_key = connection::secret(&connection, "skip_token")?;
        let readers = Readers::open(path)?;
        let writer = Writer::start(connection, folding);
        let writer = Arc::new(writer.map_err(|error| OpenError::Io {
            file: path.to_owned(),
            error,
        })?);
        Ok(Self {
            journal: None,
            readers,
            writer,
            clock,
            skip_token_key,
            changes: broadcast::Sender::new(CHANGES),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Epoch;

    impl Clock for Epoch {
        fn now(&self) -> std::time::SystemTime {
            std::time::SystemTime::UNIX_EPOCH
        }
    }

    #[tokio::test]
    async fn a_file_is_given_up_when_its_last_write_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        let open = || Sqlite::open(&file, Arc::new(Epoch));
        let store = open().unwrap();
        // As a request does that is at work while the store is closed.
        let writer = Arc::clone(&store.writer);
        drop(store);
        assert!(matches!(open().err(), Some(OpenError::InUse { .. })));
        writer.write(|_| Ok(())).await.unwrap();
        drop(writer);
        assert!(open().is_ok());
    }
}
