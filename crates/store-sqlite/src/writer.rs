//! The one thread that writes, and its group commit.
//!
//! A commit costs a sync of the disk, whatever it holds. So the thread takes all requests that
//! wait, runs each in a savepoint of one transaction, commits once, and only then answers them all.
//! A request that fails is rolled back to its savepoint and does not disturb the others; a commit
//! that fails is the failure of every request in it.

use std::{
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
};

use runstate_store::Error;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::store_error;

/// How many requests may wait before the next is turned away: about a second's work.
const QUEUE: usize = 8_192;

/// How many requests one transaction holds at most. The gain of sharing a sync is spent by then, and
/// the first of them should not wait for many more.
const BATCH: usize = 512;

/// After how many seconds one that was turned away should come again.
const RETRY_AFTER: u32 = 1;

/// The door to the writing thread.
pub(crate) struct Writer {
    /// None only while dropped.
    queue: Option<SyncSender<Box<dyn Request>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(connection: Connection) -> std::io::Result<Self> {
        let (queue, waiting) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_all(&connection, &waiting))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Runs `work` in a transaction. Its result is durable when this returns; where it is an error,
    /// nothing has changed.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let request = Work {
            work: Some(work),
            result: Err(stopped()),
            reply,
        };
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue
            .try_send(Box::new(request))
            .map_err(|error| match error {
                TrySendError::Full(_) => Error::Busy {
                    retry_after: RETRY_AFTER,
                },
                TrySendError::Disconnected(_) => stopped(),
            })?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Writer {
    /// Waits until all that was accepted is written and the file is closed.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It failed only where it panicked, which has been reported then.
            let _ = thread.join();
        }
    }
}

fn stopped() -> Error {
    Error::Unavailable {
        detail: "the writing thread has stopped".to_owned(),
    }
}

/// A request whose result type is forgotten, so that one queue holds all kinds.
trait Request: Send {
    /// Does the work, keeps the result, and says whether it was a success.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Makes the result an error.
    fn fail(&mut self, error: Error);
    /// Gives the result to whoever waits for it.
    fn answer(self: Box<Self>);
}

struct Work<T, F> {
    work: Option<F>,
    result: Result<T, Error>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Request for Work<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Error> + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        if let Some(work) = self.work.take() {
            self.result = work(connection);
        }
        self.result.is_ok()
    }

    fn fail(&mut self, error: Error) {
        self.result = Err(error);
    }

    fn answer(self: Box<Self>) {
        // Nobody waits any more where the client has gone away; the write stands nevertheless.
        let _ = self.reply.send(self.result);
    }
}

/// The thread's whole life: until the queue is closed and empty.
fn write_all(connection: &Connection, waiting: &Receiver<Box<dyn Request>>) {
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        batch.extend(waiting.try_iter().take(BATCH - 1));
        if let Err(error) = write_batch(connection, &mut batch) {
            tracing::error!(%error, requests = batch.len(), "a transaction failed");
            if !connection.is_autocommit() {
                // Where this fails too, so will the next transaction, which reports it.
                let _ = connection.execute_batch("ROLLBACK");
            }
            batch
                .iter_mut()
                .for_each(|request| request.fail(error.clone()));
        }
        batch.into_iter().for_each(Request::answer);
    }
}

/// One transaction for the whole batch.
fn write_batch(connection: &Connection, batch: &mut [Box<dyn Request>]) -> Result<(), Error> {
    let execute = |sql| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map_err(store_error)
    };
    execute("BEGIN IMMEDIATE")?;
    for request in batch {
        execute("SAVEPOINT request")?;
        let succeeded = request.run(connection);
        if connection.is_autocommit() {
            // After an error such as a full disk SQLite has rolled back the whole transaction, and
            // with it what the earlier requests have done.
            return Err(Error::Unavailable {
                detail: "the transaction was rolled back".to_owned(),
            });
        }
        if !succeeded {
            execute("ROLLBACK TO request")?;
        }
        execute("RELEASE request")?;
    }
    execute("COMMIT")?;
    Ok(())
}
