//! New scripts.

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
