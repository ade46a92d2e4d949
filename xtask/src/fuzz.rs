//! The fuzz targets, one for each parser, one after another.

use std::{ffi::OsStr, fs, path::Path, process::Command};

use crate::{
    Outcome, needs,
    workspace::{root, target},
};

/// Runs each target in `fuzz/fuzz_targets` for so many seconds, and says how many inputs it tried.
pub(crate) fn run(seconds: u32) -> Outcome {
    if !needs::succeeds(&["cargo-fuzz", "--version"]) {
        return Err("cargo-fuzz is missing: cargo install --locked cargo-fuzz".to_owned());
    }
    let folder = root().join("fuzz");
    let mut names = Vec::new();
    for entry in read_folder(&folder.join("fuzz_targets"))? {
        let path = entry.path();
        if path.extension() == Some(OsStr::new("rs")) {
            names.extend(
                path.file_stem()
                    .map(|name| name.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(format!("no target is in {}", folder.display()));
    }
    for name in names {
        let report = run_target(&folder, &name, seconds)?;
        println!("{name}: {report}");
    }
    Ok(())
}

/// Runs one target; the fuzzer's own last line, which counts the inputs.
fn run_target(folder: &Path, name: &str, seconds: u32) -> Outcome<String> {
    // What a run finds is kept here for the next; the seeds are read only.
    let corpus = folder.join("corpus").join(name);
    fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
    let mut command = Command::new("cargo");
    command
        .current_dir(folder)
        // The fuzzer's flags are unstable; with this any compiler takes them. The sanitizer looks
        // for faults that code without `unsafe` cannot have, and needs a nightly library.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["fuzz", "run", "--sanitizer", "none", name])
        .arg(&corpus);
    let seeds = folder.join("seeds").join(name);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command.args(["--", &format!("-max_total_time={seconds}")]);
    let dictionary = folder.join("odata.dict");
    if name.starts_with("odata") && dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }

    let output = command
        .output()
        .map_err(|error| format!("cargo fuzz: {error}"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    let done = log.lines().rfind(|line| line.starts_with("Done "));
    match done {
        Some(done) if output.status.success() => Ok(done.to_owned()),
        _ => {
            let file = target().join(format!("fuzz-{name}.log"));
            let kept = fs::write(&file, log.as_bytes()).map_err(|error| error.to_string());
            kept?;
            let end: Vec<&str> = log.lines().rev().take(30).collect();
            let end: Vec<&str> = end.into_iter().rev().collect();
            let file = file.display();
            Err(format!(
                "{}\n{name}: failed; the whole log is in {file}",
                end.join("\n")
            ))
        }
    }
}

fn read_folder(folder: &Path) -> Outcome<Vec<fs::DirEntry>> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect);
    entries.map_err(|error| format!("{}: {error}", folder.display()))
}
