//! The store on a real PostgreSQL. Where none is installed, each story says that it is skipped.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod changes;
mod failures;
mod fixture;
mod opening;
mod reports;
mod transactions;
