//! The program as people run it: real processes, real files, real signals, and the clients that
//! others have written.

#![expect(
    clippy::indexing_slicing,
    reason = "`Value` answers null to a name that is not there"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

mod agent;
mod browser;
mod clients;
mod commands;
mod demo;
mod emulator;
mod gitops;
mod kill;
mod notifications;
mod readme;
mod serve;
mod servers;
mod start;
