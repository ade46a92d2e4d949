//! Backups that IntuneCD makes, in the forms that its flags give them.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::{agent::Site, commands::stable};

/// A script's file as IntuneCD writes it.
fn saved(name: &str, file: &str, more: &Value) -> String {
    let mut script = json!({
        "displayName": name, "description": null, "scriptContent": null, "runAsAccount": "system",
        "fileName": file, "roleScopeTagIds": ["0"], "executionFrequency": "PT0S", "retryCount": 0,
        "blockExecutionNotifications": false,
        "assignments@odata.context": "https://graph.microsoft.com/beta/$metadata#x",
    });
    for (name, value) in more.as_object().unwrap() {
        script[name] = value.clone();
    }
    format!("{script:#}")
}

async fn content(site: &Site, name: &str) -> Value {
    site.named("deviceShellScripts", name).await["scriptContent"].clone()
}

#[tokio::test]
async fn a_backup_moves_over_with_one_command() {
    let site = Site::start(&[]);
    site.put(
        "b/Filters/Macs.json",
        r#"{"displayName": "Macs", "platform": "macOS", "rule": "(device.model -eq \"Mac\")", "payloads": [], "roleScopeTags": ["0"], "assignmentFilterManagementType": "devices"}"#,
    );
    site.put(
        "b/Filters/Unused.json",
        r#"{"displayName": "Unused", "platform": "macOS"}"#,
    );
    let target = json!([{ "intent": "apply", "source": "direct", "target": {
        "@odata.type": "#microsoft.graph.groupAssignmentTarget",
        "deviceAndAppManagementAssignmentFilterId": "Macs",
        "deviceAndAppManagementAssignmentFilterType": "include",
        "groupName": "Pilots", "groupType": "StaticMembership",
    } }, { "target": {
        "@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget",
        "deviceAndAppManagementAssignmentFilterId": null,
        "deviceAndAppManagementAssignmentFilterType": "none",
        "groupName": "Nobody", "groupType": "DynamicMembership", "membershipRule": "(false)",
    } }]);
    site.put(
        "b/Scripts/Shell/Kernel.json",
        saved(
            "Kernel",
            "a/b.sh",
            &json!({ "assignments": target, "scriptContent": "b2xk" }),
        ),
    );
    // The file beside is what people edit; what is in the settings is as old as the backup.
    site.put("b/Scripts/Shell/Script Data/a_b.sh", "new");
    // What is no UTF-8, IntuneCD leaves in base64.
    site.put(
        "b/Scripts/Shell/Bytes.json",
        saved("Bytes", "bytes.sh", &json!({ "scriptContent": "//4=" })),
    );
    site.put("b/Scripts/Shell/Script Data/bytes.sh", "//4=");
    // Of two that are alike in their file's name, the second's text has been written over the first's.
    for (name, text) in [("One", "MQ=="), ("Two", "Mg==")] {
        site.put(
            &format!("b/Scripts/Shell/{name}.json"),
            saved(name, "same.sh", &json!({ "scriptContent": text })),
        );
    }
    site.put("b/Scripts/Shell/Script Data/same.sh", "2");
    // With --append-id, of the same name even; and scope tags by name.
    for (id, text) in [
        ("11111111-0000-4000-8000-000000000000", "x"),
        ("22222222-0000-4000-8000-000000000000", "y"),
    ] {
        site.put(
            &format!("b/Scripts/Shell/Same__{id}.json"),
            saved(
                "Same",
                "s.sh",
                &json!({ "roleScopeTagIds": ["Default", "Berlin"] }),
            ),
        );
        site.put(&format!("b/Scripts/Shell/Script Data/s__{id}.sh"), text);
    }
    site.put(
        "b/Scripts/Powershell/Disk.yaml",
        "displayName: Disk\ndescription: 'yes'\nrunAsAccount: user\nfileName: disk.ps1\nenforceSignatureCheck: true\nrunAs32Bit: true\n",
    );
    site.put(
        "b/Scripts/Powershell/Script Data/disk.ps1",
        "Get-Volume\r\n",
    );
    site.put(
        "b/Custom Attributes/Size_deviceCustomAttributeShellScript.json",
        r##"{"@odata.type": "#microsoft.graph.deviceCustomAttributeShellScript", "displayName": "Size", "fileName": "size.sh", "customAttributeName": "size", "customAttributeType": "integer"}"##,
    );
    site.put("b/Custom Attributes/Script Data/size.sh", "echo 1\n");
    site.put("b/Compliance Policies/Policies/other.json", "{}");

    let failed = site.give(&["apply", "b", "--yes"]);
    assert!(
        failed.stderr.contains("--create-missing"),
        "{}",
        failed.stderr
    );
    assert_eq!(site.count().await, 0);
    let done = site
        .give(&["apply", "b", "--create-missing", "--yes"])
        .good();
    insta::assert_snapshot!(stable(&done));
    let same = site.give(&["apply", "b", "--prune", "--check"]).good();
    assert!(
        same.ends_with("nothing to change: 8 scripts are as the folder says\n"),
        "{same}"
    );

    let kernel = site.named("deviceShellScripts", "Kernel").await;
    assert_eq!(kernel["scriptContent"], "bmV3");
    let targets = kernel["assignments"].as_array().unwrap();
    assert_eq!(targets.len(), 2);
    let filters = site.all("deviceManagement/assignmentFilters").await;
    assert_eq!(
        (filters.len(), &filters[0]["rule"]),
        (1, &json!("(device.model -eq \"Mac\")"))
    );
    let id = &filters[0]["id"];
    assert!(
        targets
            .iter()
            .any(|one| one["target"]["deviceAndAppManagementAssignmentFilterId"] == *id)
    );
    assert_eq!(content(&site, "Bytes").await, "//4=");
    assert_eq!(
        (content(&site, "One").await, content(&site, "Two").await),
        (json!("MQ=="), json!("Mg=="))
    );
    let disk = site.named("deviceManagementScripts", "Disk").await;
    assert_eq!(disk["scriptContent"], "R2V0LVZvbHVtZQ0K");
    assert_eq!(
        (&disk["description"], &disk["runAs32Bit"]),
        (&json!("yes"), &json!(true))
    );

    // From there it goes on in files of our own.
    site.give(&["export", "ours"]).good();
    site.give(&["apply", "ours", "--prune", "--check"]).good();
    let failed = site.give(&["export", "b"]);
    assert!(
        failed.stderr.contains("is a backup of IntuneCD"),
        "{}",
        failed.stderr
    );
}

#[tokio::test]
async fn a_backup_leads_nowhere_else() {
    let site = Site::start(&[]);
    site.put("secret.sh", "the crown jewels");
    site.put(
        "b/Scripts/Shell/A.json",
        saved(
            "A",
            "../../../secret.sh",
            &json!({ "scriptContent": "b2xk" }),
        ),
    );
    site.give(&["apply", "b", "--yes"]).good();
    assert_eq!(content(&site, "A").await, "b2xk");

    symlink(site.path(""), site.path("b/Scripts/Shell/Script Data")).unwrap();
    site.put(
        "b/Scripts/Shell/A.json",
        saved("A", "secret.sh", &json!({})),
    );
    let failed = site.give(&["apply", "b", "--yes"]);
    assert_eq!(failed.status, 1);
    assert!(
        failed.stderr.contains("is a symbolic link"),
        "{}",
        failed.stderr
    );

    // A text that cannot be told from another's is no script's.
    std::fs::remove_file(site.path("b/Scripts/Shell/Script Data")).unwrap();
    site.put("b/Scripts/Shell/Script Data/secret.sh", "1");
    site.put(
        "b/Scripts/Shell/B.json",
        saved("B", "secret.sh", &json!({})),
    );
    let failed = site.give(&["apply", "b", "--yes"]);
    assert!(
        failed
            .stderr
            .contains("make the backup again with --append-id"),
        "{}",
        failed.stderr
    );
    assert_eq!(site.count().await, 1);
}
