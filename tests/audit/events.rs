//! What an event says, and how events are asked for.

use http::Method;
use runstate_server::auth::issuer::Subject;
use runstate_testkit::{TENANT, TestServer, WRITES};
use serde_json::{Value, json};

use super::{EVENTS, count, events_after, last};

/// An event with what differs from run to run taken out.
fn shown(event: &Value, ids: &[(&str, &str)]) -> String {
    let mut text = serde_json::to_string_pretty(event).unwrap();
    for (id, name) in ids {
        text = text.replace(id, name);
    }
    text
}

#[tokio::test]
async fn a_script_is_created_changed_and_deleted() {
    let server = TestServer::start().await;
    let ada = json!({ "displayName": "Ada", "userPrincipalName": "ada@example.com" });
    let ada = server.create("/users", &ada).await;
    let user_id = ada.clone();
    let subject = Subject::User { user_id };
    let permission = "DeviceManagementScripts.ReadWrite.All";
    let token = server.token_for(TENANT, subject, &[permission]);
    let send = async |method: Method, path: &str, body: Value| {
        let request = server
            .request(method, &format!("/beta{path}"))
            .token(&token);
        let request = request.header("client-request-id", "0F8FAD5B-D9CB-469F-A165-70867728950E");
        request.json(&body).send().await
    };
    let before = count(&server).await;
    let scripts = "/deviceManagement/deviceShellScripts";
    // The content is `#!/bin/sh` and a line feed.
    let script = json!({ "displayName": "Collect \"logs\"", "scriptContent": "IyEvYmluL3NoCg==", "executionFrequency": "PT1H" });
    let created = send(Method::POST, scripts, script).await.expect(201).json();
    let id = created["id"].as_str().unwrap();
    let path = format!("{scripts}/{id}");
    let changes = json!({ "displayName": "Collect", "runAsAccount": "user", "description": "x".repeat(3000) });
    send(Method::PATCH, &path, changes).await.expect(200);
    let group = json!({ "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g1" });
    let target = json!({ "deviceManagementScriptAssignments": [{ "target": group }] });
    send(Method::POST, &format!("{path}/assign"), target)
        .await
        .expect(204);
    send(Method::DELETE, &path, json!({})).await.expect(204);
    let events = events_after(&server, before).await;
    assert_eq!(events.len(), 4);
    let events = Value::from(events);
    insta::assert_snapshot!(shown(
        &events,
        &[
            (id, "SCRIPT"),
            (&ada, "USER"),
            (&"x".repeat(1023), "x…1023…x")
        ]
    ));
}

#[tokio::test]
async fn a_device_enrols() {
    let server = TestServer::start().await;
    let token = json!({ "displayName": "Lab" });
    let token = server
        .post("/runstate/enrollmentTokens", &token)
        .send()
        .await
        .expect(201)
        .json();
    let value = token["tokenValue"].as_str().unwrap();
    let created = last(&server).await.to_string();
    assert!(!created.contains(value), "{created}");
    let body = crate::fleet::registration(crate::fleet::KEY);
    let client = crate::fleet::register(&server, value, &body)
        .await
        .expect(201)
        .json();
    let event = last(&server).await;
    let ids = [
        (client["client_id"].as_str().unwrap(), "DEVICE"),
        (token["id"].as_str().unwrap(), "TOKEN"),
    ];
    insta::assert_snapshot!(shown(&event, &ids));
    // The same key again is the same device, and nothing changes.
    let before = count(&server).await;
    crate::fleet::register(&server, value, &body)
        .await
        .expect(201);
    assert_eq!(count(&server).await, before);
}

#[tokio::test]
async fn members_come_and_go_and_devices_retire() {
    let server = TestServer::start().await;
    let user = server.create("/users", &crate::world::new_user()).await;
    let group = server
        .create("/groups", &json!({ "displayName": "Lab" }))
        .await;
    let members = format!("/groups/{group}/members");
    let link = json!({ "@odata.id": crate::world::link("users", &user) });
    server
        .post(&format!("{members}/$ref"), &link)
        .send()
        .await
        .expect(204);
    let event = last(&server).await;
    let resource = &event["resources"][0];
    assert_eq!(resource["displayName"], "Lab");
    assert_eq!(resource["resourceId"], group);
    assert_eq!(
        resource["modifiedProperties"],
        json!([{ "displayName": "members", "oldValue": null, "newValue": user }])
    );
    server
        .delete(&format!("{members}/{user}/$ref"))
        .send()
        .await
        .expect(204);
    let event = last(&server).await;
    let modified = &event["resources"][0]["modifiedProperties"];
    assert_eq!(
        *modified,
        json!([{ "displayName": "members", "oldValue": user, "newValue": null }])
    );
    let device = crate::fleet::device(&server, "lab-01", "Linux").await;
    let retire = format!("/deviceManagement/managedDevices/{device}/retire");
    server.post(&retire, &json!({})).send().await.expect(204);
    let event = last(&server).await;
    assert_eq!(event["activityOperationType"], "Action");
    assert_eq!(event["resources"][0]["displayName"], "lab-01");
}

#[tokio::test]
async fn events_are_filtered_sorted_selected_and_paged() {
    let server = TestServer::start().await;
    for name in ["a", "b", "c"] {
        server.clock.advance(std::time::Duration::from_secs(60));
        server
            .create("/groups", &json!({ "displayName": name }))
            .await;
        server.shell_script(name).await;
    }
    let ids = server.ids(EVENTS).await;
    assert_eq!(ids.len(), 6);
    assert!(ids.is_sorted());
    let query = |query: &str| format!("{EVENTS}?{}", query.replace(' ', "%20"));
    assert_eq!(server.all_ids(&query("$top=6&$skip=0")).await, ids);
    let scripts = server
        .ids(&query("$filter=category eq 'DeviceConfiguration'"))
        .await;
    assert_eq!(scripts, [ids[1].clone(), ids[3].clone(), ids[5].clone()]);
    let since = query(
        "$filter=activityDateTime ge 2026-01-31T12:02:00Z and actor/userId eq '33333333-3333-4333-8333-333333333333'&$orderby=activityDateTime desc,id desc",
    );
    let found = server.ids(&since).await;
    assert_eq!(found, [5, 4, 3, 2].map(|at: usize| ids[at].clone()));
    let none =
        query("$filter=actor/auditActorType eq 'Application' or contains(displayName,'Delete')");
    assert_eq!(server.ids(&none).await, [""; 0]);
    let one = server
        .read(&format!(
            "{EVENTS}/{}?$select=activityType,resources",
            ids[0]
        ))
        .await;
    assert_eq!(one["activityType"], "Create Group");
    assert_eq!(one["resources"][0]["displayName"], "a");
    assert!(one.get("actor").is_none(), "{one}");
    let event = server.read(&format!("{EVENTS}/{}", ids[0])).await;
    let by_id = format!(
        "$filter=correlationId eq {}",
        event["correlationId"].as_str().unwrap()
    );
    assert_eq!(server.ids(&query(&by_id)).await, [ids[0].clone()]);
    let full = server
        .get(EVENTS)
        .header("Accept", "application/json;odata.metadata=full");
    let full = full.send().await.expect(200).json();
    assert_eq!(
        full["value"][0]["resources@odata.type"],
        "#Collection(microsoft.graph.auditResource)"
    );
    assert_eq!(full["value"][0]["correlationId@odata.type"], "#Guid");
    // Nothing looks into the resources.
    let inside = query("$filter=resources/any(r:r/resourceId eq 'x')");
    server.get(&inside).send().await.expect(400);
    server
        .get(&query("$orderby=resources"))
        .send()
        .await
        .expect(400);
    // Nobody changes one, whatever the token.
    let one = format!("{EVENTS}/{}", ids[0]);
    server.post(EVENTS, &json!({})).send().await.expect(405);
    server.patch(&one, &json!({})).send().await.expect(405);
    server.delete(&one).send().await.expect(405);
}

#[tokio::test]
async fn tenants_have_chains_of_their_own() {
    let server = TestServer::start().await;
    let other = "44444444-4444-4444-8444-444444444444";
    let user_id = "u".to_owned();
    let token = server.token_for(other, Subject::User { user_id }, WRITES);
    server.shell_script("Ours").await;
    let users = server.request(Method::POST, "/beta/users").token(&token);
    users
        .json(&crate::world::new_user())
        .send()
        .await
        .expect(201);
    let ours = server.ids(EVENTS).await;
    let theirs = server
        .request(Method::GET, &format!("/beta{EVENTS}"))
        .token(&token);
    let theirs = theirs.send().await.expect(200).json();
    assert_eq!(theirs["value"].as_array().unwrap().len(), 1);
    assert_eq!(theirs["value"][0]["activityType"], "Create User");
    let id = theirs["value"][0]["id"].as_str().unwrap();
    assert_ne!(ours, [id]);
    server
        .get(&format!("{EVENTS}/{id}"))
        .send()
        .await
        .expect(404);
    let heads = server.audit().audit_heads(None).await.unwrap();
    let heads: Vec<_> = heads
        .iter()
        .map(|head| (head.tenant_id.as_str(), head.sequence))
        .collect();
    assert_eq!(heads, [(TENANT, 1), (other, 1)]);
}
