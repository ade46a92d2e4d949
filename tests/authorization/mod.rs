//! Who may do what: every path of the schema, every method, every kind of caller.

mod matrix;
mod members;
mod reach;
mod service;
pub(crate) mod surface;
pub(crate) mod table;
