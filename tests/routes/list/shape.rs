//! What is answered of each entity: `$select`, `$expand`, the level of metadata.

use runstate_testkit::{SCRIPTS, TestServer, encode};
use serde_json::{Value, json};

use super::states;

#[tokio::test]
async fn select_and_expand() {
    let server = TestServer::start().await;
    let states = states(&server).await;
    let script = states.split('/').nth(3).unwrap().to_owned();
    let expand = "deviceRunStates($filter=errorCode ge 0;$orderby=errorCode desc,id;$top=2;$count=true;$select=id,runState;$expand=managedDevice($select=deviceName))";
    let path = format!(
        "/deviceManagement/deviceShellScripts?$select=displayName&$expand={}",
        encode(expand)
    );
    let reply = server.get(&path).send().await.expect(200);
    let next = "deviceRunStates@odata.nextLink";
    let mut shown = reply.json();
    let link = shown["value"][0][next].as_str().unwrap().to_owned();
    // The token is of a random key.
    shown["value"][0][next] = json!("LINK");
    let shown = serde_json::to_string_pretty(&shown).unwrap();
    insta::assert_snapshot!(
        shown
            .replace(&script, "SCRIPT")
            .replace(&server.root(), "ROOT")
    );

    let rest = server.read(&link).await;
    assert_eq!(rest["@odata.count"], 4);
    let rest = rest["value"].as_array().unwrap();
    assert_eq!(rest.len(), 2);
    assert_eq!(
        rest[0],
        json!({ "id": "d", "runState": "pending", "managedDevice": null, "managedDevice@odata.context": rest[0]["managedDevice@odata.context"] })
    );
    assert_eq!(rest[1]["id"], "a");
    assert_eq!(rest[1]["managedDevice"], json!({ "deviceName": "LAP-1" }));
    assert_eq!(rest[1].as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn every_navigation_property_of_a_script_is_expanded_in_a_list() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Run").await;
        let path = format!("/deviceManagement/{collection}");
        let one = format!("{path}/{script}");
        let all =
            json!({ "target": { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } });
        server.create(&format!("{one}/assignments"), &all).await;
        server
            .create(
                &format!("{one}/groupAssignments"),
                &json!({ "targetGroupId": "g" }),
            )
            .await;
        server
            .create(&format!("{one}/deviceRunStates"), &json!({ "id": "d" }))
            .await;
        server
            .create(&format!("{one}/userRunStates"), &json!({ "id": "u" }))
            .await;
        server
            .create(
                &format!("{one}/userRunStates/u/deviceRunStates"),
                &json!({ "id": "n" }),
            )
            .await;
        let all = "assignments,groupAssignments,runSummary,deviceRunStates,userRunStates($expand=deviceRunStates($expand=managedDevice))";
        for path in [
            format!("{path}?$expand={all}"),
            format!("{one}?$expand={all}"),
        ] {
            let read = server.read(&path).await;
            let script = if read["value"].is_array() {
                &read["value"][0]
            } else {
                &read
            };
            for name in [
                "assignments",
                "groupAssignments",
                "deviceRunStates",
                "userRunStates",
            ] {
                assert_eq!(script[name].as_array().unwrap().len(), 1, "{path} {name}");
            }
            assert_eq!(script["deviceRunStates"][0]["id"], "d");
            assert_eq!(script["userRunStates"][0]["deviceRunStates"][0]["id"], "n");
            assert_eq!(
                script["userRunStates"][0]["deviceRunStates"][0]["managedDevice"],
                Value::Null
            );
            assert_eq!(script["runSummary"]["successDeviceCount"], 0);
        }
    }
}

#[tokio::test]
async fn lists_of_scripts_leave_their_content_out() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        server.script(collection, "Run").await;
        let path = format!("/deviceManagement/{collection}");
        for options in [
            "",
            "/",
            "/?",
            "?$select=id,scriptContent",
            "?$expand=assignments",
            "?$filter=displayName%20eq%20'Run'",
        ] {
            let script = server.read(&format!("{path}{options}")).await["value"][0].clone();
            assert_eq!(script["scriptContent"], Value::Null, "{options}");
        }
        let reply = server.get(&path).send().await.expect(200);
        insta::assert_snapshot!(format!("a_list_of_{collection}"), reply.shown());
    }
}

#[tokio::test]
async fn each_level_of_metadata() {
    let server = TestServer::start().await;
    let states = states(&server).await;
    let path = format!("{states}?$top=1&$count=true&$select=id,errorCode");
    for (level, annotations) in [("none", 2), ("minimal", 3), ("full", 10)] {
        let reply = server
            .get(&path)
            .header(
                "Accept",
                &format!("application/json;odata.metadata={level}"),
            )
            .send()
            .await
            .expect(200);
        assert_eq!(
            reply.text().matches("@odata.").count(),
            annotations,
            "{level}: {}",
            reply.text()
        );
    }
}
