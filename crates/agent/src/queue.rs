//! What the agent remembers: the scripts that it has to run and has run, the run that is under way,
//! and the reports that wait. One SQLite file, each change of it synced before the agent goes on.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::{schedule::Record, server::AssignedScript};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS setting (
        name  TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    -- The scripts that the server said last, in its order, each as JSON.
    CREATE TABLE IF NOT EXISTS script (
        place  INTEGER PRIMARY KEY,
        id     TEXT NOT NULL UNIQUE,
        script TEXT NOT NULL
    ) STRICT;
    -- How each script ran last on this device; kept for as long as it is assigned. Moments are ticks
    -- of 100 ns since 1970 by this device's clock.
    CREATE TABLE IF NOT EXISTS record (
        script_id  TEXT    NOT NULL PRIMARY KEY,
        name       TEXT    NOT NULL,
        version    INTEGER NOT NULL,
        run_state  TEXT    NOT NULL,
        started    INTEGER NOT NULL,
        ended      INTEGER NOT NULL,
        tries      INTEGER NOT NULL,
        request_id TEXT
    ) STRICT, WITHOUT ROWID;
    -- The run that is under way. Whatever is here when an agent starts was interrupted.
    CREATE TABLE IF NOT EXISTS run (
        id            TEXT    NOT NULL PRIMARY KEY,
        script        TEXT    NOT NULL,
        request_id    TEXT,
        tries         INTEGER NOT NULL,
        account       TEXT    NOT NULL,
        started       INTEGER NOT NULL,
        reported_start TEXT   NOT NULL,
        process_group INTEGER,
        process_began TEXT
    ) STRICT, WITHOUT ROWID;
    -- What the server has still to be told, in order.
    CREATE TABLE IF NOT EXISTS report (
        place  INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL UNIQUE,
        path   TEXT NOT NULL,
        body   TEXT NOT NULL
    ) STRICT;
";

/// The file.
pub(crate) struct Queue(Connection);

/// A run that is under way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Running {
    pub(crate) id: String,
    pub(crate) script: AssignedScript,
    pub(crate) request_id: Option<String>,
    /// Which try of this execution it is, from 1.
    pub(crate) tries: i32,
    pub(crate) account: String,
    /// By this device's clock, in ticks.
    pub(crate) started: i64,
    /// By the server's clock, as it is reported.
    pub(crate) reported_start: String,
    pub(crate) process_group: Option<i32>,
    pub(crate) process_began: Option<String>,
}

/// A report that waits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) place: i64,
    pub(crate) run_id: String,
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// How a script ran last, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) script_id: String,
    pub(crate) name: String,
    pub(crate) record: Record,
    /// In ticks.
    pub(crate) ended: i64,
}

type Result<T> = std::result::Result<T, rusqlite::Error>;

impl Queue {
    /// Opens the file at `path`, and makes it where there is none.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // What was noted before a script started must be there after a loss of power.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // A few hundred pages are all there is; an idle agent should be small.
        connection.pragma_update(None, "cache_size", -512)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(connection))
    }

    pub(crate) fn setting(&self, name: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM setting WHERE name = ?";
        let mut setting = self.0.prepare_cached(sql)?;
        setting.query_row([name], |row| row.get(0)).optional()
    }

    pub(crate) fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        let sql = "INSERT INTO setting (name, value) VALUES (?, ?) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value";
        self.0.prepare_cached(sql)?.execute([name, value])?;
        Ok(())
    }

    /// Takes over what the server says there is to run. What is not there any more is forgotten.
    pub(crate) fn set_scripts(&mut self, scripts: &[AssignedScript], tag: &str) -> Result<()> {
        let transaction = self.0.transaction()?;
        transaction.execute("DELETE FROM script", [])?;
        for script in scripts {
            transaction
                .prepare_cached("INSERT INTO script (id, script) VALUES (?, ?)")?
                .execute(params![script.id, text(script)?])?;
        }
        transaction.execute(
            "DELETE FROM record WHERE script_id NOT IN (SELECT id FROM script)",
            [],
        )?;
        transaction.execute(
            "INSERT OR REPLACE INTO setting (name, value) VALUES ('tag', ?)",
            [tag],
        )?;
        transaction.commit()
    }

    pub(crate) fn scripts(&self) -> Result<Vec<AssignedScript>> {
        let mut scripts = self
            .0
            .prepare_cached("SELECT script FROM script ORDER BY place")?;
        let rows = scripts.query_map([], |row| json(row, 0))?;
        rows.collect()
    }

    pub(crate) fn record(&self, script_id: &str) -> Result<Option<Record>> {
        let sql = "SELECT version, run_state, started, tries, request_id FROM record \
             WHERE script_id = ?";
        let mut record = self.0.prepare_cached(sql)?;
        record
            .query_row([script_id], |row| read_record(row, 0))
            .optional()
    }

    /// Notes that a run is about to start.
    pub(crate) fn start(&self, run: &Running) -> Result<()> {
        let sql = "INSERT INTO run (id, script, request_id, tries, account, started, \
             reported_start) VALUES (?, ?, ?, ?, ?, ?, ?)";
        self.0.prepare_cached(sql)?.execute(params![
            run.id,
            text(&run.script)?,
            run.request_id,
            run.tries,
            run.account,
            run.started,
            run.reported_start,
        ])?;
        Ok(())
    }

    /// Notes by which process group a run goes on.
    pub(crate) fn set_process(&self, run_id: &str, group: i32, began: Option<&str>) -> Result<()> {
        let sql = "UPDATE run SET process_group = ?2, process_began = ?3 WHERE id = ?1";
        self.0
            .prepare_cached(sql)?
            .execute(params![run_id, group, began])?;
        Ok(())
    }

    /// The runs that were under way when the last agent ended.
    pub(crate) fn running(&self) -> Result<Vec<Running>> {
        let sql = "SELECT id, script, request_id, tries, account, started, reported_start, \
             process_group, process_began FROM run ORDER BY started, id";
        let mut runs = self.0.prepare_cached(sql)?;
        let rows = runs.query_map([], |row| {
            Ok(Running {
                id: row.get(0)?,
                script: json(row, 1)?,
                request_id: row.get(2)?,
                tries: row.get(3)?,
                account: row.get(4)?,
                started: row.get(5)?,
                reported_start: row.get(6)?,
                process_group: row.get(7)?,
                process_began: row.get(8)?,
            })
        })?;
        rows.collect()
    }

    /// A run has ended: all in one, its report waits, it is under way no more, and the record shows
    /// it. Without a report where the server knows already.
    pub(crate) fn end(
        &mut self,
        run: &Running,
        run_state: &str,
        ended: i64,
        body: &Value,
    ) -> Result<()> {
        let transaction = self.0.transaction()?;
        transaction
            .prepare_cached("INSERT INTO report (run_id, path, body) VALUES (?, ?, ?)")?
            .execute(params![run.id, run.script.state_path(), body.to_string()])?;
        transaction
            .prepare_cached("DELETE FROM run WHERE id = ?")?
            .execute([&run.id])?;
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO record (script_id, name, version, run_state, started, ended, \
                     tries, request_id) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
                     coalesce(?8, (SELECT request_id FROM record WHERE script_id = ?1)))",
            )?
            .execute(params![
                run.script.id,
                run.script.display_name,
                run.script.version,
                run_state,
                run.started,
                ended,
                run.tries,
                run.request_id,
            ])?;
        transaction.commit()
    }

    /// The next thing to tell.
    pub(crate) fn next_report(&self) -> Result<Option<Report>> {
        let sql = "SELECT place, run_id, path, body FROM report ORDER BY place LIMIT 1";
        let mut next = self.0.prepare_cached(sql)?;
        let report = |row: &rusqlite::Row<'_>| {
            Ok(Report {
                place: row.get(0)?,
                run_id: row.get(1)?,
                path: row.get(2)?,
                body: json(row, 3)?,
            })
        };
        next.query_row([], report).optional()
    }

    /// The server knows it, or never will.
    pub(crate) fn told(&self, place: i64) -> Result<()> {
        let mut told = self
            .0
            .prepare_cached("DELETE FROM report WHERE place = ?")?;
        told.execute([place])?;
        Ok(())
    }

    /// How many reports wait.
    pub(crate) fn waiting(&self) -> Result<usize> {
        let count: i64 = self
            .0
            .query_row("SELECT count(*) FROM report", [], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// How each script ran last, by name.
    pub(crate) fn last_runs(&self) -> Result<Vec<Last>> {
        let sql = "SELECT script_id, name, ended, version, run_state, started, tries, request_id \
             FROM record ORDER BY name, script_id";
        let mut records = self.0.prepare_cached(sql)?;
        let rows = records.query_map([], |row| {
            Ok(Last {
                script_id: row.get(0)?,
                name: row.get(1)?,
                ended: row.get(2)?,
                record: read_record(row, 3)?,
            })
        })?;
        rows.collect()
    }
}

/// A record from five cells.
fn read_record(row: &rusqlite::Row<'_>, from: usize) -> Result<Record> {
    Ok(Record {
        version: row.get(from)?,
        run_state: row.get(from + 1)?,
        started: row.get(from + 2)?,
        tries: row.get(from + 3)?,
        request_id: row.get(from + 4)?,
    })
}

fn text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn json<T: serde::de::DeserializeOwned>(row: &rusqlite::Row<'_>, cell: usize) -> Result<T> {
    let text: String = row.get(cell)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(cell, rusqlite::types::Type::Text, error.into())
    })
}
