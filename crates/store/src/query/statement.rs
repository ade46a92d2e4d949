//! A statement ready to run, and how a row of its answer is read.

use std::fmt;

use runstate_odata::edm::{Record, StructuredType, Value};

use super::cells;
use crate::{Error, Row, table::Field};

/// Whose SQL is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.39 or later, with the functions of [`super::functions`] registered.
    Sqlite,
    /// PostgreSQL 14 or later, with ICU.
    Postgres,
}

/// A value that is bound to a placeholder, or that a cell of an answer holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bind {
    /// No value.
    Null,
    /// `INTEGER`, `bigint`.
    Integer(i64),
    /// `TEXT`, `text`.
    Text(String),
    /// `BLOB`, `bytea`.
    Blob(Vec<u8>),
}

/// SQL text and the values of its placeholders, `?1` … in SQLite, `$1` … in PostgreSQL. The text
/// depends only on the shape of the query, so that prepared statements can be kept by it.
#[derive(Clone)]
pub struct Statement {
    /// The text.
    pub sql: String,
    /// What is bound: the first to `?1` or `$1`, and so on.
    pub binds: Vec<Bind>,
    pub(super) plan: Plan,
}

/// What the cells of a row mean: the parent's `pk` (in an expansion), `pk`, `version`, `kind` (of
/// the directory's view), the keyset, and then the columns of each field.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) ty: &'static StructuredType,
    pub(super) has_parent: bool,
    pub(super) has_kind: bool,
    /// How many cells the keyset has.
    pub(super) keyset: usize,
    /// Whether the last of these is `id`, which stands behind them otherwise.
    pub(super) ends_with_id: bool,
    pub(super) fields: Vec<Cells>,
}

/// The cells of one property.
#[derive(Clone)]
pub(super) struct Cells {
    pub(super) field: &'static Field,
    /// Where the property is among those of the type that it was selected from.
    pub(super) position: usize,
    /// The only type that has the property, where rows are of several; of others they are null.
    pub(super) kind: Option<&'static StructuredType>,
}

/// A row of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The entity. `id` is always there, whatever was selected; nothing is expanded yet.
    pub row: Row,
    /// Its row id.
    pub pk: i64,
    /// The values of its sort keys and its `id` or `pk`: where the next page goes on.
    pub keyset: Vec<Bind>,
    /// In an expansion: the row id of the parent.
    pub parent: Option<i64>,
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("sql", &self.sql)
            .field("binds", &self.binds)
            .finish_non_exhaustive()
    }
}

impl Statement {
    /// Reads a row of the answer of a statement that reads entities.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where the cells are not what the statement asked for.
    pub fn row(&self, row: Vec<Bind>) -> Result<Decoded, Error> {
        let plan = &self.plan;
        let mut cells = row.into_iter();
        let parent = if plan.has_parent {
            Some(cells::integer(cells.next())?)
        } else {
            None
        };
        let pk = cells::integer(cells.next())?;
        let version = cells::integer(cells.next())?;
        let ty = if plan.has_kind {
            let kind = cells::text(cells.next())?;
            plan.ty
                .self_or_derived(&kind)
                .ok_or_else(|| cells::unreadable(&kind))?
        } else {
            plan.ty
        };
        let keyset: Vec<Bind> = cells.by_ref().take(plan.keyset).collect();
        let mut record = Record {
            ty,
            values: vec![Value::Null; ty.properties.len()],
        };
        let id = match plan.ends_with_id {
            true => cells::text(keyset.last().cloned())?,
            false => cells::text(cells.next())?,
        };
        record.set("id", Value::String(id));
        for Cells {
            field,
            kind,
            position,
        } in &plan.fields
        {
            if kind.is_some_and(|kind| kind != ty) {
                cells::skip(field, 0, &mut cells);
                continue;
            }
            let value = cells::value(field, &mut cells)?;
            // Whatever is not of several types is where the plan says.
            let is_there = ty
                .properties
                .get(*position)
                .is_some_and(|property| std::ptr::eq(*property, field.property));
            match record.values.get_mut(*position).filter(|_| is_there) {
                Some(slot) => *slot = value,
                None => {
                    record.set(field.property.name, value);
                }
            }
        }
        let row = Row {
            record,
            version,
            expanded: Vec::new(),
        };
        Ok(Decoded {
            row,
            pk,
            keyset,
            parent,
        })
    }
}
