//! New assignments, in both forms.

use runstate_testkit::{SCRIPTS, TestServer};
use serde_json::{Value, json};

/// The targets of the documentation, and what of each comes back.
fn targets() -> Vec<Value> {
    let group = "44444444-4444-4444-8444-444444444444";
    vec![
        json!({ "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" }),
        json!({ "@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget" }),
        json!({ "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group }),
        json!({ "@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget", "groupId": group }),
        json!({
            "@odata.type": "#microsoft.graph.configurationManagerCollectionAssignmentTarget",
            "collectionId": "SMS00001",
        }),
        json!({
            "@odata.type": "#microsoft.graph.scopeTagGroupAssignmentTarget",
            "targetType": "device",
            "entraObjectId": group,
        }),
    ]
}

#[tokio::test]
async fn an_assignment_to_every_kind_of_target() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Assigned").await;
        let path = format!("/deviceManagement/{collection}/{script}/assignments");
        for target in targets() {
            for filtered in [false, true] {
                let mut target = target.clone();
                target["deviceAndAppManagementAssignmentFilterId"] = if filtered {
                    json!("filter")
                } else {
                    json!(null)
                };
                target["deviceAndAppManagementAssignmentFilterType"] =
                    json!(if filtered { "include" } else { "none" });
                let with_hash = target["@odata.type"].as_str().unwrap().to_owned();
                for name in [&with_hash[..], &with_hash[1..]] {
                    let mut given = target.clone();
                    given["@odata.type"] = json!(name);
                    let body = json!({
                        "@odata.type": "#microsoft.graph.deviceManagementScriptAssignment",
                        "target": given,
                    });
                    let id = server.create(&path, &body).await;
                    let read = server.read(&format!("{path}/{id}")).await;
                    assert_eq!(read["target"], target, "{name}");
                }
            }
        }
        let listed = server.read(&path).await;
        assert_eq!(listed["value"].as_array().unwrap().len(), 24);
    }
}

#[tokio::test]
async fn an_assignment_without_a_target_is_refused() {
    let server = TestServer::start().await;
    let script = server.shell_script("Assigned").await;
    let path = format!("/deviceManagement/deviceShellScripts/{script}/assignments");
    for (body, named) in [
        (json!({}), "target"),
        (json!({ "target": null }), "target"),
        (json!({ "target": [] }), "target"),
        (
            json!({ "target": { "@odata.type": "#microsoft.graph.groupAssignmentTarget" } }),
            "groupId",
        ),
        (
            json!({ "target": { "@odata.type": "#microsoft.graph.deviceShellScript" } }),
            "@odata.type",
        ),
        (
            json!({ "target": { "@odata.type": "#microsoft.graph.nothing" } }),
            "@odata.type",
        ),
        (
            json!({ "target": { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget", "groupId": "g" } }),
            "groupId",
        ),
        (json!({ "target": { "groupId": "g" } }), "groupId"),
        (json!({ "targetGroupId": "g" }), "targetGroupId"),
    ] {
        let reply = server.post(&path, &body).send().await.expect(400);
        assert!(
            reply.message().contains(named),
            "{body}: {}",
            reply.message()
        );
    }
    assert!(server.ids(&path).await.is_empty());
}

#[tokio::test]
async fn a_group_assignment_is_named_by_script_and_group() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Assigned").await;
        let path = format!("/deviceManagement/{collection}/{script}/groupAssignments");
        let body = json!({
            "@odata.type": "#microsoft.graph.deviceManagementScriptGroupAssignment",
            "targetGroupId": "group",
        });
        let reply = server.post(&path, &body).send().await.expect(201);
        assert_eq!(reply.json()["id"], format!("{script}:group"));
        let reply = server.post(&path, &body).send().await.expect(409);
        assert_eq!(reply.code(), "Conflict");
        let reply = server.post(&path, &json!({})).send().await.expect(400);
        assert!(reply.message().contains("targetGroupId"));
    }
}
