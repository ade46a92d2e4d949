//! JSON in and out, by the descriptions in [`crate::entity`].
//!
//! [`Json`] is a body as it came, with nothing lost and nothing twice; [`read`] makes an entity or
//! changes of it, and [`link`] an id of a link; [`mod@write`] writes answers.

pub mod link;
pub mod read;
mod tree;
pub mod url;
pub mod write;

pub use tree::{Json, without_mark};
