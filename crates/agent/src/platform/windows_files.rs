//! Folders and files of one account on Windows: those of its own folder for temporary files are its
//! alone already. Not verified.

use std::{fs, io, path::Path, process::ExitStatus};

use tempfile::TempDir;

use super::account::Account;

/// A new folder in `base`.
pub(crate) fn private_folder(base: &Path) -> io::Result<TempDir> {
    fs::create_dir_all(base)?;
    tempfile::Builder::new().prefix("run-").tempdir_in(base)
}

/// Nothing is to be done.
pub(crate) fn make_private(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// There is no other account.
pub(crate) fn give(_path: &Path, _to: &Account) -> io::Result<()> {
    Ok(())
}

/// There are no signals.
pub(crate) fn signal_of(_status: ExitStatus) -> Option<i32> {
    None
}
