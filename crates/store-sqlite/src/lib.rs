//! The store in one SQLite file and a journal beside it. Knows no HTTP and no other backend; names SQLite nowhere in what it
//! gives out but in [`OpenError`].
//!
//! Read in this order:
//!
//! 1. `open`: [`SqliteStore`]; `store`: one short function for each of the interface's;
//! 2. `migration` and `connection`: the file; `migrations/` is its schema;
//! 3. `writer` and `readers`: who runs transactions, and when they are durable;
//! 4. `path`: from a path to rows; `statement`: a compiled statement run;
//! 5. `read`, `write`, `group`: what the interface's functions do inside a transaction;
//! 6. `journal`, `fold`, `merge`, `run_state` and `counters`: the way of a run's outcome into the file; `report`,
//!    where it means more than that;
//! 7. `targeting`: which scripts a device has to run; `change` and `change_writer`: what of that a
//!    write changes, and who is told; `device`, `run_request`, `script_version`: what else fleets need;
//! 8. `issuer`: the keys and applications of the built-in issuer of tokens.

mod change;
mod change_writer;
mod connection;
mod copy;
mod counters;
mod device;
mod error;
mod fold;
mod function;
mod group;
mod issuer;
mod journal;
mod merge;
mod migration;
mod open;
mod path;
#[cfg(test)]
mod plans;
mod read;
mod readers;
mod report;
mod run_request;
mod run_state;
mod script_version;
mod statement;
mod store;
mod targeting;
mod told;
mod user_run;
mod write;
mod writer;

pub use copy::Source;
pub use error::OpenError;
pub use open::SqliteStore;
