//! A program started under another account.
//!
//! The standard library can set a user id for a child, but not its supplementary groups, and what it
//! cannot do between `fork` and `exec` nobody can do there without unsafe code. So the agent starts
//! its own program once more, which gives up what root may do and then becomes the program that is
//! wanted. `main` calls [`exec_as`] before it starts any thread.

use std::{
    ffi::{CString, OsString},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::Command,
};

use nix::{
    sys::{
        resource::{Resource, setrlimit},
        stat::{Mode, umask},
    },
    unistd::{Gid, Uid, chdir, getegid, geteuid, getuid, setgid, setuid},
};

use super::{HELPER_FAILED, HELPER_MARK as MARK, group};

/// Whom to become, and what to run then.
#[derive(Debug, Clone)]
pub struct ExecAs {
    /// The account's name, by which its supplementary groups are found.
    pub name: String,
    /// Its user id.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
    /// The folder to run in; `/` where it cannot be entered.
    pub folder: PathBuf,
    /// How many processes the account may have beyond those it has (`RLIMIT_NPROC`); none for no limit.
    pub processes: Option<u64>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
}

/// Becomes another program under another account. Returns only where that cannot be: the reason, and
/// the status to exit with.
#[must_use]
pub fn exec_as(wanted: &ExecAs) -> (String, u8) {
    (become_another(wanted), HELPER_FAILED as u8)
}

fn become_another(wanted: &ExecAs) -> String {
    let Err(reason) = give_up(wanted) else {
        let Some((program, arguments)) = wanted.command.split_first() else {
            return format!("{MARK}nothing to run");
        };
        let error = Command::new(program).args(arguments).exec();
        return format!("{MARK}{}: {error}", program.to_string_lossy());
    };
    format!("{MARK}{reason}")
}

fn give_up(wanted: &ExecAs) -> Result<(), String> {
    let (uid, gid) = (Uid::from_raw(wanted.uid), Gid::from_raw(wanted.gid));
    let fail = |what: &str, error: nix::Error| format!("{what}: {error}");
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|error| fail("RLIMIT_CORE", error))?;
    if let Some(most) = wanted.processes {
        // The limit counts all that the account runs; what its session has is left to it.
        let most = most.saturating_add(group::tasks_of(wanted.uid));
        setrlimit(Resource::RLIMIT_NPROC, most, most)
            .map_err(|error| fail("RLIMIT_NPROC", error))?;
    }
    // Groups first: whoever is not root any more may not change them.
    let name = CString::new(wanted.name.as_str()).map_err(|error| error.to_string())?;
    set_groups(&name, gid).map_err(|error| fail("supplementary groups", error))?;
    setgid(gid).map_err(|error| fail("setgid", error))?;
    setuid(uid).map_err(|error| fail("setuid", error))?;
    if !uid.is_root() && setuid(Uid::from_raw(0)).is_ok() {
        return Err("root could be had again".to_owned());
    }
    if (getuid(), geteuid(), getegid()) != (uid, uid, gid) {
        return Err("the account was not taken on".to_owned());
    }
    umask(Mode::from_bits_truncate(0o022));
    if chdir(&wanted.folder).is_err() {
        chdir("/").map_err(|error| fail("chdir", error))?;
    }
    Ok(())
}

#[cfg(not(target_os = "macos"))]
fn set_groups(name: &std::ffi::CStr, gid: Gid) -> nix::Result<()> {
    nix::unistd::initgroups(name, gid)
}

/// macOS resolves groups by name on its own once the ids are set. Not verified.
#[cfg(target_os = "macos")]
fn set_groups(_name: &std::ffi::CStr, _gid: Gid) -> nix::Result<()> {
    Ok(())
}
