//! The store in one SQLite file and a journal beside it. Knows no HTTP and no other backend; names SQLite nowhere in what it
//! gives out but in [`OpenError`].
//!
//! What any SQL database would do is in `runstate-store-sql`. Read here in this order:
//!
//! 1. `open`: [`open()`], which makes a [`SqliteStore`]; `backend`: what the shared store needs of it;
//! 2. `migration` and `connection`: the file; `migrations/` is its schema; `function`: what queries call
//!    and SQLite lacks;
//! 3. `writer` and `readers`: who runs transactions, and when they are durable; `database`: a connection
//!    as they lend it;
//! 4. `journal`, `run_state`, `fold` and `merge`: the way of a run's outcome into the file, and into
//!    reads meanwhile;
//! 5. `copy`: a file's rows for another backend.

mod backend;
mod connection;
mod copy;
mod database;
mod error;
mod fold;
mod function;
#[cfg(test)]
mod issuer_tests;
mod journal;
mod merge;
mod migration;
mod open;
#[cfg(test)]
mod plans;
mod readers;
mod run_state;
#[cfg(test)]
mod targeting_tests;
mod writer;

pub use copy::Source;
pub use error::OpenError;
pub use open::{Sqlite, SqliteStore, open, open_beside};
