//! The store opened: its connections, its queue of reports, its ear for changes.

use std::sync::Arc;

use deadpool_postgres::Pool;
use runstate_graph::clock::Clock;
use runstate_store::{Change, Error};
use runstate_store_sql::Database;
use tokio::sync::broadcast;

use crate::{
    Isolation, OpenError, Report, Reported,
    connection::{Address, REPORTING},
    migration,
    notify::Listener,
    readers::Readers,
    report::{IN_FLIGHT, Reports},
    writer::Writer,
};

/// The store in a PostgreSQL database, which other servers may have open too.
pub struct PostgresStore {
    readers: Readers,
    writer: Writer,
    reports: Reports,
    listener: Listener,
}

impl PostgresStore {
    /// Opens the database at the URL (`postgres://user:password@host/database?sslmode=require`) to
    /// serve it, and brings its schema to the newest version. `clock` dates the reports.
    ///
    /// `sslmode` is `disable`, `prefer` (where it is not said) or `require`, which has the server prove
    /// who it is. Of several hosts, separated by commas, the one is taken that may be written to.
    ///
    /// To be called within a tokio runtime with its timers and its I/O enabled, which has to live as
    /// long as the store.
    ///
    /// # Errors
    ///
    /// Where the database cannot be reached, lacks what we need, or is of a newer release.
    pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let address = Address::of(url)?;
        let pool = address.pool(connections(), "")?;
        let mut client = pool.get().await?;
        migration::migrate(&mut client).await?;
        drop(client);
        Self::with(&address, pool, clock)
    }

    fn with(address: &Address, pool: Pool, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let reporting = address.pool(IN_FLIGHT, REPORTING)?;
        Ok(Self {
            readers: Readers::new(pool.clone(), address.tls.clone()),
            writer: Writer::new(pool),
            reports: Reports::start(reporting, clock),
            listener: Listener::start(address.clone()),
        })
    }

    /// Runs `work` in one read transaction, so that all it reads is of one moment.
    ///
    /// # Errors
    ///
    /// What `work` answers; [`Error::Busy`], [`Error::Unavailable`], [`Error::TooLong`].
    pub async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Database) -> Result<T, Error> + Send + 'static,
    {
        self.readers.read(work).await
    }

    /// Runs `work` in a transaction, anew where others stood in its way. Its result is durable when
    /// this returns.
    ///
    /// # Errors
    ///
    /// What `work` answers, and then nothing has changed; [`Error::Busy`], likewise;
    /// [`Error::Unavailable`], where perhaps something has.
    pub async fn write<T, F>(&self, isolation: Isolation, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&dyn Database) -> Result<T, Error> + Send + Sync + 'static,
    {
        self.writer.write(isolation, work).await
    }

    /// Takes a report in, see [`Report`].
    ///
    /// # Errors
    ///
    /// Where it may not be, and then nothing has changed; [`Error::Unavailable`], where perhaps it has.
    pub async fn report(&self, report: Report) -> Result<Reported, Error> {
        self.reports.report(report).await
    }

    /// Hears of every change that any server makes, from now on.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.listener.subscribe()
    }
}

/// How many connections reads and writes share: two for each core, because one that waits for the
/// database leaves its core to another.
fn connections() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (2 * cores).clamp(8, 32)
}
