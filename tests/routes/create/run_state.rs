//! New run states, and the ids that they get.

use runstate_testkit::{SCRIPTS, TestServer};
use serde_json::{Value, json};

#[tokio::test]
async fn the_id_of_a_device_run_state() {
    let server = TestServer::start().await;
    let device = json!({ "deviceName": "LAP-1" });
    let device = server
        .create("/deviceManagement/managedDevices", &device)
        .await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Run").await;
        let one = format!("/deviceManagement/{collection}/{script}");
        let users = format!("{one}/userRunStates");
        let user = server
            .create(&users, &json!({ "id": format!("{script}:ada") }))
            .await;
        for (states, owner) in [
            (format!("{one}/deviceRunStates"), script.clone()),
            (format!("{users}/{user}/deviceRunStates"), user.clone()),
        ] {
            let given = server
                .create(&states, &json!({ "id": "kept as it is" }))
                .await;
            assert_eq!(given, "kept as it is");

            let bind = format!(
                "{}/deviceManagement/managedDevices('{device}')",
                server.root()
            );
            let bound = json!({ "managedDevice@odata.bind": bind, "runState": "success" });
            let bound = server.create(&states, &bound).await;
            assert_eq!(bound, format!("{owner}:{device}"));
            let read = server
                .read(&format!("{states}/{bound}/managedDevice"))
                .await;
            assert_eq!(read["deviceName"], "LAP-1");

            let nobody = server.create(&states, &json!({})).await;
            let read = server.read(&format!("{states}/{nobody}")).await;
            assert_eq!(read["runState"], "unknown");
            assert_eq!(read["errorCode"], 0);
            assert_eq!(read["lastStateUpdateDateTime"], "2026-01-31T12:00:00Z");
            server
                .get(&format!("{states}/{nobody}/managedDevice"))
                .send()
                .await
                .expect(404);

            let again = json!({ "id": bound });
            let reply = server.post(&states, &again).send().await.expect(409);
            assert_eq!(reply.code(), "Conflict");
        }
        let absent = json!({ "managedDevice@odata.bind": "managedDevices/absent" });
        let states = format!("{one}/deviceRunStates");
        let reply = server.post(&states, &absent).send().await.expect(400);
        assert!(reply.message().contains("managedDevice@odata.bind"));
    }
}

#[tokio::test]
async fn the_answer_to_a_new_run_state() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    let body = json!({
        "@odata.type": "#microsoft.graph.deviceManagementScriptDeviceState",
        "runState": "scriptError",
        "resultMessage": "Result Message value",
        "lastStateUpdateDateTime": "2017-01-01T00:02:58.4418045-08:00",
        "errorCode": 9,
        "errorDescription": "Error Description value",
    });
    let reply = server.post(&states, &body).send().await.expect(201);
    insta::assert_snapshot!(reply.shown());
}

#[tokio::test]
async fn the_location_leads_to_what_was_created_whatever_its_id() {
    let server = TestServer::start().await;
    let script = server.script(SCRIPTS[0], "Run").await;
    let users = format!("/deviceManagement/{}/{script}/userRunStates", SCRIPTS[0]);
    for id in [
        "it's",
        "a/b",
        "a b",
        "é%41",
        "50%",
        "a?b#c",
        "('x')",
        "$count",
        "$ref",
        "a,b=c",
        "+",
        "..",
        ".",
        "\u{1F600}",
    ] {
        let user = server
            .post(&users, &json!({ "id": id }))
            .send()
            .await
            .expect(201);
        let path = user.header("location").to_owned();
        assert_eq!(server.read(&path).await["id"], id, "{path}");
        for nested in ["a", "b"] {
            let body = json!({ "id": format!("{nested}{id}") });
            let state = server
                .post(&format!("{path}/deviceRunStates"), &body)
                .send()
                .await
                .expect(201);
            let path = state.header("location").to_owned();
            assert_eq!(server.read(&path).await["id"], body["id"], "{path}");
        }
        let expanded = server
            .read(&format!("{path}?$expand=deviceRunStates($top=1)"))
            .await;
        let next = expanded["deviceRunStates@odata.nextLink"].as_str();
        let next = next.unwrap_or_else(|| panic!("{path}: {expanded}"));
        assert_eq!(server.ids(next).await, [format!("b{id}")], "{next}");
        server.delete(&path).send().await.expect(204);
    }
}

#[tokio::test]
async fn an_id_that_names_a_device_is_bound_to_it() {
    let server = TestServer::start().await;
    let device = json!({ "id": "dev", "deviceName": "LAP-1" });
    server
        .create("/deviceManagement/managedDevices", &device)
        .await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Run").await;
        let one = format!("/deviceManagement/{collection}/{script}");
        let user = format!("{script}:ada");
        server
            .create(&format!("{one}/userRunStates"), &json!({ "id": user }))
            .await;
        for (states, id, bound) in [
            (
                format!("{one}/deviceRunStates"),
                format!("{script}:dev"),
                true,
            ),
            (
                format!("{one}/deviceRunStates"),
                "other:dev".to_owned(),
                false,
            ),
            (
                format!("{one}/userRunStates/{user}/deviceRunStates"),
                format!("{user}:dev"),
                true,
            ),
            (
                format!("{one}/userRunStates/{user}/deviceRunStates"),
                format!("{script}:dev"),
                false,
            ),
        ] {
            server.create(&states, &json!({ "id": id })).await;
            let read = server
                .read(&format!("{states}/{id}?$expand=managedDevice"))
                .await;
            let name = if bound { json!("LAP-1") } else { Value::Null };
            assert_eq!(read["managedDevice"]["deviceName"], name, "{id}");
        }
    }
}
