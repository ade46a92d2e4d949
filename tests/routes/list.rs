//! `GET` of a collection: the query options, over HTTP.

mod filter;
mod paging;

use runstate_testkit::{SCRIPTS, TestServer, encode};
use serde_json::{Value, json};

/// A script with a handful of run states, one for each way in which they may differ.
async fn states(server: &TestServer) -> String {
    for (id, name, os) in [("d1", "LAP-1", "macOS"), ("d2", "Srv 2", "Linux")] {
        let device = json!({ "id": id, "deviceName": name, "operatingSystem": os });
        server
            .create("/deviceManagement/managedDevices", &device)
            .await;
    }
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    for (id, device, run_state, message, date, code) in [
        (
            "a",
            Some("d1"),
            "success",
            json!("It's done"),
            "2026-01-01T10:00:00+02:00",
            0,
        ),
        (
            "b",
            Some("d2"),
            "fail",
            json!("Straße ÄÖ"),
            "2026-01-01T08:00:00.0000001Z",
            -1,
        ),
        (
            "c",
            None,
            "scriptError",
            json!(null),
            "2026-01-02T00:00:00Z",
            9,
        ),
        (
            "d",
            None,
            "pending",
            json!(""),
            "2026-01-03T00:00:00-08:00",
            9,
        ),
        (
            "e",
            Some("d1"),
            "success",
            json!("100% done_"),
            "2026-01-03T09:00:00Z",
            2_147_483_647,
        ),
    ] {
        let mut body = json!({
            "id": id, "runState": run_state, "resultMessage": message,
            "lastStateUpdateDateTime": date, "errorCode": code,
        });
        if let Some(device) = device {
            body["managedDevice@odata.bind"] = json!(format!("managedDevices/{device}"));
        }
        server.create(&states, &body).await;
    }
    states
}

#[tokio::test]
async fn orders() {
    let server = TestServer::start().await;
    let states = states(&server).await;
    for (orderby, expected) in [
        ("id", "abcde"),
        ("id desc", "edcba"),
        ("runState", "aebcd"),
        ("runState desc", "dcbea"),
        ("runState,id desc", "eabcd"),
        ("errorCode desc, lastStateUpdateDateTime desc", "edcab"),
        ("errorCode asc,lastStateUpdateDateTime", "bacde"),
        // Null is the least, then the empty string.
        ("resultMessage", "cdeab"),
        ("resultMessage desc", "baedc"),
        ("resultMessage asc,id", "cdeab"),
        ("managedDevice/deviceName,id", "cdaeb"),
        ("managedDevice/deviceName desc,id asc", "baecd"),
        ("managedDevice/deviceName desc,id desc", "beadc"),
        ("length(resultMessage),id", "cdabe"),
        ("tolower(resultMessage) desc", "baedc"),
    ] {
        let path = format!("{states}?$orderby={}", encode(orderby));
        assert_eq!(server.ids(&path).await.concat(), expected, "{orderby}");
        for top in [1, 2, 3] {
            let paged = server.all_ids(&format!("{path}&$top={top}")).await.concat();
            assert_eq!(paged, expected, "{orderby} by {top}");
        }
    }
}

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
async fn search_looks_into_names() {
    let server = TestServer::start().await;
    for (name, description) in [
        ("Disk report", "All of it"),
        ("Clean caches", "frees DISK space"),
        ("Other", ""),
    ] {
        let body = json!({ "displayName": name, "description": description });
        server
            .create("/deviceManagement/deviceShellScripts", &body)
            .await;
    }
    for (search, expected) in [
        ("disk", 2),
        ("report", 1),
        ("disk report", 1),
        ("disk AND caches", 1),
        ("report OR caches", 2),
        ("NOT disk", 1),
        ("\"disk space\"", 1),
        ("\"space disk\"", 0),
        ("absent", 0),
        ("(report OR other) AND NOT absent", 2),
    ] {
        let path = format!(
            "/deviceManagement/deviceShellScripts?$count=true&$search={}",
            encode(search)
        );
        let reply = server.read(&path).await;
        assert_eq!(
            reply["value"].as_array().unwrap().len(),
            expected,
            "{search}"
        );
        assert_eq!(reply["@odata.count"], expected, "{search}");
    }
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates?$search=a");
    let reply = server.get(&states).send().await.expect(400);
    assert!(reply.message().contains("$search"));
}

#[tokio::test]
async fn a_malformed_or_unsupported_option_points_at_its_place() {
    let server = TestServer::start().await;
    let states = states(&server).await;
    for (option, value, column) in [
        ("$filter", "errorCode eq", 13),
        ("$filter", "errorCode eqq 1", 11),
        ("$filter", "nothing eq 1", 1),
        ("$filter", "errorCode eq 'x'", 14),
        ("$filter", "runState eq 'done'", 13),
        ("$filter", "errorCode eq 1 and (runState eq 'fail'", 39),
        (
            "$filter",
            "lastStateUpdateDateTime gt 2026-13-01T00:00:00Z",
            28,
        ),
        ("$filter", "managedDevice/nothing eq 1", 15),
        ("$filter", "managedDevice eq 1", 1),
        ("$filter", "round(errorCode) eq 1", 1),
        ("$filter", "errorCode add 1 eq 2", 11),
        ("$filter", "contains(resultMessage)", 1),
        ("$filter", "contains(errorCode,'1')", 10),
        ("$filter", "errorCode", 1),
        ("$filter", "", 1),
        ("$orderby", "nothing", 1),
        ("$orderby", "errorCode up", 11),
        ("$orderby", "errorCode,", 11),
        ("$select", "id,nothing", 4),
        ("$expand", "nothing", 1),
        ("$expand", "managedDevice($top=1)", 1),
        ("$expand", "managedDevice($select=nothing)", 23),
        ("$expand", "errorCode", 1),
        ("$top", "-1", 1),
        ("$top", "x", 1),
        ("$skip", "1.5", 2),
        ("$count", "yes", 1),
    ] {
        let reply = server
            .get(&format!("{states}?{option}={}", encode(value)))
            .send()
            .await
            .expect(400);
        assert_eq!(reply.code(), "Request_BadRequest", "{option}={value}");
        let place = format!("({option}, column {column})");
        assert!(
            reply.message().ends_with(&place),
            "{option}={value}: {}",
            reply.message()
        );
    }
    for option in [
        "$apply=aggregate(x)",
        "$compute=1",
        "$deltatoken=1",
        "$nothing=1",
        "@p=1",
        "$top=1&$top=2",
    ] {
        let reply = server
            .get(&format!("{states}?{option}"))
            .send()
            .await
            .expect(400);
        let (name, _) = option.split_once('=').unwrap();
        assert!(
            reply.message().contains(name),
            "{option}: {}",
            reply.message()
        );
    }
    // What is no system query option is the client's own.
    server
        .get(&format!("{states}?api-version=1&x=y"))
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn each_level_of_metadata() {
    let server = TestServer::start().await;
    let states = states(&server).await;
    let path = format!("{states}?$top=1&$count=true&$select=id,errorCode");
    for (level, annotations) in [("none", 2), ("minimal", 3), ("full", 9)] {
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

#[tokio::test]
async fn the_key_words_of_paths_are_read_in_any_case() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    for path in [
        "/devicemanagement/DEVICESHELLSCRIPTS",
        "/deviceManagement/deviceShellScripts/",
        "/DeviceManagement/deviceShellScripts?$Filter=true&$TOP=5",
    ] {
        assert_eq!(
            server.ids(path).await,
            std::slice::from_ref(&script),
            "{path}"
        );
    }
    for path in [
        "/deviceManagement/deviceShellScript",
        "/deviceManagement/nothing",
        "/deviceShellScripts",
        &format!("/deviceManagement/deviceShellScripts/{script}/nothing"),
    ] {
        let reply = server.get(path).send().await.expect(400);
        assert_eq!(reply.code(), "BadRequest", "{path}");
        let segment = path.rsplit('/').next().unwrap();
        assert_eq!(
            reply.message(),
            format!("Resource not found for the segment '{segment}'.")
        );
    }
}
