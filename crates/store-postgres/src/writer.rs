//! Writes: each in a transaction of its own, tried again where others stood in its way.
//!
//! The statements that all backends share look first and write then, which is safe where nobody else
//! writes meanwhile. Here others do, so a write is serializable: PostgreSQL ends it where what it has
//! seen is not so any more, and it begins anew. Where that happens again and again, because reports to
//! the same script come without a pause, it keeps them out while it is at work.
//!
//! Where the tables are spread over several machines, the one that has the tenant's data finds out at the
//! very end that what was seen is not so any more, and whoever asked is not told why the commit failed. So
//! there a write first takes the tenant's lock, and is alone.
//!
//! A write is begun anew only where it surely was not committed. Where the connection is lost once
//! `COMMIT` is on its way, nobody knows, and whoever asked is told that the store is unavailable.

use std::{borrow::Cow, sync::Arc, time::Duration};

use deadpool_postgres::Pool;
use runstate_store::Error;
use runstate_store_sql::Database;
use sha2::{Digest as _, Sha256};
use tokio::{runtime::Handle, time::timeout};
use tokio_postgres::error::SqlState;

use crate::{
    connection::begin,
    database::{Failed, Transaction},
    error::{Fate, RETRY_AFTER, fate, internal, store_error},
};

/// How often a write is tried, and how often of these without keeping others out.
const ATTEMPTS: u32 = 8;
const OPEN_ATTEMPTS: u32 = 1;

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
    /// `alone`: the number of the lock that keeps others away from the tenant's data.
    fn begin(self, attempt: u32, alone: Option<i64>) -> Cow<'static, str> {
        match (self, alone) {
            (Self::Serializable, Some(lock)) => {
                format!("{READ_COMMITTED}; SELECT pg_advisory_xact_lock({lock})").into()
            }
            (Self::Serializable, None) if attempt < OPEN_ATTEMPTS => SERIALIZABLE.into(),
            (Self::Serializable, None) => KEEP_OUT.into(),
            (Self::ReadCommitted, _) => READ_COMMITTED.into(),
        }
    }
}

const SERIALIZABLE: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";
const READ_COMMITTED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// The number of a tenant's lock. Two tenants of one number only wait for one another.
fn lock_of(tenant_id: Option<&str>) -> i64 {
    let hash = Sha256::digest(tenant_id.unwrap_or_default());
    let first = hash.first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}

/// Whoever writes.
#[derive(Clone)]
pub(crate) struct Writer {
    pool: Pool,
    /// Whether the tables are spread over several machines.
    is_spread: bool,
}

/// What has become of one attempt.
enum Attempt<T> {
    Done(Result<T, Error>),
    /// It has changed nothing.
    Again(Failed),
}

impl Writer {
    pub(crate) fn new(pool: Pool, is_spread: bool) -> Self {
        Self { pool, is_spread }
    }

    /// Runs `work` in a transaction of that tenant's data, perhaps several times. Its result is durable when this returns;
    /// where it is an error, nothing has changed, except for [`Error::Unavailable`] where nobody knows.
    pub(crate) async fn write<T, F>(
        &self,
        isolation: Isolation,
        tenant_id: Option<String>,
        work: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&dyn Database) -> Result<T, Error> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        let (mut attempt, mut found_others) = (0, false);
        loop {
            let alone = self.is_spread.then(|| lock_of(tenant_id.as_deref()));
            let client = begin(&self.pool, &isolation.begin(attempt, alone)).await?;
            let (handle, work) = (Handle::current(), Arc::clone(&work));
            let transaction = Transaction::new(client, handle).of(tenant_id.as_deref());
            let task = tokio::task::spawn_blocking(move || try_once(transaction, &*work));
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
    transaction: Transaction,
    work: &dyn Fn(&dyn Database) -> Result<T, Error>,
) -> Attempt<T> {
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
    // The machine that has the data did not commit, or was not heard of again (Citus).
    let is_unknown = error.code() == Some(&SqlState::INTERNAL_ERROR);
    match (fate, store_error(error)) {
        (Fate::Final, error @ Error::Internal { .. }) if is_unknown => unknown(&error),
        (Fate::Again | Fate::AgainOnce, error) => Attempt::Again(Failed { error, fate }),
        // A constraint that is looked at last: PostgreSQL has said that it did not commit.
        (Fate::Final, error @ (Error::Conflict { .. } | Error::Internal { .. })) => {
            Attempt::Done(Err(error))
        }
        (_, Error::Busy { .. }) => Attempt::Done(Err(Error::Busy {
            retry_after: RETRY_AFTER,
        })),
        (_, error) => unknown(&error),
    }
}

fn unknown<T>(error: &Error) -> Attempt<T> {
    Attempt::Done(Err(Error::Unavailable {
        detail: format!("it is not known whether a transaction was committed: {error}"),
    }))
}
