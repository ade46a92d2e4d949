//! What the shared store needs of PostgreSQL.

use std::sync::Arc;

use runstate_graph::{clock::Clock, permit::Permit};
use runstate_odata::{check::ResourcePath, edm::Record};
use runstate_store::{Change, Changes, Error, Precondition, Row};
use runstate_store_sql::{Backend, Database};
use tokio::sync::broadcast;

use crate::{Isolation, Postgres, Report, Reported, notify::notify};

impl Backend for Postgres {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn token_key(&self) -> [u8; 32] {
        self.skip_token_key
    }

    async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Database) -> Result<T, Error> + Send + 'static,
    {
        self.readers.read(work).await
    }

    async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&dyn Database) -> Result<T, Error> + Send + Sync + 'static,
    {
        // Of its own, because it goes on where nobody waits for it any more.
        let writer = self.writer.clone();
        let write = async move { writer.write(Isolation::Serializable, work).await };
        to_its_end(write).await
    }

    async fn write_apart<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&dyn Database) -> Result<T, Error> + Send + Sync + 'static,
    {
        let writer = self.writer.clone();
        let write = async move { writer.write(Isolation::ReadCommitted, work).await };
        to_its_end(write).await
    }

    fn tell(&self, database: &dyn Database, change: &Change) -> Result<(), Error> {
        notify(database, change)
    }

    fn told(&self, _: Change) {
        // This server hears of it as all others do.
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.listener.subscribe()
    }

    /// Together with others, where it means no more than a change of one of a script's own states.
    async fn run_state_report(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        changes: Changes,
        run: Option<Record>,
        precondition: Precondition,
    ) -> Result<Row, Error> {
        let (mut changes, mut run, mut precondition) = (changes, run, precondition);
        // An administrator's leaves an event in the same transaction, which is one of its own.
        if permit.audited().is_none()
            && let [_, script, state] = path.steps.as_slice()
            && let (Some(script_id), Some(state_id)) = (&script.key, &state.key)
        {
            let report = Report {
                permit: permit.clone(),
                kind: script.navigation.target.name,
                script_id: script_id.clone(),
                state_id: state_id.clone(),
                changes,
                run,
                precondition,
            };
            match self.reports.report(report).await? {
                Reported::Done(row) => return Ok(row),
                Reported::Elsewhere(report) => {
                    (changes, run) = (report.changes, report.run);
                    precondition = report.precondition;
                }
            }
        }
        self.report_in_tables(permit, path, changes, run, precondition)
            .await
    }
}

/// Does the work to its end, whether anybody waits for it or not.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| Err(crate::error::internal(error.to_string())))
}
