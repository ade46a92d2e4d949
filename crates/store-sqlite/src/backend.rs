//! What the shared store needs of SQLite and its journal.

use std::sync::Arc;

use runstate_graph::{clock::Clock, permit::Permit};
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::Record,
};
use runstate_store::{Change, Changes, Error, Precondition, Row};
use runstate_store_sql::{
    Backend, Database, Waiting,
    path::{self, End},
    read::{self, Paging},
};
use tokio::sync::broadcast;

use crate::{
    database::SqliteDatabase,
    journal::{self, Concerned, Journal, Report, Reported},
    merge::{self, Batches},
    open::Sqlite,
    readers,
};

impl Sqlite {
    /// The journal, without which nothing of a tenant may be looked at or changed.
    fn journal(&self) -> Result<&Journal, Error> {
        self.journal.as_ref().ok_or_else(|| Error::Unavailable {
            detail: "the file is open for the issuer alone".to_owned(),
        })
    }
}

impl Backend for Sqlite {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn token_key(&self) -> [u8; 32] {
        self.skip_token_key
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn admit(&self) -> Result<(), Error> {
        self.journal()?;
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        match &self.journal {
            Some(journal) if !journal.overlay.is_sound() => Err(Error::Unavailable {
                detail: "the journal takes no reports, or cannot be folded".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    async fn read<T, F>(&self, _: Option<&str>, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Database) -> Result<T, Error> + Send + 'static,
    {
        self.readers
            .read(move |connection| work(&SqliteDatabase(connection)))
            .await
    }

    async fn write<T, F>(&self, _: Option<&str>, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&dyn Database) -> Result<T, Error> + Send + Sync + 'static,
    {
        self.writer
            .write(move |connection| work(&SqliteDatabase(connection)))
            .await
    }

    async fn write_apart<T, F>(&self, _: Option<&str>, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&dyn Database) -> Result<T, Error> + Send + Sync + 'static,
    {
        self.writer
            .write_apart(move |connection| work(&SqliteDatabase(connection)))
            .await
    }

    fn told(&self, change: Change) {
        // Where nobody listens, nobody need be told.
        let _ = self.changes.send(change);
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Folds the reports that the read is about, or answers them where the read can put them to what
    /// the tables say.
    async fn settle(
        &self,
        path: &ResourcePath,
        query: &Query,
        counts: bool,
    ) -> Result<Option<Box<dyn Waiting>>, Error> {
        let journal = self.journal()?;
        if !journal::shows_results(path, query) {
            return Ok(None);
        }
        match journal.overlay.concerned(path) {
            Concerned::Not => {}
            Concerned::ByOwnStates if merge::can_answer(path, query, counts) => {
                return Ok(Some(Box::new(Batches(journal.overlay.all()))));
            }
            Concerned::ByOwnStates | Concerned::ByMore => self.writer.fold().await?,
        }
        Ok(None)
    }

    async fn run_state_get(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
        paging: Paging,
    ) -> Result<Row, Error> {
        let overlay = Arc::clone(&self.journal()?.overlay);
        let (permit, path, query) = (permit.clone(), path.clone(), query.clone());
        self.readers
            .read_in_steps(move |connection| {
                let (place, id) = {
                    let transaction = readers::begin(connection)?;
                    let database = SqliteDatabase(&transaction);
                    let End { scope, id } = path::resolve(&database, path::viewer(&permit), &path)?;
                    (path::place(&database, &scope)?, id)
                };
                // First the overlay and then the row: what is folded in between is seen there.
                let latest = id.and_then(|id| overlay.latest(place, id));
                let transaction = readers::begin(connection)?;
                let database = SqliteDatabase(&transaction);
                let mut row = read::get(&database, &permit, &path, &query, paging)?;
                if let Some(entry) = latest
                    && row.version < entry.number
                {
                    row.version = entry.number;
                    row.record.clone_from(&entry.record);
                    merge::select(&query, &mut row.record);
                }
                Ok(row)
            })
            .await
    }

    /// Straight into the journal, where it means no more than a change of one state.
    async fn run_state_report(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        changes: Changes,
        run: Option<Record>,
        precondition: Precondition,
    ) -> Result<Row, Error> {
        let report = Report {
            permit: permit.clone(),
            path: path.clone(),
            changes,
            run,
            precondition,
        };
        let report = match self.journal()?.appender.report(report).await? {
            Reported::Done(row) => return Ok(row),
            Reported::Elsewhere(report) => report,
        };
        let Report {
            permit,
            path,
            changes,
            run,
            precondition,
        } = report;
        self.report_in_tables(&permit, &path, changes, run, precondition)
            .await
    }
}
