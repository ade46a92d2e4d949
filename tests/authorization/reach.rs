//! What a query reaches along navigation properties needs the permission of what is there, whether
//! it is expanded, filtered by or sorted by.

use http::Method;
use runstate_server::auth::issuer::Subject;
use runstate_testkit::{TENANT, TestServer};
use serde_json::json;

use super::table::ALL;
use crate::world::World;

const CONFIGURATION: &str = "DeviceManagementConfiguration.Read.All";
const SCRIPTS: &str = "DeviceManagementScripts.Read.All";
const DEVICES: &str = "DeviceManagementManagedDevices.Read.All";
const GROUPS: &str = "Group.Read.All";

const SCRIPT: &str = "/deviceManagement/deviceShellScripts";
const STATES: &str = "/deviceManagement/deviceShellScripts/{id}/deviceRunStates";
const USER_STATES: &str = "/deviceManagement/deviceShellScripts/{id}/userRunStates";

/// Collection, query, a permission, and whether it is enough.
#[rustfmt::skip]
const READS: &[(&str, &str, &str, bool)] = &[
    (SCRIPT, "$expand=assignments,groupAssignments", SCRIPTS, true),
    (SCRIPT, "$expand=deviceRunStates($expand=managedDevice)", SCRIPTS, true),
    (SCRIPT, "$expand=deviceRunStates($expand=managedDevice($expand=users))", SCRIPTS, false),
    (SCRIPT, "$filter=deviceRunStates/any(s:s/managedDevice/users/any(u:u/displayName eq 'x'))", SCRIPTS, false),
    (SCRIPT, "$filter=deviceRunStates/any(s:s/managedDevice/users/any())", CONFIGURATION, false),
    (SCRIPT, "$filter=not deviceRunStates/all(s:s/managedDevice/users/all(u:u/mail ne null))", CONFIGURATION, false),
    (SCRIPT, "$filter=userRunStates/any(u:u/deviceRunStates/any(d:d/managedDevice/users/any()))", CONFIGURATION, false),
    (SCRIPT, "$expand=deviceRunStates($filter=managedDevice/users/any())", SCRIPTS, false),
    (STATES, "$expand=managedDevice", CONFIGURATION, true),
    (STATES, "$expand=managedDevice($expand=users)", CONFIGURATION, false),
    (STATES, "$expand=managedDevice($expand=users)", DEVICES, true),
    (STATES, "$filter=managedDevice/deviceName eq 'x'", CONFIGURATION, true),
    (STATES, "$filter=managedDevice/users/any(u:u/displayName eq 'x')", CONFIGURATION, false),
    (STATES, "$filter=managedDevice/users/any(u:u/displayName eq 'x')", DEVICES, true),
    (STATES, "$filter=runState eq 'fail' or (errorCode eq 1 and not managedDevice/users/any())", SCRIPTS, false),
    (STATES, "$orderby=managedDevice/deviceName", SCRIPTS, true),
    (USER_STATES, "$expand=deviceRunStates($expand=managedDevice)", SCRIPTS, true),
    (USER_STATES, "$expand=deviceRunStates($expand=managedDevice($expand=users))", SCRIPTS, false),
    (USER_STATES, "$filter=deviceRunStates/any(s:s/managedDevice/users/any())", SCRIPTS, false),
    ("/deviceManagement/managedDevices", "$expand=users", DEVICES, true),
    ("/groups", "$expand=members", GROUPS, true),
    ("/groups", "$filter=members/any()", GROUPS, true),
    ("/groups", "$filter=members/any(m:m/displayName eq 'x')", GROUPS, false),
];

#[tokio::test]
async fn a_query_needs_the_permission_of_all_that_it_reaches() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    for &(collection, query, permission, is_enough) in READS {
        let status = if is_enough { 200 } else { 403 };
        let query = query.replace(' ', "%20").replace('\'', "%27");
        let collection = world.fill(collection);
        let mut paths = vec![format!("{collection}?{query}")];
        if query.starts_with("$filter") {
            paths.push(format!("{collection}/$count?{query}"));
        }
        for path in paths {
            for subject in [user(), Subject::Application] {
                let token = server.token_for(TENANT, subject, &[permission]);
                let path = format!("/beta{path}");
                let reply = server.request(Method::GET, &path).token(&token);
                let reply = reply.send().await;
                assert_eq!(
                    reply.status,
                    status,
                    "{permission}: {path} {}",
                    reply.text()
                );
            }
        }
    }
}

#[tokio::test]
async fn what_a_write_answers_with_must_be_readable_before_anything_is_written() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let state = world.fill(&format!("{STATES}/{{id}}"));
    let before = server.get(&state).send().await.expect(200);
    let token = server.delegated(&["DeviceManagementConfiguration.ReadWrite.All"]);
    let query = "$expand=managedDevice($expand=users)";

    let path = format!("/beta{state}?{query}");
    let patch = server.request(Method::PATCH, &path).token(&token);
    let reply = patch.json(&json!({ "errorCode": 7 })).send().await;
    assert_eq!(reply.expect(403).code(), "Authorization_RequestDenied");
    let after = server.get(&state).send().await.expect(200);
    assert_eq!(before.header("etag"), after.header("etag"));
    assert_eq!(before.json(), after.json());

    let states = world.fill(STATES);
    let post = server.request(Method::POST, &format!("/beta{states}?{query}"));
    let reply = post
        .token(&token)
        .json(&json!({ "id": "new" }))
        .send()
        .await;
    reply.expect(403);
    server
        .get(&format!("{states}/new"))
        .send()
        .await
        .expect(404);
}

#[tokio::test]
async fn a_device_reaches_nothing_from_its_own_state() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let state = world.fill(&format!("{STATES}/{{id}}"));
    // Even where an administrator gave the device's identity permissions.
    for permissions in [&[][..], &ALL[..]] {
        let device_id = world.device.clone();
        let token = server.token_for(TENANT, Subject::Device { device_id }, permissions);
        for (query, status) in [
            ("$select=runState", 200),
            ("$expand=managedDevice", 403),
            ("$expand=managedDevice($select=id)", 403),
        ] {
            let path = format!("/beta{state}?{query}");
            let patch = server.request(Method::PATCH, &path).token(&token);
            let reply = patch.json(&json!({ "runState": "success" })).send().await;
            assert_eq!(
                reply.status,
                status,
                "{permissions:?} {query} {}",
                reply.text()
            );
        }
    }
}

fn user() -> Subject {
    let user_id = "33333333-3333-4333-8333-333333333333".to_owned();
    Subject::User { user_id }
}
