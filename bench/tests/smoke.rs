//! The whole benchmark, as small as it gets.

use std::{path::Path, process::Command};

use serde_json::Value;

/// Whatever the machine is like, every line is there and nothing is lost.
#[test]
#[cfg(target_os = "linux")]
fn everything_runs() {
    let own = Path::new(env!("CARGO_BIN_EXE_runstate-bench"));
    // Built with all others by `cargo test --workspace`, but not by this crate's tests alone.
    if !own.with_file_name("runstate").exists() {
        eprintln!("the program runstate is not built: nothing to be measured");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (json, svg) = (
        folder.path().join("found.json"),
        folder.path().join("found.svg"),
    );
    let output = Command::new(own)
        .arg("--smoke")
        .arg("--json")
        .arg(&json)
        .arg("--svg")
        .arg(&svg)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let found: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(found["rows"].as_array().unwrap().len(), 15);
    assert_eq!(found["durability"]["lost"], 0);
    assert_eq!(found["durability"]["killed"], 1);
    assert!(std::fs::read_to_string(svg).unwrap().ends_with("</svg>\n"));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        table.contains("| durable PATCH (64 connections) ÷ echo |"),
        "{table}"
    );
}
