//! Accounts of the system.

use std::path::PathBuf;

use nix::unistd::{Uid, User};

/// The smallest user id of a person, by the custom of Linux and macOS.
const FIRST_PERSON: u32 = if cfg!(target_os = "macos") { 500 } else { 1000 };

/// The id of `nobody` and of those beyond it, who are no persons either.
const NOBODY: u32 = 65_534;

/// An account that a script runs under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: PathBuf,
    pub(crate) shell: PathBuf,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
            shell: user.shell,
        }
    }
}

/// The account of that name.
pub(crate) fn named(name: &str) -> Option<Account> {
    User::from_name(name).ok().flatten().map(Account::from)
}

/// The account that the agent itself has.
pub(crate) fn own() -> Account {
    let uid = Uid::effective();
    let user = User::from_uid(uid).ok().flatten();
    user.map_or_else(
        || Account {
            name: uid.to_string(),
            uid: uid.as_raw(),
            gid: nix::unistd::Gid::effective().as_raw(),
            home: PathBuf::from("/"),
            shell: PathBuf::from("/bin/sh"),
        },
        Account::from,
    )
}

/// Whether the agent may take on any account.
pub(crate) fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Whether that is the account of a person rather than of a service.
pub(crate) fn is_person(name: &str) -> bool {
    named(name).is_some_and(|account| (FIRST_PERSON..NOBODY).contains(&account.uid))
}
