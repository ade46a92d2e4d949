//! The rows of another store, copied into this database.
//!
//! Each piece is a transaction with the note how far the copy has come, so a copy that was interrupted
//! goes on where it stood, and no row comes twice.

use std::collections::HashMap;

use deadpool_postgres::{Object, Pool};
use futures_util::pin_mut;
use runstate_store::{
    Error,
    copy::{CopiedTable, Owned, Side, TABLES},
    query::Bind,
};
use runstate_store_sql::BindRef;
use tokio_postgres::{binary_copy::BinaryCopyInWriter, types::ToSql};

use crate::{
    OpenError,
    connection::Address,
    database::{Value, cells, numbered},
    error::{internal, store_error},
    migration,
};

/// One copy into a database at a time; the letters `Runscopy`.
const LOCK: &str = "SELECT pg_try_advisory_lock(x'52756e73636f7079'::bigint)";

/// Why a copy cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Another copy is at work.
    #[error("another copy into this database is under way")]
    UnderWay,
    /// What is to be copied is there already, from elsewhere.
    #[error(
        "the table {table} of the destination has rows already that this copy has not made: copy into \
         an empty database, or one tenant that is not there yet with --tenant"
    )]
    NotEmpty {
        /// The first table with such rows.
        table: &'static str,
    },
    /// The two do not have the same columns.
    #[error("the table {table} is not the same in both: upgrade both to the same release first")]
    Columns {
        /// The table.
        table: &'static str,
    },
    /// The database does not take it.
    #[error(transparent)]
    Store(#[from] Error),
}

/// A database that another store is copied into.
pub struct Destination {
    client: Object,
    source: [u8; 32],
    /// Empty: all of them.
    tenant_id: String,
    tables: HashMap<&'static str, Progress>,
    // Closes the connection when dropped.
    _pool: Pool,
}

/// How far one table is.
#[derive(Debug, Clone, Default)]
struct Progress {
    offset: i64,
    last_key: Option<Vec<Bind>>,
    rows: u64,
}

impl Destination {
    /// Opens the database at the URL, brings its schema to the newest version, and makes it ready for a
    /// copy of the store that `source` tells from all others, or of one tenant of it. `last_pks` are the
    /// greatest row ids in the source, by table.
    ///
    /// # Errors
    ///
    /// [`CopyError`].
    pub async fn open(
        url: &str,
        source: [u8; 32],
        tenant_id: Option<&str>,
        last_pks: &HashMap<&'static str, i64>,
    ) -> Result<Self, CopyError> {
        let pool = Address::of(url)?.pool(1, migration::NO_HURRY)?;
        let mut client = pool.get().await.map_err(OpenError::from)?;
        migration::migrate(&mut client).await?;
        let locked = client.query_one(LOCK, &[]).await.map_err(said)?;
        if !locked.try_get::<_, bool>(0).map_err(said)? {
            return Err(CopyError::UnderWay);
        }
        let mut destination = Self {
            client,
            source,
            tenant_id: tenant_id.unwrap_or_default().to_owned(),
            tables: HashMap::new(),
            _pool: pool,
        };
        destination.tables = destination.progress().await?;
        if destination.tables.is_empty() {
            destination.refuse_rows().await?;
        }
        destination.reserve(last_pks).await?;
        Ok(destination)
    }

    /// The key of the last row of a table that is copied already, and how many are.
    pub fn copied(&self, table: &CopiedTable) -> (Option<&[Bind]>, u64) {
        match self.tables.get(table.name) {
            Some(progress) => (progress.last_key.as_deref(), progress.rows),
            None => (None, 0),
        }
    }

    /// By how much the row ids in each of these columns of a table are greater here.
    pub fn offsets(&self, table: &CopiedTable, columns: &[String]) -> Vec<i64> {
        let offset = |column: &String| {
            let other = table.refers_to(column)?;
            Some(self.tables.get(other)?.offset)
        };
        let offsets = columns.iter().map(offset);
        offsets.map(Option::unwrap_or_default).collect()
    }

    /// Appends rows, whose ids are as they are to be here; `last_key` is the source's key of the last.
    ///
    /// # Errors
    ///
    /// [`CopyError`], and then none of them is there.
    pub async fn append(
        &mut self,
        table: &'static CopiedTable,
        columns: &[String],
        rows: &[Vec<Bind>],
        last_key: Vec<Bind>,
    ) -> Result<(), CopyError> {
        let transaction = self.client.transaction().await.map_err(said)?;
        let columns = columns.join(", ");
        let select = format!("SELECT {columns} FROM {} LIMIT 0", table.name);
        let there = transaction.prepare_cached(&select).await.map_err(said)?;
        let types: Vec<_> = there.columns().iter().map(|c| c.type_().clone()).collect();
        let copy = format!("COPY {} ({columns}) FROM STDIN BINARY", table.name);
        let sink = transaction.copy_in(&copy).await.map_err(said)?;
        let writer = BinaryCopyInWriter::new(sink, &types);
        pin_mut!(writer);
        for row in rows {
            let row: Vec<Value<'_>> = row.iter().map(|cell| Value(cell.into())).collect();
            let row: Vec<&(dyn ToSql + Sync)> = row.iter().map(|cell| cell as _).collect();
            writer.as_mut().write(&row).await.map_err(said)?;
        }
        writer.finish().await.map_err(said)?;
        let progress = self.tables.entry(table.name).or_default();
        let rows = progress.rows + u64::try_from(rows.len()).unwrap_or(0);
        let note = "UPDATE copied_table SET last_key = $4, row_count = $5 \
             WHERE source = $1 AND tenant_id = $2 AND name = $3";
        let (source, key) = (self.source.as_slice(), written(&last_key));
        let count = i64::try_from(rows).unwrap_or(i64::MAX);
        let values: [&(dyn ToSql + Sync); 5] =
            [&source, &self.tenant_id, &table.name, &key, &count];
        if transaction.execute(note, &values).await.map_err(said)? != 1 {
            return Err(internal("no note of the copy is there to be changed").into());
        }
        transaction.commit().await.map_err(said)?;
        *progress = Progress {
            offset: progress.offset,
            last_key: Some(last_key),
            rows,
        };
        Ok(())
    }

    /// The next rows behind the key `after` ([`CopiedTable::key_there`]) of those that the copy has made, in the order of the key: at
    /// most `limit`. Of what is nobody's, those of others too, where everything is copied.
    ///
    /// # Errors
    ///
    /// [`CopyError::Store`].
    pub async fn rows(
        &self,
        table: &CopiedTable,
        columns: &[String],
        after: Option<&[Bind]>,
        limit: u32,
    ) -> Result<Vec<Vec<Bind>>, CopyError> {
        let Some((sql, values)) =
            table.page(Side::Destination, columns, self.tenant(), after, limit)
        else {
            return Ok(Vec::new());
        };
        let sql = numbered(&sql);
        let values: Vec<Value<'_>> = values
            .iter()
            .map(|value| Value(BindRef::from(value)))
            .collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let statement = self.client.prepare_cached(&sql).await.map_err(said)?;
        let rows = self.client.query(&statement, &values).await.map_err(said)?;
        let rows: Result<Vec<_>, _> = rows.iter().map(cells).collect();
        rows.map_err(said)
    }

    /// Has PostgreSQL count what the tables hold now, by which it plans.
    ///
    /// # Errors
    ///
    /// [`CopyError::Store`].
    pub async fn analyze(&self) -> Result<(), CopyError> {
        for table in TABLES {
            let analyze = format!("ANALYZE {}", table.name);
            self.client.batch_execute(&analyze).await.map_err(said)?;
        }
        Ok(())
    }

    /// The one tenant that is copied, where it is one.
    fn tenant(&self) -> Option<&str> {
        Some(&*self.tenant_id).filter(|id| !id.is_empty())
    }

    async fn progress(&self) -> Result<HashMap<&'static str, Progress>, CopyError> {
        let sql = "SELECT name, pk_offset, last_key, row_count FROM copied_table \
             WHERE source = $1 AND tenant_id = $2";
        let values: [&(dyn ToSql + Sync); 2] = [&self.source.as_slice(), &self.tenant_id];
        let mut tables = HashMap::new();
        for row in self.client.query(sql, &values).await.map_err(said)? {
            let name: &str = row.try_get(0).map_err(said)?;
            let last_key: Option<String> = row.try_get(2).map_err(said)?;
            let unreadable = || internal("the note of a copy cannot be read");
            let last_key = last_key
                .map(|key| read(&key).ok_or_else(unreadable))
                .transpose()?;
            let rows: i64 = row.try_get(3).map_err(said)?;
            let Some(table) = TABLES.iter().find(|table| table.name == name) else {
                continue;
            };
            let progress = Progress {
                offset: row.try_get(1).map_err(said)?,
                last_key,
                rows: u64::try_from(rows).unwrap_or(0),
            };
            tables.insert(table.name, progress);
        }
        Ok(tables)
    }

    /// Refuses to begin where there are rows already of what is to be copied.
    async fn refuse_rows(&self) -> Result<(), CopyError> {
        for table in TABLES {
            // A server that was started once has made itself a key.
            if matches!(table.owner, Owned::ByNobody) {
                continue;
            }
            if !self
                .rows(table, &["1".to_owned()], None, 1)
                .await?
                .is_empty()
            {
                return Err(CopyError::NotEmpty { table: table.name });
            }
        }
        Ok(())
    }

    /// Sets row ids aside for all rows of the source, so that servers at work meanwhile give none of them
    /// away, and notes by how much they are greater here.
    async fn reserve(&mut self, last_pks: &HashMap<&'static str, i64>) -> Result<(), CopyError> {
        let transaction = self.client.transaction().await.map_err(said)?;
        for table in TABLES {
            let last = last_pks.get(table.name).copied().unwrap_or(0);
            let known = self.tables.get(table.name).map(|progress| progress.offset);
            let offset = match known {
                _ if !table.has_pk() => 0,
                Some(offset) => {
                    let sql = "SELECT setval(pg_get_serial_sequence($1, 'pk'), greatest(nextval(\
                         pg_get_serial_sequence($1, 'pk')), $2))";
                    let end = (offset + last).max(1);
                    transaction
                        .execute(sql, &[&table.name, &end])
                        .await
                        .map_err(said)?;
                    offset
                }
                None => {
                    // What nextval gives is the first id that nobody else has; ours begin behind it.
                    let sql = "SELECT nextval(pg_get_serial_sequence($1, 'pk')) - 1";
                    let row = transaction
                        .query_one(sql, &[&table.name])
                        .await
                        .map_err(said)?;
                    let offset: i64 = row.try_get(0).map_err(said)?;
                    let sql = "SELECT setval(pg_get_serial_sequence($1, 'pk'), $2)";
                    let end = (offset + last).max(1);
                    transaction
                        .execute(sql, &[&table.name, &end])
                        .await
                        .map_err(said)?;
                    offset
                }
            };
            let sql = "INSERT INTO copied_table (source, tenant_id, name, pk_offset, row_count) \
                 VALUES ($1, $2, $3, $4, 0) ON CONFLICT DO NOTHING";
            let source = self.source.as_slice();
            let values: [&(dyn ToSql + Sync); 4] = [&source, &self.tenant_id, &table.name, &offset];
            transaction.execute(sql, &values).await.map_err(said)?;
            self.tables.entry(table.name).or_default().offset = offset;
        }
        transaction.commit().await.map_err(said)?;
        Ok(())
    }
}

fn said(error: tokio_postgres::Error) -> CopyError {
    CopyError::Store(store_error(&error))
}

/// A key as JSON: numbers and texts as they are, bytes as an array of numbers.
fn written(key: &[Bind]) -> String {
    let cell = |cell: &Bind| match cell {
        Bind::Null => serde_json::Value::Null,
        Bind::Integer(number) => (*number).into(),
        Bind::Text(text) => text.as_str().into(),
        Bind::Blob(bytes) => bytes.as_slice().into(),
    };
    serde_json::Value::Array(key.iter().map(cell).collect()).to_string()
}

fn read(key: &str) -> Option<Vec<Bind>> {
    let cells: Vec<serde_json::Value> = serde_json::from_str(key).ok()?;
    let byte = |byte: &serde_json::Value| u8::try_from(byte.as_u64()?).ok();
    let cell = |cell: &serde_json::Value| match cell {
        serde_json::Value::Number(number) => number.as_i64().map(Bind::Integer),
        serde_json::Value::String(text) => Some(Bind::Text(text.clone())),
        serde_json::Value::Array(bytes) => bytes
            .iter()
            .map(byte)
            .collect::<Option<_>>()
            .map(Bind::Blob),
        _ => None,
    };
    cells.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_noted_is_the_same() {
        let key = vec![
            Bind::Integer(i64::MAX),
            Bind::Text("a \"text\"".to_owned()),
            Bind::Blob(vec![0, 255]),
        ];
        assert_eq!(read(&written(&key)), Some(key));
        assert_eq!(read("[1.5]"), None);
    }
}
