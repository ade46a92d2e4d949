//! `POST` to the collections of the family.

mod assignment;
mod directory;
mod run_state;
mod script;
