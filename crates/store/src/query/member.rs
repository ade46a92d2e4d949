//! A path from a row to the SQL of the value at its end.

use runstate_odata::{
    check::{Member, Step, Variable},
    edm::StructuredType,
};

use super::{
    compiler::{Compiler, Holds, Source},
    fault,
};
use crate::{Error, table::Field};

/// Where a path has led to.
pub(super) enum Place {
    /// A row.
    Row(Source),
    /// A property of a row, perhaps one inside a complex property of it.
    Property {
        row: Source,
        field: &'static Field,
        /// Of a complex property: the only type whose values count.
        cast: Option<&'static StructuredType>,
        /// What a part of a complex property is read under: only where this holds.
        guard: Option<String>,
    },
    /// An item of a collection of primitive values.
    Item(String),
}

impl Compiler<'_> {
    /// The value at the end of a path: SQL that is null where the path leads nowhere.
    pub(super) fn member(&mut self, member: &Member) -> Result<String, Error> {
        match self.walk(member.root, &member.steps)? {
            Place::Item(sql) => Ok(sql),
            Place::Property {
                row, field, guard, ..
            } if !field.property.collection => {
                let column = field.columns.first();
                let column = column.ok_or_else(|| fault("a property without a column"))?;
                let column = row.column(&column.name);
                Ok(match guard {
                    Some(guard) => format!("CASE WHEN {guard} THEN {column} END"),
                    None => column,
                })
            }
            _ => Err(fault("a path to many values, or to a row")),
        }
    }

    /// Follows the steps.
    pub(super) fn walk(&mut self, root: Variable, steps: &[Step]) -> Result<Place, Error> {
        let mut place = match self.variable(root)? {
            Holds::Row(from) => Place::Row(from.row.clone()),
            Holds::Item(sql) => Place::Item(sql.clone()),
        };
        for step in steps {
            place = match (place, step) {
                (Place::Row(row), Step::Property(property)) => {
                    let field = row.table.field(property.name);
                    Place::Property {
                        field: field.ok_or_else(|| fault("a property without a column"))?,
                        row,
                        cast: None,
                        guard: None,
                    }
                }
                (Place::Row(row), _) => Place::Row(self.follow(root, &row, step)?),
                (Place::Property { row, field, .. }, Step::Cast(ty)) => Place::Property {
                    row,
                    field,
                    cast: Some(ty),
                    guard: None,
                },
                (
                    Place::Property {
                        row, field, cast, ..
                    },
                    Step::Property(property),
                ) => {
                    let mut parts = field.parts.iter();
                    let part = parts.find(|part| part.property.name == property.name);
                    Place::Property {
                        guard: cast.map(|ty| is_one_of(&row, field, ty)).transpose()?,
                        field: part.ok_or_else(|| fault("a property without a column"))?,
                        row,
                        cast: None,
                    }
                }
                _ => return Err(fault("a path goes on behind a primitive value")),
            };
        }
        Ok(place)
    }
}

/// Whether a complex value is of the type or of one that derives from it.
fn is_one_of(row: &Source, field: &Field, ty: &StructuredType) -> Result<String, Error> {
    let column = field.columns.first();
    let column = column.ok_or_else(|| fault("a complex property without a column"))?;
    let names: Vec<String> = std::iter::once(ty.name)
        .chain(ty.derived.iter().map(|derived| derived.name))
        .map(|name| format!("'{name}'"))
        .collect();
    Ok(format!(
        "{} IN ({})",
        row.column(&column.name),
        names.join(", ")
    ))
}
