//! Statements that write an entity, so that its columns derive from its description in one place.

use runstate_odata::edm::{Property, Record, StructuredType, Value};

use super::{Bind, Dialect, Statement, Viewer, cells, compiler::Compiler, fault, statement::Plan};
use crate::{
    Changes, Error,
    table::{self, Table},
};

/// A new row at version 1, with the scope's columns as given, every other column from the record;
/// answers one cell, the `pk`.
///
/// # Errors
///
/// [`Error::Invalid`] where a property that is never null is null.
pub fn insert(
    dialect: Dialect,
    table: &'static Table,
    scope: &[(&'static str, Bind)],
    record: &Record,
) -> Result<Statement, Error> {
    let mut compiler = compiler(dialect);
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    let mut set = |column: &str, bind: Bind| {
        columns.push(column.to_owned());
        values.push(compiler.bind(bind));
    };
    set("version", Bind::Integer(1));
    for (column, bind) in scope {
        set(column, bind.clone());
    }
    for (property, value) in record.ty.properties.iter().zip(&record.values) {
        // What is not stored has no column.
        let Some(field) = table.field(property.name) else {
            continue;
        };
        refuse_null(property, value)?;
        for (column, bind) in field.all_columns().zip(cells::binds(field, value)?) {
            set(&column.name, bind);
        }
    }
    Ok(Statement {
        sql: format!(
            "INSERT INTO {} ({}) VALUES ({}) RETURNING pk",
            table.name,
            columns.join(", "),
            values.join(", ")
        ),
        binds: compiler.into_binds(),
        plan: Plan::raw(record.ty),
    })
}

/// New values in the row with that `pk`, whose version grows by one; answers one cell, the new
/// version, or no row where there is none such.
///
/// # Errors
///
/// [`Error::Invalid`] where a property that is never null is null.
pub fn update(
    dialect: Dialect,
    ty: &'static StructuredType,
    pk: i64,
    changes: &Changes,
) -> Result<Statement, Error> {
    let table = table::of(ty).ok_or_else(|| fault("a type that is not stored"))?;
    let mut compiler = compiler(dialect);
    let mut settings = vec!["version = version + 1".to_owned()];
    for (position, value) in changes {
        let property = ty.properties.get(*position);
        let field = property.and_then(|property| table.field(property.name));
        let field = field.ok_or_else(|| fault("a change of no property"))?;
        refuse_null(field.property, value)?;
        for (column, bind) in field.all_columns().zip(cells::binds(field, value)?) {
            settings.push(format!("{} = {}", column.name, compiler.bind(bind)));
        }
    }
    let pk = compiler.bind(Bind::Integer(pk));
    Ok(Statement {
        sql: format!(
            "UPDATE {} SET {} WHERE pk = {pk} RETURNING version",
            table.name,
            settings.join(", ")
        ),
        binds: compiler.into_binds(),
        plan: Plan::raw(ty),
    })
}

/// Writes go to rows that were found for the viewer before, so no viewer is looked at here.
fn compiler(dialect: Dialect) -> Compiler<'static> {
    let viewer = Viewer {
        tenant_id: "",
        device_id: None,
    };
    Compiler::new(dialect, viewer)
}

fn refuse_null(property: &Property, value: &Value) -> Result<(), Error> {
    if value.is_null() && !property.nullable {
        let message = format!("'{}' must not be null", property.name);
        return Err(Error::Invalid { message });
    }
    Ok(())
}
