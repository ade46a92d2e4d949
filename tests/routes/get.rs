//! `GET` of one entity.

use http::Method;
use runstate_server::auth::issuer::Subject;
use runstate_testkit::{SCRIPTS, TestServer};
use serde_json::{Value, json};

#[tokio::test]
async fn a_script_with_its_content_and_assignments() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Disk report").await;
        let path = format!("/deviceManagement/{collection}/{script}");
        let all =
            json!({ "target": { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } });
        server.create(&format!("{path}/assignments"), &all).await;
        let reply = server
            .get(&format!("{path}?$expand=assignments"))
            .send()
            .await
            .expect(200);
        insta::assert_snapshot!(
            format!("a_script_with_assignments_{collection}"),
            reply.shown()
        );
        let selected = format!("{path}?$select=scriptContent,displayName");
        let reply = server.get(&selected).send().await.expect(200).json();
        let context = format!(
            "{}/$metadata#deviceManagement/{collection}(displayName,scriptContent)/$entity",
            server.root()
        );
        assert_eq!(
            reply,
            json!({
                "@odata.context": context, "displayName": "Disk report", "scriptContent": "IyEvYmluL3NoCg==",
            })
        );
    }
}

#[tokio::test]
async fn everything_else_by_its_key_in_both_forms() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Run").await;
        for one in [
            format!("/deviceManagement/{collection}/{script}"),
            format!("/deviceManagement/{collection}('{script}')"),
        ] {
            let all = json!({ "target": { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } });
            for (below, body) in [
                ("assignments", all),
                ("groupAssignments", json!({ "targetGroupId": "g" })),
                (
                    "deviceRunStates",
                    json!({ "id": format!("{script}:device") }),
                ),
                (
                    "userRunStates",
                    json!({ "id": format!("{script}:user"), "userPrincipalName": "ada@x" }),
                ),
            ] {
                let path = format!("{one}/{below}");
                let id = server.create(&path, &body).await;
                let (first, second) = (
                    server
                        .read(&format!("{path}/{}", id.replace(':', "%3A")))
                        .await,
                    server.read(&format!("{path}('{id}')")).await,
                );
                assert_eq!(first, second);
                assert_eq!(first["id"], id);
                server
                    .delete(&format!("{path}/{id}"))
                    .send()
                    .await
                    .expect(204);
            }
            let summary = server.read(&format!("{one}/runSummary")).await;
            assert_eq!(summary["successDeviceCount"], 0);
        }
    }
}

#[tokio::test]
async fn a_managed_device_and_its_users() {
    let server = TestServer::start().await;
    let ada = server
        .create(
            "/users",
            &json!({ "displayName": "Ada", "userPrincipalName": "ada@x" }),
        )
        .await;
    let device = json!({
        "deviceName": "LAP-1", "userId": ada, "operatingSystem": "macOS", "deviceType": "macMDM",
        "complianceState": "compliant", "totalStorageSpaceInBytes": 9_007_199_254_740_993_i64,
        "lastSyncDateTime": "2026-01-01T00:00:00.1234567Z", "isEncrypted": true,
        "managedDeviceOwnerType": "company", "roleScopeTagIds": ["0"],
    });
    let id = server
        .create("/deviceManagement/managedDevices", &device)
        .await;
    let path = format!("/deviceManagement/managedDevices/{id}");
    let reply = server
        .get(&format!("{path}?$expand=users($select=displayName)"))
        .send()
        .await
        .expect(200);
    insta::assert_snapshot!(reply.shown());
    let read = reply.json();
    for (name, value) in device.as_object().unwrap() {
        assert_eq!(&read[name], value, "{name}");
    }
    assert_eq!(server.ids(&format!("{path}/users")).await, [ada]);
}

#[tokio::test]
async fn only_select_and_expand_apply() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    let path = format!("/deviceManagement/deviceShellScripts/{script}");
    for option in [
        "$filter=true",
        "$orderby=id",
        "$top=1",
        "$skip=1",
        "$count=true",
        "$search=a",
        "$skiptoken=a",
    ] {
        let reply = server
            .get(&format!("{path}?{option}"))
            .send()
            .await
            .expect(400);
        let (name, _) = option.split_once('=').unwrap();
        assert_eq!(reply.code(), "Request_BadRequest");
        assert!(
            reply.message().contains(name),
            "{option}: {}",
            reply.message()
        );
    }
}

#[tokio::test]
async fn each_level_of_metadata() {
    let server = TestServer::start().await;
    let device = server
        .create(
            "/deviceManagement/managedDevices",
            &json!({ "deviceName": "a", "totalStorageSpaceInBytes": 5 }),
        )
        .await;
    let script = server.shell_script("Run").await;
    let one = format!("/deviceManagement/deviceShellScripts/{script}");
    let group = json!({ "target": { "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g" } });
    server.create(&format!("{one}/assignments"), &group).await;
    let state = json!({ "managedDevice@odata.bind": format!("managedDevices/{device}") });
    let state = server
        .create(&format!("{one}/deviceRunStates"), &state)
        .await;
    for (name, path) in [
        ("script", format!("{one}?$expand=assignments")),
        (
            "state",
            format!(
                "{one}/deviceRunStates/{state}?$expand=managedDevice($select=deviceName,totalStorageSpaceInBytes)"
            ),
        ),
    ] {
        for level in ["none", "minimal", "full"] {
            let accept = format!("application/json;odata.metadata={level}");
            let reply = server
                .get(&path)
                .header("Accept", &accept)
                .send()
                .await
                .expect(200);
            insta::assert_snapshot!(format!("metadata_{level}_of_a_{name}"), reply.shown());
            let separator = if path.contains('?') { '&' } else { '?' };
            let by_format =
                format!("{path}{separator}$format=application/json;odata.metadata={level}");
            let again = server
                .get(&by_format)
                .header("Accept", "text/html")
                .send()
                .await
                .expect(200);
            assert_eq!(again.json(), reply.json());
            assert_eq!(again.header("content-type"), reply.header("content-type"));
        }
    }
    let path = format!("/deviceManagement/managedDevices/{device}");
    let accept = "application/json;IEEE754Compatible=true";
    let reply = server
        .get(&path)
        .header("Accept", accept)
        .send()
        .await
        .expect(200);
    assert_eq!(reply.json()["totalStorageSpaceInBytes"], "5");
    assert!(
        reply
            .header("content-type")
            .contains("IEEE754Compatible=true")
    );
    let reply = server
        .get(&format!("{path}?$format=json"))
        .send()
        .await
        .expect(200);
    assert_eq!(reply.json()["totalStorageSpaceInBytes"], 5);
}

#[tokio::test]
async fn a_form_that_is_not_json_is_not_acceptable() {
    let server = TestServer::start().await;
    let path = "/deviceManagement/deviceShellScripts";
    for accept in [
        "text/html",
        "application/xml",
        "application/json;odata.metadata=huge",
        "application/json;q=0",
    ] {
        let reply = server
            .get(path)
            .header("Accept", accept)
            .send()
            .await
            .expect(406);
        assert_eq!(reply.code(), "NotAcceptable", "{accept}");
    }
    for accept in [
        "*/*",
        "application/*",
        "text/html, application/json;q=0.1",
        "application/json; charset=utf-8",
    ] {
        server
            .get(path)
            .header("Accept", accept)
            .send()
            .await
            .expect(200);
    }
    for format in ["xml", "atom", "application/xml"] {
        let reply = server.get(&format!("{path}?$format={format}")).send().await;
        assert!(
            matches!(reply.status.as_u16(), 400 | 406),
            "{format}: {}",
            reply.text()
        );
        assert!(reply.message().contains("$format"));
    }
    assert_ne!(server.read(path).await, Value::Null);
}

#[tokio::test]
async fn the_singleton_that_the_service_document_lists() {
    let server = TestServer::start().await;
    let reply = server.get("/deviceManagement").send().await.expect(200);
    insta::assert_snapshot!(reply.shown());
    let expand = "/deviceManagement?$expand=managedDevices";
    server.get(expand).send().await.expect(400);
}

#[tokio::test]
async fn a_user_by_the_name_with_which_it_signs_in() {
    let server = TestServer::start().await;
    let user = json!({ "displayName": "Ada", "userPrincipalName": "ada@contoso.example" });
    let id = server.create("/users", &user).await;
    for path in [
        "/users/ada@contoso.example",
        "/users('ada%40contoso.example')",
    ] {
        assert_eq!(server.read(path).await["id"], id, "{path}");
    }
    server
        .get("/users/eve@contoso.example")
        .send()
        .await
        .expect(404);
    let foreign = server.token_for("another", Subject::Application, &["User.Read.All"]);
    let path = "/beta/users/ada@contoso.example";
    let reply = server
        .request(Method::GET, path)
        .token(&foreign)
        .send()
        .await;
    assert_eq!(reply.status, 404);

    server.create("/users", &user).await;
    server
        .get("/users/ada@contoso.example")
        .send()
        .await
        .expect(409);
}

#[tokio::test]
async fn the_device_of_a_run_state_is_addressed_where_devices_are() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    let devices = "/deviceManagement/managedDevices";
    let device = server
        .create(devices, &json!({ "deviceName": "lab-01" }))
        .await;
    let link = format!("https://graph.microsoft.com/beta{devices}/{device}");
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    let state = server
        .create(&states, &json!({ "managedDevice@odata.bind": link }))
        .await;
    let full = "$format=application/json;odata.metadata=full";
    let read = server
        .read(&format!("{states}/{state}/managedDevice?{full}"))
        .await;
    let own = format!("{}('{device}')", &devices[1..]);
    assert_eq!(read["@odata.id"], format!("{}/{own}", server.root()));
    assert_eq!(read["@odata.editLink"], own);
    assert_eq!(read["users@odata.navigationLink"], format!("{own}/users"));
}
