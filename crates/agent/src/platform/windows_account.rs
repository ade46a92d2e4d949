//! Accounts of Windows. Not verified: safe Rust has no calls by which to become another account, so
//! there is none but the agent's own.

use std::path::PathBuf;

/// An account that a script runs under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// Always 0.
    pub(crate) uid: u32,
    /// Always 0.
    pub(crate) gid: u32,
    pub(crate) home: PathBuf,
    pub(crate) shell: PathBuf,
}

/// The account of that name, where it is the agent's own.
pub(crate) fn named(name: &str) -> Option<Account> {
    Some(own()).filter(|own| own.name.eq_ignore_ascii_case(name))
}

/// The account that the agent itself has.
pub(crate) fn own() -> Account {
    let home = std::env::var_os("USERPROFILE").map(PathBuf::from);
    Account {
        name: std::env::var("USERNAME").unwrap_or_else(|_| "SYSTEM".to_owned()),
        uid: 0,
        gid: 0,
        home: home.unwrap_or_default(),
        shell: PathBuf::new(),
    }
}

/// Whether the agent may take on any account.
pub(crate) fn is_root() -> bool {
    false
}
