//! What the tree holds: its root, its files, its crates.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::Outcome;

/// The folder that holds the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The running cargo, called in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root());
    command
}

/// Where builds go.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A file of the project.
pub(crate) struct File {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// Its text; none where it is not UTF-8.
    pub(crate) text: Option<String>,
}

/// The files that are tracked, or would be if all were added.
pub(crate) fn files() -> Outcome<Vec<File>> {
    // A checkout of another user, as CI systems mount it, is read all the same.
    let listing = output(Command::new("git").current_dir(root()).args([
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--deduplicate",
    ]))?;
    let mut files = Vec::new();
    for path in listing.split('\0').filter(|path| !path.is_empty()) {
        // A file that is deleted and not yet committed so is listed, but not there.
        if let Ok(bytes) = std::fs::read(root().join(path)) {
            let text = String::from_utf8(bytes).ok();
            let path = path.to_owned();
            files.push(File { path, text });
        }
    }
    Ok(files)
}

/// A crate of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A crate that another depends on.
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Only its tests need it.
    pub(crate) dev: bool,
}

/// The crates of the workspace, as cargo sees them.
pub(crate) fn packages() -> Outcome<Vec<Package>> {
    let arguments = [
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ];
    let json = output(cargo().args(arguments))?;
    let metadata: Value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    let member = |value: &Value, name| value.get(name).cloned().unwrap_or_default();
    let text = |value: &Value, name| member(value, name).as_str().unwrap_or_default().to_owned();
    let list = |value: &Value, name| member(value, name).as_array().cloned().unwrap_or_default();
    let dependency = |value: &Value| Dependency {
        name: text(value, "name"),
        dev: text(value, "kind") == "dev",
    };
    let package = |value: &Value| Package {
        name: text(value, "name"),
        dependencies: list(value, "dependencies").iter().map(dependency).collect(),
    };
    Ok(list(&metadata, "packages").iter().map(package).collect())
}

/// Runs a command to its end; what it printed to its standard output.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let shown = format!("{command:?}");
    let output = command
        .output()
        .map_err(|error| format!("{shown}: {error}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{shown}: {}\n{errors}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{shown}: {error}"))
}

/// Runs a command to its end with the terminal as its own.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown}: {status}")),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}
