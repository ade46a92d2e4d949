//! `POST` to the collections of the family.

use runstate_testkit::{SCRIPTS, TestServer};
use serde_json::{Value, json};

/// Scripts of each kind with all that a client may set.
fn whole_scripts() -> [(&'static str, Value); 3] {
    let common = |mut own: Value| {
        let common = json!({
            "displayName": "Disk report",
            "description": "Says how full the disk is",
            "scriptContent": "ZGYgLWgK",
            "runAsAccount": "user",
            "fileName": "disk.sh",
            "roleScopeTagIds": ["0", "7"],
        });
        own.as_object_mut()
            .unwrap()
            .extend(common.as_object().unwrap().clone());
        own
    };
    [
        (
            SCRIPTS[0],
            common(json!({ "enforceSignatureCheck": true, "runAs32Bit": true })),
        ),
        (
            SCRIPTS[1],
            common(json!({
                "executionFrequency": "PT1H", "retryCount": 3, "blockExecutionNotifications": true,
            })),
        ),
        (
            SCRIPTS[2],
            common(json!({ "customAttributeName": "Disk", "customAttributeType": "string" })),
        ),
    ]
}

#[tokio::test]
async fn a_script_of_each_kind() {
    let server = TestServer::start().await;
    for (collection, script) in whole_scripts() {
        let path = format!("/deviceManagement/{collection}");
        let reply = server.post(&path, &script).send().await.expect(201);

        insta::assert_snapshot!(format!("a_script_of_each_kind_{collection}"), reply.shown());
        let created = reply.json();
        let location = reply.header("location").to_owned();
        let read = server.read(&location).await;
        for (name, value) in script.as_object().unwrap() {
            assert_eq!(&created[name], value, "{collection} {name}");
            assert_eq!(&read[name], value, "{collection} {name}");
        }
        assert_eq!(read["createdDateTime"], "2026-01-31T12:00:00Z");
        assert_eq!(read["lastModifiedDateTime"], "2026-01-31T12:00:00Z");
    }
}

#[tokio::test]
async fn a_script_with_a_name_alone_has_defaults() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let path = format!("/deviceManagement/{collection}");
        let body = json!({ "displayName": "Plain" });
        let reply = server.post(&path, &body).send().await.expect(201);
        insta::assert_snapshot!(format!("defaults_{collection}"), reply.shown());
    }
}

#[tokio::test]
async fn read_only_properties_that_clients_send_back_are_not_stored() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let body = json!({
            "@odata.context": "https://elsewhere/$metadata",
            "id": "mine",
            "displayName": "Copied",
            "createdDateTime": "2001-01-01T00:00:00Z",
            "lastModifiedDateTime": "2001-01-01T00:00:00Z",
        });
        let path = format!("/deviceManagement/{collection}");
        let created = server.post(&path, &body).send().await.expect(201).json();
        assert_ne!(created["id"], "mine");
        assert_eq!(created["createdDateTime"], "2026-01-31T12:00:00Z");
        assert_eq!(created["lastModifiedDateTime"], "2026-01-31T12:00:00Z");
    }
}

#[tokio::test]
async fn the_type_annotation_must_name_the_type() {
    let server = TestServer::start().await;
    for (own, type_name) in [
        (0, "deviceManagementScript"),
        (1, "deviceShellScript"),
        (2, "deviceCustomAttributeShellScript"),
    ] {
        for (i, collection) in SCRIPTS.into_iter().enumerate() {
            for hash in ["#", ""] {
                let annotation = format!("{hash}microsoft.graph.{type_name}");
                let body = json!({ "@odata.type": annotation, "displayName": "Typed" });
                let path = format!("/deviceManagement/{collection}");
                let reply = server.post(&path, &body).send().await;
                let expected = if i == own { 201 } else { 400 };
                assert_eq!(
                    reply.status.as_u16(),
                    expected,
                    "{collection} {annotation}: {}",
                    reply.text()
                );
                if expected == 400 {
                    assert!(reply.message().contains("@odata.type"));
                }
            }
        }
    }
}

#[tokio::test]
async fn what_cannot_be_created_is_named() {
    let server = TestServer::start().await;
    let cases = [
        (json!({}), "displayName"),
        (json!({ "displayName": null }), "displayName"),
        (json!({ "displayName": 7 }), "displayName"),
        (
            json!({ "displayName": "a", "retryCount": "3" }),
            "retryCount",
        ),
        (
            json!({ "displayName": "a", "retryCount": 2_147_483_648_u32 }),
            "retryCount",
        ),
        (
            json!({ "displayName": "a", "retryCount": 1.5 }),
            "retryCount",
        ),
        (
            json!({ "displayName": "a", "runAsAccount": "root" }),
            "runAsAccount",
        ),
        (
            json!({ "displayName": "a", "runAsAccount": 0 }),
            "runAsAccount",
        ),
        (
            json!({ "displayName": "a", "runAs32Bit": true }),
            "runAs32Bit",
        ),
        (
            json!({ "displayName": "a", "roleScopeTagIds": "0" }),
            "roleScopeTagIds",
        ),
        (
            json!({ "displayName": "a", "roleScopeTagIds": [0] }),
            "roleScopeTagIds",
        ),
        (
            json!({ "displayName": "a", "roleScopeTagIds": [null] }),
            "roleScopeTagIds",
        ),
        (
            json!({ "displayName": "a", "roleScopeTagIds": null }),
            "roleScopeTagIds",
        ),
        (
            json!({ "displayName": "a", "scriptContent": "!!" }),
            "scriptContent",
        ),
        (
            json!({ "displayName": "a", "deviceRunStates": [] }),
            "deviceRunStates",
        ),
        (
            json!({ "displayName": "a", "assignments": [] }),
            "assignments",
        ),
        (
            json!({ "displayName": "a", "createdDateTime": "yesterday" }),
            "createdDateTime",
        ),
        (
            json!({ "displayName": "a", "DisplayName": "b" }),
            "DisplayName",
        ),
    ];
    let path = "/deviceManagement/deviceShellScripts";
    for (body, property) in cases {
        let reply = server.post(path, &body).send().await.expect(400);
        assert_eq!(reply.code(), "BadRequest", "{body}");
        assert!(
            reply.message().contains(property),
            "{body}: {}",
            reply.message()
        );
    }
    assert!(server.ids(path).await.is_empty());
}

#[tokio::test]
async fn forms_of_execution_frequency() {
    let server = TestServer::start().await;
    let path = "/deviceManagement/deviceShellScripts";
    for (given, answered) in [
        (json!("PT1H"), json!("PT1H")),
        (json!("P1D"), json!("P1D")),
        (json!("P1W"), json!("P1W")),
        (json!("P1DT2H3M4.5S"), json!("P1DT2H3M4.5S")),
        (json!("PT0S"), json!("PT0S")),
        // As the Graph SDK for Python writes a `timedelta`.
        (json!("1:00:00"), json!("PT1H")),
        (json!("1 day, 0:00:00"), json!("P1D")),
        (json!(null), json!(null)),
    ] {
        let body = json!({ "displayName": "a", "executionFrequency": given });
        let id = server.create(path, &body).await;
        let read = server.read(&format!("{path}/{id}")).await;
        assert_eq!(read["executionFrequency"], answered, "{given}");
    }
    for refused in [
        "P1M", "P1Y", "P1Y2M", "", "P", "PT", "1H", "hourly", "PT1H1D",
    ] {
        let body = json!({ "displayName": "a", "executionFrequency": refused });
        let reply = server.post(path, &body).send().await.expect(400);
        assert!(reply.message().contains("executionFrequency"), "{refused}");
    }
}

#[tokio::test]
async fn content_in_every_form_of_base64_comes_back_in_the_standard_one() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let path = format!("/deviceManagement/{collection}");
        for given in ["+/+/AQ==", "-_-_AQ==", "+/+/AQ", "-_-_AQ"] {
            let body = json!({ "displayName": "a", "scriptContent": given });
            let id = server.create(&path, &body).await;
            let read = server.read(&format!("{path}/{id}")).await;
            assert_eq!(read["scriptContent"], "+/+/AQ==", "{given}");
        }
    }
}

#[tokio::test]
async fn the_size_of_a_script_is_limited() {
    let server = TestServer::start().await;
    let kib = 1024;
    for (collection, limit) in SCRIPTS.into_iter().zip([200 * kib, 1024 * kib, 1024 * kib]) {
        let path = format!("/deviceManagement/{collection}");
        // Three bytes are four digits; the limit itself is taken, one more is not.
        let content = |bytes: usize| {
            let padding = (3 - bytes % 3) % 3;
            let digits = (bytes + padding) / 3 * 4 - padding;
            format!("{}{}", "A".repeat(digits), "=".repeat(padding))
        };
        let body = json!({ "displayName": "a", "scriptContent": content(limit) });
        let id = server.create(&path, &body).await;
        let larger = json!({ "displayName": "a", "scriptContent": content(limit + 1) });
        let reply = server.post(&path, &larger).send().await.expect(400);
        assert!(
            reply.message().contains("scriptContent"),
            "{}",
            reply.message()
        );
        let larger = json!({ "scriptContent": content(limit + 1) });
        let one = format!("{path}/{id}");
        let reply = server.patch(&one, &larger).send().await.expect(400);
        assert!(
            reply.message().contains("scriptContent"),
            "{}",
            reply.message()
        );
        assert_eq!(server.read(&one).await["scriptContent"], content(limit));
    }
}

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

#[tokio::test]
async fn with_return_minimal_only_the_location_is_answered() {
    let server = TestServer::start().await;
    let reply = server
        .post("/groups", &json!({ "displayName": "Macs" }))
        .header("Prefer", "return=minimal")
        .send()
        .await
        .expect(204);
    assert!(reply.body.is_empty());
    assert_eq!(reply.header("preference-applied"), "return=minimal");
    assert_eq!(reply.header("location"), reply.header("odata-entityid"));
    let group = server.read(reply.header("location")).await;
    assert_eq!(group["displayName"], "Macs");
}

#[tokio::test]
async fn a_group_with_members_bound() {
    let server = TestServer::start().await;
    let ada = server
        .create("/users", &json!({ "displayName": "Ada" }))
        .await;
    let bob = server
        .create("/users", &json!({ "displayName": "Bob" }))
        .await;
    let body = json!({
        "displayName": "All",
        "members@odata.bind": [
            format!("{}/users/{ada}", server.root()),
            format!("https://graph.microsoft.com/v1.0/directoryObjects/{bob}"),
        ],
    });
    let group = server.create("/groups", &body).await;
    let mut members = server.ids(&format!("/groups/{group}/members")).await;
    members.sort();
    let mut expected = vec![ada, bob];
    expected.sort();
    assert_eq!(members, expected);
}
