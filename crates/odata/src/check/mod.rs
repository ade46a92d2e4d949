//! Syntax tree and schema to a query whose every name exists: the only place that says a name does
//! not.
//!
//! Names in options and paths are matched exactly first, then without regard to case where only one
//! name fits, as Microsoft Graph does. Members of enumerations are always matched exactly.

mod filter;
mod function;
mod literal;
mod member;
mod names;
mod options;
mod path;
mod query;
mod resource;

pub use filter::MAX_QUANTIFIER_DEPTH;
pub use member::MAX_NAVIGATION;
pub use options::{MAX_EXPAND_DEPTH, count_query, entity_query, query};
pub use path::{PathStep, ResourcePath, Tail};
pub use query::{
    CompareOp, Expand, Member, Order, Predicate, Quantified, Query, Scalar, Select, Step, Variable,
};
pub use resource::path;
