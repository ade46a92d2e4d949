//! The store in a PostgreSQL database, which several servers may share. Knows no HTTP and no other
//! backend; names the driver nowhere in what it gives out but in [`OpenError`].
//!
//! A server keeps nothing that another lacks, except for a short time: reports that wait for their
//! batch, and nobody has been answered about these.
//!
//! Read in this order:
//!
//! 1. `open`: [`open()`], which makes a [`PostgresStore`]; `backend`: what the shared store needs of it;
//! 2. `migration` and `connection`: the database and how it is reached; `tls`; `migrations/` is its
//!    schema;
//! 3. `database`: a transaction as [`runstate_store_sql`] sees it; `tenant`: how it keeps to one tenant;
//!    `readers` and `writer`: who runs one, what is tried again and what is not; `error`: what PostgreSQL
//!    says, in the store's words;
//! 4. `report` and `run_state`: the way of a run's outcome into the tables, many in one statement;
//! 5. `copy`: another store's rows brought in;
//! 6. `citus`: the tables spread over several machines; `spread`: reports then;
//! 7. `notify`: changes told from server to server.

mod backend;
mod citus;
mod connection;
mod copy;
mod database;
mod error;
mod migration;
mod notify;
mod open;
mod readers;
mod report;
mod run_state;
mod spread;
mod tenant;
mod tls;
mod writer;

pub use citus::distribute;
pub use copy::{CopyError, Destination};
pub use error::OpenError;
pub use notify::notify;
pub use open::{Postgres, PostgresStore, open};
pub use report::{Report, Reported};
pub use writer::Isolation;
