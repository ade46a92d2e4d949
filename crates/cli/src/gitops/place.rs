//! Files within a folder, and never outside of it.
//!
//! Paths come from files that someone may have proposed for review, and names from a server. A path is
//! therefore worked out as text first, from the folder down; and no link is followed on its way,
//! because a link may lead anywhere.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// The parts of a path below the folder.
pub(super) type Parts = Vec<String>;

/// How deep folders may be nested.
const DEEPEST: usize = 32;

/// Where the path leads that is written in the front file `at`.
///
/// # Errors
/// A sentence, for a path that leads out of the folder, to a hidden file (`.git` may hold secrets), or
/// to different places on different systems.
pub(super) fn resolve(at: &[String], written: &str) -> Result<Parts, String> {
    let fail = |why: &str| Err(format!("the path '{}' {why}", written.escape_debug()));
    if written.is_empty() {
        return fail("is empty");
    }
    // On Windows `\` parts and `:` names a drive or a stream.
    if written.contains(['\\', ':']) || written.chars().any(char::is_control) {
        return fail("must be of names and '/' only");
    }
    if written.starts_with('/') {
        return fail("must be relative to the file that names it");
    }
    let mut parts = at
        .split_last()
        .map_or_else(Vec::new, |(_, folder)| folder.to_vec());
    for part in written.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return fail("leads out of the folder");
                }
            }
            hidden if hidden.starts_with('.') => return fail("leads to what is hidden"),
            name => parts.push(name.to_owned()),
        }
    }
    if matches!(written.rsplit('/').next(), None | Some("" | "." | "..")) {
        return fail("names no file");
    }
    Ok(parts)
}

/// The parts as they are shown and written.
pub(super) fn shown(parts: &[String]) -> String {
    parts.join("/")
}

/// The path of a file below the folder, on whose way there is no link.
fn path_of(root: &Path, parts: &[String]) -> io::Result<PathBuf> {
    let mut path = root.to_owned();
    for part in parts {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => return Err(link(part)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(path)
}

fn link(name: &str) -> io::Error {
    let name = name.escape_debug();
    io::Error::other(format!(
        "'{name}' is a symbolic link, which is not followed"
    ))
}

/// Reads a file below the folder.
///
/// # Errors
/// Where there is none, where it is no plain file or is larger than `largest` bytes, and where a link
/// is on the way.
pub(super) fn read(root: &Path, parts: &[String], largest: u64) -> io::Result<Vec<u8>> {
    let path = path_of(root, parts)?;
    // Looked at before it is opened: to open a pipe is to wait for whoever writes to it.
    if !fs::symlink_metadata(&path)?.is_file() {
        return Err(io::Error::other("is no plain file"));
    }
    let mut bytes = Vec::new();
    File::open(&path)?
        .take(largest + 1)
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > largest) {
        return Err(io::Error::other(format!("is larger than {largest} bytes")));
    }
    Ok(bytes)
}

/// Writes a file below the folder, whole or not at all, and makes the folders on its way.
///
/// # Errors
/// Where it cannot be written, or a link is on the way.
pub(super) fn write(root: &Path, parts: &[String], bytes: &[u8]) -> io::Result<()> {
    let path = path_of(root, parts)?;
    let folder = path.parent().unwrap_or(root);
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".runstate-");
    // As for any new file; the umask takes away what others may not.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// Deletes a file below the folder; one that is not there is deleted.
///
/// # Errors
/// Where it cannot be, or a link is on the way.
pub(super) fn delete(root: &Path, parts: &[String]) -> io::Result<()> {
    match fs::remove_file(path_of(root, parts)?) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// All files below the folder for which `wanted` holds, in order. What is hidden is passed over.
///
/// # Errors
/// Where a folder cannot be read; where one is a link, or a file that is wanted is.
pub(super) fn files(root: &Path, wanted: &dyn Fn(&str) -> bool) -> io::Result<Vec<Parts>> {
    let mut found = Vec::new();
    walk(root, &mut Vec::new(), wanted, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(
    folder: &Path,
    parts: &mut Parts,
    wanted: &dyn Fn(&str) -> bool,
    found: &mut Vec<Parts>,
) -> io::Result<()> {
    let within = |error: io::Error| {
        let shown = folder.display();
        io::Error::new(error.kind(), format!("{shown}: {error}"))
    };
    if parts.len() > DEEPEST {
        return Err(within(io::Error::other("is nested too deep")));
    }
    for entry in fs::read_dir(folder).map_err(within)? {
        let entry = entry.map_err(within)?;
        let kind = entry.file_type().map_err(within)?;
        // A name that is no text is none of ours.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let is_folder = kind.is_dir() || (kind.is_symlink() && entry.path().is_dir());
        if !is_folder && !wanted(&name) {
            continue;
        }
        if kind.is_symlink() {
            return Err(within(link(&name)));
        }
        parts.push(name);
        if is_folder {
            walk(&entry.path(), parts, wanted, found)?;
        } else {
            found.push(parts.clone());
        }
        parts.pop();
    }
    Ok(())
}
