//! Writes: each in a transaction of its own, tried again where others stood in its way.
//!
//! The statements that all backends share look first and write then, which is safe where nobody else
//! writes meanwhile. Here others do, so a write is serializable: PostgreSQL ends it where what it has
//! seen is not so any more, and it begins anew. Where that happens again and again, because reports to
//! the same script come without a pause, it keeps them out while it is at work.
//!
//! A write is begun anew only where it surely was not committed. Where the connection is lost once
//! `COMMIT` is on its way, nobody knows, and whoever asked is told that the store is unavailable.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::{Object, Pool};
use runstate_store::Error;
use runstate_store_sql::Database;
use tokio::{runtime::Handle, time::timeout};

use crate::{
    connection::begin,
    database::{Failed, Transaction},
    error::{Fate, RETRY_AFTER, fate, internal, store_error},
};

/// How often a write is tried, and how often of these without keeping others out.
const ATTEMPTS: u32 = 8;
const OPEN_ATTEMPTS: u32 = 3;

/// How long the next attempt waits, times the number of those before it.
const PAUSE: Duration = Duration::from_millis(5);

/// Before its first statement, whose moment is the one that the transaction sees. Reports come between
/// writes, and so do acts of other administrators of the tenant, all of which add to one chain of events.
const KEEP_OUT: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE; \
     LOCK TABLE audit_chain, device_run_state IN SHARE ROW EXCLUSIVE MODE";

/// What a write may see of others that run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Nothing: as if it were alone.
    Serializable,
    /// Whatever is committed by the time of each statement. For writes that are one statement, or whose
    /// statements do not depend on what others write; never for run states, whose versions would not
    /// grow from report to report.
    ReadCommitted,
}

impl Isolation {
    fn begin(self, attempt: u32) -> &'static str {
        match self {
            Self::Serializable if attempt < OPEN_ATTEMPTS => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            Self::Serializable => KEEP_OUT,
            Self::ReadCommitted => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }
}

/// Whoever writes.
#[derive(Clone)]
pub(crate) struct Writer {
    pool: Pool,
}

/// What has become of one attempt.
enum Attempt<T> {
    Done(Result<T, Error>),
    /// It has changed nothing.
    Again(Failed),
}

impl Writer {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Runs `work` in a transaction, perhaps several times. Its result is durable when this returns;
    /// where it is an error, nothing has changed, except for [`Error::Unavailable`] where nobody knows.
    pub(crate) async fn write<T, F>(&self, isolation: Isolation, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&dyn Database) -> Result<T, Error> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        let (mut attempt, mut found_others) = (0, false);
        loop {
            let client = begin(&self.pool, isolation.begin(attempt)).await?;
            let (handle, work) = (Handle::current(), Arc::clone(&work));
            let task = tokio::task::spawn_blocking(move || try_once(client, handle, &*work));
            let done = task.await.map_err(|error| internal(error.to_string()))?;
            let failed = match done {
                Attempt::Done(result) => return result,
                Attempt::Again(failed) => failed,
            };
            attempt += 1;
            // What another has added meanwhile is found by the second attempt, which says so better.
            let is_others = failed.fate == Fate::AgainOnce;
            if attempt >= ATTEMPTS || (is_others && found_others) {
                return Err(failed.error);
            }
            found_others |= is_others;
            // Nothing to wait for but that the others get on.
            let _ = timeout(PAUSE * attempt, std::future::pending::<()>()).await;
        }
    }
}

fn try_once<T>(
    client: Object,
    handle: Handle,
    work: &dyn Fn(&dyn Database) -> Result<T, Error>,
) -> Attempt<T> {
    let transaction = Transaction::new(client, handle);
    let result = work(&transaction);
    let roll_back = |transaction: Transaction| {
        // Where this fails, the connection goes, and the transaction with it.
        let _ = transaction.end("ROLLBACK");
    };
    match (transaction.failed(), result) {
        (None, Ok(value)) => match transaction.end("COMMIT") {
            Ok(()) => Attempt::Done(Ok(value)),
            Err(error) => uncommitted(&error),
        },
        (None, Err(error)) => {
            roll_back(transaction);
            Attempt::Done(Err(error))
        }
        (Some(failed), result) => match failed.fate {
            // The connection goes as the transaction is dropped.
            Fate::Lost => Attempt::Again(failed),
            Fate::Again | Fate::AgainOnce => {
                roll_back(transaction);
                Attempt::Again(failed)
            }
            Fate::Final => {
                roll_back(transaction);
                Attempt::Done(Err(result.err().unwrap_or(failed.error)))
            }
        },
    }
}

/// What a `COMMIT` that failed means.
fn uncommitted<T>(error: &tokio_postgres::Error) -> Attempt<T> {
    let fate = fate(error);
    match (fate, store_error(error)) {
        (Fate::Again | Fate::AgainOnce, error) => Attempt::Again(Failed { error, fate }),
        // A constraint that is looked at last: PostgreSQL has said that it did not commit.
        (Fate::Final, error @ (Error::Conflict { .. } | Error::Internal { .. })) => {
            Attempt::Done(Err(error))
        }
        (_, Error::Busy { .. }) => Attempt::Done(Err(Error::Busy {
            retry_after: RETRY_AFTER,
        })),
        (_, error) => Attempt::Done(Err(Error::Unavailable {
            detail: format!("it is not known whether a transaction was committed: {error}"),
        })),
    }
}
