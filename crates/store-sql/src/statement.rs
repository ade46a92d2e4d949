//! A compiled statement run: values in, entities out.

use runstate_store::{
    Error,
    query::{Bind, Decoded, Statement},
};

use crate::{BindRef, Cells, Database, cells::CellsExt as _, error::internal};

/// All rows of the answer, as cells.
pub fn cells(database: &dyn Database, statement: &Statement) -> Result<Vec<Cells>, Error> {
    database.query(&statement.sql, &binds(statement))
}

/// Runs a statement that answers nothing.
pub(crate) fn execute(database: &dyn Database, statement: &Statement) -> Result<(), Error> {
    database.execute(&statement.sql, &binds(statement))?;
    Ok(())
}

fn binds(statement: &Statement) -> Vec<BindRef<'_>> {
    statement.binds.iter().map(BindRef::from).collect()
}

/// All rows of the answer, as entities.
pub fn rows(database: &dyn Database, statement: &Statement) -> Result<Vec<Decoded>, Error> {
    cells(database, statement)?
        .into_iter()
        .map(|cells| statement.row(cells))
        .collect()
}

/// The first row of the answer, as an entity.
pub(crate) fn row(
    database: &dyn Database,
    statement: &Statement,
) -> Result<Option<Decoded>, Error> {
    let cells = cells(database, statement)?;
    let first = cells.into_iter().next();
    first.map(|cells| statement.row(cells)).transpose()
}

/// The numbers in the first cells of all rows.
pub(crate) fn integers(database: &dyn Database, statement: &Statement) -> Result<Vec<i64>, Error> {
    database.rows(&statement.sql, &binds(statement), |cells| cells.integer(0))
}

/// The number in the answer's first cell; none where there is no row.
pub(crate) fn number(database: &dyn Database, statement: &Statement) -> Result<Option<i64>, Error> {
    match cells(database, statement)?
        .first()
        .map(|cells| cells.first())
    {
        None => Ok(None),
        Some(Some(Bind::Integer(number))) => Ok(Some(*number)),
        Some(_) => Err(internal("a statement for a number answered something else")),
    }
}
