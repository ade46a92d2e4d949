//! What is denied, and that nobody fills the disk by asking.

use std::time::Duration;

use http::Method;
use runstate_server::auth::issuer::Subject;
use runstate_testkit::{TENANT, TestServer, WRITES};
use serde_json::{Value, json};

use super::{EVENTS, count, events_after, last};
use crate::fleet::{Fleet, KEY, OTHER_KEY, ended, register, registration};

const USERS: &str = "/beta/users";

async fn get(server: &TestServer, path: &str, token: &str, status: u16) {
    let request = server.request(Method::GET, path).token(token);
    request.send().await.expect(status);
}

#[tokio::test]
async fn who_lacks_a_permission_is_told_of() {
    let server = TestServer::start().await;
    let token = server.delegated(&["Group.Read.All"]);
    let request = server
        .request(Method::DELETE, "/beta/users/x")
        .token(&token);
    request.send().await.expect(403);
    let event = last(&server).await;
    assert_eq!(event["activityType"], "Deny MissingPermission");
    assert_eq!(event["category"], "Authorization");
    assert_eq!(event["activityResult"], "Failure");
    assert_eq!(event["activityOperationType"], "Delete");
    assert_eq!(event["activity"], "Denied: DELETE /users/x");
    assert_eq!(event["actor"]["userPermissions"], json!(["Group.Read.All"]));
    assert_eq!(event["actor"]["ipAddress"], "127.0.0.1");
    assert_eq!(event["resources"][0]["resourceId"], "/users/x");
    // What an expansion reaches, too.
    let devices = server.delegated(&["DeviceManagementManagedDevices.Read.All"]);
    let app = server.token_for(TENANT, Subject::Application, &["Group.Read.All"]);
    let before = count(&server).await;
    get(&server, &format!("/beta{EVENTS}"), &devices, 403).await;
    get(&server, USERS, &app, 403).await;
    let kinds: Vec<Value> = events_after(&server, before).await;
    let kinds: Vec<&Value> = kinds
        .iter()
        .map(|event| &event["actor"]["auditActorType"])
        .collect();
    // The user has been told of, and is counted.
    assert_eq!(kinds, ["Application"]);
}

#[tokio::test]
async fn a_denial_within_a_batch_is_one() {
    let server = TestServer::start().await;
    let token = server.delegated(&[]);
    let body = json!({ "requests": [{ "id": "1", "method": "GET", "url": "/users" }] });
    let request = server.request(Method::POST, "/beta/$batch").token(&token);
    request.json(&body).send().await.expect(200);
    assert_eq!(last(&server).await["activity"], "Denied: GET /users");
}

#[tokio::test]
async fn tokens_that_are_signed_and_not_good_are_told_of() {
    let server = TestServer::start().await;
    let token = server.delegated(WRITES);
    get(&server, USERS, &token, 200).await;
    server.clock.advance(Duration::from_secs(7200));
    get(&server, USERS, &token, 401).await;
    // One that anybody might have made up is nobody's.
    get(&server, USERS, "a.b.c", 401).await;
    let forged = format!("{}x", token);
    get(&server, USERS, &forged, 401).await;
    let fresh = server.delegated(WRITES);
    let events = server
        .request(Method::GET, &format!("/beta{EVENTS}"))
        .token(&fresh);
    let events = events.send().await.expect(200).json();
    let events = events["value"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["activityType"], "Deny Token");
    assert_eq!(
        events[0]["actor"]["userId"],
        "33333333-3333-4333-8333-333333333333"
    );
}

#[tokio::test]
async fn a_device_out_of_its_bounds_is_told_of() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    let other = crate::fleet::device(server, "lab-02", "Linux").await;
    let before = count(server).await;
    // An administrator's act.
    get(server, USERS, &fleet.token, 403).await;
    // Another's scripts, and another's run state.
    let theirs = format!("/beta/deviceManagement/managedDevices/{other}/assignedScripts");
    get(server, &theirs, &fleet.token, 404).await;
    server.clock.advance(Duration::from_secs(61));
    let state = fleet.state().replace(&fleet.device, &other);
    let request = server
        .request(Method::PATCH, &format!("/beta{state}"))
        .token(&fleet.token);
    request
        .json(&ended("r", "success"))
        .send()
        .await
        .expect(404);
    // What is its own and not there is no denial.
    let gone = format!(
        "/beta/deviceManagement/deviceShellScripts/x/deviceRunStates/x%3A{}",
        fleet.device
    );
    let request = server.request(Method::PATCH, &gone).token(&fleet.token);
    request
        .json(&ended("r", "success"))
        .send()
        .await
        .expect(404);
    let events = events_after(server, before).await;
    let types: Vec<_> = events
        .iter()
        .map(|event| event["activityType"].clone())
        .collect();
    assert_eq!(
        types,
        ["Deny DeviceAct", "Deny OtherDevice", "Deny OtherDevice"]
    );
    assert!(
        events
            .iter()
            .all(|event| event["actor"]["servicePrincipalName"] == fleet.device)
    );
    // Once it is retired, its token is refused.
    let retire = format!("/deviceManagement/managedDevices/{}/retire", fleet.device);
    server.post(&retire, &json!({})).send().await.expect(204);
    fleet.report(&ended("r9", "success")).await.expect(401);
    assert_eq!(last(server).await["activityType"], "Deny RetiredDevice");
}

#[tokio::test]
async fn a_refused_enrolment_is_told_of_in_the_tenant_of_its_token() {
    let server = TestServer::start().await;
    let token = json!({ "maximumUses": 1 });
    let token = server
        .post("/runstate/enrollmentTokens", &token)
        .send()
        .await
        .expect(201)
        .json();
    let token = token["tokenValue"].as_str().unwrap();
    register(&server, token, &registration(KEY))
        .await
        .expect(201);
    let before = count(&server).await;
    register(&server, token, &registration(OTHER_KEY))
        .await
        .expect(401);
    register(&server, "rse_nobodys", &registration(OTHER_KEY))
        .await
        .expect(401);
    let events = events_after(&server, before).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["activityType"], "Deny Enrollment");
    assert_eq!(events[0]["category"], "Enrollment");
    assert!(!events[0].to_string().contains(token));
}

#[tokio::test]
async fn repeated_denials_are_counted_for_a_minute() {
    let server = TestServer::start().await;
    let token = server.delegated(&[]);
    for at in 0..30 {
        get(&server, &format!("{USERS}/{at}"), &token, 403).await;
    }
    assert_eq!(count(&server).await, 1);
    server.flush_denials().await;
    assert_eq!(count(&server).await, 1, "the minute is not over");
    server.clock.advance(Duration::from_secs(60));
    server.flush_denials().await;
    let event = last(&server).await;
    assert_eq!(count(&server).await, 2);
    let text = "Denied 29 times more within a minute, the last: GET /users/29";
    assert_eq!(event["activity"], text);
    let counted = json!({ "displayName": "count", "oldValue": null, "newValue": "29" });
    assert_eq!(event["resources"][0]["modifiedProperties"][0], counted);
    // The next minute begins with one that is told at once.
    get(&server, USERS, &token, 403).await;
    assert_eq!(count(&server).await, 3);
    server.clock.advance(Duration::from_secs(60));
    server.flush_denials().await;
    assert_eq!(count(&server).await, 3);
}

#[tokio::test]
async fn many_callers_are_counted_together() {
    let server = TestServer::start().await;
    for at in 0..130 {
        let user_id = format!("user-{at}");
        let token = server.token_for(TENANT, Subject::User { user_id }, &[]);
        get(&server, USERS, &token, 403).await;
    }
    // A hundred that are told apart, and one for all others.
    assert_eq!(count(&server).await, 101);
    server.clock.advance(Duration::from_secs(60));
    server.flush_denials().await;
    assert_eq!(count(&server).await, 102);
    let event = last(&server).await;
    assert_eq!(event["actor"]["userId"], Value::Null);
    assert!(
        event["activity"]
            .as_str()
            .unwrap()
            .starts_with("Denied 29 times more"),
        "{event}"
    );
}
