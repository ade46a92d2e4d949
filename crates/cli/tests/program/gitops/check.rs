//! Differences found by `--check`, what `--prune` deletes, and what stays without it.

use serde_json::json;

use super::shell;
use crate::agent::Site;

#[tokio::test]
async fn a_check_tells_every_difference_by_its_status_and_changes_nothing() {
    let site = Site::start(&[]);
    let path = site.shell("Kernel", "uname\n", json!({})).await;
    site.give(&["export", "out"]).good();
    site.give(&["export", "out", "--check"]).good();
    site.give(&["apply", "out", "--check"]).good();
    let before = site.files("out");

    for body in [
        json!({ "retryCount": 1 }),
        json!({ "retryCount": 0, "scriptContent": "eA==" }),
    ] {
        site.patch(&path, &body).await;
        let script = site.get(&path).await;
        for command in ["export", "apply"] {
            let found = site.give(&[command, "out", "--check"]);
            assert_eq!(found.status, 2, "{}", found.stderr);
            assert!(
                found.stderr.contains("1 script differs"),
                "{}",
                found.stderr
            );
            assert!(
                found.stdout.starts_with("~ shell script \"Kernel\""),
                "{}",
                found.stdout
            );
        }
        assert_eq!(site.files("out"), before);
        assert_eq!(site.get(&path).await, script);
    }
    site.give(&["export", "out"]).good();
    site.assign(&path, &[]).await;
    assert_eq!(site.give(&["apply", "out", "--check"]).status, 2);
    site.give(&["export", "out"]).good();
    assert!(
        site.read("out/shell/kernel.yaml")
            .ends_with("assignments: []\n")
    );

    // A script that only one side has: for the folder it is one more; the server may have others.
    site.shell("Other", "x", json!({})).await;
    assert_eq!(site.give(&["export", "out", "--check"]).status, 2);
    assert_eq!(site.give(&["apply", "out", "--check"]).status, 0);
    assert_eq!(site.give(&["apply", "out", "--check", "--prune"]).status, 2);
}

#[tokio::test]
async fn only_prune_deletes() {
    let site = Site::start(&[]);
    site.shell("Kept", "1", json!({})).await;
    let gone = site.shell("Gone", "2", json!({})).await;
    site.give(&["export", "out"]).good();
    site.put("out/shell/README.md", "Not ours.");

    // The server's: first asked about, then by --prune.
    std::fs::remove_file(site.path("out/shell/gone.yaml")).unwrap();
    let told = site.give(&["apply", "out", "--yes"]).good();
    assert!(
        told.contains("left alone without --prune: shell script \"Gone\""),
        "{told}"
    );
    assert_eq!(site.count().await, 2);
    let asked = site.give(&["apply", "out", "--prune"]);
    assert_eq!(asked.status, 2);
    assert!(asked.stderr.contains("say --yes"), "{}", asked.stderr);
    assert_eq!(site.count().await, 2);
    site.give(&["apply", "out", "--prune", "--yes"]).good();
    assert_eq!(site.count().await, 1);
    assert_eq!(
        site.all("deviceManagement/deviceShellScripts").await[0]["displayName"],
        "Kept"
    );

    // The folder's; a text that another file names stays, and so does what is none of ours.
    site.put("out/shell/two.yaml", shell("Two", "gone.sh", ""));
    site.put("out/shell/three.yaml", shell("Three", "kept.sh", ""));
    let told = site.give(&["export", "out"]).good();
    assert!(
        told.contains("2 that the server doesn't have stay without --prune"),
        "{told}"
    );
    site.give(&["export", "out", "--prune"]).good();
    let left: Vec<_> = site.files("out").into_keys().collect();
    assert_eq!(
        left,
        ["shell/README.md", "shell/kept.sh", "shell/kept.yaml"]
    );
    drop(gone);

    // A folder without scripts is a wrong path, and not a wish to have none.
    std::fs::create_dir(site.path("empty")).unwrap();
    let failed = site.give(&["apply", "empty", "--prune", "--yes"]);
    assert_eq!(failed.status, 1);
    assert!(
        failed.stderr.contains("there are no scripts in empty"),
        "{}",
        failed.stderr
    );
    assert_eq!(site.count().await, 1);
}
