//! The connections that read.
//!
//! In WAL mode readers and the writer do not wait for one another, and a transaction that begins
//! after a commit sees it; so every read sees every acknowledged write.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use runstate_store::Error;
use rusqlite::{Connection, Transaction};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    OpenError,
    connection::open_reader,
    error::{internal, store_error},
};

/// How long one read may take. A filter of a few words can ask for more comparisons than there is
/// time for, and a handful of such reads would hold all connections.
const TIME: Duration = Duration::from_secs(30);

/// How long a read may wait for a connection before it is turned away.
const PATIENCE: Duration = Duration::from_secs(10);

/// After how many seconds one that was turned away should come again.
const RETRY_AFTER: u32 = 5;

/// After how many of SQLite's steps a read asks whether it is still wanted: about a millisecond.
const STEPS: std::ffi::c_int = 20_000;

/// A fixed number of connections; a read borrows one and runs on a thread of the runtime's for
/// blocking work. The connections are what is scarce (memory, prepared statements), the threads
/// are there anyway, and who waits for a connection waits without holding a thread.
#[derive(Clone)]
pub(crate) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
    time: Duration,
    patience: Duration,
}

impl Readers {
    /// Opens the connections.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let count = connections();
        let idle = (0..count)
            .map(|_| open_reader(path))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            idle: Arc::new(Mutex::new(idle)),
            free: Arc::new(Semaphore::new(count)),
            time: TIME,
            patience: PATIENCE,
        })
    }

    /// Runs `work` in one read transaction, so that all it reads is of one moment. What takes too
    /// long is interrupted, and so is what nobody waits for any more.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        self.read_in_steps(move |connection| work(&*begin(connection)?))
            .await
    }

    /// [`Readers::read`] where `work` begins its transactions itself.
    pub(crate) async fn read_in_steps<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let permit = timeout(self.patience, Arc::clone(&self.free).acquire_owned());
        let permit = permit.await.map_err(|_| Error::Busy {
            retry_after: RETRY_AFTER,
        })?;
        let permit = permit.map_err(|error| internal(error.to_string()))?;
        let idle = Arc::clone(&self.idle);
        let unwanted = Unwanted::default();
        let is_unwanted = Arc::clone(&unwanted.0);
        let task = tokio::task::spawn_blocking(move || {
            let borrowed = Borrowed::take(idle, permit)?;
            let connection = borrowed.connection.as_ref().ok_or_else(no_connection)?;
            // Each read puts its own handler in the place of the one before.
            connection.progress_handler(STEPS, Some(move || is_unwanted.load(Ordering::Relaxed)));
            work(connection)
        });
        match timeout(self.time, task).await {
            Ok(done) => done.unwrap_or_else(|error| Err(internal(error.to_string()))),
            Err(_) => Err(Error::TooLong),
        }
    }
}

/// Begins a read. Rolled back when dropped, which ends it as well as a commit does.
pub(crate) fn begin(connection: &Connection) -> Result<Transaction<'_>, Error> {
    connection.unchecked_transaction().map_err(store_error)
}

/// How many connections there are: two for each core, because a read that waits for the disk leaves
/// its core to another.
fn connections() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (2 * cores).clamp(4, 32)
}

/// Says when it is dropped that nobody waits for the read: it is done, or has taken too long, or the
/// client has gone away.
#[derive(Default)]
struct Unwanted(Arc<AtomicBool>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn no_connection() -> Error {
    internal("more reads than connections")
}

/// A connection out of the pool; goes back when dropped, even by a panic.
struct Borrowed {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
    _permit: OwnedSemaphorePermit,
}

impl Borrowed {
    fn take(
        idle: Arc<Mutex<Vec<Connection>>>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, Error> {
        let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // There are as many permits as connections, so whoever has a permit finds a connection.
        if connection.is_none() {
            return Err(no_connection());
        }
        Ok(Self {
            connection,
            idle,
            _permit: permit,
        })
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // The permit is a field, and fields are dropped after this: first the connection goes back,
        // then the next read may take it.
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readers of a new file, and the folder that keeps it.
    fn readers() -> (tempfile::TempDir, Readers) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        crate::connection::open_writer(&file).unwrap();
        let readers = Readers::open(&file).unwrap();
        (folder, readers)
    }

    fn count_for_ever(connection: &Connection) -> Result<i64, Error> {
        let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
            SELECT count(*) FROM n";
        let count = connection.query_row(sql, [], |row| row.get(0));
        count.map_err(store_error)
    }

    fn one(connection: &Connection) -> Result<i64, Error> {
        let one = connection.query_row("SELECT 1", [], |row| row.get(0));
        one.map_err(store_error)
    }

    /// All connections have come back, and work.
    async fn all_are_back(readers: &Readers) {
        let all = u32::try_from(connections()).unwrap();
        drop(readers.free.acquire_many(all).await.unwrap());
        assert_eq!(readers.idle.lock().unwrap().len(), connections());
        for _ in 0..connections() {
            assert_eq!(readers.read(one).await, Ok(1));
        }
    }

    #[tokio::test]
    async fn a_read_that_takes_too_long_is_interrupted() {
        let (_folder, mut readers) = readers();
        readers.time = Duration::from_millis(20);
        assert_eq!(readers.read(count_for_ever).await, Err(Error::TooLong));
        readers.time = TIME;
        all_are_back(&readers).await;
    }

    #[tokio::test]
    async fn a_read_whose_client_goes_away_is_interrupted() {
        let (_folder, readers) = readers();
        let (started, at_work) = tokio::sync::oneshot::channel();
        let read = readers.read(move |connection| {
            started.send(()).unwrap();
            count_for_ever(connection)
        });
        tokio::select! {
            result = read => panic!("{result:?}"),
            begun = at_work => begun.unwrap(),
        }
        all_are_back(&readers).await;
    }

    #[tokio::test]
    async fn a_read_that_finds_no_connection_is_turned_away() {
        let (_folder, mut readers) = readers();
        readers.patience = Duration::from_millis(20);
        let all = u32::try_from(connections()).unwrap();
        let held = readers.free.acquire_many(all).await.unwrap();
        let refused = Error::Busy {
            retry_after: RETRY_AFTER,
        };
        assert_eq!(readers.read(one).await, Err(refused));
        drop(held);
        assert_eq!(readers.read(one).await, Ok(1));
    }
}
