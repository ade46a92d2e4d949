//! What is remembered, in the words of the domain. Names no database driver.
//!
//! Read in this order: [`Store`], the interface that each backend implements; [`Row`] and [`Page`],
//! what it answers; [`Error`], why it may not. Then, for those who write a backend: [`table`] and
//! [`relation`], where things are kept; [`query`], a checked query to SQL.

pub mod audit;
pub mod console;
pub mod copy;
mod error;
pub mod issuer;
pub mod outcome;
pub mod preview;
pub mod query;
pub mod relation;
mod store;
pub mod subscription;
pub mod table;

pub use error::Error;
pub use runstate_graph::row::{Expanded, Page, Row};
pub use store::{
    AnyStore, AssignedScripts, Change, Changes, NewEntity, PayloadLink, Precondition, Store,
};
