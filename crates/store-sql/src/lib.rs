//! What every backend does in SQL, over a [`Database`] that each of them brings. Names no driver.
//!
//! Read in this order:
//!
//! 1. `database`: a connection as the statements see it; `cells`: typed reading of what it answers;
//! 2. `backend`: what a backend brings; `store`: one short function for each of the interface's;
//! 3. `path`: from a path to rows; `statement`: a compiled statement run;
//! 4. `read`, `write`, `group`: what the interface's functions do inside a transaction; `waiting`: what
//!    reads show beside the tables;
//! 5. `report`, `run_state`, `told`, `user_run` and `counters`: the way of a run's outcome into the tables;
//! 6. `targeting`: which scripts a device has to run; `change` and `change_writer`: what of that a
//!    write changes, and who is told; `preview`: the same, foretold; `device`, `run_request`, `script_version`, `history`: what else
//!    fleets need;
//! 7. `subscription`, `notice` and `delivery`: who is told of changes, what is noted for them, and how
//!    far they have been told; `store_subscription`: that part of the interface;
//! 8. `audit`: the event that every administrative act leaves in its own transaction;
//! 9. `issuer`: the keys and applications of the built-in issuer of tokens; `console`: who is signed in;
//!    `outcome`: how results stood.
//!
//! What is public beside `Database`, `Backend` and `SqlStore` is for backends that do part of it in
//! their own way.

pub mod audit;
mod backend;
mod cells;
pub mod change;
mod change_writer;
mod console;
pub mod counters;
mod database;
pub mod delivery;
pub mod device;
mod error;
mod group;
pub mod history;
pub mod issuer;
pub mod notice;
mod outcome;
pub mod path;
mod preview;
pub mod read;
pub mod report;
pub mod run_request;
pub mod run_state;
pub mod script_version;
pub mod statement;
mod store;
mod store_subscription;
pub mod subscription;
pub mod targeting;
pub mod told;
pub mod user_run;
mod waiting;
pub mod write;

pub use backend::Backend;
pub use cells::CellsExt;
pub use database::{BindRef, Cells, Database};
pub use store::SqlStore;
pub use waiting::{Reports, Waiting};
