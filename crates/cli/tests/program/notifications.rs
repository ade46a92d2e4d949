//! The receiver of `docs/notifications.md`, told of changes by the program.

use std::{
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{ChildStdout, Command, Stdio},
};

use http::Method;
use serde_json::json;

use crate::start::{Demo, Process};

/// The example at work; none where Python is missing, which is said, or an error under `CI=true`.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn receiver(demo: &Demo, resource: &str) -> Option<(Process, Lines<BufReader<ChildStdout>>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let server = demo.text("baseUrl").strip_suffix("/beta").unwrap();
    // The demo's own application goes when it is started again, and its subscriptions with it.
    let token = demo.token(&["--permission", "DeviceManagementConfiguration.Read.All"]);
    let started = Command::new("python3")
        .arg(root.join("examples/notifications/receiver.py"))
        .args(["--server", server, "--token", &token])
        .args(["--resource", resource])
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .stdout(Stdio::piped())
        .spawn();
    let mut process = match started {
        Ok(child) => Process(child),
        Err(error) if std::env::var("CI").as_deref() != Ok("true") => {
            eprintln!("skipped: python3: {error}");
            return None;
        }
        Err(error) => panic!("python3: {error}"),
    };
    let lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    Some((process, lines))
}

#[tokio::test]
async fn the_example_is_told_across_a_kill() {
    let demo = Demo::start(&[]);
    let scripts = "/deviceManagement/deviceShellScripts";
    let get = |path: String| {
        let get = demo.http.request(Method::GET, &demo.url(&path));
        get.token(demo.text("token")).send()
    };
    let script = get(format!("{scripts}?$top=1")).await.expect(200).json();
    let script = script["value"][0]["id"].as_str().unwrap().to_owned();
    let states = format!("{scripts}/{script}/deviceRunStates");
    let state = get(format!("{states}?$top=1")).await.expect(200).json();
    let state = state["value"][0]["id"].as_str().unwrap().to_owned();
    let resource = states.trim_start_matches('/');
    let Some((_receiver, mut lines)) = receiver(&demo, resource) else {
        return;
    };
    let mut line = || lines.next().expect("the receiver goes on").unwrap();
    assert!(line().starts_with("subscribed "));

    async fn report(demo: &Demo, path: &str, message: &str) {
        let patch = demo.http.request(Method::PATCH, &demo.url(path));
        let body = json!({ "runState": "success", "resultMessage": message });
        let patch = patch.token(demo.text("token")).json(&body);
        patch.send().await.expect(200);
    }
    let path = format!("{states}/{state}");
    report(&demo, &path, "told").await;
    let told = format!("updated {resource}/{state}");
    assert_eq!(line(), told);

    // Acknowledged, and at that moment the server is gone.
    report(&demo, &path, "acknowledged").await;
    let again = demo.restart("KILL");
    assert_eq!(line(), told);
    report(&again, &path, "told again").await;
    assert_eq!(line(), told);
}
