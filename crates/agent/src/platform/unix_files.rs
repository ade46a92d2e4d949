//! Folders and files that belong to one account.

use std::{
    fs, io,
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt, chown},
        process::ExitStatusExt,
    },
    path::Path,
    process::ExitStatus,
};

use tempfile::TempDir;

use super::account::Account;

/// A new folder in `base`, which its owner alone may enter. Others pass through `base` to what is
/// theirs, and see nothing else there.
pub(crate) fn private_folder(base: &Path) -> io::Result<TempDir> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o711).create(base)?;
    let mut folders = tempfile::Builder::new();
    folders
        .prefix("run-")
        .permissions(fs::Permissions::from_mode(0o700));
    folders.tempdir_in(base)
}

/// Makes a file one that its owner alone may read, write and run.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

/// Gives a file or folder to an account.
pub(crate) fn give(path: &Path, to: &Account) -> io::Result<()> {
    chown(path, Some(to.uid), Some(to.gid))
}

/// The signal that ended a process, where one did.
pub(crate) fn signal_of(status: ExitStatus) -> Option<i32> {
    status.signal()
}
