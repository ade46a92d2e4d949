//! A connection as the shared statements see it: values in, cells out.

use runstate_store::{
    Error,
    query::{Bind, Dialect},
};
use runstate_store_sql::{BindRef, Cells, Database};
use rusqlite::{
    Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use crate::error::{internal, store_error};

/// A connection lent to a piece of work.
pub(crate) struct SqliteDatabase<'a>(pub(crate) &'a Connection);

impl Database for SqliteDatabase<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&self, sql: &str, binds: &[BindRef<'_>]) -> Result<Vec<Cells>, Error> {
        let run = || {
            let mut prepared = self.0.prepare_cached(sql)?;
            let width = prepared.column_count();
            let mut rows = prepared.query(params_from_iter(binds.iter().map(Bound)))?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let mut cells = Vec::with_capacity(width);
                for at in 0..width {
                    match cell(row.get_ref(at)?) {
                        Ok(cell) => cells.push(cell),
                        Err(error) => return Ok(Err(error)),
                    }
                }
                all.push(cells);
            }
            Ok(Ok(all))
        };
        run().map_err(store_error)?
    }

    fn execute(&self, sql: &str, binds: &[BindRef<'_>]) -> Result<u64, Error> {
        let run = || {
            let mut prepared = self.0.prepare_cached(sql)?;
            prepared.execute(params_from_iter(binds.iter().map(Bound)))
        };
        let changed = run().map_err(store_error)?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }
}

/// A value on its way to a placeholder.
struct Bound<'a>(&'a BindRef<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self.0 {
            BindRef::Null => ValueRef::Null,
            BindRef::Integer(number) => ValueRef::Integer(number),
            BindRef::Text(text) => ValueRef::Text(text.as_bytes()),
            BindRef::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn cell(value: ValueRef<'_>) -> Result<Bind, Error> {
    match value {
        ValueRef::Null => Ok(Bind::Null),
        ValueRef::Integer(number) => Ok(Bind::Integer(number)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Bind::Text(text.to_owned())),
            Err(error) => Err(internal(format!("a text that is not UTF-8: {error}"))),
        },
        ValueRef::Blob(bytes) => Ok(Bind::Blob(bytes.to_vec())),
        ValueRef::Real(_) => Err(internal("a floating-point number, which no column holds")),
    }
}
