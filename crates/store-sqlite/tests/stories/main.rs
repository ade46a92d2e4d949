//! The store told from beginning to end, on real files. One binary, because each costs a link.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic; clippy knows only the functions marked as tests"
)]

mod directory;
mod durability;
mod fixture;
mod merging;
mod opening;
mod paging;
mod run_states;
mod scripts;
mod summaries;
mod writing;
