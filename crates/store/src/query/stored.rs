//! A row as it is stored, for whoever has to hold it against what it should be.

use runstate_odata::edm::{Record, StructuredType};

use super::{Bind, cells};
use crate::{Error, table::Table};

/// The names of the columns that hold the properties of a table's entities, in the order of
/// [`binds`]; the first is `id`.
pub fn columns(table: &Table) -> Vec<&str> {
    let columns = table.fields.iter().flat_map(|field| field.all_columns());
    columns.map(|column| column.name.as_str()).collect()
}

/// What is stored in these columns for an entity.
///
/// # Errors
///
/// [`Error::Internal`] where a value does not fit its property.
pub fn binds(table: &Table, record: &Record) -> Result<Vec<Bind>, Error> {
    let mut all = Vec::new();
    for field in &table.fields {
        all.extend(cells::binds(field, record.get(field.property.name))?);
    }
    Ok(all)
}

/// The entity that these cells hold, in the order of [`columns`].
///
/// # Errors
///
/// [`Error::Internal`] where they hold none.
pub fn record(
    table: &Table,
    ty: &'static StructuredType,
    cells: Vec<Bind>,
) -> Result<Record, Error> {
    let mut cells = cells.into_iter();
    let mut record = Record::new(ty);
    for field in &table.fields {
        let value = cells::value(field, &mut cells)?;
        record.set(field.property.name, value);
    }
    Ok(record)
}
