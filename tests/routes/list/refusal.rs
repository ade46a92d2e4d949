//! What is refused, and where the refusal points.

use runstate_testkit::{TestServer, encode};

use super::states;

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
async fn the_key_words_of_paths_are_read_in_any_case() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    for path in [
        "/devicemanagement/DEVICESHELLSCRIPTS",
        "/deviceManagement/deviceShellScripts/",
        "/DeviceManagement/deviceShellScripts?$Filter=true&$TOP=5",
    ] {
        assert_eq!(server.ids(path).await.concat(), script, "{path}");
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

#[tokio::test]
async fn a_skip_beside_a_skip_token_is_refused_rather_than_left_out() {
    let server = TestServer::start().await;
    let states = states(&server).await;
    let page = server.read(&format!("{states}?$top=1&$skip=1")).await;
    let next = page["@odata.nextLink"].as_str().unwrap();
    assert!(!next.contains("$skip="), "{next}");

    let reply = server
        .get(&format!("{next}&$skip=1"))
        .send()
        .await
        .expect(400);

    assert_eq!(reply.code(), "Request_BadRequest");
    assert!(reply.message().contains("$skip "), "{}", reply.message());
}
