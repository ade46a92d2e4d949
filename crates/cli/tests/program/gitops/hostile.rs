//! Paths that lead out of the folder: in files that somebody proposes, and in names on a server.

use std::os::unix::fs::symlink;

use serde_json::json;

use super::shell;
use crate::agent::Site;

#[tokio::test]
async fn no_file_outside_of_the_folder_is_sent() {
    let site = Site::start(&[]);
    site.put("secret", "the crown jewels");
    site.put("in/.git/config", "the token");
    site.put("in/sub/ok.sh", "echo ok\n");
    symlink(site.path("secret"), site.path("in/link.sh")).unwrap();
    symlink(site.path("in/sub"), site.path("way")).unwrap();
    let absolute = site.path("secret").display().to_string();
    for (content, told) in [
        ("../secret", "leads out of the folder"),
        ("sub/../../secret", "leads out of the folder"),
        (absolute.as_str(), "must be relative"),
        (".git/config", "leads to what is hidden"),
        ("link.sh", "is a symbolic link, which is not followed"),
        (r#""..\\secret""#, "of names and '/' only"),
        ("C:secret", "of names and '/' only"),
        (r#""ok\0.sh""#, ""),
        ("sub", "is no plain file"),
        ("''", "is empty"),
        ("sub/ok.sh/", "names no file"),
    ] {
        site.put("in/a.yaml", shell("A", content, ""));
        let failed = site.give(&["apply", "in", "--yes"]);
        assert_eq!(failed.status, 1, "{content}");
        assert!(
            failed.stderr.contains("a.yaml: ") && failed.stderr.contains(told),
            "{content}: {}",
            failed.stderr
        );
        assert!(!failed.stderr.contains("jewels") && !failed.stdout.contains("jewels"));
    }
    // Up and down again within the folder leads nowhere else.
    std::fs::remove_file(site.path("in/a.yaml")).unwrap();
    site.put("in/other/b.yaml", shell("B", "../sub/ok.sh", ""));
    site.give(&["apply", "in", "--yes"]).good();
    assert_eq!(site.count().await, 1);

    // Neither a folder nor a front file is reached by a link.
    symlink(site.path("in/sub"), site.path("in/linked")).unwrap();
    let failed = site.give(&["apply", "in", "--yes"]);
    assert!(
        failed.stderr.contains("'linked' is a symbolic link"),
        "{}",
        failed.stderr
    );
    std::fs::remove_file(site.path("in/linked")).unwrap();
    symlink(site.path("secret"), site.path("in/c.yaml")).unwrap();
    let failed = site.give(&["apply", "in", "--yes"]);
    assert!(
        failed.stderr.contains("'c.yaml' is a symbolic link"),
        "{}",
        failed.stderr
    );
    assert_eq!(site.count().await, 1);
}

#[tokio::test]
async fn yaml_that_grows_is_refused() {
    let site = Site::start(&[]);
    site.put("in/ok.sh", "x");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..20 {
        let all = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb += &format!("a{i}: &a{i} [{all}]\n");
    }
    site.put("in/a.yaml", shell("A", "ok.sh", &bomb));
    let failed = site.give(&["apply", "in", "--yes"]);
    assert_eq!(failed.status, 1);
    assert!(
        failed
            .stderr
            .contains("a.yaml: is not YAML that is read here"),
        "{}",
        failed.stderr
    );
    site.put("in/a.yaml", "[".repeat(100_000));
    assert_eq!(site.give(&["apply", "in", "--yes"]).status, 1);
    site.put("in/a.yaml", vec![b'#'; 2 * 1024 * 1024]);
    let failed = site.give(&["apply", "in", "--yes"]);
    assert!(
        failed.stderr.contains("is larger than"),
        "{}",
        failed.stderr
    );
}

#[tokio::test]
async fn names_on_a_server_stay_within_the_folder() {
    let site = Site::start(&[]);
    for name in [
        "../../evil",
        "/etc/cron.d/evil",
        "..",
        "a\u{1b}[2J\nb",
        "CON",
        "Name",
        "NAME",
    ] {
        let body =
            json!({ "displayName": name, "fileName": "../../x.sh", "scriptContent": "eA==" });
        site.post("deviceManagement/deviceShellScripts", &body)
            .await;
    }
    let before: Vec<_> = std::fs::read_dir(site.folder.path()).unwrap().collect();
    let told = site.give(&["export", "out"]).good();
    assert!(!told.contains('\u{1b}'), "{told}");
    let after: Vec<_> = std::fs::read_dir(site.folder.path()).unwrap().collect();
    assert_eq!(after.len(), before.len() + 1);
    let files = site.files("out");
    assert_eq!(files.len(), 14, "{:?}", files.keys());
    for name in files.keys() {
        let stem = name.strip_prefix("shell/").unwrap();
        let stem = stem.trim_end_matches(".yaml").trim_end_matches(".sh");
        assert!(
            stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{name}"
        );
    }
    site.give(&["apply", "out", "--check", "--prune"]).good();
}

#[tokio::test]
async fn an_export_writes_through_no_link() {
    let site = Site::start(&[]);
    let path = site.shell("Kernel", "uname\n", json!({})).await;
    std::fs::create_dir(site.path("elsewhere")).unwrap();
    std::fs::create_dir(site.path("out")).unwrap();
    symlink(site.path("elsewhere"), site.path("out/shell")).unwrap();
    let failed = site.give(&["export", "out"]);
    assert_eq!(failed.status, 1);
    assert!(
        failed.stderr.contains("'shell' is a symbolic link"),
        "{}",
        failed.stderr
    );
    std::fs::remove_file(site.path("out/shell")).unwrap();

    site.give(&["export", "out"]).good();
    site.put("victim", "untouched");
    std::fs::remove_file(site.path("out/shell/kernel.sh")).unwrap();
    symlink(site.path("victim"), site.path("out/shell/kernel.sh")).unwrap();
    site.patch(&path, &json!({ "scriptContent": "bmV3" })).await;
    let failed = site.give(&["export", "out"]);
    assert_eq!(failed.status, 1);
    assert!(
        failed.stderr.contains("'kernel.sh' is a symbolic link"),
        "{}",
        failed.stderr
    );
    assert_eq!(site.read("victim"), "untouched");
    // A new script takes no name that is taken, be it by a link.
    std::fs::remove_file(site.path("out/shell/kernel.yaml")).unwrap();
    site.give(&["export", "out"]).good();
    assert_eq!(site.read("victim"), "untouched");
    assert_eq!(site.files("out").len(), 3);
}
