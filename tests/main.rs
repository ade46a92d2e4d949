//! Whole-program tests: a real server, real HTTP, real files. The folders mirror
//! `crates/server/src/routes`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::indexing_slicing,
    reason = "`Value` answers null to a name that is not there"
)]

mod audit;
mod authorization;
mod console;
mod differential;
mod errors;
mod fleet;
mod hostile;
mod notifications;
mod preconditions;
mod routes;
mod store;
mod stories;
mod tenants;
mod world;
