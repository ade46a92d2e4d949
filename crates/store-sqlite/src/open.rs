//! The store opened: its file, its journal, its threads.

use std::{fs::File, path::Path, sync::Arc};

use runstate_graph::clock::Clock;
use runstate_odata::check::{Query, ResourcePath};
use runstate_store::Error;
use rusqlite::Connection;

use crate::{
    OpenError,
    change_writer::ChangeWriter,
    connection,
    journal::{self, Batch, Concerned, Journal, Opened, Overlay},
    merge,
    readers::Readers,
    writer::Writer,
};

/// The store in one SQLite file, and the journal in the folder beside it, whose name ends in `-runs`.
///
/// One process serves a file; others may use it meanwhile for what concerns the issuer of tokens
/// alone. Dropping the store waits until all that was accepted is written.
pub struct SqliteStore {
    // Dropped in this order: first nothing more is taken in, and then what was is written.
    pub(crate) journal: Option<Journal>,
    pub(crate) readers: Readers,
    pub(crate) writer: Arc<Writer>,
    pub(crate) changing: ChangeWriter,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) skip_token_key: [u8; 32],
}

impl SqliteStore {
    /// Opens the file at `path` to serve it, creates it where there is none (mode 0600), and brings
    /// its schema to the newest version. What a crash has left in the journal is folded. `clock` dates
    /// the reports.
    ///
    /// Blocks; to be called before serving. The store's futures need a tokio runtime with its timers
    /// enabled.
    ///
    /// # Errors
    ///
    /// Where the file is not ours, or of a newer release, or cannot be opened, or another process
    /// serves it.
    pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let connection = connection::open_writer(path)?;
        let Opened { log, overlay, lock } = journal::open(&connection, path)?;
        let folding = Some((Arc::clone(&overlay), lock));
        let mut store = Self::with(connection, path, Arc::clone(&clock), folding)?;
        let reading = connection::open_reader(path)?;
        let writer = Arc::clone(&store.writer);
        let journal = Journal::start(log, overlay, reading, clock, writer);
        store.journal = Some(journal.map_err(|error| OpenError::Io {
            file: path.to_owned(),
            error,
        })?);
        Ok(store)
    }

    /// Opens the file for the issuer's part alone ([`runstate_store::issuer::IssuerStore`]), whether another process serves it
    /// or not. What is asked of it as a [`runstate_store::Store`] is [`Error::Unavailable`].
    ///
    /// # Errors
    ///
    /// As [`SqliteStore::open`], but for the last.
    pub fn open_beside(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        Self::with(connection::open_writer(path)?, path, clock, None)
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
            changing: ChangeWriter::new(Arc::clone(&writer), Arc::clone(&clock)),
            writer,
            clock,
            skip_token_key,
        })
    }

    /// The journal, without which nothing of a tenant may be looked at or changed.
    pub(crate) fn journal(&self) -> Result<&Journal, Error> {
        self.journal.as_ref().ok_or_else(|| Error::Unavailable {
            detail: "the file is open for the issuer alone".to_owned(),
        })
    }

    /// The writer for whatever has consequences for devices.
    pub(crate) fn changing(&self) -> Result<&ChangeWriter, Error> {
        self.journal()?;
        Ok(&self.changing)
    }

    /// Sees to it that a read shows every acknowledged report: folds those that it is about, or answers
    /// them where the read can put them to what the tables say. `counts`: the read asks how many.
    pub(crate) async fn settle(
        &self,
        path: &ResourcePath,
        query: &Query,
        counts: bool,
    ) -> Result<Vec<Arc<Batch>>, Error> {
        let journal = self.journal()?;
        if !journal::shows_results(path, query) {
            return Ok(Vec::new());
        }
        match journal.overlay.concerned(path) {
            Concerned::Not => {}
            Concerned::ByOwnStates if merge::can_answer(path, query, counts) => {
                return Ok(journal.overlay.all());
            }
            Concerned::ByOwnStates | Concerned::ByMore => self.writer.fold().await?,
        }
        Ok(Vec::new())
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
        let open = || SqliteStore::open(&file, Arc::new(Epoch));
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
