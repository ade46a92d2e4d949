//! What holds over many requests, told from beginning to end.

mod counters;
