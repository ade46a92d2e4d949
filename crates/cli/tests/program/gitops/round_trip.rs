//! What is applied, exported and applied elsewhere stays the same.

use serde_json::json;

use super::shell;
use crate::agent::Site;

/// One script of each kind, with all that can be set.
fn put_all(site: &Site) {
    site.put("in/shell/kernel.sh", "#!/bin/sh\nuname -sr\n");
    site.put(
        "in/shell/kernel.yaml",
        r#"kind: deviceShellScript
displayName: Kernel
content: kernel.sh
description: |-
  Says which kernel runs.
  In two lines: "quoted", and 'so'.
runAsAccount: user
fileName: kernel.sh
roleScopeTagIds:
- "0"
- "3"
executionFrequency: PT1H
retryCount: 3
blockExecutionNotifications: true
assignments:
- target: allDevices
- target: allLicensedUsers
- target: group
  group: Pilots
  filter: Linux
  filterType: include
- target: group
  groupId: 7c3b1f5e-0000-4000-8000-0000000000aa
  filterId: 7c3b1f5e-0000-4000-8000-0000000000ff
  filterType: exclude
- target: exclusionGroup
  group: Nobody's
- target: configurationManagerCollection
  collectionId: SMS00001
- target: scopeTagGroup
  targetType: device
  entraObjectId: 7c3b1f5e-0000-4000-8000-0000000000bb
"#,
    );
    // Bytes that are no text, with an end of line of Windows.
    site.put(
        "in/powershell/disk.ps1",
        b"\xef\xbb\xbfGet-Volume\r\n# \xff\xfe\r\n",
    );
    site.put(
        "in/powershell/disk.yaml",
        r#"kind: deviceManagementScript
displayName: Disk
content: disk.ps1
description: null
runAsAccount: system
fileName: disk.ps1
roleScopeTagIds: []
enforceSignatureCheck: true
runAs32Bit: true
assignments: []
"#,
    );
    site.put("in/custom-attributes/größe.sh", "#!/bin/sh\necho 1\n");
    site.put(
        "in/custom-attributes/größe.yaml",
        r#"kind: deviceCustomAttributeShellScript
displayName: Größe
content: größe.sh
description: "no"
runAsAccount: system
fileName: größe.sh
roleScopeTagIds: []
customAttributeName: size
customAttributeType: integer
assignments:
- target: allDevices
"#,
    );
}

async fn groups_and_filters(site: &Site) {
    site.group("Pilots").await;
    site.group("Nobody's").await;
    let filter = json!({ "displayName": "Linux", "platform": "macOS", "rule": "(true)" });
    site.post("deviceManagement/assignmentFilters", &filter)
        .await;
}

#[tokio::test]
async fn what_is_applied_is_exported_as_it_was_and_applied_elsewhere() {
    let site = Site::start(&[]);
    groups_and_filters(&site).await;
    put_all(&site);

    let applied = site.give(&["apply", "in", "--yes"]).good();
    assert!(applied.ends_with("done: 3 changes\n"), "{applied}");
    let again = site.give(&["apply", "in"]).good();
    assert_eq!(
        again,
        "nothing to change: 3 scripts are as the folder says\n"
    );

    let script = site.named("deviceShellScripts", "Kernel").await;
    assert_eq!(script["runAsAccount"], "user");
    assert_eq!(script["executionFrequency"], "PT1H");
    assert_eq!(script["assignments"].as_array().unwrap().len(), 7);

    // The same files, byte for byte, except that one text is written in one line.
    site.give(&["export", "out"]).good();
    let (mut before, mut after) = (site.files("in"), site.files("out"));
    let kernel = String::from_utf8(after.remove("shell/kernel.yaml").unwrap()).unwrap();
    let line = r#"description: "Says which kernel runs.\nIn two lines: \"quoted\", and 'so'.""#;
    assert!(kernel.contains(line), "{kernel}");
    before.remove("shell/kernel.yaml");
    assert_eq!(before, after);
    site.give(&["export", "out2"]).good();
    assert_eq!(site.files("out"), site.files("out2"));
    for folder in ["in", "out"] {
        let same = site.give(&["export", folder]).good();
        assert_eq!(same, "nothing to write: 3 scripts are as on the server\n");
    }

    let elsewhere = Site::start(&[]);
    groups_and_filters(&elsewhere).await;
    let out = site.path("out").display().to_string();
    elsewhere.give(&["apply", &out, "--yes"]).good();
    elsewhere.give(&["export", "moved"]).good();
    assert_eq!(elsewhere.files("moved"), site.files("out"));
    let whole = |script: &serde_json::Value| {
        let mut script = script.clone();
        for name in [
            "@odata.context",
            "assignments@odata.context",
            "id",
            "createdDateTime",
            "lastModifiedDateTime",
            "assignments",
        ] {
            script.as_object_mut().unwrap().remove(name);
        }
        script
    };
    for (collection, name) in [
        ("deviceManagementScripts", "Disk"),
        ("deviceCustomAttributeShellScripts", "Größe"),
    ] {
        let (one, other) = (
            site.named(collection, name).await,
            elsewhere.named(collection, name).await,
        );
        assert_eq!(whole(&one), whole(&other));
    }
}

#[tokio::test]
async fn what_a_file_leaves_out_is_left_as_it_is() {
    let site = Site::start(&[]);
    let everybody = json!({ "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" });
    let body = json!({ "displayName": "Kernel", "description": "Mine", "retryCount": 2 });
    let path = site.script("deviceShellScripts", body, &[everybody]).await;
    site.put("in/k.sh", "uname\n");
    site.put(
        "in/k.yaml",
        "# A comment that must stay.\n".to_owned() + &shell("Kernel", "k.sh", "retryCount: 4\n"),
    );

    site.give(&["apply", "in", "--yes"]).good();
    let script = site.get(&format!("{path}?$expand=assignments")).await;
    assert_eq!(script["description"], "Mine");
    assert_eq!(script["retryCount"], 4);
    assert_eq!(script["assignments"].as_array().unwrap().len(), 1);

    // An export leaves alone what agrees, and changes only what the file speaks of.
    site.patch(&path, &json!({ "description": "Yours" })).await;
    let same = site.give(&["export", "in"]).good();
    assert_eq!(same, "nothing to write: 1 script is as on the server\n");
    assert!(site.read("in/k.yaml").starts_with("# A comment"));
    site.patch(&path, &json!({ "retryCount": 5 })).await;
    site.give(&["export", "in"]).good();
    assert_eq!(
        site.read("in/k.yaml"),
        shell("Kernel", "k.sh", "retryCount: 5\n")
    );

    // Nothing, said as such, is something else than nothing said.
    site.put(
        "in/k.yaml",
        shell("Kernel", "k.sh", "description: null\nassignments: []\n"),
    );
    site.give(&["apply", "in", "--yes"]).good();
    let script = site.get(&format!("{path}?$expand=assignments")).await;
    assert!(script["description"].is_null());
    assert_eq!(script["assignments"], json!([]));
}

#[tokio::test]
async fn names_that_several_have_are_told_apart_by_ids() {
    let site = Site::start(&[]);
    let body = |content: &str| json!({ "displayName": "Same", "scriptContent": content });
    let one = site.script("deviceShellScripts", body("MQ=="), &[]).await;
    let two = site.script("deviceShellScripts", body("Mg=="), &[]).await;
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();

    // An export writes the ids; without them the file could be either.
    site.give(&["export", "out"]).good();
    let names = [
        format!("out/shell/same-{}.yaml", id(&one)),
        format!("out/shell/same-{}.yaml", id(&two)),
    ];
    assert!(
        site.read(&names[0])
            .contains(&format!("id: {}\n", id(&one)))
    );
    assert!(
        site.read(&names[1])
            .contains(&format!("id: {}\n", id(&two)))
    );
    site.give(&["apply", "out", "--check"]).good();
    site.put("in/a.sh", "3");
    site.put("in/a.yaml", shell("Same", "a.sh", ""));
    let failed = site.give(&["apply", "in", "--yes"]);
    assert_eq!(failed.status, 1);
    assert!(
        failed.stderr.contains("Say its 'id'") && failed.stderr.contains(&id(&two)),
        "{}",
        failed.stderr
    );

    // By its id a script is renamed, and stays the same script.
    let renamed = site
        .read(&names[0])
        .replace("displayName: Same", "displayName: Other");
    site.put(&names[0], renamed);
    site.give(&["apply", "out", "--yes"]).good();
    assert_eq!(site.get(&one).await["displayName"], "Other");
    assert_eq!(site.count().await, 2);

    // Where the ids are not known, as in another tenant, both are made, once.
    let renamed = site
        .read(&names[0])
        .replace("displayName: Other", "displayName: Same");
    site.put(&names[0], renamed);
    let elsewhere = Site::start(&[]);
    let out = site.path("out").display().to_string();
    elsewhere.give(&["apply", &out, "--yes"]).good();
    assert_eq!(elsewhere.count().await, 2);
    elsewhere.give(&["apply", &out, "--check"]).good();

    // Two files that nothing tells apart are a slip.
    site.put("in/b.yaml", shell("Same", "a.sh", ""));
    let failed = elsewhere.give(&["apply", &site.path("in").display().to_string(), "--yes"]);
    assert!(
        failed
            .stderr
            .contains("b.yaml: is shell script \"Same\", as is a.yaml"),
        "{}",
        failed.stderr
    );
    assert_eq!(elsewhere.count().await, 2);
}
