//! What differs from system to system. Linux is tested; macOS and Windows are written and not
//! verified.

#[cfg(unix)]
pub(crate) mod account;
#[cfg(unix)]
pub(crate) mod exec_as;
#[cfg(unix)]
pub(crate) mod group;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod system;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
#[path = "other.rs"]
mod system;

pub(crate) use system::{facts, logged_on_users, powershell};

use std::{path::PathBuf, time::Duration};

/// How long a question to the system may take.
const TIME: Duration = Duration::from_secs(10);

/// What a command prints, where there is such a command and it ends well.
#[cfg_attr(
    not(any(target_os = "linux", target_os = "macos")),
    expect(dead_code, reason = "other systems are asked nothing by commands")
)]
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
