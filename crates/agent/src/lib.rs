//! The agent of a device: enrols, checks in, runs what is due, reports. Knows the server by its
//! public API alone, and no store but a small queue of its own.
//!
//! Read in this order: [`enroll()`] and `identity` (how a device comes to have a name); [`Agent`]
//! (the life of an agent) and `execution` (one script); `server`, `token` and `http` (what it says to the server); `schedule` (what is
//! due); `queue` (what it remembers); `run` (a script run); `platform` (what differs from system to
//! system).

mod agent;
mod delay;
mod enroll;
mod error;
mod execution;
mod facts;
pub mod http;
mod identity;
mod platform;
mod queue;
mod random;
mod report;
mod run;
mod schedule;
mod server;
mod status;
mod token;

pub use agent::{Agent, Options, Summary};
pub use enroll::{Enrollment, enroll};
pub use error::Error;
pub use identity::StateDir;
#[cfg(unix)]
pub use platform::exec_as::{ExecAs, exec_as};
pub use status::{ScriptStatus, Status, status};
