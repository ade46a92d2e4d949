//! Paths that lead nowhere, and paths that lead somewhere by a strange way.

use http::Method;
use serde_json::json;

use super::{Bench, check_envelope};

/// A path below `/beta` as it stands in the request line, the status, and part of the message.
const NOWHERE: &[(&str, u16, &str)] = &[
    (
        "/nothing",
        400,
        "Resource not found for the segment 'nothing'.",
    ),
    (
        "/deviceManagement/nothing",
        400,
        "Resource not found for the segment 'nothing'.",
    ),
    (
        "/deviceManagement/nothing('a')",
        400,
        "Resource not found for the segment 'nothing'.",
    ),
    (
        "/deviceManagement('a')",
        400,
        "Resource not found for the segment 'deviceManagement'.",
    ),
    (
        "SCRIPT/nothing",
        400,
        "Resource not found for the segment 'nothing'.",
    ),
    (
        "SCRIPT/deviceRunStates/s/nothing",
        400,
        "Resource not found for the segment 'nothing'.",
    ),
    (
        "SCRIPT/deviceRunStates/s/$count",
        400,
        "Resource not found for the segment '$count'.",
    ),
    (
        "SCRIPT/deviceRunStates/$nonsense",
        400,
        "Resource not found for the segment '$nonsense'.",
    ),
    (
        "SCRIPT/deviceRunStates/$count/s",
        400,
        "Resource not found for the segment 's'.",
    ),
    (
        "SCRIPT/assign/x",
        400,
        "Resource not found for the segment 'x'.",
    ),
    ("SCRIPT/displayName", 400, "displayName"),
    ("SCRIPT/displayName/$value", 400, "displayName"),
    ("SCRIPT/$value", 400, "$value"),
    ("/../users", 400, "Resource not found for the segment '..'."),
    (
        "/%2e%2e/users",
        400,
        "Resource not found for the segment '..'.",
    ),
    ("/deviceManagement/../../etc/passwd", 400, "'..'"),
    ("/users/../users", 400, "'users'"),
    ("//users", 400, "empty segment"),
    ("/users//", 400, "empty segment"),
    (
        "/deviceManagement//deviceShellScripts",
        400,
        "empty segment",
    ),
    ("/users/%", 400, "two hex digits"),
    ("/users/%4", 400, "two hex digits"),
    ("/users/%zz", 400, "two hex digits"),
    ("/users/a%00b", 400, "U+0000"),
    ("/users/%ff", 400, "UTF-8"),
    ("/users/%c0%af", 400, "UTF-8"),
    ("/users/%ed%a0%80", 400, "UTF-8"),
    ("/users?%", 400, ""),
    ("/users?$filter=%zz", 400, ""),
    ("/users?$filter=%00", 400, ""),
    ("/users?$filter=%ff", 400, ""),
    ("/users/missing", 404, "'missing'"),
    ("/users/..", 404, "'..'"),
    ("/users/%2F", 404, "'/'"),
    ("/users/%252e", 404, "'%2e'"),
    ("/users('')", 404, "''"),
    ("/users('a", 404, ""),
    ("/users('a')('b')", 400, ""),
    ("/users('a'')", 400, ""),
    ("/users(id='a',upn='b')", 400, ""),
    ("/users(upn='b')", 400, ""),
];

#[tokio::test]
async fn a_path_that_leads_nowhere_is_refused() {
    let bench = Bench::new().await;
    for (path, status, word) in NOWHERE {
        let path = path.replace("SCRIPT", &bench.script);
        let request = format!(
            "GET /beta{path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\n\r\n",
            bench.server.token
        );
        let reply = bench.server.send_bytes(request.as_bytes()).await;
        check_envelope(&reply, &path);
        let message = reply.message();
        let is_right = reply.status == *status || (path == "/users('a" && reply.status == 400);
        assert!(is_right, "{path}: {} {message}", reply.status);
        assert!(message.contains(word), "{path}: {message}");
    }
}

#[tokio::test]
async fn a_version_that_there_is_not_is_refused() {
    let bench = Bench::new().await;
    for path in [
        "/v2.0/users",
        "/v1/users",
        "/beta1/users",
        "/%62eta/users",
        "//beta/users",
        "/users",
    ] {
        let reply = bench
            .server
            .request(Method::GET, path)
            .token(&bench.server.token);
        let reply = reply.send().await;
        check_envelope(&reply, path);
        assert_eq!(reply.status, 400, "{path}");
        assert!(
            reply.message().contains("Invalid version"),
            "{path}: {}",
            reply.message()
        );
    }
    for collection in [
        "deviceManagementScripts",
        "deviceShellScripts",
        "deviceCustomAttributeShellScripts",
    ] {
        for end in ["", "/x", "('x')", "/$count", "/x/deviceRunStates/y"] {
            let path = format!("/v1.0/deviceManagement/{collection}{end}");
            let reply = bench
                .server
                .request(Method::GET, &path)
                .token(&bench.server.token);
            let reply = reply.send().await.expect(400);
            let expected = format!("Resource not found for the segment '{collection}'.");
            assert_eq!(
                (reply.code(), reply.message()),
                ("BadRequest".to_owned(), expected)
            );
        }
    }
}

#[tokio::test]
async fn long_paths_are_refused_in_few_words() {
    let bench = Bench::new().await;
    let long = "a".repeat(60_000);
    for (path, status) in [
        (format!("/users/{long}"), 404),
        (format!("/users('{long}')"), 404),
        (format!("/{long}"), 400),
        (format!("/deviceManagement/{long}"), 400),
        (format!("/users?${long}=1"), 400),
        (format!("/users?$filter={long}%20eq%201"), 400),
        (format!("/users?$orderby={long}"), 400),
        (format!("/users?$select={long}"), 400),
        (format!("/users?$expand={long}"), 400),
        (format!("/users?$search={long}%22"), 400),
        (format!("/users?$top={long}"), 400),
        (format!("/users?$skiptoken={long}"), 400),
        (format!("/users?$format={long}"), 406),
        ("/users".repeat(10_000), 400),
    ] {
        let reply = bench.server.get(&path).send().await;
        let what = path.chars().take(40).collect::<String>();
        check_envelope(&reply, &what);
        assert_eq!(reply.status, status, "{what}");
    }
    // Beyond what a request line may hold, the connection says so; it has no envelope.
    let request = format!(
        "GET /beta/{} HTTP/1.1\r\nHost: h\r\n\r\n",
        "a".repeat(70_000)
    );
    let reply = bench.server.send_bytes(request.as_bytes()).await;
    assert_eq!(reply.status, 414);
    bench.server.get("/users").send().await.expect(200);
}

#[tokio::test]
async fn methods_that_there_are_not_are_refused_with_those_that_there_are() {
    let bench = Bench::new().await;
    for (method, path, allow) in [
        ("PUT", "/users", "GET, POST"),
        ("OPTIONS", "/users", "GET, POST"),
        ("TRACE", "/users", "GET, POST"),
        ("BREW", "/users", "GET, POST"),
        ("get", "/users", "GET, POST"),
        ("PUT", "STATE", "GET, PATCH, DELETE"),
        ("POST", "STATE", "GET, PATCH, DELETE"),
        ("GET", "SCRIPT/assign", "POST"),
        ("POST", "/$metadata", "GET"),
        ("GET", "/$batch", "POST"),
        ("POST", "/deviceManagement", "GET"),
    ] {
        let path = path
            .replace("STATE", &bench.state)
            .replace("SCRIPT", &bench.script);
        let request = format!(
            "{method} /beta{path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\nContent-Length: 0\r\n\r\n",
            bench.server.token
        );
        let reply = bench.server.send_bytes(request.as_bytes()).await;
        assert_eq!(reply.status, 405, "{method} {path}");
        assert_eq!(reply.header("allow"), allow, "{method} {path}");
        check_envelope(&reply, &path);
        assert_eq!(reply.code(), "MethodNotAllowed");
    }
}

#[tokio::test]
async fn segments_are_found_in_any_case_and_keys_are_not() {
    let bench = Bench::new().await;
    let script = bench.script.rsplit('/').next().unwrap();
    for path in [
        format!("/DEVICEMANAGEMENT/deviceshellscripts/{script}/DeviceRunStates/s"),
        format!("/deviceManagement/DeviceShellScripts('{script}')/devicerunstates('s')"),
        format!("/deviceManagement/deviceShellScripts(id='{script}')/deviceRunStates(ID='s')"),
        format!("/deviceManagement/deviceShellScripts('{script}')/deviceRunStates/s/"),
        format!("/deviceManagement/deviceShellScripts({script})/deviceRunStates(s)"),
        format!("/deviceManagement/deviceShellScripts()/{script}/deviceRunStates()/s"),
        format!(
            "/deviceManagement/deviceShellScripts/{script}/microsoft.graph.deviceShellScript/deviceRunStates/s"
        ),
        format!("/%64eviceManagement/deviceShellScripts/{script}/deviceRunStates/%73"),
    ] {
        let reply = bench.server.get(&path).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(reply.json()["id"], "s");
    }
    let reply = bench
        .server
        .request(Method::GET, "/BETA/Users/$COUNT")
        .token(&bench.server.token);
    assert_eq!(reply.send().await.expect(200).text(), "0");
    bench
        .server
        .get(&format!("{}/deviceRunStates/S", bench.script))
        .send()
        .await
        .expect(404);
}

#[tokio::test]
async fn a_key_may_hold_any_character_in_both_forms() {
    let bench = Bench::new().await;
    let states = format!("{}/deviceRunStates", bench.script);
    for id in [
        "a:b",
        "a/b",
        "it's",
        "''",
        "a b",
        " a",
        "ü☃\u{1F600}",
        "100%",
        "a+b",
        "(x)",
        "a('b')",
        "x=y",
        "id='x'",
        "a?b#c",
        "..",
        "%2F",
        "$count",
        "$ref",
        "a\\b",
        "\"",
        ";,@&",
        "deviceRunStates",
        "microsoft.graph.deviceManagementScriptDeviceState",
    ] {
        let created = bench
            .server
            .post(&states, &json!({ "id": id }))
            .send()
            .await;
        let created = created.expect(201);
        assert_eq!(created.json()["id"], id);
        let segment: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let quoted = id.replace('\'', "''");
        let quoted: String = quoted.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut paths = vec![
            format!("{states}(%27{quoted}%27)"),
            format!("{states}('{quoted}')"),
        ];
        // As a segment these mean something else.
        if !["$count", "$ref"].contains(&id) && !id.starts_with("microsoft.") {
            paths.push(format!("{states}/{segment}"));
        }
        for path in &paths {
            let read = bench.server.get(path).send().await;
            assert_eq!(read.status, 200, "{id} {path}: {}", read.text());
            assert_eq!(read.json()["id"], id, "{path}");
            let patch = bench
                .server
                .patch(path, &json!({ "errorCode": 1 }))
                .send()
                .await;
            assert_eq!(patch.expect(200).json()["id"], id);
        }
        // The address that the service itself gives leads there too.
        let location = created.header("location").to_owned();
        let read = bench.server.get(&location).send().await;
        assert_eq!(read.status, 200, "{id} {location}: {}", read.text());
        assert_eq!(read.json()["id"], id, "{location}");
        bench.server.delete(&paths[0]).send().await.expect(204);
        bench.server.get(&paths[0]).send().await.expect(404);
    }
    for id in ["", "\u{1}", "a\nb", "\u{7f}", &"x".repeat(257)] {
        let reply = bench
            .server
            .post(&states, &json!({ "id": id }))
            .send()
            .await;
        assert!(reply.expect(400).message().contains("'id'"));
    }
}
