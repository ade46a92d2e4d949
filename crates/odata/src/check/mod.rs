//! Syntax tree and schema to a query whose every name exists: the only place that says a name does
//! not.

mod path;
mod query;

pub use path::{PathStep, ResourcePath, Tail};
pub use query::{
    CompareOp, Expand, Member, Order, Predicate, Quantified, Query, Scalar, Select, Step, Variable,
};
