//! The programs of PostgreSQL that are installed here, and who may run them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where Debian puts each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The accounts that a server may run under where we are root, which PostgreSQL refuses; the first
/// that is there.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// The programs of one version.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    folder: PathBuf,
    /// Where we are root: under whom the server runs.
    account: Option<Account>,
}

/// A user of the system and the user's group, by number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Programs {
    /// The newest version that is installed here. Where there is none, the test has to be skipped, which
    /// is said here, and must not be where `CI` is `true`: nobody else would run it.
    pub(crate) fn find_or_skip() -> Option<Self> {
        let programs = Self::find();
        if programs.is_none() {
            let in_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!in_ci, "PostgreSQL is not installed where CI is true");
            println!("PostgreSQL is missing (Debian: apt-get install postgresql): skipping a test");
        }
        programs
    }

    fn find() -> Option<Self> {
        let version = |folder: &PathBuf| {
            let name = folder.file_name()?.to_str()?;
            name.parse::<u32>().ok()
        };
        let folders = std::fs::read_dir(VERSIONS).ok()?;
        let mut folders: Vec<PathBuf> = folders.flatten().map(|entry| entry.path()).collect();
        folders.retain(|folder| folder.join("bin/initdb").exists());
        folders.sort_by_key(version);
        let folder = folders.pop()?.join("bin");
        let account = if id("-u", None)? == 0 {
            Some(ACCOUNTS.iter().find_map(|name| {
                Some(Account {
                    user: id("-u", Some(name))?,
                    group: id("-g", Some(name))?,
                })
            })?)
        } else {
            None
        };
        Some(Self { folder, account })
    }

    /// Whether the extension Citus is installed for this version.
    pub(crate) fn has_citus(&self) -> bool {
        let mut config = self.client("pg_config");
        let folder = run(config.arg("--sharedir"));
        folder.is_ok_and(|folder| Path::new(&folder).join("extension/citus.control").exists())
    }

    /// Under whom the server runs, where not under ourselves.
    pub(crate) fn account(&self) -> Option<Account> {
        self.account
    }

    /// A program, to be run by whoever the server runs under. It ends when the thread that starts it
    /// does, where the system can see to that.
    pub(crate) fn command(&self, name: &str) -> Command {
        let program = self.folder.join(name);
        if !Path::new("/usr/bin/setpriv").exists() {
            return Command::new(program);
        }
        let mut command = Command::new("/usr/bin/setpriv");
        command.arg("--pdeathsig=QUIT");
        if let Some(Account { user, group }) = self.account {
            command.arg(format!("--reuid={user}"));
            command.arg(format!("--regid={group}"));
            command.arg("--clear-groups");
        }
        // Not where we are, which that account may not be allowed to read.
        command.arg(program).current_dir("/");
        // Nor with our certificates, which that account may not read either.
        command.env("HOME", "/nonexistent");
        command
    }

    /// A program that only talks to a server, to be run by us.
    pub(crate) fn client(&self, name: &str) -> Command {
        Command::new(self.folder.join(name))
    }

    /// Runs statements in the database at the URL; answers rows as lines.
    pub(crate) fn psql(&self, url: &str, sql: &str) -> Result<String, String> {
        let mut command = self.client("psql");
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        command.args(["--set=ON_ERROR_STOP=1", "--command", sql, url]);
        run(&mut command)
    }
}

/// Runs a program to its end; answers what it printed, or how it failed.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        return Ok(text.trim_end().to_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}\n{text}", output.status))
}

fn id(what: &str, name: Option<&&str>) -> Option<u32> {
    let mut command = Command::new("id");
    command.arg(what).args(name);
    run(&mut command).ok()?.parse().ok()
}
