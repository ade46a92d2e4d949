//! Update deviceManagementScriptDeviceState, the call that everything turns on: what it promises, on
//! each of its four routes.

use runstate_testkit::{SCRIPTS, TestServer};
use serde_json::{Value, json};

/// The request of Graph's documentation, byte for byte.
const EXAMPLE: &str = r##"{
  "@odata.type": "#microsoft.graph.deviceManagementScriptDeviceState",
  "runState": "success",
  "resultMessage": "Result Message value",
  "lastStateUpdateDateTime": "2017-01-01T00:02:58.4418045-08:00",
  "errorCode": 9,
  "errorDescription": "Error Description value"
}"##;

/// A state on each of the four routes of the specification, as paths below `/beta`.
async fn four_routes(server: &TestServer) -> [String; 4] {
    let mut routes = Vec::new();
    for collection in ["deviceShellScripts", SCRIPTS[0], SCRIPTS[2], SCRIPTS[0]] {
        let script = server.script(collection, "Disk report").await;
        let mut owner = format!("/deviceManagement/{collection}/{script}");
        if routes.len() == 3 {
            let users = format!("{owner}/userRunStates");
            let user = server.create(&users, &json!({ "id": "s:u" })).await;
            owner = format!("{users}/{user}");
        }
        let states = format!("{owner}/deviceRunStates");
        let id = server.create(&states, &json!({ "id": "a:b" })).await;
        routes.push(format!("{states}/{id}"));
    }
    routes.try_into().unwrap()
}

#[tokio::test]
async fn the_example_of_the_specification() {
    let server = TestServer::start().await;
    for (i, route) in four_routes(&server).await.into_iter().enumerate() {
        let reply = server
            .patch(&route, &Value::Null)
            .raw("application/json", EXAMPLE)
            .send()
            .await
            .expect(200);

        insta::assert_snapshot!(format!("the_example_on_route_{}", i + 1), reply.shown());
        let first = r#"{"@odata.context":"#;
        assert!(reply.text().starts_with(first), "{}", reply.text());
    }
}

#[tokio::test]
async fn what_was_written_is_read_in_every_way() {
    let server = TestServer::start().await;
    for route in four_routes(&server).await {
        let written: Value = serde_json::from_str(EXAMPLE).unwrap();
        let answered = server
            .patch(&route, &written)
            .send()
            .await
            .expect(200)
            .json();
        let got = server.read(&route).await;
        let (states, _) = route.rsplit_once('/').unwrap();
        let listed = server.read(states).await["value"][0].clone();
        for name in [
            "id",
            "runState",
            "resultMessage",
            "lastStateUpdateDateTime",
            "errorCode",
            "errorDescription",
        ] {
            let expected = if name == "id" {
                &json!("a:b")
            } else {
                &written[name]
            };
            assert_eq!(&answered[name], expected, "{route} {name}");
            assert_eq!(&got[name], expected, "{route} {name}");
            assert_eq!(&listed[name], expected, "{route} {name}");
        }
    }
}

#[tokio::test]
async fn what_is_left_out_stays_and_null_clears() {
    let server = TestServer::start().await;
    for route in four_routes(&server).await {
        let whole = json!({
            "runState": "fail",
            "resultMessage": "out",
            "lastStateUpdateDateTime": "2020-02-29T23:59:59.9999999+14:00",
            "errorCode": -2_147_483_648,
            "errorDescription": "why",
        });
        let mut expected = server.patch(&route, &whole).send().await.expect(200).json();
        for (change, name) in [
            (json!({}), "id"),
            (json!({ "runState": "pending" }), "runState"),
            (json!({ "errorCode": 2_147_483_647 }), "errorCode"),
            (json!({ "resultMessage": null }), "resultMessage"),
            (json!({ "errorDescription": "" }), "errorDescription"),
            (json!({ "errorDescription": null }), "errorDescription"),
            (json!({ "resultMessage": "again" }), "resultMessage"),
        ] {
            if let Some(value) = change.get(name) {
                expected[name] = value.clone();
            }
            let answer = server
                .patch(&route, &change)
                .send()
                .await
                .expect(200)
                .json();
            assert_eq!(answer, expected, "{change}");
        }
    }
}

#[tokio::test]
async fn id_and_annotations_are_never_stored() {
    let server = TestServer::start().await;
    for route in four_routes(&server).await {
        let before = server.read(&route).await;
        let change = json!({
            "@odata.context": "https://elsewhere",
            "@odata.etag": "W/\"9\"",
            "@odata.type": "microsoft.graph.deviceManagementScriptDeviceState",
            "runState@odata.type": "#microsoft.graph.runState",
            "id": "another",
        });
        server.patch(&route, &change).send().await.expect(200);
        assert_eq!(server.read(&route).await, before);
    }
}

#[tokio::test]
async fn a_body_that_is_wrong_is_refused_by_name_and_nothing_is_written() {
    let server = TestServer::start().await;
    let cases = [
        (json!({ "runState": "succeeded" }), "runState"),
        (json!({ "runState": 1 }), "runState"),
        (json!({ "runState": "Success" }), "runState"),
        (json!({ "runState": null }), "runState"),
        (json!({ "resultMessage": 1 }), "resultMessage"),
        (json!({ "resultMessage": ["a"] }), "resultMessage"),
        (json!({ "errorCode": "9" }), "errorCode"),
        (json!({ "errorCode": 2_147_483_648_u32 }), "errorCode"),
        (json!({ "errorCode": -2_147_483_649_i64 }), "errorCode"),
        (json!({ "errorCode": 1.5 }), "errorCode"),
        (json!({ "errorCode": true }), "errorCode"),
        (json!({ "errorCode": null }), "errorCode"),
        (
            json!({ "lastStateUpdateDateTime": "2017-01-01" }),
            "lastStateUpdateDateTime",
        ),
        (
            json!({ "lastStateUpdateDateTime": "2017-01-01T00:00:00" }),
            "lastStateUpdateDateTime",
        ),
        (
            json!({ "lastStateUpdateDateTime": "2017-02-29T00:00:00Z" }),
            "lastStateUpdateDateTime",
        ),
        (
            json!({ "lastStateUpdateDateTime": "2017-01-01T24:00:00Z" }),
            "lastStateUpdateDateTime",
        ),
        (
            json!({ "lastStateUpdateDateTime": "2017-01-01T00:00:00+15:00" }),
            "lastStateUpdateDateTime",
        ),
        (
            json!({ "lastStateUpdateDateTime": 1_483_228_800 }),
            "lastStateUpdateDateTime",
        ),
        (
            json!({ "lastStateUpdateDateTime": null }),
            "lastStateUpdateDateTime",
        ),
        (json!({ "errorDescription": {} }), "errorDescription"),
        (json!({ "resultMesage": "typo" }), "resultMesage"),
        (json!({ "displayName": "of a script" }), "displayName"),
        (json!({ "managedDevice": {} }), "managedDevice"),
        (
            json!({ "managedDevice@odata.bind": "managedDevices/x" }),
            "managedDevice",
        ),
        (json!({ "id": 7 }), "id"),
        (
            json!({ "@odata.type": "#microsoft.graph.deviceShellScript" }),
            "@odata.type",
        ),
        (
            json!({ "@odata.type": "deviceManagementScriptDeviceState" }),
            "@odata.type",
        ),
        (json!({ "@odata.type": null }), "@odata.type"),
    ];
    for route in four_routes(&server).await {
        let before = server.get(&route).send().await.expect(200);
        for (wrong, named) in &cases {
            // A right property beside the wrong one is not written either.
            let mut body = json!({ "errorDescription": "not to be written" });
            body.as_object_mut()
                .unwrap()
                .extend(wrong.as_object().unwrap().clone());
            let reply = server.patch(&route, &body).send().await.expect(400);
            assert_eq!(reply.code(), "BadRequest");
            assert!(
                reply.message().contains(named),
                "{wrong}: {}",
                reply.message()
            );
        }
        let after = server.get(&route).send().await.expect(200);
        assert_eq!(after.json(), before.json());
        assert_eq!(after.header("etag"), before.header("etag"));
    }
}

#[tokio::test]
async fn a_date_comes_back_as_it_was_written() {
    let server = TestServer::start().await;
    let [route, ..] = four_routes(&server).await;
    for date in [
        "2017-01-01T00:02:58.4418045-08:00",
        "2017-01-01T00:02:58.4418045Z",
        "2017-01-01T00:02:58.4418040+05:45",
        "2017-01-01T00:02:58.1+00:00",
        "2017-01-01T00:02:58.0000000Z",
        "2017-01-01T00:02:58Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.9999999-14:00",
        "1969-12-31T23:59:59.9999999Z",
        "2016-02-29T12:00:00+14:00",
    ] {
        let body = json!({ "lastStateUpdateDateTime": date });
        server.patch(&route, &body).send().await.expect(200);
        assert_eq!(server.read(&route).await["lastStateUpdateDateTime"], date);
    }
}

#[tokio::test]
async fn dates_compare_and_sort_as_instants() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    // The text sorts the other way round.
    for (id, date) in [
        ("first", "2017-01-01T09:00:00.0000001+09:00"),
        ("second", "2017-01-01T00:00:00.0000002Z"),
        ("third", "2016-12-31T16:00:00.0000003-08:00"),
    ] {
        server
            .create(
                &states,
                &json!({ "id": id, "lastStateUpdateDateTime": date }),
            )
            .await;
    }
    let list = |options: &str| format!("{states}?{options}");
    let ascending = list("$orderby=lastStateUpdateDateTime");
    assert_eq!(server.ids(&ascending).await, ["first", "second", "third"]);
    let descending = list("$orderby=lastStateUpdateDateTime%20desc");
    assert_eq!(server.ids(&descending).await, ["third", "second", "first"]);
    let equal = list("$filter=lastStateUpdateDateTime%20eq%202017-01-01T05:30:00.0000002%2B05:30");
    assert_eq!(server.ids(&equal).await, ["second"]);
    let later = list("$filter=lastStateUpdateDateTime%20gt%202016-12-31T19:00:00.0000001-05:00");
    assert_eq!(server.ids(&later).await, ["second", "third"]);
}

#[tokio::test]
async fn every_write_gives_a_greater_etag() {
    let server = TestServer::start().await;
    for route in four_routes(&server).await {
        let version = |etag: &str| -> i64 {
            etag.trim_start_matches("W/")
                .trim_matches('"')
                .parse()
                .unwrap()
        };
        let mut last = version(server.get(&route).send().await.expect(200).header("etag"));
        for _ in 0..3 {
            let body = json!({ "runState": "success" });
            let reply = server.patch(&route, &body).send().await.expect(200);
            let etag = reply.header("etag").to_owned();
            assert!(version(&etag) > last, "{etag} after {last}");
            last = version(&etag);
            assert_eq!(server.get(&route).send().await.header("etag"), etag);
            let unchanged = server
                .get(&route)
                .header("If-None-Match", &etag)
                .send()
                .await;
            assert!(unchanged.expect(304).body.is_empty());
        }
    }
}

#[tokio::test]
async fn if_match_is_honoured() {
    let server = TestServer::start().await;
    for route in four_routes(&server).await {
        let stale = server.get(&route).send().await.header("etag").to_owned();
        let body = json!({ "runState": "success" });
        let send = |etag: &str| server.patch(&route, &body).header("If-Match", etag).send();
        let current = send(&stale).await.expect(200).header("etag").to_owned();

        let refused = send(&stale).await.expect(412);
        assert_eq!(refused.code(), "PreconditionFailed");
        send("\"never given\"").await.expect(412);
        send("no tag").await.expect(400);
        let strong = current.trim_start_matches("W/").to_owned();
        let current = send(&strong).await.expect(200).header("etag").to_owned();
        let current = send(&format!("{stale}, {current}"))
            .await
            .expect(200)
            .header("etag")
            .to_owned();
        send("*").await.expect(200);
        server
            .delete(&route)
            .header("If-Match", &current)
            .send()
            .await
            .expect(412);
        let current = server.get(&route).send().await.header("etag").to_owned();
        server
            .delete(&route)
            .header("If-Match", &current)
            .send()
            .await
            .expect(204);
    }
}

#[tokio::test]
async fn with_return_minimal_nothing_is_answered_but_the_etag() {
    let server = TestServer::start().await;
    for route in four_routes(&server).await {
        let body = json!({ "runState": "success" });
        let send = |prefer: &str| server.patch(&route, &body).header("Prefer", prefer).send();
        let reply = send("return=minimal").await.expect(204);
        assert!(reply.body.is_empty());
        assert_eq!(reply.header("preference-applied"), "return=minimal");
        assert_eq!(
            reply.header("etag"),
            server.get(&route).send().await.header("etag")
        );
        assert_eq!(server.read(&route).await["runState"], "success");
        let reply = send("return=representation").await.expect(200);
        assert_eq!(reply.header("preference-applied"), "return=representation");
    }
}

#[tokio::test]
async fn a_state_is_found_only_where_it_is() {
    let server = TestServer::start().await;
    let routes = four_routes(&server).await;
    let body = json!({ "runState": "success" });
    let script = |route: &str| route.split('/').nth(3).unwrap().to_owned();
    let (shell, management) = (script(&routes[0]), script(&routes[1]));
    let other = server.shell_script("Other").await;
    for path in [
        format!("/deviceManagement/deviceShellScripts/{shell}/deviceRunStates/absent"),
        format!("/deviceManagement/deviceShellScripts/{other}/deviceRunStates/a:b"),
        format!("/deviceManagement/deviceShellScripts/{management}/deviceRunStates/a:b"),
        format!("/deviceManagement/deviceManagementScripts/{shell}/deviceRunStates/a:b"),
        format!("/deviceManagement/deviceCustomAttributeShellScripts/{shell}/deviceRunStates/a:b"),
        "/deviceManagement/deviceShellScripts/absent/deviceRunStates/a:b".to_owned(),
        // The fourth route's state is the user's, not the script's, and the other way round.
        format!(
            "/deviceManagement/deviceManagementScripts/{}/deviceRunStates/a:b",
            script(&routes[3])
        ),
        format!(
            "/deviceManagement/deviceManagementScripts/{management}/userRunStates/s:u/deviceRunStates/a:b"
        ),
    ] {
        for reply in [
            server.patch(&path, &body).send().await,
            server.get(&path).send().await,
            server.delete(&path).send().await,
        ] {
            assert_eq!(reply.expect(404).code(), "ResourceNotFound", "{path}");
        }
    }
}

#[tokio::test]
async fn keys_in_every_form_name_the_same_state() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    let id = "it's a:b/c é%";
    server.create(&states, &json!({ "id": id })).await;
    for (i, path) in [
        format!("{states}/it's%20a:b%2Fc%20%C3%A9%25"),
        format!("{states}/it%27s%20a%3Ab%2Fc%20%c3%a9%25"),
        format!("{states}('it''s%20a:b%2Fc%20%C3%A9%25')"),
        format!("{states}(%27it%27%27s%20a%3Ab%2Fc%20%C3%A9%25%27)"),
        format!("{states}(id='it''s%20a:b%2Fc%20%C3%A9%25')"),
        format!("/DEVICEMANAGEMENT/deviceshellscripts('{script}')/DeviceRunStates/it's%20a:b%2Fc%20%C3%A9%25/"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "errorCode": i });
        let reply = server.patch(&path, &body).send().await.expect(200).json();
        assert_eq!((&reply["id"], &reply["errorCode"]), (&json!(id), &json!(i)), "{path}");
    }
}
