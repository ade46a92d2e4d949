//! The store told from beginning to end, on real files. One binary, because each costs a link.

mod directory;
mod durability;
mod fixture;
mod opening;
mod paging;
mod run_states;
mod scripts;
mod summaries;
mod writing;
