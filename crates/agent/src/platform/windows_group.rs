//! What a script starts on Windows: the tree of its process. Not verified.

use std::{collections::HashSet, process::Command};

/// A process; here there is nothing to tell it by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Process;

/// Makes a command begin a group of its own.
pub(crate) fn lead(_command: &mut tokio::process::Command) {}

/// Asks a process and those that it has started to end.
pub(crate) fn terminate(leader: i32) {
    taskkill(&["/T", "/PID", &leader.to_string()]);
}

/// Ends a process and those that it has started.
pub(crate) fn end(leader: i32) {
    taskkill(&["/F", "/T", "/PID", &leader.to_string()]);
}

fn taskkill(arguments: &[&str]) {
    // Where it is gone already there is nobody to end.
    let _ = Command::new("taskkill").args(arguments).output();
}

/// Whether anything is left; unknown, so nothing is waited for.
pub(crate) fn is_alive(_leader: i32) -> bool {
    false
}

/// When a process began is unknown.
pub(crate) fn began(_pid: i32) -> Option<String> {
    None
}

/// Nobody is adopted.
pub(crate) fn adopt_orphans() {}

/// Nobody was adopted.
pub(crate) fn end_orphans(_except: i32, _before: &HashSet<Process>) {}

/// Nobody was adopted.
pub(crate) fn bury_orphans() {}

/// Nobody was adopted.
pub(crate) fn adopted() -> HashSet<Process> {
    HashSet::new()
}
