//! What a backend brings, beside the [`Database`] that it lends.

use std::sync::Arc;

use runstate_graph::{clock::Clock, permit::Permit};
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::Record,
};
use runstate_store::{Change, Changes, Error, Precondition, Row};
use tokio::sync::broadcast;

use crate::{
    Database, history,
    read::{self, Paging},
    report,
    waiting::Waiting,
};

/// A database with its connections and threads. [`crate::SqlStore`] makes a store of it.
///
/// Whatever is about one tenant's data says whose: a backend may keep tenants apart, each with all that it
/// has in one place, and then sees to it that the statements reach nobody else's. Work for no tenant in
/// particular has none, and must be plain: one table at a time.
pub trait Backend: Send + Sync + 'static {
    /// What dates the reports.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Authenticates the tokens that lead to the pages behind the first. It is the database's, so that
    /// a page can be followed up after a restart, and on another server.
    fn token_key(&self) -> [u8; 32];

    /// Whether nobody else has this open: what another process was about to do nobody does any more.
    fn is_alone(&self) -> bool {
        false
    }

    /// Refuses whatever concerns a tenant's data, where this is open for the issuer of tokens alone.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`].
    fn admit(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Says whether reports are taken in and shown, as far as no transaction would tell.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`].
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Runs `work` in a transaction that sees all that was acknowledged, and all of it at one moment.
    fn read<T, F>(
        &self,
        tenant_id: Option<&str>,
        work: F,
    ) -> impl Future<Output = Result<T, Error>> + Send
    where
        T: Send + 'static,
        F: FnOnce(&dyn Database) -> Result<T, Error> + Send + 'static;

    /// Runs `work` in a transaction that no other write comes between, or that is begun anew where one
    /// did. Its result is durable when this returns; where it is an error, nothing has changed. What has
    /// begun is done, whether anybody waits for it or not.
    fn write<T, F>(
        &self,
        tenant_id: Option<&str>,
        work: F,
    ) -> impl Future<Output = Result<T, Error>> + Send
    where
        T: Send + 'static,
        F: Fn(&dyn Database) -> Result<T, Error> + Send + Sync + 'static;

    /// [`Backend::write`] of what has nothing to do with run states, nor with anything that a report
    /// has to look at, except that a device is retired.
    fn write_apart<T, F>(
        &self,
        tenant_id: Option<&str>,
        work: F,
    ) -> impl Future<Output = Result<T, Error>> + Send
    where
        T: Send + 'static,
        F: Fn(&dyn Database) -> Result<T, Error> + Send + Sync + 'static,
    {
        self.write(tenant_id, work)
    }

    /// Removes all runs from the history that were received before the moment in ticks.
    fn expire(&self, before: i64) -> impl Future<Output = Result<(), Error>> + Send {
        async move {
            let expire = move |database: &dyn Database| history::expire(database, before);
            while self.write_apart(None, expire).await? {}
            Ok(())
        }
    }

    /// Tells all servers of a change that the transaction makes, when it is committed.
    ///
    /// # Errors
    ///
    /// Those of [`Database::query`].
    fn tell(&self, database: &dyn Database, change: &Change) -> Result<(), Error> {
        let _ = (database, change);
        Ok(())
    }

    /// A transaction that made this change is committed. Where [`Backend::tell`] tells nobody, this does.
    fn told(&self, change: Change);

    /// Hears of every change from now on, whichever server makes it.
    fn changes(&self) -> broadcast::Receiver<Change>;

    /// Sees to it that a read of this shows every acknowledged report: those that it answers the read
    /// puts to what the tables say. `counts`: the read asks how many there are. Where reports are written
    /// to the tables at once, there is nothing to do.
    fn settle(
        &self,
        path: &ResourcePath,
        query: &Query,
        counts: bool,
    ) -> impl Future<Output = Result<Option<Box<dyn Waiting>>, Error>> + Send {
        let _ = (path, query, counts);
        std::future::ready(Ok(None))
    }

    /// Reads one device run state, as the last acknowledged report to it left it.
    fn run_state_get(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
        paging: Paging,
    ) -> impl Future<Output = Result<Row, Error>> + Send {
        let (on_behalf, path, query) = (permit.clone(), path.clone(), query.clone());
        self.read(Some(permit.tenant_id()), move |database| {
            read::get(database, &on_behalf, &path, &query, paging)
        })
    }

    /// The heart call, see [`runstate_store::Store::run_state_report`].
    fn run_state_report(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        changes: Changes,
        run: Option<Record>,
        precondition: Precondition,
    ) -> impl Future<Output = Result<Row, Error>> + Send {
        self.report_in_tables(permit, path, changes, run, precondition)
    }

    /// A report as a transaction over the tables, whatever it means: for those that a backend does not
    /// take in a way of its own.
    fn report_in_tables(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        changes: Changes,
        run: Option<Record>,
        precondition: Precondition,
    ) -> impl Future<Output = Result<Row, Error>> + Send {
        let (on_behalf, path, clock) = (permit.clone(), path.clone(), self.clock());
        self.write(Some(permit.tenant_id()), move |database| {
            let (changes, run) = (changes.clone(), run.as_ref());
            report::report(
                database,
                &*clock,
                &on_behalf,
                &path,
                changes,
                run,
                &precondition,
            )
        })
    }
}
