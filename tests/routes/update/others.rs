//! `PATCH` of all else.

use runstate_testkit::{SCRIPTS, TestServer};
use serde_json::{Value, json};

#[tokio::test]
async fn a_script_is_changed_in_part() {
    let server = TestServer::start().await;
    for (collection, own) in SCRIPTS.into_iter().zip([
        json!({ "enforceSignatureCheck": true, "runAs32Bit": true }),
        json!({ "executionFrequency": "P1W", "retryCount": 2, "blockExecutionNotifications": true }),
        json!({}),
    ]) {
        let id = server.script(collection, "Before").await;
        let path = format!("/deviceManagement/{collection}/{id}");
        server.clock.advance(std::time::Duration::from_millis(61_500));
        let mut change = json!({
            "displayName": "After", "description": "d", "runAsAccount": "user", "fileName": "f",
            "roleScopeTagIds": [], "createdDateTime": "2001-01-01T00:00:00Z", "id": "other",
        });
        change.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        let reply = server.patch(&path, &change).send().await.expect(200);
        insta::assert_snapshot!(format!("a_script_is_changed_in_part_{collection}"), reply.shown());
        let read = server.read(&path).await;
        assert_eq!(read["scriptContent"], "IyEvYmluL3NoCg==");
        let cleared = json!({ "description": null, "scriptContent": null, "fileName": null });
        server.patch(&path, &cleared).send().await.expect(200);
        let read = server.read(&path).await;
        for name in ["description", "scriptContent", "fileName"] {
            assert_eq!(read[name], Value::Null);
        }
        assert_eq!(read["displayName"], "After");
    }
}

#[tokio::test]
async fn name_and_type_of_a_custom_attribute_are_fixed_at_creation() {
    let server = TestServer::start().await;
    let collection = "/deviceManagement/deviceCustomAttributeShellScripts";
    let body = json!({ "displayName": "a", "customAttributeName": "Cores", "customAttributeType": "integer" });
    let id = server.create(collection, &body).await;
    let path = format!("{collection}/{id}");
    // Clients send whole objects back, so this is no error.
    let change = json!({ "customAttributeName": "Other", "customAttributeType": "string", "displayName": "b" });
    let answer = server.patch(&path, &change).send().await.expect(200).json();
    for answer in [answer, server.read(&path).await] {
        assert_eq!(answer["customAttributeName"], "Cores");
        assert_eq!(answer["customAttributeType"], "integer");
        assert_eq!(answer["displayName"], "b");
    }
}

#[tokio::test]
async fn an_assignment_and_a_group_assignment_are_changed() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Assigned").await;
        let one = format!("/deviceManagement/{collection}/{script}");
        let target = |name: &str| json!({ "@odata.type": format!("#microsoft.graph.{name}"), "groupId": "g" });
        let created = json!({ "target": target("groupAssignmentTarget") });
        let id = server.create(&format!("{one}/assignments"), &created).await;
        let path = format!("{one}/assignments/{id}");
        let changed = json!({ "target": target("exclusionGroupAssignmentTarget") });
        server.patch(&path, &changed).send().await.expect(200);
        let read = server.read(&path).await;
        assert_eq!(
            read["target"]["@odata.type"],
            "#microsoft.graph.exclusionGroupAssignmentTarget"
        );
        let wrong =
            json!({ "target": { "@odata.type": "#microsoft.graph.groupAssignmentTarget" } });
        server.patch(&path, &wrong).send().await.expect(400);
        server
            .patch(&path, &json!({ "target": null }))
            .send()
            .await
            .expect(400);

        let groups = format!("{one}/groupAssignments");
        let id = server
            .create(&groups, &json!({ "targetGroupId": "g" }))
            .await;
        let path = format!("{groups}/{id}");
        let answer = server
            .patch(&path, &json!({ "targetGroupId": "g" }))
            .send()
            .await
            .expect(200);
        assert_eq!(answer.json()["id"], format!("{script}:g"));
    }
}

#[tokio::test]
async fn the_summary_answers_its_exact_counters_to_a_patch() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Run").await;
        let one = format!("/deviceManagement/{collection}/{script}");
        server
            .create(
                &format!("{one}/deviceRunStates"),
                &json!({ "runState": "success" }),
            )
            .await;
        let change = json!({ "successDeviceCount": 99, "errorUserCount": 7 });
        let path = format!("{one}/runSummary");
        let reply = server.patch(&path, &change).send().await.expect(200);
        insta::assert_snapshot!(format!("summary_patched_{collection}"), reply.shown());
        assert_eq!(server.read(&path).await["successDeviceCount"], 1);
    }
}

#[tokio::test]
async fn devices_users_and_groups_are_changed() {
    let server = TestServer::start().await;
    for (collection, created, changed, name) in [
        (
            "/deviceManagement/managedDevices",
            json!({ "deviceName": "a", "notes": "n", "totalStorageSpaceInBytes": 9_007_199_254_740_993_i64 }),
            json!({ "deviceName": "b" }),
            "deviceName",
        ),
        (
            "/users",
            json!({ "displayName": "a", "surname": "s" }),
            json!({ "displayName": "b" }),
            "displayName",
        ),
        (
            "/groups",
            json!({ "displayName": "a", "description": "d" }),
            json!({ "displayName": "b" }),
            "displayName",
        ),
    ] {
        let id = server.create(collection, &created).await;
        let path = format!("{collection}/{id}");
        let mut expected = server.read(&path).await;
        server.patch(&path, &changed).send().await.expect(200);
        expected[name] = json!("b");
        assert_eq!(server.read(&path).await, expected);
    }
}

#[tokio::test]
async fn a_name_has_an_end() {
    let server = TestServer::start().await;
    let script = server.shell_script("Short").await;
    let state = format!("/deviceManagement/deviceShellScripts/{script}/groupAssignments");
    for (collection, more, property, most) in [
        (
            "/deviceManagement/deviceShellScripts",
            json!({ "scriptContent": "" }),
            "displayName",
            1024,
        ),
        (
            "/deviceManagement/deviceManagementScripts",
            json!({}),
            "displayName",
            1024,
        ),
        (
            "/deviceManagement/assignmentFilters",
            json!({ "rule": "(true)" }),
            "displayName",
            1024,
        ),
        (
            "/deviceManagement/managedDevices",
            json!({}),
            "deviceName",
            1024,
        ),
        (
            "/users",
            json!({ "displayName": "a" }),
            "userPrincipalName",
            1024,
        ),
        ("/users", json!({}), "displayName", 1024),
        ("/groups", json!({}), "displayName", 1024),
        (state.as_str(), json!({}), "targetGroupId", 256),
    ] {
        let with = |length: usize| {
            let mut body = more.clone();
            body[property] = json!("\u{1f600}".repeat(length));
            body
        };
        let (longest, too_long) = (with(most), with(most + 1));
        let id = server.create(collection, &longest).await;
        let path = format!("{collection}/{}", runstate_testkit::encode(&id));
        for refused in [
            server.post(collection, &too_long).send().await,
            server.patch(&path, &too_long).send().await,
        ] {
            let message = refused.expect(400).message();
            let wanted = format!("The property '{property}' must have at most {most} characters.");
            assert_eq!(message, wanted, "{collection}");
        }
        let read = server.read(&path).await;
        assert_eq!(read[property], longest[property], "{collection}");
    }
}
