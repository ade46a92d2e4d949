//! What holds over many requests, told from beginning to end.

mod concurrent;
mod counters;
mod paging;
