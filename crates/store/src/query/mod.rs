//! A checked query to SQL, for both dialects, in one place.
//!
//! Everything is pushed down: filter, search, order, continuation, selection, expansion, counts.
//! Values are bound; no text of a client is ever part of the SQL. Every statement names the tenant
//! or an owner whose tenant is known.

mod cells;
pub mod functions;
pub mod skip_token;
mod statement;

use runstate_odata::{
    check::{Expand, Query},
    edm::{NavigationProperty, Record, StructuredType},
};

pub use statement::{Bind, Decoded, Dialect, Statement};

use crate::{Changes, Error, table::Table};

/// On whose behalf a statement runs, from the permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Viewer<'a> {
    /// The tenant, whose rows alone are seen.
    pub tenant_id: &'a str,
    /// Where the caller is a device: only this device's run states are seen, at any depth.
    pub device_id: Option<&'a str>,
}

/// The collection, or the single entity, that a statement is about.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Who looks.
    pub viewer: Viewer<'a>,
    /// The type of the entities.
    pub ty: &'static StructuredType,
    /// Whose they are; none for a collection at the root.
    pub owner: Option<Owner>,
}

/// An entity, found before within the viewer's tenant, and the way from it.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// The entity's type.
    pub source: &'static StructuredType,
    /// The navigation property from it.
    pub navigation: &'static NavigationProperty,
    /// The entity's row id.
    pub pk: i64,
}

/// At most `limit` entities of a collection that pass the query's filter and search, in its order
/// and then by `id` (in the direction of the last sort key), from behind `after`, the keyset of a
/// row of an earlier page, without the first `skip`. The query's own `$top` and `$skip` are the
/// caller's to mind.
///
/// # Errors
///
/// [`Error::Internal`] where the query is not one that a check can have made; so for all here.
pub fn list(
    dialect: Dialect,
    scope: &Scope<'_>,
    query: &Query,
    limit: u32,
    after: Option<&[Bind]>,
    skip: u32,
) -> Result<Statement, Error> {
    todo!()
}

/// How many entities of a collection pass the query's filter and search: one cell.
pub fn count(dialect: Dialect, scope: &Scope<'_>, query: &Query) -> Result<Statement, Error> {
    todo!()
}

/// One entity by its `id`, or without one at the end of a single-valued navigation property. All
/// selected properties are read, those that lists leave out too.
pub fn get(
    dialect: Dialect,
    scope: &Scope<'_>,
    id: Option<&str>,
    query: &Query,
) -> Result<Statement, Error> {
    todo!()
}

/// Three cells of the entity with that `id`: `pk`, `version`, and `device_id` where its table has
/// one, else null.
pub fn key(dialect: Dialect, scope: &Scope<'_>, id: &str) -> Result<Statement, Error> {
    todo!()
}

/// What an expanded navigation property leads to from each of the `parents` (row ids of `source`):
/// at most `limit` rows for each, after the first `skip`, all rows of one parent together and in
/// the order of the expansion's query.
pub fn expand(
    dialect: Dialect,
    viewer: &Viewer<'_>,
    source: &'static StructuredType,
    expand: &Expand,
    parents: &[i64],
    limit: u32,
    skip: u32,
) -> Result<Statement, Error> {
    todo!()
}

/// Two cells for each of the parents that has any: its row id, and how many entities pass the
/// filter and search of the expansion.
pub fn expand_count(
    dialect: Dialect,
    viewer: &Viewer<'_>,
    source: &'static StructuredType,
    expand: &Expand,
    parents: &[i64],
) -> Result<Statement, Error> {
    todo!()
}

/// A new row at version 1, with the scope's columns as given, every other column from the record;
/// answers one cell, the `pk`. For the journal ([`crate::table::run`]): its `seq`.
pub fn insert(
    dialect: Dialect,
    table: &'static Table,
    scope: &[(&'static str, Bind)],
    record: &Record,
) -> Result<Statement, Error> {
    todo!()
}

/// New values in the row with that `pk`, whose version grows by one; answers one cell, the new
/// version, or no row where there is none such.
pub fn update(
    dialect: Dialect,
    ty: &'static StructuredType,
    pk: i64,
    changes: &Changes,
) -> Result<Statement, Error> {
    todo!()
}

/// Something that a checked query or a well-formed record cannot lead to.
fn fault(detail: &str) -> Error {
    Error::Internal {
        detail: detail.to_owned(),
    }
}
