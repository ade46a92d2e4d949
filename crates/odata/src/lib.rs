//! The OData 4.01 query language and the Entity Data Model, free of any domain.
//!
//! Knows no entity, no HTTP and no SQL, and does no I/O. Read in this order:
//!
//! 1. [`edm`]: what a schema is (types, properties, navigation) and what a value is;
//! 2. [`grammar`]: text to syntax tree, one function per production of the OData ABNF;
//! 3. [`check`]: syntax tree and schema to a [`check::Query`], whose every name exists and whose
//!    every comparison has operands of one type;
//! 4. [`csdl`]: a schema written as `$metadata`.

pub mod check;
pub mod csdl;
pub mod edm;
mod error;
pub mod grammar;
#[cfg(test)]
mod tests;

pub use error::{Error, ErrorKind};
