//! The connections that read.
//!
//! In WAL mode readers and the writer do not wait for one another, and a transaction that begins
//! after a commit sees it; so every read sees every acknowledged write.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use runstate_store::Error;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    OpenError,
    connection::open_reader,
    error::{internal, store_error},
};

/// A fixed number of connections; a read borrows one and runs on a thread of the runtime's for
/// blocking work. The connections are what is scarce (memory, prepared statements), the threads
/// are there anyway, and who waits for a connection waits without holding a thread.
#[derive(Clone)]
pub(crate) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
}

impl Readers {
    /// Opens the connections: two for each core, because a read that waits for the disk leaves its
    /// core to another.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = (2 * cores).clamp(4, 32);
        let idle = (0..count)
            .map(|_| open_reader(path))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            idle: Arc::new(Mutex::new(idle)),
            free: Arc::new(Semaphore::new(count)),
        })
    }

    /// Runs `work` in one read transaction, so that all it reads is of one moment.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let permit = Arc::clone(&self.free).acquire_owned().await;
        let permit = permit.map_err(|error| internal(error.to_string()))?;
        let idle = Arc::clone(&self.idle);
        let task = tokio::task::spawn_blocking(move || {
            let borrowed = Borrowed::take(idle, permit)?;
            let connection = borrowed.connection.as_ref().ok_or_else(no_connection)?;
            // Rolled back when dropped, which ends a read as well as a commit does.
            let transaction = connection.unchecked_transaction().map_err(store_error)?;
            work(&transaction)
        });
        task.await
            .unwrap_or_else(|error| Err(internal(error.to_string())))
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
