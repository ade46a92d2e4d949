//! How many instructions the micro-benchmarks take: the same on a noisy machine as on a quiet one, so
//! commits are compared by them.

use std::{path::Path, process::Command};

use serde_json::{Map, Value};

use crate::{
    Outcome,
    needs::succeeds,
    workspace::{cargo, output, run, target},
};

/// How often each is done; the program makes so many ready. The set-up of a token is not quite the same
/// twice, its key being new: so many that it does not show.
const COUNT: u64 = 1000;

/// Builds the micro-benchmarks, counts each and prints a table; `json` names a file for the figures.
pub(crate) fn run_instructions(json: Option<&str>) -> Outcome {
    if !succeeds(&["valgrind", "--version"]) {
        return Err("valgrind is missing (Debian: apt-get install valgrind)".to_owned());
    }
    let program = build()?;
    let names = output(Command::new(&program).arg("--names"))?;
    let mut counts = Map::new();
    println!("| benchmark | instructions |\n|---|--:|");
    for name in names.lines() {
        // The set-up falls out of the difference.
        let set_up = collected(&program, name, 0)?;
        let all = collected(&program, name, COUNT)?;
        let each = all.saturating_sub(set_up) / COUNT;
        println!("| {name} | {} |", grouped(each));
        counts.insert(name.to_owned(), each.into());
    }
    if let Some(file) = json {
        let text = format!("{:#}\n", Value::Object(counts));
        std::fs::write(file, text).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// Builds the program of the benchmarks; where it lies.
fn build() -> Outcome<String> {
    let arguments = "bench --package runstate-bench --bench micro --no-run".split(' ');
    // First for the terminal, then for where it lies.
    run(cargo().args(arguments.clone()))?;
    let messages = output(cargo().args(arguments).arg("--message-format=json"))?;
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_micro = message.pointer("/target/name")? == "micro";
        let executable = message.get("executable")?.as_str()?;
        is_micro.then(|| executable.to_owned())
    };
    let found = messages.lines().find_map(executable);
    found.ok_or_else(|| "cargo does not say where the program lies".to_owned())
}

/// The instructions of one process.
fn collected(program: &str, name: &str, count: u64) -> Outcome<u64> {
    let file = target().join(format!("callgrind.{}.out", std::process::id()));
    let mut command = Command::new("valgrind");
    command
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", file.display()))
        .args([program, "--once", name, &count.to_string()]);
    output(&mut command)?;
    let collected = totals(&file);
    // What stays is overwritten, or removed with the builds.
    let _ = std::fs::remove_file(&file);
    collected
}

/// The sum in callgrind's file ("Callgrind Format Specification", `totals`).
fn totals(file: &Path) -> Outcome<u64> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
    sum(&text).ok_or_else(|| format!("{shown}: no totals"))
}

fn sum(text: &str) -> Option<u64> {
    let totals = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("totals:"));
    totals?.trim().parse().ok()
}

/// A number with a comma before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_threes() {
        let numbers = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn the_last_totals_count() {
        assert_eq!(sum("events: Ir\ntotals: 12\n"), Some(12));
        assert_eq!(sum("events: Ir\n"), None);
    }
}
