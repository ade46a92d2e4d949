//! What whole-program tests stand on: a real server on a free port, a real SQLite file or PostgreSQL database, a clock that
//! is turned by hand, and a client that keeps whole answers.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot set itself up has failed"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "`Value` answers null to a name that is not there; choices are of what there is"
)]

mod client;
mod clock;
mod data;
mod receiver;
mod seeded;
mod server;

pub use client::{Http, Reply, Send};
pub use clock::HandClock;
pub use data::{Data, STORE};
pub use receiver::{Manner, Received, Receiver};
pub use seeded::Seeded;
pub use server::{READS, SCRIPTS, TENANT, TestServer, TestServerBuilder, WRITES, encode, ids};
