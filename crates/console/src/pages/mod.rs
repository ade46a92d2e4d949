//! The pages, one file for each topic.

pub(crate) mod overview;
pub(crate) mod scripts;
