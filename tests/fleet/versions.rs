//! A change of a script's content makes a version, and a script can be rolled back.

use serde_json::{Value, json};

use super::{Fleet, ended};

/// `#!/bin/sh`, which the script has at first; and others.
const FIRST: &str = "IyEvYmluL3NoCg==";
const SECOND: &str = "c2Vjb25k";

fn content(base64: &str) -> Value {
    json!({ "scriptContent": base64 })
}

#[tokio::test]
async fn a_change_of_content_makes_a_version_and_nothing_else_does() {
    let fleet = Fleet::start().await;
    let (server, script) = (&fleet.server, &fleet.script);
    let versions = async || server.ids(&format!("{script}/versions")).await;
    let patch = async |body: Value| {
        server.patch(script, &body).send().await.expect(200);
    };
    assert_eq!(versions().await, ["1"]);
    patch(json!({ "displayName": "Renamed" })).await;
    patch(content(FIRST)).await;
    assert_eq!(versions().await, ["1"], "the same content");
    patch(content(SECOND)).await;
    assert_eq!(versions().await, ["1", "2"]);
    let list = server.read(&format!("{script}/versions")).await;
    assert_eq!(
        list["value"][0]["scriptContent"],
        json!(null),
        "lists are light"
    );
    let first = server.read(&format!("{script}/versions/1")).await;
    assert_eq!(first["scriptContent"], FIRST);
}

#[tokio::test]
async fn a_script_is_rolled_back_by_a_new_version() {
    let fleet = Fleet::start().await;
    let (server, script) = (&fleet.server, &fleet.script);
    server
        .patch(script, &content(SECOND))
        .send()
        .await
        .expect(200);
    fleet.report(&ended("run-1", "success")).await.expect(200);
    let action = format!("{script}/runstate.rollBack");
    let rolled = server.post(&action, &json!({ "number": 1 })).send().await;
    let rolled = rolled.expect(200).json();
    assert_eq!(
        (&rolled["number"], &rolled["rolledBackTo"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(rolled["@odata.type"], "#runstate.scriptVersion");
    let read = server.read(script).await;
    assert_eq!(read["scriptContent"], FIRST);
    // The device is to run it, and the results say which version they came from.
    assert_eq!(
        fleet.seen(&fleet.assigned()).await["value"][0]["version"],
        3
    );
    let run = server.read(&format!("{}/runs/run-1", fleet.state())).await;
    assert_eq!(run["scriptVersion"], 1);

    server
        .post(&action, &json!({ "number": 9 }))
        .send()
        .await
        .expect(404);
    server
        .post(&action, &json!({ "number": "1" }))
        .send()
        .await
        .expect(400);
    server.post(&action, &json!({})).send().await.expect(400);
    assert_eq!(server.ids(&format!("{script}/versions")).await.len(), 3);
}

#[tokio::test]
async fn a_script_without_content_has_no_version() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    let script = json!({ "displayName": "Empty" });
    let id = server.create(super::SHELL, &script).await;
    let path = format!("{}/{id}", super::SHELL);
    assert_eq!(server.ids(&format!("{path}/versions")).await, [""; 0]);
    server
        .patch(&path, &content(SECOND))
        .send()
        .await
        .expect(200);
    assert_eq!(server.ids(&format!("{path}/versions")).await, ["1"]);
}
