//! `DELETE`, and what goes with it.

use runstate_testkit::{SCRIPTS, TestServer};
use serde_json::json;

#[tokio::test]
async fn a_script_goes_with_all_that_it_contains() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Gone").await;
        let one = format!("/deviceManagement/{collection}/{script}");
        let kept = server.script(collection, "Kept").await;
        let kept = format!("/deviceManagement/{collection}/{kept}");
        let all =
            json!({ "target": { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } });
        for owner in [&one, &kept] {
            server.create(&format!("{owner}/assignments"), &all).await;
            server
                .create(
                    &format!("{owner}/groupAssignments"),
                    &json!({ "targetGroupId": "g" }),
                )
                .await;
            server
                .create(&format!("{owner}/deviceRunStates"), &json!({ "id": "d" }))
                .await;
            server
                .create(&format!("{owner}/userRunStates"), &json!({ "id": "u" }))
                .await;
            server
                .create(
                    &format!("{owner}/userRunStates/u/deviceRunStates"),
                    &json!({ "id": "n" }),
                )
                .await;
        }

        let reply = server.delete(&one).send().await.expect(204);

        assert!(reply.body.is_empty());
        let below = [
            "",
            "/runSummary",
            "/assignments",
            "/groupAssignments",
            "/deviceRunStates",
            "/deviceRunStates/d",
            "/userRunStates",
            "/userRunStates/u",
            "/userRunStates/u/deviceRunStates",
            "/userRunStates/u/deviceRunStates/n",
        ];
        for path in below {
            let reply = server.get(&format!("{one}{path}")).send().await.expect(404);
            assert_eq!(reply.code(), "ResourceNotFound", "{path}");
            server
                .get(&format!("{kept}{path}"))
                .send()
                .await
                .expect(200);
        }
        server.delete(&one).send().await.expect(404);
        server
            .patch(&one, &json!({ "displayName": "a" }))
            .send()
            .await
            .expect(404);
    }
}

#[tokio::test]
async fn each_kind_of_entity_is_deleted_by_itself() {
    let server = TestServer::start().await;
    let script = server.shell_script("Kept").await;
    let one = format!("/deviceManagement/deviceShellScripts/{script}");
    let all = json!({ "target": { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } });
    for (collection, body) in [
        (format!("{one}/assignments"), all),
        (
            format!("{one}/groupAssignments"),
            json!({ "targetGroupId": "g" }),
        ),
        (format!("{one}/deviceRunStates"), json!({ "id": "d" })),
        (format!("{one}/userRunStates"), json!({ "id": "u" })),
        (
            "/deviceManagement/managedDevices".to_owned(),
            json!({ "deviceName": "a" }),
        ),
        ("/users".to_owned(), json!({ "displayName": "a" })),
        ("/groups".to_owned(), json!({ "displayName": "a" })),
    ] {
        let id = server.create(&collection, &body).await;
        let path = format!("{collection}/{id}");
        server.delete(&path).send().await.expect(204);
        server.get(&path).send().await.expect(404);
        let reply = server.delete(&path).send().await.expect(404);
        let code = if collection.starts_with("/deviceManagement") {
            "ResourceNotFound"
        } else {
            "Request_ResourceNotFound"
        };
        assert_eq!(reply.code(), code, "{collection}");
        assert!(server.ids(&collection).await.is_empty());
        assert_eq!(
            server
                .get(&format!("{collection}/$count"))
                .send()
                .await
                .text(),
            "0"
        );
    }
    let reply = server
        .delete(&format!("{one}/runSummary"))
        .send()
        .await
        .expect(405);
    assert_eq!(reply.header("allow"), "GET, PATCH");
    let reply = server
        .delete("/deviceManagement/deviceShellScripts")
        .send()
        .await
        .expect(405);
    assert_eq!(reply.header("allow"), "GET, POST");
}

#[tokio::test]
async fn a_deleted_user_state_does_not_leave_states_to_the_next_of_its_name() {
    let server = TestServer::start().await;
    let script = server.script(SCRIPTS[0], "Run").await;
    let users = format!("/deviceManagement/{}/{script}/userRunStates", SCRIPTS[0]);
    let user = json!({ "id": "u" });
    server.create(&users, &user).await;
    server
        .create(
            &format!("{users}/u/deviceRunStates"),
            &json!({ "id": "n", "runState": "fail" }),
        )
        .await;
    server
        .delete(&format!("{users}/u"))
        .send()
        .await
        .expect(204);
    server.create(&users, &user).await;
    assert!(
        server
            .ids(&format!("{users}/u/deviceRunStates"))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn the_runs_of_a_deleted_device_stay() {
    let server = TestServer::start().await;
    let device = server
        .create(
            "/deviceManagement/managedDevices",
            &json!({ "deviceName": "a" }),
        )
        .await;
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    let state = json!({ "managedDevice@odata.bind": format!("managedDevices/{device}") });
    let state = server.create(&states, &state).await;
    server
        .delete(&format!("/deviceManagement/managedDevices/{device}"))
        .send()
        .await
        .expect(204);
    server
        .get(&format!("{states}/{state}"))
        .send()
        .await
        .expect(200);
    server
        .get(&format!("{states}/{state}/managedDevice"))
        .send()
        .await
        .expect(404);
    let expanded = server
        .read(&format!("{states}?$expand=managedDevice"))
        .await;
    assert_eq!(expanded["value"][0]["managedDevice"], json!(null));
}
