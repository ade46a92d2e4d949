//! The one thread that writes the tables, and its group commit.
//!
//! A commit costs a sync of the disk, whatever it holds. So the thread takes all requests that
//! wait, runs each in a savepoint of one transaction, commits once, and only then answers them all.
//! A request that fails, even by a panic, is rolled back to its savepoint and does not disturb the
//! others; a commit that fails is the failure of every request in it.
//!
//! What the journal holds is folded by this thread too. Before a write of anything that reports look
//! at, all of it is; then the write keeps further reports out until it is committed.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use runstate_store::Error;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    error::{internal, store_error},
    fold::{fold, set_folded},
    journal::Overlay,
};

/// How many requests may wait before the next is turned away: about a second's work.
const QUEUE: usize = 8_192;

/// How many requests one transaction holds at most. The gain of sharing a sync is spent by then, and
/// the first of them should not wait for many more.
const BATCH: usize = 512;

/// After how many seconds one that was turned away should come again.
const RETRY_AFTER: u32 = 1;

/// What the writing thread is asked.
enum Message {
    Write {
        request: Box<dyn Request>,
        /// Whether reports have to be folded before, and kept out meanwhile.
        settled: bool,
    },
    /// To fold whatever waits.
    Fold(oneshot::Sender<Result<(), Error>>),
}

/// The door to the writing thread.
pub(crate) struct Writer {
    /// None only while dropped.
    queue: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread; it folds from that overlay, where the process has the file's journal, and
    /// gives the lock back when it has folded for the last time.
    pub(crate) fn start(
        connection: Connection,
        folding: Option<(Arc<Overlay>, File)>,
    ) -> std::io::Result<Self> {
        let (queue, waiting) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let (overlay, lock) = folding.unzip();
                write_all(&connection, overlay.as_deref(), &waiting);
                drop(connection);
                drop(lock);
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Runs `work` in a transaction in which every acknowledged report is in the tables. Its result is
    /// durable when this returns; where it is an error, nothing has changed.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        self.send(work, true).await
    }

    /// [`Writer::write`] of what has nothing to do with run states, nor with anything that a report
    /// has to look at, except that a device is retired.
    pub(crate) async fn write_apart<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        self.send(work, false).await
    }

    async fn send<T, F>(&self, work: F, settled: bool) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let request = Box::new(Work {
            work: Some(work),
            result: Err(stopped()),
            reply,
        });
        self.queue(Message::Write { request, settled })?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Folds every report that is acknowledged by now.
    pub(crate) async fn fold(&self) -> Result<(), Error> {
        self.fold_soon()?.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// [`Writer::fold`] from a thread that may wait.
    pub(crate) fn fold_and_wait(&self) -> Result<(), Error> {
        let answer = self.fold_soon()?.blocking_recv();
        answer.unwrap_or_else(|_| Err(stopped()))
    }

    fn fold_soon(&self) -> Result<oneshot::Receiver<Result<(), Error>>, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue(Message::Fold(reply))?;
        Ok(answer)
    }

    fn queue(&self, message: Message) -> Result<(), Error> {
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => Error::Busy {
                retry_after: RETRY_AFTER,
            },
            TrySendError::Disconnected(_) => stopped(),
        })
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

/// Lets the other threads go first: what this one does for long, folding, can wait, and they answer
/// somebody. Where that cannot be had, all is right but slower.
fn be_nice() {
    // Linux alone means a thread by it, and not the process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}

/// By how much the writing thread's priority is less than that of the others.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// The thread's whole life: until the queue is closed and empty.
fn write_all(connection: &Connection, overlay: Option<&Overlay>, waiting: &Receiver<Message>) {
    be_nice();
    while let Ok(first) = waiting.recv() {
        let mut batch = Vec::new();
        let (mut folds, mut settled) = (Vec::new(), false);
        for message in std::iter::once(first).chain(waiting.try_iter().take(BATCH - 1)) {
            match message {
                Message::Fold(reply) => folds.push(reply),
                Message::Write {
                    request,
                    settled: this,
                } => {
                    settled |= this;
                    batch.push(request);
                }
            }
        }
        if let Some(overlay) = overlay
            && (settled || !folds.is_empty())
        {
            let folded = fold_all(connection, overlay);
            for reply in folds {
                let _ = reply.send(folded.clone());
            }
        }
        if batch.is_empty() {
            continue;
        }
        let written = match overlay.filter(|_| settled) {
            Some(overlay) => write_settled(connection, overlay, &mut batch),
            None => write_batch(connection, &mut batch, |_| Ok(())),
        };
        if let Err(error) = written {
            tracing::error!(%error, requests = batch.len(), "a transaction failed");
            roll_back(connection);
            batch
                .iter_mut()
                .for_each(|request| request.fail(error.clone()));
        }
        batch.into_iter().for_each(Request::answer);
    }
    if let Some(overlay) = overlay {
        // What cannot be folded now is in the journal, and is folded when the file is next opened.
        let _ = fold_all(connection, overlay);
    }
}

fn fold_all(connection: &Connection, overlay: &Overlay) -> Result<(), Error> {
    let folded = catch_unwind(AssertUnwindSafe(|| fold(connection, overlay)));
    let folded = folded.unwrap_or_else(|_| Err(internal("a fold panicked")));
    overlay.set_stuck(folded.is_err());
    if let Err(error) = &folded {
        tracing::error!(%error, "the journal could not be folded");
        roll_back(connection);
    }
    folded
}

/// Ends a transaction that has failed and may be open still.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // Where this fails too, so will the next transaction, which reports it.
        let _ = connection.execute_batch("ROLLBACK");
    }
}

/// One transaction for the whole batch, with every report in the tables that was acknowledged before
/// it, and none in between.
fn write_settled(
    connection: &Connection,
    overlay: &Overlay,
    batch: &mut [Box<dyn Request>],
) -> Result<(), Error> {
    let _gate = overlay.gate();
    fold_all(connection, overlay)?;
    // All reports up to this number are in the tables, or were refused: should the log have any more
    // of them, they do not count, and the numbers may be given to what is written now.
    let folded = overlay.next() - 1;
    let last = write_batch(connection, batch, |connection| {
        set_folded(connection, folded)?;
        last_run(connection)
    })?;
    // It is committed, so from here on nothing may fail.
    overlay.all_folded(folded);
    overlay.scripts_changed();
    overlay.go_on_from(last + 1);
    Ok(())
}

/// The greatest number that any run has had.
pub(crate) fn last_run(connection: &Connection) -> Result<i64, Error> {
    let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'run'";
    let last = connection.prepare_cached(sql);
    last.and_then(|mut last| last.query_row([], |row| row.get(0)))
        .map_err(store_error)
}

/// One transaction for the whole batch, and what `finish` does at its end.
fn write_batch<T>(
    connection: &Connection,
    batch: &mut [Box<dyn Request>],
    finish: impl FnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    let execute = |sql| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map_err(store_error)
    };
    execute("BEGIN IMMEDIATE")?;
    for request in batch {
        execute("SAVEPOINT request")?;
        // What a panic leaves half done goes with the savepoint, and the thread has to go on.
        let run = catch_unwind(AssertUnwindSafe(|| request.run(connection)));
        let succeeded = run.unwrap_or_else(|_| {
            request.fail(internal("a write panicked"));
            false
        });
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
    let finished = finish(connection)?;
    execute("COMMIT")?;
    Ok(finished)
}

#[cfg(test)]
mod tests;
