//! `POST /deviceManagement/deviceManagementScripts/hasPayloadLinks`.

use runstate_testkit::TestServer;
use serde_json::json;

const ACTION: &str = "/deviceManagement/deviceManagementScripts/hasPayloadLinks";

#[tokio::test]
async fn a_script_with_assignments_has_a_link() {
    let server = TestServer::start().await;
    let collection = "deviceManagementScripts";
    let assigned = server.script(collection, "Assigned").await;
    let grouped = server.script(collection, "In the older form").await;
    let plain = server.script(collection, "Plain").await;
    let one = |script: &str| format!("/deviceManagement/{collection}/{script}");
    let all = json!({ "target": { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } });
    server
        .create(&format!("{}/assignments", one(&assigned)), &all)
        .await;
    let group = json!({ "targetGroupId": "g" });
    server
        .create(&format!("{}/groupAssignments", one(&grouped)), &group)
        .await;
    let body = json!({ "payloadIds": [assigned, plain, grouped, "absent"] });

    let reply = server.post(ACTION, &body).send().await.expect(200);

    insta::assert_snapshot!(reply.shown());
    let qualified = ACTION.replace("hasPayloadLinks", "microsoft.graph.hasPayloadLinks");
    let again = server.post(&qualified, &body).send().await.expect(200);
    assert_eq!(again.json(), reply.json());
}

#[tokio::test]
async fn it_is_an_action_of_powershell_scripts_alone() {
    let server = TestServer::start().await;
    let body = json!({ "payloadIds": [] });
    let reply = server.post(ACTION, &body).send().await.expect(200);
    assert_eq!(reply.json()["value"], json!([]));
    for wrong in [
        json!({ "payloadIds": "a" }),
        json!({ "payloadIds": [1] }),
        json!({ "ids": [] }),
        json!({ "payloadIds": vec!["a"; 1001] }),
    ] {
        server.post(ACTION, &wrong).send().await.expect(400);
    }
    let elsewhere = "/deviceManagement/deviceShellScripts/hasPayloadLinks";
    let reply = server.post(elsewhere, &body).send().await;
    assert!(
        matches!(reply.status.as_u16(), 400 | 404 | 405),
        "{}",
        reply.text()
    );
}
