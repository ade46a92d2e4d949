//! Text to syntax tree. Every production of the OData ABNF that is served has one function, named as
//! the ABNF names it; what the tree says is written back by its `Display`.
//!
//! The parsers are plain recursive descent over one cursor (`cursor.rs`), which counts columns, depth
//! and nodes, so that no text can exhaust the stack or the memory. They are more lenient than the
//! ABNF in two ways that every client relies on: keywords, operators and functions are matched
//! without regard to case, and blanks are only needed where two words would run together.

pub mod ast;
mod cursor;
pub mod expand;
pub mod filter;
mod literal;
pub mod options;
pub mod orderby;
pub mod path;
mod percent;
mod print;
pub mod search;
pub mod select;

pub use cursor::{MAX_DEPTH, MAX_NODES};
