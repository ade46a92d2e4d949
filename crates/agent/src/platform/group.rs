//! Process groups: what a script starts belongs to its group, and ends with it.

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

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

/// When a process began, in the system's ticks; tells a process from a later one of the same number.
#[cfg(target_os = "linux")]
pub(crate) fn began(pid: i32) -> Option<i64> {
    let (_, began) = parent_and_beginning(pid)?;
    Some(began)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn began(_pid: i32) -> Option<i64> {
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

/// Ends the processes that have been adopted, and theirs, but for `except`.
#[cfg(target_os = "linux")]
pub(crate) fn end_orphans(except: i32) {
    // What is ended leaves its children to the agent, so this is said again until there is nobody.
    for _ in 0..64 {
        let orphans = adopted(except);
        if orphans.is_empty() {
            return;
        }
        for pid in orphans {
            let pid = Pid::from_raw(pid);
            let _ = kill(pid, Signal::SIGKILL);
            let _ = nix::sys::wait::waitpid(pid, None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn end_orphans(_except: i32) {}

/// Takes leave of adopted processes that have ended by themselves.
#[cfg(target_os = "linux")]
pub(crate) fn bury_orphans() {
    for pid in adopted(0) {
        let flags = nix::sys::wait::WaitPidFlag::WNOHANG;
        let _ = nix::sys::wait::waitpid(Pid::from_raw(pid), Some(flags));
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn bury_orphans() {}

/// The children of the agent, but for `except`.
#[cfg(target_os = "linux")]
fn adopted(except: i32) -> Vec<i32> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != except)
        .filter(|pid| parent_and_beginning(*pid).is_some_and(|(parent, _)| parent == own))
        .collect()
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
