//! The store in one SQLite file.

pub mod issuer;
