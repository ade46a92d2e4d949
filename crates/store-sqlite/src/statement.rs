//! A compiled statement run: values in, cells out.

use runstate_store::{
    Error,
    query::{Bind, Decoded, Statement},
};
use rusqlite::{
    Connection, ToSql,
    types::{ToSqlOutput, ValueRef},
};

use crate::error::{internal, store_error};

/// All rows of the answer, as cells.
pub(crate) fn cells(
    connection: &Connection,
    statement: &Statement,
) -> Result<Vec<Vec<Bind>>, Error> {
    let run = || {
        let mut prepared = connection.prepare_cached(&statement.sql)?;
        let width = prepared.column_count();
        let binds = rusqlite::params_from_iter(statement.binds.iter().map(Bound));
        let mut rows = prepared.query(binds)?;
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

/// All rows of the answer, as entities.
pub(crate) fn rows(connection: &Connection, statement: &Statement) -> Result<Vec<Decoded>, Error> {
    cells(connection, statement)?
        .into_iter()
        .map(|cells| statement.row(cells))
        .collect()
}

/// The first row of the answer, as an entity.
pub(crate) fn row(
    connection: &Connection,
    statement: &Statement,
) -> Result<Option<Decoded>, Error> {
    let cells = cells(connection, statement)?;
    let first = cells.into_iter().next();
    first.map(|cells| statement.row(cells)).transpose()
}

/// The number in the answer's first cell; none where there is no row.
pub(crate) fn number(connection: &Connection, statement: &Statement) -> Result<Option<i64>, Error> {
    match cells(connection, statement)?
        .first()
        .map(|cells| cells.first())
    {
        None => Ok(None),
        Some(Some(Bind::Integer(number))) => Ok(Some(*number)),
        Some(_) => Err(internal("a statement for a number answered something else")),
    }
}

/// A value on its way to a placeholder.
struct Bound<'a>(&'a Bind);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Bind::Null => ValueRef::Null,
            Bind::Integer(number) => ValueRef::Integer(*number),
            Bind::Text(text) => ValueRef::Text(text.as_bytes()),
            Bind::Blob(bytes) => ValueRef::Blob(bytes),
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
