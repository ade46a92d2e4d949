//! A checked query to SQL, for both dialects, in one place.
//!
//! Everything is pushed down: filter, search, order, continuation, selection, expansion, counts.
//! Values are bound; no text of a client is ever part of the SQL. Every statement names the tenant
//! or an owner whose tenant is known.
//!
//! Read in this order: `read` and `write`, the statements; `predicate`, `scalar` and `member`, a
//! filter; `order`, sorting and continuation; `compiler`, what they share; `statement`, how an
//! answer is read.

mod cells;
mod compiler;
pub mod functions;
mod member;
mod order;
mod predicate;
mod read;
mod scalar;
pub mod skip_token;
mod statement;
pub mod stored;
mod write;

use runstate_odata::edm::{NavigationProperty, StructuredType};

pub use read::{count, expand, expand_count, fingerprint, get, key, keys, list};
pub use statement::{Bind, Decoded, Dialect, Statement};
pub use write::{insert, update};

use crate::Error;

/// How many keys an order may have: the condition that goes on behind them nests as deep, and SQLite
/// bounds the depth of an expression (`SQLITE_MAX_EXPR_DEPTH`, 1000).
pub const MAX_SORT_KEYS: usize = 16;

/// How many bytes the values of an order's keys may have together, without `id`. Base64 makes them
/// 32 KiB of a link, half of what the HTTP server takes of a URL (`http::Uri`, 65,534 bytes); the
/// other half is for the path and the options. Five names of 1024 characters fit.
pub const MAX_KEYSET_BYTES: usize = 24 * 1024;

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

/// More than a statement can bear: the client's fault, in a sentence for the client.
fn too_much(message: String) -> Error {
    Error::Invalid { message }
}

/// Something that a checked query or a well-formed record cannot lead to.
fn fault(detail: &str) -> Error {
    Error::Internal {
        detail: detail.to_owned(),
    }
}
