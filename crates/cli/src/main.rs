//! The `runstate` program.

fn main() {}
