//! What is shown before anything is done.

use serde_json::json;

use super::shell;
use crate::{
    agent::{Site, is_installed},
    commands::{Terminal, stable},
};

async fn some(site: &Site) {
    site.group("Pilots").await;
    let body = json!({
        "displayName": "Kernel", "retryCount": 1, "fileName": "kernel.sh",
        "scriptContent": "IyEvYmluL3NoCnNldCAtZXUKdW5hbWUgLXMKdW5hbWUgLXIK",
    });
    let everybody = json!({ "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" });
    site.script("deviceShellScripts", body, &[everybody]).await;
    site.shell("Old", "x", json!({})).await;
    // A name that would clear the screen, and a text that would write over its line.
    site.put("in/kernel.sh", "#!/bin/sh\nset -eu\nuname -s\nuname -m\n");
    site.put(
        "in/kernel.yaml",
        shell(
            "Kernel",
            "kernel.sh",
            "fileName: kernel.sh\nretryCount: 3\nassignments:\n- target: group\n  group: Pilots\n- target: exclusionGroup\n  group: Berlin\n",
        ),
    );
    site.put("in/new.sh", "echo harmless\rrm -rf /\n\u{1b}[2J");
    site.put(
        "in/new.yaml",
        shell(r#""\e[2JNew""#, "new.sh", "assignments: []\n"),
    );
}

#[tokio::test]
async fn a_plan_shows_what_goes_and_what_comes() {
    let site = Site::start(&[]);
    some(&site).await;
    let arguments = ["apply", "in", "--prune", "--create-missing"];
    let shown = site.give(&arguments);
    assert_eq!(shown.status, 2);
    assert!(!shown.stdout.contains('\u{1b}'));
    let told = format!("{}[{}]\n{}", shown.stdout, shown.status, shown.stderr);
    insta::assert_snapshot!(stable(&told));
    assert_eq!(site.count().await, 2);

    // Without leave to make it, a group that is missing is a mistake.
    let failed = site.give(&["apply", "in", "--yes"]);
    assert_eq!(failed.status, 1);
    assert!(
        failed.stderr.contains("there is no group \"Berlin\""),
        "{}",
        failed.stderr
    );
    assert_eq!(site.count().await, 2);

    site.give(&["apply", "in", "--prune", "--create-missing", "--yes"])
        .good();
    let groups = site
        .all(
            "groups?$filter=displayName eq 'Berlin'"
                .replace(' ', "%20")
                .as_str(),
        )
        .await;
    assert_eq!(groups.len(), 1);
    let same = site.give(&arguments).good();
    assert_eq!(
        same,
        "nothing to change: 2 scripts are as the folder says\n"
    );
}

#[tokio::test]
async fn a_terminal_gets_colours_and_a_question() {
    if !is_installed("script") {
        println!("skipped: there is no `script` to make a terminal with");
        return;
    }
    let site = Site::start(&[]);
    some(&site).await;
    let command = format!(
        "apply {} --prune --create-missing",
        site.path("in").display()
    );
    let coloured = |more: &[(&str, &str)], answer: &str| {
        let mut apply = Terminal::start(&site, more, &command);
        apply.until("[y/N]");
        let raw = apply.raw();
        apply.types(answer);
        (
            apply.end().0,
            raw.contains("\u{1b}[32m+ retryCount: 3\u{1b}[0m"),
        )
    };
    assert_eq!(coloured(&[], "n\n"), (1, true));
    assert_eq!(coloured(&[("NO_COLOR", "1")], "\n"), (1, false));
    assert_eq!(site.count().await, 2);
    assert_eq!(coloured(&[], "y\n"), (0, true));
    site.give(&["apply", "in", "--check", "--prune"]).good();
}

#[tokio::test]
async fn what_changes_while_the_plan_is_read_is_not_written_over() {
    if !is_installed("script") {
        println!("skipped: there is no `script` to make a terminal with");
        return;
    }
    let site = Site::start(&[]);
    let path = site.shell("Kernel", "uname\n", json!({})).await;
    site.put("in/k.sh", "uname -a\n");
    site.put("in/k.yaml", shell("Kernel", "k.sh", "retryCount: 3\n"));
    let command = format!("apply {}", site.path("in").display());
    let mut apply = Terminal::start(&site, &[], &command);
    apply.until("[y/N]");
    site.patch(&path, &json!({ "retryCount": 2 })).await;
    apply.types("y\n");
    let (status, screen) = apply.end();
    assert_eq!(status, 1, "{screen}");
    assert!(
        screen.contains("0 of 1 changes were made") && screen.contains("(412)"),
        "{screen}"
    );
    assert_eq!(site.get(&path).await["retryCount"], 2);
    // Seen anew, it is written over with open eyes.
    site.give(&["apply", "in", "--yes"]).good();
    assert_eq!(site.get(&path).await["retryCount"], 3);
}
