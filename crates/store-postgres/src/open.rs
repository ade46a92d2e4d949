//! The store opened: its connections, its queue of reports, its ear for changes.

use std::sync::Arc;

use runstate_graph::clock::Clock;
use runstate_store::Error;
use runstate_store_sql::{Database, SqlStore};

use crate::{
    Isolation, OpenError, Report, Reported, citus,
    connection::{Address, REPORTING},
    migration,
    notify::Listener,
    readers::Readers,
    report::{IN_FLIGHT, Reports},
    writer::Writer,
};

/// The store in a PostgreSQL database, which other servers may have open too.
pub type PostgresStore = SqlStore<Postgres>;

/// Opens the store in the database at the URL, see [`Postgres::open`].
///
/// # Errors
///
/// Those of [`Postgres::open`].
pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<PostgresStore, OpenError> {
    Ok(SqlStore::new(Postgres::open(url, clock).await?))
}

/// The database: connections, the queue of reports, an ear for changes.
pub struct Postgres {
    pub(crate) readers: Readers,
    pub(crate) writer: Writer,
    pub(crate) reports: Reports,
    pub(crate) listener: Listener,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) skip_token_key: [u8; 32],
}

impl Postgres {
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
        let skip_token_key = secret(&client, "skip_token").await?;
        let is_spread = citus::is_there(&**client).await? && citus::is_spread(&**client).await?;
        drop(client);
        let reporting = address.pool(IN_FLIGHT, REPORTING)?;
        let writer = Writer::new(pool.clone(), is_spread);
        let spread = is_spread.then(|| writer.clone());
        Ok(Self {
            readers: Readers::new(pool, address.tls.clone()),
            writer,
            reports: Reports::start(reporting, Arc::clone(&clock), spread),
            listener: Listener::start(address.clone()),
            clock,
            skip_token_key,
        })
    }

    /// Runs `work` in a transaction of that tenant's data, anew where others stood in its way. Its result
    /// is durable when this returns.
    ///
    /// # Errors
    ///
    /// What `work` answers, and then nothing has changed; [`Error::Busy`], likewise;
    /// [`Error::Unavailable`], where perhaps something has.
    pub async fn transaction<T, F>(
        &self,
        isolation: Isolation,
        tenant_id: Option<&str>,
        work: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&dyn Database) -> Result<T, Error> + Send + Sync + 'static,
    {
        let tenant_id = tenant_id.map(str::to_owned);
        self.writer.write(isolation, tenant_id, work).await
    }

    /// Takes a report in, see [`Report`].
    ///
    /// # Errors
    ///
    /// Where it may not be, and then nothing has changed; [`Error::Unavailable`], where perhaps it has.
    pub async fn report(&self, report: Report) -> Result<Reported, Error> {
        self.reports.report(report).await
    }
}

/// One of the database's random secrets, made when it is first asked for: with the one for skip tokens a
/// page can be followed up on any server.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where this crate asks for randomness"
)]
async fn secret(client: &tokio_postgres::Client, name: &str) -> Result<[u8; 32], OpenError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| OpenError::Random {
        detail: error.to_string(),
    })?;
    let make = "INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    client.execute(make, &[&name, &random.as_slice()]).await?;
    let sql = "SELECT value FROM secret WHERE name = $1";
    let value: Vec<u8> = client.query_one(sql, &[&name]).await?.try_get(0)?;
    let unfit = |_| OpenError::Unfit {
        what: "its table of secrets holds one of another length",
    };
    value.try_into().map_err(unfit)
}

/// How many connections reads and writes share: two for each core, because one that waits for the
/// database leaves its core to another.
fn connections() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (2 * cores).clamp(8, 32)
}
