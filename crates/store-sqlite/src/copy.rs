//! A file's rows, for a copy of them in another backend.

use std::{path::Path, sync::Arc};

use runstate_graph::clock::Clock;
use runstate_store::{
    Error,
    copy::{CopiedTable, Side, TABLES},
    query::Bind,
};
use runstate_store_sql::{BindRef, Database as _};
use rusqlite::Connection;

use crate::{
    OpenError, SqliteStore, connection::open_reader, database::SqliteDatabase, error::store_error,
    open,
};

/// The secret that the journal knows its file by.
const IDENTITY: &str = "SELECT value FROM secret WHERE name = 'journal'";

/// A file that is read whole, and served by nobody meanwhile.
pub struct Source {
    connection: Connection,
    identity: [u8; 32],
    // Has the lock, and has folded what the journal held.
    _store: SqliteStore,
}

impl Source {
    /// Opens the file at `path`, which has to be there.
    ///
    /// # Errors
    ///
    /// As [`open()`], and where there is no file.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        if let Err(error) = std::fs::metadata(path) {
            let file = path.to_owned();
            return Err(OpenError::Io { file, error });
        }
        let store = open(path, clock)?;
        let connection = open_reader(path)?;
        Ok(Self {
            identity: connection.query_row(IDENTITY, [], |row| row.get(0))?,
            connection,
            _store: store,
        })
    }

    /// Tells the file from all others, whatever its name.
    pub fn identity(&self) -> [u8; 32] {
        self.identity
    }

    /// The names of a table's columns in a copy.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`].
    pub fn columns(&self, table: &CopiedTable) -> Result<Vec<String>, Error> {
        let sql = format!("SELECT * FROM {}", table.name);
        let statement = self.connection.prepare(&sql).map_err(store_error)?;
        let names = statement.column_names().into_iter();
        Ok(table.columns(names.map(str::to_owned).collect()))
    }

    /// How many rows a table has; of one tenant, where one is named.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`].
    pub fn count(&self, table: &CopiedTable, tenant_id: Option<&str>) -> Result<u64, Error> {
        let Some(condition) = table.copied(tenant_id) else {
            return Ok(0);
        };
        let sql = format!("SELECT count(*) FROM {} WHERE {condition}", table.name);
        let tenant = rusqlite::params_from_iter(tenant_id);
        let count = self
            .connection
            .query_row(&sql, tenant, |row| row.get::<_, i64>(0));
        Ok(u64::try_from(count.map_err(store_error)?).unwrap_or(0))
    }

    /// The greatest row id that a table has used, whether the row is there still or not, or that anything
    /// refers to; 0 where it has none.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`].
    pub fn last_pk(&self, table: &CopiedTable) -> Result<i64, Error> {
        if !table.has_pk() {
            return Ok(0);
        }
        let name = table.name;
        let mut used = vec![
            format!("(SELECT coalesce(max(pk), 0) FROM {name})"),
            format!("(SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '{name}')"),
        ];
        for other in TABLES {
            for column in self.columns(other)? {
                if other.refers_to(&column) == Some(name) {
                    let other = other.name;
                    used.push(format!("(SELECT coalesce(max({column}), 0) FROM {other})"));
                }
            }
        }
        let sql = format!("SELECT max({})", used.join(", "));
        let last = self.connection.query_row(&sql, [], |row| row.get(0));
        last.map_err(store_error)
    }

    /// The next rows behind the key `after`, in the order of the key: at most `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`].
    pub fn rows(
        &self,
        table: &CopiedTable,
        tenant_id: Option<&str>,
        after: Option<&[Bind]>,
        limit: u32,
    ) -> Result<Vec<Vec<Bind>>, Error> {
        let columns = self.columns(table)?;
        let Some((sql, values)) = table.page(Side::Source, &columns, tenant_id, after, limit)
        else {
            return Ok(Vec::new());
        };
        let values: Vec<_> = values.iter().map(BindRef::from).collect();
        SqliteDatabase(&self.connection).query(&sql, &values)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    struct Epoch;

    impl Clock for Epoch {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
    }

    fn source() -> (tempfile::TempDir, Source) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        drop(open(&file, Arc::new(Epoch)).unwrap());
        let source = Source::open(&file, Arc::new(Epoch)).unwrap();
        (folder, source)
    }

    #[test]
    fn every_table_is_copied_or_said_not_to_be() {
        let (_folder, source) = source();
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
             AND name NOT IN ('console_link', 'console_session', 'journal', 'secret') ORDER BY name";
        let mut statement = source.connection.prepare(sql).unwrap();
        let there = statement.query_map([], |row| row.get(0)).unwrap();
        let there: Vec<String> = there.map(Result::unwrap).collect();
        let mut copied: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        copied.sort_unstable();
        assert_eq!(copied, there);
    }

    #[test]
    fn every_column_that_refers_to_rows_is_known() {
        let (_folder, source) = source();
        for table in TABLES {
            for column in source.columns(table).unwrap() {
                let refers = column == "pk" || column.ends_with("_pk");
                let known = table.refers_to(&column).is_some();
                let is_version = (table.name, &*column) == ("device_run_state", "version");
                assert_eq!(refers || is_version, known, "{}.{column}", table.name);
            }
        }
    }

    #[test]
    fn each_table_is_read_in_the_order_of_its_key() {
        let (_folder, source) = source();
        for table in TABLES {
            let after: Vec<Bind> = table.key.iter().map(|_| Bind::Integer(0)).collect();
            for tenant_id in [None, Some("t")] {
                source.count(table, tenant_id).unwrap();
                source.rows(table, tenant_id, None, 1).unwrap();
                source.rows(table, tenant_id, Some(&after), 1).unwrap();
            }
            source.last_pk(table).unwrap();
        }
    }
}
