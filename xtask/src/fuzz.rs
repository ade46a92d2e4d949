//! The fuzz targets, one for each parser, one after another.

use std::{ffi::OsStr, fs, path::Path, process::Command};

use crate::{
    Outcome, needs,
    workspace::{root, target},
};

/// Runs each target in `fuzz/fuzz_targets` for so many seconds, and says how many inputs it tried and
/// how much of the code they reached.
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

/// Runs one target; the fuzzer's own account of it.
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
    // A dictionary of its own, or that of the query language.
    let own = folder.join(format!("{name}.dict"));
    let shared = folder.join("odata.dict");
    if own.is_file() {
        command.arg(format!("-dict={}", own.display()));
    } else if name.starts_with("odata") && shared.is_file() {
        command.arg(format!("-dict={}", shared.display()));
    }

    let output = command
        .output()
        .map_err(|error| format!("cargo fuzz: {error}"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    match account(&log) {
        Some(account) if output.status.success() => Ok(account),
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

/// The fuzzer's last line, which counts the inputs, and from the line before it the edges (`cov`) and
/// features (`ft`) of the code that they reached.
fn account(log: &str) -> Option<String> {
    let done = log.lines().rfind(|line| line.starts_with("Done "))?;
    let reached = log.lines().rfind(|line| line.contains("\tDONE "))?;
    let (from, to) = (reached.find("cov: ")?, reached.find(" corp: ")?);
    Some(format!("{done}, {}", reached.get(from..to)?))
}

fn read_folder(folder: &Path) -> Outcome<Vec<fs::DirEntry>> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect);
    entries.map_err(|error| format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::account;

    #[test]
    fn an_account_counts_inputs_and_what_they_reached() {
        let log = "#8\tNEW    cov: 1 ft: 2 corp: 1/1b\n\
            #9\tDONE   cov: 105 ft: 224 corp: 87/3775b lim: 4096 exec/s: 3 rss: 32Mb\n\
            Done 9 runs in 3 second(s)\n";
        let wanted = "Done 9 runs in 3 second(s), cov: 105 ft: 224";
        assert_eq!(account(log).as_deref(), Some(wanted));
        assert_eq!(account("Done 9 runs in 3 second(s)"), None);
    }
}
