//! Text to syntax tree. Every production of the OData ABNF that is served has one function, named as
//! the ABNF names it; what the tree says is written back by its `Display`.

pub mod ast;
