//! Completions and manual pages.

use std::process::Command;

use super::give;
use crate::agent::is_installed;

#[test]
fn completions_are_a_script_of_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = give(&["completions", shell]).good();
        assert!(completions.contains("enrollment"), "{shell}");
        let file = folder.path().join(shell);
        std::fs::write(&file, &completions).unwrap();
        if matches!(shell, "bash" | "zsh") && is_installed(shell) {
            let status = Command::new(shell).arg("-n").arg(&file).status();
            assert!(status.unwrap().success(), "{shell}");
        }
    }
    // As a person would: `runstate scr<Tab>`.
    if is_installed("bash") {
        let script = format!(
            ". {}; COMP_WORDS=(runstate scr); COMP_CWORD=1; _runstate runstate scr runstate; echo ${{COMPREPLY[*]}}",
            folder.path().join("bash").display()
        );
        let done = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(done.stdout).unwrap().trim(), "script");
    }
}

#[test]
fn each_command_has_a_page() {
    let page = give(&["man"]).good();
    assert!(
        page.contains(".TH runstate 1") || page.contains(".TH RUNSTATE"),
        "{page}"
    );
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man");
    give(&["man", "--out", out.to_str().unwrap()]).good();
    for page in [
        "runstate",
        "runstate-script-run",
        "runstate-login",
        "runstate-agent-enroll",
    ] {
        let text = std::fs::read_to_string(out.join(format!("{page}.1"))).unwrap();
        assert!(text.contains("SYNOPSIS"), "{page}");
    }
    // What the agent calls for itself is nobody's command.
    assert!(!out.join("runstate-agent-exec-as.1").exists());
}
