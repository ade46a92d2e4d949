//! `runstate demo`, and the tokens that `runstate token` prints for it.

use std::{os::unix::fs::PermissionsExt, process::Command};

use http::Method;
use serde_json::Value;

use crate::start::Demo;

/// The values of the request of Graph's documentation.
const EXAMPLE: [(&str, &str); 5] = [
    ("runState", "\"success\""),
    ("resultMessage", "\"Result Message value\""),
    (
        "lastStateUpdateDateTime",
        "\"2017-01-01T00:02:58.4418045-08:00\"",
    ),
    ("errorCode", "9"),
    ("errorDescription", "\"Error Description value\""),
];

#[test]
fn the_printed_lines_can_be_pasted() {
    let demo = Demo::start(&[]);
    let lines: Vec<&str> = demo
        .printed
        .lines()
        .filter(|line| line.starts_with("curl "))
        .collect();
    assert_eq!(lines.len(), 3);
    if Command::new("curl").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "curl is missing");
        eprintln!("skipped: curl is not installed");
        return;
    }

    let answers: Vec<Value> = lines
        .iter()
        .map(|line| {
            let output = Command::new("sh").args(["-c", line]).output().unwrap();
            serde_json::from_slice(&output.stdout).expect(line)
        })
        .collect();

    for (name, value) in EXAMPLE {
        assert_eq!(answers[0][name].to_string(), value, "{name}");
    }
    assert!(
        answers[1]["value"][0]["managedDevice"]["deviceName"].is_string(),
        "{}",
        answers[1]
    );
    assert!(answers[2]["successDeviceCount"].is_u64(), "{}", answers[2]);
}

#[tokio::test]
async fn the_ready_file_holds_what_other_test_suites_need() {
    let demo = Demo::start(&[]);
    let mode = std::fs::metadata(demo.folder.path().join("ready.json"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert!(demo.text("baseUrl").ends_with("/beta"));

    let scripts = demo.url("/deviceManagement/deviceShellScripts");
    let get = demo
        .http
        .request(Method::GET, &scripts)
        .token(demo.text("readToken"));
    assert_eq!(
        get.send().await.expect(200).json()["value"]
            .as_array()
            .unwrap()
            .len(),
        12
    );
    let script = serde_json::json!({ "displayName": "New" });
    let post = |token| {
        demo.http
            .request(Method::POST, &scripts)
            .token(token)
            .json(&script)
            .send()
    };
    post(demo.text("readToken")).await.expect(403);
    post(demo.text("token")).await.expect(201);

    let root = demo.text("baseUrl").strip_suffix("beta").unwrap();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https://graph/.default",
        demo.text("clientId"),
        demo.text("clientSecret")
    );
    let url = format!("{root}{}/oauth2/v2.0/token", demo.text("tenantId"));
    let request = demo.http.request(Method::POST, &url);
    let granted = request
        .raw("application/x-www-form-urlencoded", form)
        .send()
        .await
        .expect(200);
    post(granted.json()["access_token"].as_str().unwrap())
        .await
        .expect(201);
}

#[tokio::test]
async fn tokens_to_try_refusals_by_hand() {
    let demo = Demo::start(&[]);
    let scripts = demo.url("/deviceManagement/deviceShellScripts");
    let permission = ["--permission", "DeviceManagementConfiguration.Read.All"];
    for (more, status) in [
        (&[][..], 200),
        (&["--app"], 200),
        (&["--personal"], 403),
        (&["--expires-in", "-1"], 401),
        (&["--expires-in", "60"], 200),
        (&["--device", "some-device"], 403),
    ] {
        let token = demo.token(&[&permission, more].concat());
        let reply = demo
            .http
            .request(Method::GET, &scripts)
            .token(&token)
            .send()
            .await;
        assert_eq!(reply.status.as_u16(), status, "{more:?}: {}", reply.text());
    }
    let without = demo.token(&["--permission", "User.Read.All"]);
    let reply = demo
        .http
        .request(Method::GET, &scripts)
        .token(&without)
        .send()
        .await
        .expect(403);
    assert_eq!(reply.code(), "Authorization_RequestDenied");
}

#[tokio::test]
async fn a_second_start_on_the_same_file_keeps_what_is_in_it() {
    let demo = Demo::start(&[]);
    let script = serde_json::json!({ "displayName": "Made before" });
    let scripts = demo.url("/deviceManagement/deviceShellScripts");
    let post = demo
        .http
        .request(Method::POST, &scripts)
        .token(demo.text("token"))
        .json(&script);
    post.send().await.expect(201);

    let again = demo.restart("TERM");

    let scripts = again.url("/deviceManagement/deviceShellScripts/$count");
    let get = again
        .http
        .request(Method::GET, &scripts)
        .token(again.text("token"));
    assert_eq!(get.send().await.expect(200).text(), "13");
}
