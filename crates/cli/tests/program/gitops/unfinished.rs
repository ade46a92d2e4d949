//! What fails half-way says how far it came, and the same command does the rest.

use serde_json::json;

use super::shell;
use crate::agent::Site;

#[tokio::test]
async fn what_is_refused_does_not_keep_the_rest_back() {
    let site = Site::start(&[]);
    site.shell("D", "x", json!({})).await;
    // More than a server takes, of text or of assignments.
    site.put("in/b.sh", vec![b'#'; 1024 * 1024 + 1]);
    site.put("in/ok.sh", "echo ok\n");
    let many: String = (0..1001)
        .map(|number| format!("- target: group\n  groupId: g{number}\n"))
        .collect();
    site.put("in/a.yaml", shell("A", "ok.sh", ""));
    site.put("in/b.yaml", shell("B", "b.sh", ""));
    site.put(
        "in/c.yaml",
        shell("C", "ok.sh", &format!("assignments:\n{many}")),
    );
    site.put(
        "in/d.yaml",
        shell(
            "D",
            "ok.sh",
            &format!("retryCount: 1\nassignments:\n{many}"),
        ),
    );
    site.put("in/e.yaml", shell("E", "ok.sh", ""));

    let failed = site.give(&["apply", "in", "--yes"]);
    assert_eq!(failed.status, 1);
    let done: Vec<_> = failed.stdout.lines().rev().take(2).collect();
    assert_eq!(
        done,
        ["created shell script \"E\"", "created shell script \"A\""]
    );
    let told = &failed.stderr;
    assert!(
        told.starts_with("runstate: 2 of 5 changes were made. Not done:\n"),
        "{told}"
    );
    for part in [
        "\n  create shell script \"B\": the server refuses (400)",
        "\n  create shell script \"C\": it was created, but not assigned: the server refuses (400)",
        "\n  change shell script \"D\": its settings were changed, but not its assignments: ",
        "the same command does the rest",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(site.count().await, 4);

    // The same again does no more harm, and when the cause is gone, it finishes.
    let failed = site.give(&["apply", "in", "--yes"]);
    assert!(
        failed.stderr.contains("0 of 3 changes were made"),
        "{}",
        failed.stderr
    );
    assert_eq!(site.count().await, 4);
    site.put("in/b.sh", "echo b\n");
    for name in ["C", "D"] {
        let path = format!("in/{}.yaml", name.to_lowercase());
        site.put(
            &path,
            shell(name, "ok.sh", "assignments:\n- target: allLicensedUsers\n"),
        );
    }
    let done = site.give(&["apply", "in", "--yes"]).good();
    assert!(done.ends_with("done: 3 changes\n"), "{done}");
    site.give(&["apply", "in", "--check"]).good();
    assert_eq!(site.count().await, 5);
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_said_at_once_and_nothing_is_done() {
    let site = Site::start(&[]);
    site.put("in/ok.sh", "x");
    site.put("in/good.yaml", shell("Good", "ok.sh", ""));
    for (name, text, told) in [
        (
            "a",
            "kind: deviceShellScript\ndisplayName: [",
            "is not YAML that is read here",
        ),
        ("b", "displayName: B\ncontent: ok.sh\n", "needs a 'kind'"),
        (
            "c",
            &shell("C", "ok.sh", "retrycount: 1\n"),
            "has no 'retrycount'",
        ),
        (
            "d",
            &shell("D", "ok.sh", "retryCount: many\n"),
            "'retryCount' must be a whole number",
        ),
        (
            "e",
            &shell("E", "absent.sh", ""),
            "the file with its text, absent.sh",
        ),
        (
            "f",
            &shell("F", "ok.sh", "assignments:\n- target: everybody\n"),
            "assignments[0] 'target' must be one of",
        ),
        (
            "g",
            &shell("G", "ok.sh", "retryCount: 1\nretryCount: 2\n"),
            "duplicate",
        ),
        (
            "h",
            &shell("H", "ok.sh", "scriptContent: eA==\n"),
            "name the file with the text as 'content'",
        ),
        (
            "i",
            &shell("I", "ok.sh", "executionFrequency: P1M\n"),
            "executionFrequency",
        ),
        (
            "j",
            &shell("J", "ok.sh", "createdDateTime: 2026-01-01T00:00:00Z\n"),
            "is set by the server alone",
        ),
        (
            "k",
            &shell("1.5", "ok.sh", ""),
            "'displayName' must be a string",
        ),
    ] {
        let file = format!("in/{name}.yaml");
        site.put(&file, text);
        let failed = site.give(&["apply", "in", "--yes"]);
        assert_eq!(failed.status, 1, "{name}");
        let place = format!("{name}.yaml: ");
        assert!(
            failed.stderr.contains(&place) && failed.stderr.contains(told),
            "{name}: {}",
            failed.stderr
        );
        std::fs::remove_file(site.path(&file)).unwrap();
    }
    assert_eq!(site.count().await, 0);

    // What can't be changed any more is said before anything else is done.
    let attribute = |ty: &str| {
        format!(
            "kind: deviceCustomAttributeShellScript\ndisplayName: Size\ncontent: ok.sh\ncustomAttributeType: {ty}\n"
        )
    };
    site.put("in/size.yaml", attribute("string"));
    site.give(&["apply", "in", "--yes"]).good();
    site.put("in/size.yaml", attribute("integer"));
    site.put("in/more.yaml", shell("More", "ok.sh", ""));
    let failed = site.give(&["apply", "in", "--yes"]);
    assert!(
        failed
            .stderr
            .contains("is fixed once a script is made: it is \"string\" on the server"),
        "{}",
        failed.stderr
    );
    assert_eq!(site.count().await, 2);
}
