//! Reads: each in one transaction that sees one moment, on a connection out of the pool.

use std::time::Duration;

use deadpool_postgres::Pool;
use runstate_store::Error;
use runstate_store_sql::Database;
use tokio::{runtime::Handle, sync::oneshot, time::timeout};

use crate::{
    connection::begin,
    database::Transaction,
    error::{Fate, internal},
    tls::Tls,
};

/// How long one read may take, whatever it consists of.
const TIME: Duration = Duration::from_secs(30);

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Whoever reads.
#[derive(Clone)]
pub(crate) struct Readers {
    pool: Pool,
    tls: Tls,
    time: Duration,
}

impl Readers {
    pub(crate) fn new(pool: Pool, tls: Tls) -> Self {
        Self {
            pool,
            tls,
            time: TIME,
        }
    }

    /// Runs `work` in one read transaction, of that tenant's data. What takes too long is interrupted, and so is what nobody
    /// waits for any more.
    pub(crate) async fn read<T, F>(&self, tenant_id: Option<&str>, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Database) -> Result<T, Error> + Send + 'static,
    {
        let begun = timeout(self.time, begin(&self.pool, BEGIN)).await;
        let client = begun.map_err(|_| Error::TooLong)??;
        // Dropped with this future: then the work ends too.
        let (_wanted, unwanted) = oneshot::channel::<()>();
        let transaction = Transaction::new(client, Handle::current()).of(tenant_id);
        let transaction = transaction.until(unwanted, self.tls.clone());
        let task = tokio::task::spawn_blocking(move || {
            let result = work(&transaction);
            let failed = transaction.failed();
            let is_lost = failed.as_ref().is_some_and(|it| it.fate == Fate::Lost);
            if !is_lost {
                // It has changed nothing, so nothing depends on how it ends.
                let _ = transaction.end("ROLLBACK");
            }
            match failed {
                Some(failed) if result.is_ok() => Err(failed.error),
                _ => result,
            }
        });
        match timeout(self.time, task).await {
            Ok(done) => done.unwrap_or_else(|error| Err(internal(error.to_string()))),
            Err(_) => Err(Error::TooLong),
        }
    }
}
