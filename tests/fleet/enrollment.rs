//! Devices come into a tenant with an enrolment token, and leave it when they are retired.

use std::time::Duration;

use http::Method;
use runstate_testkit::TestServer;
use serde_json::{Value, json};

use super::{Fleet, KEY, OTHER_KEY, anonymous, ended, register, registration, tenant};

const TOKENS: &str = "/runstate/enrollmentTokens";

/// A new enrolment token: its id and its value.
async fn token(server: &TestServer, body: &Value) -> (String, String) {
    let token = server.post(TOKENS, body).send().await.expect(201).json();
    let text = |name: &str| token[name].as_str().unwrap().to_owned();
    (text("id"), text("tokenValue"))
}

#[tokio::test]
async fn a_device_registers_and_appears_with_its_facts_in_the_group_of_the_token() {
    let server = TestServer::start().await;
    let group = server
        .create("/groups", &json!({ "displayName": "Lab" }))
        .await;
    let ada = json!({ "displayName": "Ada", "userPrincipalName": "ada@example.com", "mailNickname": "ada" });
    let ada = server.create("/users", &ada).await;
    let (_, token) = token(&server, &json!({ "groupId": group })).await;
    let mut body = registration(KEY);
    body["device"]["userPrincipalName"] = json!("ada@example.com");
    body["logged_on_users"] = json!(["ada", "nobody"]);
    let reply = register(&server, &token, &body).await.expect(201);
    assert_eq!(reply.header("cache-control"), "no-store");
    let client = reply.json();
    assert_eq!(client["tenant_id"], tenant());
    assert_eq!(client["token_endpoint_auth_method"], "private_key_jwt");
    let endpoint = client["token_endpoint"].as_str().unwrap();
    assert!(
        endpoint.ends_with(&format!("/{}/oauth2/v2.0/token", tenant())),
        "{endpoint}"
    );

    let id = client["client_id"].as_str().unwrap();
    let device = server
        .read(&format!("/deviceManagement/managedDevices/{id}"))
        .await;
    insta::assert_snapshot!(anonymous(&device, &["id", "userId"]));
    assert_eq!(device["userId"], ada);
    assert_eq!(server.ids(&format!("/groups/{group}/members")).await, [id]);
}

#[tokio::test]
async fn the_same_key_is_the_same_device_and_another_another() {
    let server = TestServer::start().await;
    let (id, token) = token(&server, &json!({ "maximumUses": 2 })).await;
    let client = async |key| {
        let reply = register(&server, &token, &registration(key))
            .await
            .expect(201);
        reply.json()["client_id"].as_str().unwrap().to_owned()
    };
    let first = client(KEY).await;
    assert_eq!(client(KEY).await, first);
    assert_ne!(client(OTHER_KEY).await, first);
    let used = server.read(&format!("{TOKENS}/{id}")).await;
    assert_eq!(used["useCount"], 2);
    // A lost answer is asked for again, even where the token is used up.
    assert_eq!(client(KEY).await, first);
}

#[tokio::test]
async fn a_token_that_is_unknown_used_up_or_expired_or_gone_enrols_nobody() {
    let server = TestServer::start().await;
    let refused = async |token: &str, key: &str| {
        let reply = register(&server, token, &registration(key))
            .await
            .expect(401);
        assert_eq!(reply.json()["error"], "invalid_token");
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
        reply.json()["error_description"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        refused("nonsense", KEY).await,
        "There is no such enrolment token."
    );
    assert!(
        refused(&server.token, KEY).await.contains("no such"),
        "an access token is none"
    );

    let (_, once) = token(&server, &json!({ "maximumUses": 1 })).await;
    register(&server, &once, &registration(KEY))
        .await
        .expect(201);
    assert!(
        refused(&once, OTHER_KEY)
            .await
            .contains("as often as it may")
    );

    let (id, gone) = token(&server, &json!({})).await;
    server
        .delete(&format!("{TOKENS}/{id}"))
        .send()
        .await
        .expect(204);
    assert!(refused(&gone, OTHER_KEY).await.contains("no such"));
    let devices = server.ids("/deviceManagement/managedDevices").await;
    assert_eq!(devices.len(), 1);

    let (_, short) = token(
        &server,
        &json!({ "expirationDateTime": "2026-01-31T13:00:00Z" }),
    )
    .await;
    server.clock.advance(Duration::from_secs(3600));
    assert!(refused(&short, OTHER_KEY).await.contains("expired"));
}

#[tokio::test]
async fn what_is_wrong_with_a_registration_is_named_and_nothing_is_used_up() {
    let server = TestServer::start().await;
    let (id, token) = token(&server, &json!({ "maximumUses": 1 })).await;
    let mut shown = String::new();
    for (pointer, value) in [
        ("/token_endpoint_auth_method", json!("none")),
        ("/grant_types", json!(["implicit"])),
        ("/jwks/keys", json!([])),
        ("/jwks/keys/0", json!({ "kty": "oct", "k": "AAAA" })),
        (
            "/jwks/keys/0",
            json!({ "kty": "OKP", "crv": "Ed25519", "x": KEY, "d": KEY }),
        ),
        ("/device", json!(7)),
        ("/device", json!({ "deviceName": "x" })),
        ("/device/operatingSystem", json!(7)),
        ("/device/managementState", json!("managed")),
        ("/device/id", json!({})),
        ("/device/userPrincipalName", json!("nobody@example.com")),
        ("/logged_on_users", json!([7])),
    ] {
        let mut body = registration(KEY);
        match body.pointer_mut(pointer) {
            Some(slot) => *slot = value.clone(),
            None => {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                body.pointer_mut(parent).unwrap()[name] = value.clone();
            }
        }
        let reply = register(&server, &token, &body).await.expect(400).json();
        assert_eq!(reply["error"], "invalid_client_metadata");
        let description = reply["error_description"].as_str().unwrap();
        shown.push_str(&format!("{pointer} = {value}\n    {description}\n"));
    }
    insta::assert_snapshot!(shown);
    assert_eq!(server.read(&format!("{TOKENS}/{id}")).await["useCount"], 0);
    assert_eq!(
        server.ids("/deviceManagement/managedDevices").await.len(),
        0
    );
}

#[tokio::test]
async fn a_token_is_shown_once_and_its_bounds_are_checked() {
    let server = TestServer::start().await;
    let (id, value) = token(&server, &json!({ "displayName": "Lab", "maximumUses": 3 })).await;
    assert_eq!(value.len(), "rse_".len() + 43, "256 bits in base64url");
    let read = server
        .get(&format!("{TOKENS}/{id}"))
        .send()
        .await
        .expect(200);
    assert_eq!(read.json()["tokenValue"], Value::Null);
    assert!(!read.text().contains(&value));
    let kept = server.data().bytes();
    let is_it = |bytes: &[u8]| bytes == value.as_bytes();
    assert!(!kept.windows(value.len()).any(is_it));
    for body in [
        json!({ "maximumUses": 0 }),
        json!({ "expirationDateTime": "2020-01-01T00:00:00Z" }),
        json!({ "groupId": "no-such-group" }),
    ] {
        server.post(TOKENS, &body).send().await.expect(400);
    }
}

#[tokio::test]
async fn a_device_tells_its_facts_and_nothing_else() {
    let fleet = Fleet::start().await;
    let (server, device) = (&fleet.server, &fleet.device);
    let path = format!("/beta/deviceManagement/managedDevices/{device}/reportInventory");
    let tell = async |body: Value| {
        let request = server.request(Method::POST, &path).token(&fleet.token);
        request.json(&body).send().await
    };
    let facts = json!({ "device": { "osVersion": "13", "freeStorageSpaceInBytes": 7 }, "loggedOnUsers": [] });
    tell(facts).await.expect(204);
    let read = server
        .read(&format!("/deviceManagement/managedDevices/{device}"))
        .await;
    assert_eq!(
        (&read["osVersion"], &read["freeStorageSpaceInBytes"]),
        (&json!("13"), &json!(7))
    );
    for wrong in [
        json!({ "device": { "userId": "ada" }, "loggedOnUsers": [] }),
        json!({ "device": { "complianceState": "compliant" } }),
        json!({ "device": [] }),
        json!({ "device": {}, "loggedOnUsers": "ada" }),
        json!({ "devices": {} }),
    ] {
        tell(wrong).await.expect(400);
    }
}

#[tokio::test]
async fn a_retired_device_is_refused_at_once_and_its_results_stay() {
    let fleet = Fleet::start().await;
    let (server, device) = (&fleet.server, &fleet.device);
    fleet.report(&ended("run-1", "success")).await.expect(200);
    let path = format!("/deviceManagement/managedDevices/{device}");
    server
        .post(&format!("{path}/retire"), &json!({}))
        .send()
        .await
        .expect(204);

    let refused = fleet.report(&ended("run-2", "fail")).await.expect(401);
    assert_eq!(refused.code(), "InvalidAuthenticationToken");
    assert!(refused.header("www-authenticate").contains("invalid_token"));
    let assigned = server.request(Method::GET, &format!("/beta{}", fleet.assigned()));
    assigned.token(&fleet.token).send().await.expect(401);
    assert_eq!(server.read(&path).await["managementState"], "retireIssued");
    assert_eq!(server.read(&fleet.state()).await["runState"], "success");
    assert_eq!(server.ids(&fleet.assigned()).await, [""; 0]);
    // Once more is no harm.
    server
        .post(&format!("{path}/retire"), &json!({}))
        .send()
        .await
        .expect(204);
}

#[tokio::test]
async fn a_device_that_is_deleted_is_refused_too() {
    let fleet = Fleet::start().await;
    let path = format!("/deviceManagement/managedDevices/{}", fleet.device);
    fleet.server.delete(&path).send().await.expect(204);
    fleet.report(&ended("run-1", "success")).await.expect(401);
}
