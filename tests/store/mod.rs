//! The store told from beginning to end, without a server before it: on whichever backend the
//! environment names, or on SQLite where the story is of its file.

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
