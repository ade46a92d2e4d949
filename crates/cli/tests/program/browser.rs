//! The console in a real browser: `tests/browser`.

use std::{path::Path, process::Command};

use crate::start::Demo;

/// The exit status of `tests/browser/run` where node or Chromium is missing.
const SKIPPED: i32 = 77;

fn browser(story: &str, more: &[(&str, &Path)]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(root.join("tests/browser/run"));
    // What the machine's environment says must not change what a test sees.
    let own = ["RUNSTATE_SCREENSHOTS"];
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RUNSTATE_")) {
        if !own.contains(&name.as_str()) {
            command.env_remove(name);
        }
    }
    command
        .arg(story)
        .env("RUNSTATE", env!("CARGO_BIN_EXE_runstate"))
        .envs(more.iter().copied());
    let status = command.status().unwrap();
    if status.code() == Some(SKIPPED) {
        // The script has said so, and under CI it fails instead.
        return;
    }
    assert!(status.success(), "the story '{story}' failed");
}

#[test]
fn the_story_of_an_administrator() {
    let demo = Demo::start(&[]);
    let ready = demo.folder.path().join("ready.json");
    browser("story", &[("RUNSTATE_READY_FILE", &ready)]);
}

#[test]
fn signing_in_with_an_issuer_on_another_site() {
    browser("sign-in", &[]);
}
