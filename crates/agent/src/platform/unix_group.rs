//! Process groups: what a script starts belongs to its group, and ends with it.

use std::collections::HashSet;

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

/// Makes a command lead a process group of its own.
pub(crate) fn lead(command: &mut tokio::process::Command) {
    command.process_group(0);
}

/// Asks all of a process group to end.
pub(crate) fn terminate(group: i32) {
    // Where it is gone already there is nobody to ask.
    let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
}

/// Ends all of a process group. The kernel does so to all at once, so a group cannot outgrow it.
pub(crate) fn end(group: i32) {
    let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
}

/// Whether a process group has any member left.
pub(crate) fn is_alive(group: i32) -> bool {
    killpg(Pid::from_raw(group), None) != Err(Errno::ESRCH)
}

/// A process, told apart from a later one of the same number by when it began.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pid: i32,
    began: String,
}

/// When a process began: in which run of the system, and at which of its ticks.
#[cfg(target_os = "linux")]
pub(crate) fn began(pid: i32) -> Option<String> {
    let (_, began) = parent_and_beginning(pid)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{} {began}", boot.trim()))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn began(_pid: i32) -> Option<String> {
    None
}

/// Makes the agent the parent of whatever loses its own, so that what leaves a script's group can be
/// found.
pub(crate) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        tracing::debug!(%error, "orphans are not adopted");
    }
}

/// Ends the processes that have been adopted, and theirs, but for the agent's own child `except` and
/// those that were there `before`: they belong to other scripts.
pub(crate) fn end_orphans(except: i32, before: &HashSet<Process>) {
    // What is ended leaves its children to the agent, so this is said again until there is nobody.
    for _ in 0..64 {
        let orphans = adopted();
        let mut ours = orphans
            .iter()
            .filter(|orphan| orphan.pid != except && !before.contains(orphan))
            .peekable();
        if ours.peek().is_none() {
            return;
        }
        for orphan in ours {
            let pid = Pid::from_raw(orphan.pid);
            let _ = kill(pid, Signal::SIGKILL);
            let _ = nix::sys::wait::waitpid(pid, None);
        }
    }
}

/// Takes leave of adopted processes that have ended by themselves. Only to be called while the agent
/// has no child of its own.
pub(crate) fn bury_orphans() {
    for orphan in adopted() {
        let flags = nix::sys::wait::WaitPidFlag::WNOHANG;
        let _ = nix::sys::wait::waitpid(Pid::from_raw(orphan.pid), Some(flags));
    }
}

/// The children of the agent, its own and those that it has adopted.
#[cfg(target_os = "linux")]
pub(crate) fn adopted() -> HashSet<Process> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let of_agent = |pid: i32| {
        let (parent, began) = parent_and_beginning(pid)?;
        let began = began.to_string();
        (parent == own).then_some(Process { pid, began })
    };
    pids().filter_map(of_agent).collect()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn adopted() -> HashSet<Process> {
    HashSet::new()
}

/// How many processes and threads an account has; a limit on them counts both.
#[cfg(target_os = "linux")]
pub(crate) fn tasks_of(uid: u32) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let folders = pids().map(|pid| format!("/proc/{pid}"));
    let own = folders.filter(|path| std::fs::metadata(path).is_ok_and(|data| data.uid() == uid));
    let tasks =
        own.map(|path| std::fs::read_dir(format!("{path}/task")).map_or(1, Iterator::count));
    tasks.map(|count| u64::try_from(count).unwrap_or(0)).sum()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn tasks_of(_uid: u32) -> u64 {
    512
}

#[cfg(target_os = "linux")]
fn pids() -> impl Iterator<Item = i32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten();
    processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Fields 4 and 22 of `/proc/PID/stat` (proc(5)).
#[cfg(target_os = "linux")]
fn parent_and_beginning(pid: i32) -> Option<(i32, i64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything.
    let (_, after) = text.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let began = fields.get(19)?.parse().ok()?;
    Some((parent, began))
}
