//! Who may do what: every path of the schema, every method, every kind of caller.

mod matrix;
pub(crate) mod surface;
mod table;
