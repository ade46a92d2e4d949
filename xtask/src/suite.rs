//! The whole test suite by one command.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use runstate_test_postgres::{Cluster, Durability, SERVER};

use crate::{
    Outcome, needs,
    workspace::{cargo, files, root, run, target},
};

/// The tests of whole servers and of the program itself.
const WHOLE: &[&str] = &[
    "--package",
    "runstate-tests",
    "--package",
    "runstate",
    "--tests",
];

/// Provides what the tests need, runs them all, and sees that no snapshot went unread.
pub(crate) fn run_suite() -> Outcome {
    needs::provide()?;
    // One server for all tests, each of which makes a database of its own in it. Stops when dropped.
    let postgres = Cluster::start_installed(Durability::None)?;

    // insta appends to this file the path of each snapshot that it compares.
    let references = target().join("snapshots-read.txt");
    let begun = fs::create_dir_all(target()).and_then(|()| fs::write(&references, ""));
    begun.map_err(|error| format!("{}: {error}", references.display()))?;
    let tests = |arguments: &[&str], store: &str| {
        let mut command = cargo();
        command
            .args(arguments)
            .env("INSTA_SNAPSHOT_REFERENCES_FILE", &references)
            .env("RUNSTATE_TEST_STORE", store)
            .envs(postgres.iter().map(|postgres| (SERVER, postgres.url())));
        run(&mut command)
    };
    let runner: &[&str] = match needs::succeeds(&["cargo-nextest", "--version"]) {
        true => &["nextest", "run", "--locked"],
        false => &["test", "--locked", "--no-fail-fast"],
    };
    tests(&[runner, &["--workspace"]].concat(), "sqlite")?;
    tests(&["test", "--locked", "--workspace", "--doc"], "sqlite")?;
    match postgres {
        // What a client, a device or a person sees must be the same on both stores.
        Some(_) => tests(&[runner, WHOLE].concat(), "postgres")?,
        None => println!("PostgreSQL is missing: the whole program is tested on SQLite alone"),
    }

    let read = fs::read_to_string(&references).map_err(|error| error.to_string())?;
    let read: HashSet<PathBuf> = read.lines().map(|line| real(Path::new(line))).collect();
    let files = files()?;
    let snapshots = files.iter().filter(|file| file.path.ends_with(".snap"));
    let unread: Vec<&str> = snapshots
        .filter(|file| !read.contains(&real(&root().join(&file.path))))
        .map(|file| file.path.as_str())
        .collect();
    if unread.is_empty() {
        Ok(())
    } else {
        Err(format!("no test reads:\n{}", unread.join("\n")))
    }
}

/// The path without links and `..`, so that two ways to one file are equal.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
