//! Which scripts a device has to run, and how it hears of a change.

use std::time::Duration;

use http::Method;
use runstate_testkit::{Data, Http, TestServer, encode};
use serde_json::{Value, json};

use super::{ALL_DEVICES, Fleet, SHELL, anonymous, assign, device, ended};

fn to_group(group: &str) -> Value {
    json!({ "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group })
}

fn without_group(group: &str) -> Value {
    json!({ "@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget", "groupId": group })
}

async fn member(server: &TestServer, group: &str, kind: &str, id: &str) {
    let body = json!({ "@odata.id": crate::world::link(kind, id) });
    let path = format!("/groups/{group}/members/$ref");
    server.post(&path, &body).send().await.expect(204);
}

/// The run state of each device that has one, by device.
async fn states(server: &TestServer, script: &str) -> Vec<(String, String)> {
    let path = format!("{script}/deviceRunStates?$expand=managedDevice");
    let list = server.read(&path).await;
    let mut states: Vec<_> = (list["value"].as_array().unwrap().iter())
        .map(|state| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (
                text(&state["managedDevice"]["deviceName"]),
                text(&state["runState"]),
            )
        })
        .collect();
    states.sort();
    states
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, state): &(&str, &str)| ((*name).to_owned(), (*state).to_owned());
    expected.iter().map(own).collect()
}

#[tokio::test]
async fn a_device_sees_its_scripts_as_its_agent_needs_them() {
    let fleet = Fleet::start().await;
    let list = fleet.seen(&fleet.assigned()).await;
    assert_eq!(list["value"][0]["scriptContent"], json!(null));
    let one = fleet
        .seen(&format!("{}/{}", fleet.assigned(), fleet.script_id))
        .await;
    insta::assert_snapshot!(anonymous(&one, &["id", "deviceRunStateId"]));
    assert_eq!(
        one["deviceRunStateId"],
        format!("{}:{}", fleet.script_id, fleet.device)
    );
    // An administrator sees the same.
    assert_eq!(
        fleet.server.ids(&fleet.assigned()).await,
        [fleet.script_id.as_str()]
    );
    let missing = format!("{}/no-such-script", fleet.assigned());
    fleet.server.get(&missing).send().await.expect(404);
    fleet
        .server
        .get(&format!("{}?$top=1", fleet.assigned()))
        .send()
        .await
        .expect(400);
}

#[tokio::test]
async fn assigning_makes_pending_states_and_unassigning_keeps_results() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    device(server, "lab-02", "Linux").await;
    device(server, "office-01", "Windows").await;
    let script = &fleet.script;
    assert_eq!(
        states(server, script).await,
        pairs(&[
            ("lab-01", "pending"),
            ("lab-02", "pending"),
            ("office-01", "notApplicable")
        ])
    );
    fleet.report(&ended("run-1", "fail")).await.expect(200);
    assign(server, script, &[]).await;
    assert_eq!(states(server, script).await, pairs(&[("lab-01", "fail")]));
    assert_eq!(fleet.seen(&fleet.assigned()).await["value"], json!([]));
    assign(server, script, &[json!({ "@odata.type": ALL_DEVICES })]).await;
    assert_eq!(
        states(server, script).await,
        pairs(&[
            ("lab-01", "fail"),
            ("lab-02", "pending"),
            ("office-01", "notApplicable")
        ])
    );
}

#[tokio::test]
async fn a_run_that_is_reported_after_the_assignment_is_kept() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    assign(server, &fleet.script, &[]).await;
    server.get(&fleet.state()).send().await.expect(404);
    // To a state that never was there is nothing to report, and to another device's neither.
    let report = async |token: &str, script: &str, device: &str| {
        let state = format!("/beta{SHELL}/{script}/deviceRunStates/{script}%3A{device}");
        let request = server.request(Method::PATCH, &state).token(token);
        request.json(&ended("run-1", "fail")).send().await
    };
    let other = server.shell_script("Other").await;
    report(&fleet.token, &other, &fleet.device)
        .await
        .expect(404);
    let stranger = server.device("stranger");
    report(&stranger, &fleet.script_id, &fleet.device)
        .await
        .expect(404);
    report(&stranger, &fleet.script_id, "stranger")
        .await
        .expect(404);
    report(&fleet.token, &fleet.script_id, &fleet.device)
        .await
        .expect(200);
    assert_eq!(server.read(&fleet.state()).await["runState"], "fail");
    assert_eq!(
        server.ids(&format!("{}/runs", fleet.state())).await,
        ["run-1"]
    );
}

#[tokio::test]
async fn groups_count_nested_and_exclusion_wins() {
    let server = TestServer::start().await;
    let group = async |name: &str| {
        server
            .create("/groups", &json!({ "displayName": name }))
            .await
    };
    let (outer, inner, spared) = (
        group("Outer").await,
        group("Inner").await,
        group("Spared").await,
    );
    let ada = json!({ "displayName": "Ada", "userPrincipalName": "ada@example.com" });
    let ada = server.create("/users", &ada).await;
    let of_ada = json!({ "deviceName": "adas", "operatingSystem": "Linux", "userId": ada });
    let of_ada = server
        .create("/deviceManagement/managedDevices", &of_ada)
        .await;
    let lab = device(&server, "lab-01", "Linux").await;
    let script = server.shell_script("Nested").await;
    let path = format!("{SHELL}/{script}");
    assign(&server, &path, &[to_group(&outer), without_group(&spared)]).await;
    let sees = async |device: &str| {
        let assigned = format!("/deviceManagement/managedDevices/{device}/assignedScripts");
        !server.ids(&assigned).await.is_empty()
    };
    assert!(!sees(&lab).await && !sees(&of_ada).await);
    member(&server, &inner, "users", &ada).await;
    member(&server, &inner, "devices", &lab).await;
    assert!(
        !sees(&lab).await && !sees(&of_ada).await,
        "the inner group is in no other yet"
    );
    member(&server, &outer, "groups", &inner).await;
    assert!(sees(&lab).await && sees(&of_ada).await);
    assert_eq!(
        states(&server, &path).await,
        pairs(&[("adas", "pending"), ("lab-01", "pending")])
    );
    member(&server, &spared, "devices", &of_ada).await;
    assert!(sees(&lab).await && !sees(&of_ada).await, "exclusion wins");
    let out = format!("/groups/{inner}/members/{lab}/$ref");
    server.delete(&out).send().await.expect(204);
    assert!(!sees(&lab).await);
    assert_eq!(states(&server, &path).await, pairs(&[]));
}

#[tokio::test]
async fn nothing_new_is_not_modified() {
    let fleet = Fleet::start().await;
    let path = format!("/beta{}", fleet.assigned());
    let ask = async |etag: &str| {
        let request = fleet.server.request(Method::GET, &path).token(&fleet.token);
        request.header("If-None-Match", etag).send().await
    };
    let first = ask("\"0\"").await.expect(200);
    assert_eq!(first.header("cache-control"), "private, max-age=900");
    let etag = first.header("etag").to_owned();
    let second = ask(&etag).await.expect(304);
    assert_eq!(
        (second.header("etag"), second.body.len()),
        (etag.as_str(), 0)
    );
    fleet.report(&ended("run-1", "success")).await.expect(200);
    ask(&etag).await.expect(304);
    let body = json!({ "scriptContent": "bmV3" });
    fleet
        .server
        .patch(&fleet.script, &body)
        .send()
        .await
        .expect(200);
    assert_eq!(
        ask(&etag).await.expect(200).json()["value"][0]["version"],
        2
    );
}

/// What an administrator does while a device waits; the device hears of it.
#[tokio::test]
async fn a_device_that_waits_hears_of_every_change() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    let group = server
        .create("/groups", &json!({ "displayName": "G" }))
        .await;
    let second = server.shell_script("Second").await;
    let second = format!("{SHELL}/{second}");
    assign(server, &second, &[to_group(&group)]).await;
    let path = format!("/beta{}", fleet.assigned());
    let ask = |etag: &str| {
        let request = server.request(Method::GET, &path).token(&fleet.token);
        request.header("If-None-Match", etag)
    };
    let mut etag = ask("\"0\"")
        .send()
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    let filter = encode("displayName eq 'Report'");
    let found = server.ids(&format!("{SHELL}?$filter={filter}")).await;
    assert_eq!(found, [fleet.script_id.as_str()]);
    for change in 0..5 {
        let change = async {
            match change {
                0 => member(server, &group, "devices", &fleet.device).await,
                1 => {
                    let body = json!({ "scriptContent": "bmV3" });
                    server.patch(&fleet.script, &body).send().await.expect(200);
                }
                2 => {
                    let requests = format!("{}/runRequests", fleet.script);
                    server.post(&requests, &json!({})).send().await.expect(201);
                }
                3 => assign(server, &fleet.script, &[]).await,
                _ => {
                    server.delete(&second).send().await.expect(204);
                }
            }
        };
        // It must not end by the wait, which is longer than the test may take.
        let waiting = ask(&etag).header("Prefer", "wait=600").send();
        let (heard, ()) = tokio::join!(waiting, change);
        let heard = heard.expect(200);
        assert_eq!(heard.header("preference-applied"), "wait=600");
        etag = heard.header("etag").to_owned();
        // One act may bump more than once; what is heard of may still settle.
        let settled = ask(&etag).send().await;
        if settled.status == 200 {
            etag = settled.header("etag").to_owned();
        }
    }
}

#[tokio::test]
async fn a_device_that_waits_at_one_server_hears_of_what_another_was_told() {
    let Some(data) = Data::postgres() else { return };
    let fleet = Fleet::of(TestServer::builder().on(data.clone()).start().await).await;
    let clock = std::sync::Arc::clone(&fleet.server.clock);
    let other = TestServer::builder().start_on(data, clock).await;
    let path = format!("/beta{}", fleet.assigned());
    let ask = |etag: &str| {
        let request = other.request(Method::GET, &path).token(&fleet.token);
        request.header("If-None-Match", etag)
    };
    let etag = ask("\"0\"")
        .send()
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    let waiting = ask(&etag).header("Prefer", "wait=600").send();
    let change = async {
        let body = json!({ "scriptContent": "bmV3" });
        fleet
            .server
            .patch(&fleet.script, &body)
            .send()
            .await
            .expect(200);
    };
    // It must not end by the wait, which is longer than the test may take.
    let (heard, ()) = tokio::join!(waiting, change);
    assert_ne!(heard.expect(200).header("etag"), etag);
}

#[tokio::test]
async fn the_wait_ends_with_its_time_and_with_the_server() {
    let server = TestServer::builder().check_in_interval(Duration::from_millis(50));
    let fleet = Fleet::of(server.start().await).await;
    let path = format!("/beta{}", fleet.assigned());
    let first = fleet
        .server
        .request(Method::GET, &path)
        .token(&fleet.token)
        .send()
        .await;
    let etag = first.expect(200).header("etag").to_owned();
    let wait = || {
        let request = fleet.server.request(Method::GET, &path).token(&fleet.token);
        request
            .header("If-None-Match", &etag)
            .header("Prefer", "wait=600")
    };
    wait().send().await.expect(304);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_answered_when_the_server_stops() {
    let mut fleet = Fleet::start().await;
    let path = format!("/beta{}", fleet.assigned());
    let first = fleet
        .server
        .request(Method::GET, &path)
        .token(&fleet.token)
        .send()
        .await;
    let etag = first.expect(200).header("etag").to_owned();
    let url = format!("{}{}", fleet.server.root(), fleet.assigned());
    let token = fleet.token.clone();
    fleet.server.clock.advance(Duration::from_secs(1));
    let waiting = tokio::spawn(async move {
        let client = Http::new();
        let request = client.request(Method::GET, &url).token(&token);
        let request = request.header("If-None-Match", &etag);
        request.header("Prefer", "wait=600").send().await
    });
    // It has come when the device has been heard of anew.
    let device = format!("/deviceManagement/managedDevices/{}", fleet.device);
    while fleet.server.read(&device).await["lastSyncDateTime"] != "2026-01-31T12:00:01Z" {}
    fleet.server.stop().await;
    waiting.await.unwrap().expect(304);
}
