//! The clock that is set by hand, and the limits of rate that go by it.

use http::Method;
use serde_json::{Value, json};

use super::SCRIPTS;
use crate::{
    agent::{Device, all_devices, base64},
    start::{Demo, output},
};

#[tokio::test]
async fn what_is_made_is_dated_by_the_clock() {
    let demo = Demo::emulate(&["--freeze-clock", "--clock", "2027-03-01T08:00:00Z"]);
    assert_eq!(
        demo.new_script().await["createdDateTime"],
        "2027-03-01T08:00:00Z"
    );
    let set = json!({ "now": "2030-06-01T00:00:00Z" });
    let shown = demo
        .control(Method::PUT, "/clock", Some(&set))
        .await
        .expect(200)
        .json();
    assert_eq!(
        shown,
        json!({ "now": "2030-06-01T00:00:00Z", "frozen": true })
    );
    // The tokens of the ready file live for a week.
    let reply = demo.get(SCRIPTS).await.expect(401);
    assert_eq!(reply.code(), "InvalidAuthenticationToken");
    assert_eq!(reply.headers["date"], "Sat, 01 Jun 2030 00:00:00 GMT");
    assert_eq!(
        reply.json()["error"]["innerError"]["date"],
        "2030-06-01T00:00:00"
    );
    demo.control(
        Method::PUT,
        "/clock",
        Some(&json!({ "now": "2027-03-02T00:00:00Z" })),
    )
    .await
    .expect(200);
    demo.get(SCRIPTS).await.expect(200);
    demo.control(Method::PUT, "/clock", Some(&json!({ "now": "soon" })))
        .await
        .expect(400);
    demo.control(Method::PUT, "/clock", Some(&json!({ "later": 1 })))
        .await
        .expect(400);
    let shown = demo
        .control(Method::GET, "/clock", None)
        .await
        .expect(200)
        .json();
    assert_eq!(shown["now"], "2027-03-02T00:00:00Z");
}

#[tokio::test]
async fn a_clock_that_goes_is_never_before_its_beginning() {
    let demo = Demo::emulate(&[]);
    let first = demo.new_script().await["createdDateTime"].clone();
    let second = demo.new_script().await["createdDateTime"].clone();
    assert!(
        first.as_str().unwrap().starts_with("2026-01-31T12:"),
        "{first}"
    );
    assert!(first.as_str() < second.as_str(), "{first} {second}");
}

#[tokio::test]
async fn limits_are_scaled_and_their_window_ends_by_the_clock() {
    // Of 100 writes of an app in 20 seconds a hundredth is one, and of 2,000 requests 20.
    let demo = Demo::emulate(&["--freeze-clock", "--throttle-scale", "0.01"]);
    demo.new_script().await;
    let script = json!({ "displayName": "One too many" });
    let write = || {
        let request = demo.http.request(Method::POST, &demo.url(SCRIPTS));
        request.token(demo.text("token")).json(&script).send()
    };
    let refused = write().await.expect(429);
    assert_eq!(refused.code(), "TooManyRequests");
    assert_eq!(refused.headers["retry-after"], "20");
    for _ in 0..19 {
        demo.get(SCRIPTS).await.expect(200);
    }
    demo.get(SCRIPTS).await.expect(429);

    demo.control(Method::PUT, "/clock", Some(&json!({ "advance": 19 })))
        .await
        .expect(200);
    let refused = demo.get(SCRIPTS).await.expect(429);
    assert_eq!(refused.headers["retry-after"], "1");
    demo.control(Method::PUT, "/clock", Some(&json!({ "advance": 1 })))
        .await
        .expect(200);
    demo.get(SCRIPTS).await.expect(200);
    write().await.expect(201);
    write().await.expect(429);
    // A reset forgets what was counted.
    demo.control(Method::POST, "/reset", None).await.expect(200);
    write().await.expect(201);
}

/// The stand-in is months from the machine's time, and then a year: the agent learns both.
#[tokio::test]
async fn an_agent_goes_by_the_clock() {
    let demo = Demo::emulate(&["--devices", "1", "--users", "1", "--freeze-clock"]);
    // Nothing of the sample is to be run on the machine that tests.
    for kind in [
        "deviceShellScripts",
        "deviceManagementScripts",
        "deviceCustomAttributeShellScripts",
    ] {
        let collection = format!("/deviceManagement/{kind}");
        let page = demo.get(&collection).await.expect(200).json();
        for script in page["value"].as_array().unwrap() {
            let url = format!(
                "{}/{}",
                demo.url(&collection),
                script["id"].as_str().unwrap()
            );
            let delete = demo.http.request(Method::DELETE, &url);
            delete.token(demo.text("token")).send().await.expect(204);
        }
        let left = demo.get(&format!("{collection}/$count")).await.expect(200);
        assert_eq!(left.text(), "0");
        // A write a second is more than Graph takes.
        demo.control(Method::PUT, "/clock", Some(&json!({ "advance": 20 })))
            .await
            .expect(200);
    }
    let script = new_script(&demo).await;

    let device = enroll(&demo);
    assert_eq!(
        device.once(&[]),
        "ran 1 script: 1 succeeded; all is reported"
    );
    let state = state_of(&demo, &script, &device).await;
    let date = state["lastStateUpdateDateTime"].as_str().unwrap();
    assert!(date.starts_with("2026-01-31T12:0"), "{date}");

    let set = json!({ "now": "2026-02-05T00:00:00Z" });
    demo.control(Method::PUT, "/clock", Some(&set))
        .await
        .expect(200);
    let next = new_script(&demo).await;
    assert_eq!(
        device.once(&[]),
        "ran 1 script: 1 succeeded; all is reported"
    );
    let state = state_of(&demo, &next, &device).await;
    let date = state["lastStateUpdateDateTime"].as_str().unwrap();
    assert!(date.starts_with("2026-02-05T00:0"), "{date}");
}

/// A script for all devices; answers its id.
async fn new_script(demo: &Demo) -> String {
    let post = async |path: &str, body: Value| {
        let request = demo.http.request(Method::POST, &demo.url(path));
        request.token(demo.text("token")).json(&body).send().await
    };
    let body =
        json!({ "displayName": "Hello", "scriptContent": base64("#!/bin/sh\necho hello\n") });
    let script = post(SCRIPTS, body).await.expect(201).json();
    let id = script["id"].as_str().unwrap().to_owned();
    let targets = json!({ "deviceManagementScriptAssignments": [{ "target": all_devices() }] });
    let assigned = post(&format!("{SCRIPTS}/{id}/assign"), targets).await;
    assert!(assigned.status.is_success(), "{}", assigned.text());
    id
}

fn enroll(demo: &Demo) -> Device {
    let server = demo.text("baseUrl").strip_suffix("/beta").unwrap();
    let create = [
        "enrollment",
        "create",
        "--server",
        server,
        "--token",
        demo.text("token"),
    ];
    let token = output(&[&create[..], &["--output", "json"]].concat());
    let token: Value = serde_json::from_str(&token).unwrap();
    let state = demo.folder.path().join("device");
    let token = token["tokenValue"].as_str().unwrap();
    let enroll = [
        "agent",
        "enroll",
        "--server",
        server,
        "--token",
        token,
        "--state-dir",
    ];
    let printed = output(&[&enroll[..], &[state.to_str().unwrap()]].concat());
    let id = printed.lines().next().unwrap().rsplit(' ').next().unwrap();
    Device {
        id: id.to_owned(),
        state,
    }
}

async fn state_of(demo: &Demo, script: &str, device: &Device) -> Value {
    let path = format!(
        "{SCRIPTS}/{script}/deviceRunStates/{script}%3A{}",
        device.id
    );
    demo.get(&path).await.expect(200).json()
}
