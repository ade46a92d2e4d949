//! Developers commands.

fn main() {}
