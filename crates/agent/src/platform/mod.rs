//! What differs from system to system. Linux is tested; macOS and Windows are written and not
//! verified.
//!
//! Each has the same modules: `system` (facts, sessions, PowerShell), `account`, `group` (a script's
//! process and all that it starts) and `files`.

#[cfg(unix)]
pub(crate) mod exec_as;

#[cfg_attr(unix, path = "unix_account.rs")]
#[cfg_attr(not(unix), path = "windows_account.rs")]
pub(crate) mod account;
#[cfg_attr(unix, path = "unix_files.rs")]
#[cfg_attr(not(unix), path = "windows_files.rs")]
pub(crate) mod files;
#[cfg_attr(unix, path = "unix_group.rs")]
#[cfg_attr(not(unix), path = "windows_group.rs")]
pub(crate) mod group;
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(target_os = "macos", path = "macos.rs")]
#[cfg_attr(
    not(any(target_os = "linux", target_os = "macos")),
    path = "windows.rs"
)]
mod system;

pub(crate) use system::{facts, logged_on_users, powershell};

use std::{path::PathBuf, time::Duration};

/// The status of a helper that could not become another account; `env` and others use the same.
pub(crate) const HELPER_FAILED: i32 = 125;

/// What stands before the reason that the helper gives.
pub(crate) const HELPER_MARK: &str = "runstate exec-as: ";

/// How long a question to the system may take.
const TIME: Duration = Duration::from_secs(10);

/// What a command prints, where there is such a command and it ends well.
async fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = tokio::process::Command::new(program);
    command
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(TIME, command.output()).await.ok()?;
    let output = output.ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// The program of that name in the folders of `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
