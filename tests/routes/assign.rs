//! `POST …/assign`.

use runstate_testkit::{SCRIPTS, TestServer};
use serde_json::{Value, json};

fn to_group(group: &str) -> Value {
    json!({ "target": { "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group } })
}

/// The group of each assignment, sorted; a target without a group by its type.
async fn targets(server: &TestServer, script: &str) -> Vec<String> {
    let list = server.read(&format!("{script}/assignments")).await;
    let target = |assignment: &Value| {
        let target = &assignment["target"];
        let text = target["groupId"]
            .as_str()
            .or(target["@odata.type"].as_str());
        text.unwrap().to_owned()
    };
    let mut targets: Vec<String> = list["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(target)
        .collect();
    targets.sort();
    targets
}

#[tokio::test]
async fn it_replaces_all_assignments() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Assigned").await;
        let other = server.script(collection, "Other").await;
        let (script, other) = (
            format!("/deviceManagement/{collection}/{script}"),
            format!("/deviceManagement/{collection}/{other}"),
        );
        server
            .create(&format!("{other}/assignments"), &to_group("untouched"))
            .await;
        server
            .create(&format!("{script}/assignments"), &to_group("old"))
            .await;
        server
            .create(
                &format!("{script}/groupAssignments"),
                &json!({ "targetGroupId": "old" }),
            )
            .await;
        let all =
            json!({ "target": { "@odata.type": "microsoft.graph.allDevicesAssignmentTarget" } });
        let body = json!({
            "deviceManagementScriptGroupAssignments": [
                { "@odata.type": "#microsoft.graph.deviceManagementScriptGroupAssignment", "id": "ignored", "targetGroupId": "new" },
            ],
            "deviceManagementScriptAssignments": [all, to_group("new"), to_group("newer")],
        });

        let reply = server
            .post(&format!("{script}/assign"), &body)
            .send()
            .await
            .expect(204);

        assert!(reply.body.is_empty());
        let everyone = "#microsoft.graph.allDevicesAssignmentTarget";
        assert_eq!(targets(&server, &script).await, [everyone, "new", "newer"]);
        let groups = server.ids(&format!("{script}/groupAssignments")).await;
        assert_eq!(
            groups,
            [format!("{}:new", script.rsplit('/').next().unwrap())]
        );
        assert_eq!(targets(&server, &other).await, ["untouched"]);

        // The qualified name is the same action; what it does not name is gone too.
        let body = json!({ "deviceManagementScriptAssignments": [to_group("last")] });
        server
            .post(&format!("{script}/microsoft.graph.assign"), &body)
            .send()
            .await
            .expect(204);
        assert_eq!(targets(&server, &script).await, ["last"]);
        assert!(
            server
                .ids(&format!("{script}/groupAssignments"))
                .await
                .is_empty()
        );

        let nobody = json!({ "deviceManagementScriptAssignments": [], "deviceManagementScriptGroupAssignments": null });
        server
            .post(&format!("{script}/Assign"), &nobody)
            .send()
            .await
            .expect(204);
        assert!(targets(&server, &script).await.is_empty());
    }
}

#[tokio::test]
async fn a_body_that_is_wrong_replaces_nothing() {
    let server = TestServer::start().await;
    let script = server.shell_script("Assigned").await;
    let script = format!("/deviceManagement/deviceShellScripts/{script}");
    server
        .create(&format!("{script}/assignments"), &to_group("old"))
        .await;
    for (body, named) in [
        (json!([]), "object"),
        (json!({ "assignments": [] }), "assignments"),
        (
            json!({ "deviceManagementScriptAssignments": {} }),
            "deviceManagementScriptAssignments",
        ),
        (
            json!({ "deviceManagementScriptAssignments": [to_group("new"), {}] }),
            "target",
        ),
        (
            json!({ "deviceManagementScriptAssignments": [{ "target": { "@odata.type": "#microsoft.graph.groupAssignmentTarget" } }] }),
            "groupId",
        ),
        (
            json!({ "deviceManagementScriptGroupAssignments": [{}] }),
            "targetGroupId",
        ),
        (
            json!({ "deviceManagementScriptGroupAssignments": [7] }),
            "object",
        ),
    ] {
        let reply = server
            .post(&format!("{script}/assign"), &body)
            .send()
            .await
            .expect(400);
        assert!(
            reply.message().contains(named),
            "{body}: {}",
            reply.message()
        );
    }
    let twice = json!({ "targetGroupId": "g" });
    let twice = json!({ "deviceManagementScriptGroupAssignments": [twice, twice] });
    let path = format!("{script}/assign");
    server.post(&path, &twice).send().await.expect(409);
    assert_eq!(targets(&server, &script).await, ["old"]);
    let absent = "/deviceManagement/deviceShellScripts/absent/assign";
    server.post(absent, &json!({})).send().await.expect(404);
    let reply = server
        .get(&format!("{script}/assign"))
        .send()
        .await
        .expect(405);
    assert_eq!(reply.header("allow"), "POST");
}

#[tokio::test]
async fn it_works_below_powershell_scripts_for_scripts_of_every_kind() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Assigned").await;
        let path = format!("/deviceManagement/deviceManagementScripts/{script}");
        let body = json!({ "deviceManagementScriptAssignments": [to_group("g")] });
        let assign = format!("{path}/assign");
        server.post(&assign, &body).send().await.expect(204);
        let own = format!("/deviceManagement/{collection}/{script}");
        assert_eq!(targets(&server, &path).await, ["g"]);
        assert_eq!(targets(&server, &own).await, ["g"]);
        if collection != "deviceManagementScripts" {
            // Of all else a script is found in its own collection alone.
            for below in ["", "/runSummary", "/deviceRunStates", "/groupAssignments"] {
                server
                    .get(&format!("{path}{below}"))
                    .send()
                    .await
                    .expect(404);
            }
        }
    }
}
