//! The `runstate` program.

mod demo;

fn main() {}
