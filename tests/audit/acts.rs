//! Every act of the permission matrix that changes something leaves one event, and no other does.

use std::collections::BTreeMap;

use http::Method;
use runstate_graph::entity;
use runstate_testkit::TestServer;
use serde_json::json;

use super::{count, events_after};
use crate::{
    authorization::{
        surface::{Route, routes},
        table::TABLE,
    },
    world::{World, body, link, new_user},
};

/// What the event of each act along a template is called, of shell scripts; what begins with `{C}` is
/// below `deviceManagement`.
const EXPECTED: &[(&str, &str, &str, &str)] = &[
    (
        "POST",
        "{C}",
        "DeviceConfiguration",
        "Create DeviceShellScript",
    ),
    (
        "PATCH",
        "{C}/{id}",
        "DeviceConfiguration",
        "Patch DeviceShellScript",
    ),
    (
        "DELETE",
        "{C}/{id}",
        "DeviceConfiguration",
        "Delete DeviceShellScript",
    ),
    (
        "POST",
        "{C}/{id}/assign",
        "DeviceConfiguration",
        "Assign DeviceShellScript",
    ),
    (
        "POST",
        "{C}/{id}/rollBack",
        "DeviceConfiguration",
        "RollBack DeviceShellScript",
    ),
    (
        "POST",
        "{C}/{id}/assignments",
        "DeviceConfiguration",
        "Create DeviceManagementScriptAssignment",
    ),
    (
        "PATCH",
        "{C}/{id}/assignments/{id}",
        "DeviceConfiguration",
        "Patch DeviceManagementScriptAssignment",
    ),
    (
        "DELETE",
        "{C}/{id}/assignments/{id}",
        "DeviceConfiguration",
        "Delete DeviceManagementScriptAssignment",
    ),
    (
        "POST",
        "{C}/{id}/groupAssignments",
        "DeviceConfiguration",
        "Create DeviceManagementScriptGroupAssignment",
    ),
    (
        "PATCH",
        "{C}/{id}/groupAssignments/{id}",
        "DeviceConfiguration",
        "Patch DeviceManagementScriptGroupAssignment",
    ),
    (
        "DELETE",
        "{C}/{id}/groupAssignments/{id}",
        "DeviceConfiguration",
        "Delete DeviceManagementScriptGroupAssignment",
    ),
    (
        "PATCH",
        "{C}/{id}/runSummary",
        "Device",
        "Patch DeviceManagementScriptRunSummary",
    ),
    (
        "POST",
        "{C}/{id}/runRequests",
        "Device",
        "Create RunRequest",
    ),
    (
        "POST",
        "{C}/{id}/runRequests/{id}/cancel",
        "Device",
        "Cancel RunRequest",
    ),
    (
        "POST",
        "{C}/{id}/deviceRunStates",
        "Device",
        "Create DeviceManagementScriptDeviceState",
    ),
    (
        "DELETE",
        "{C}/{id}/deviceRunStates/{id}",
        "Device",
        "Delete DeviceManagementScriptDeviceState",
    ),
    (
        "POST",
        "{C}/{id}/userRunStates",
        "Device",
        "Create DeviceManagementScriptUserState",
    ),
    (
        "PATCH",
        "{C}/{id}/userRunStates/{id}",
        "Device",
        "Patch DeviceManagementScriptUserState",
    ),
    (
        "DELETE",
        "{C}/{id}/userRunStates/{id}",
        "Device",
        "Delete DeviceManagementScriptUserState",
    ),
    (
        "POST",
        "{C}/{id}/userRunStates/{id}/deviceRunStates",
        "Device",
        "Create DeviceManagementScriptDeviceState",
    ),
    (
        "DELETE",
        "{C}/{id}/userRunStates/{id}/deviceRunStates/{id}",
        "Device",
        "Delete DeviceManagementScriptDeviceState",
    ),
    (
        "POST",
        "assignmentFilters",
        "DeviceConfiguration",
        "Create DeviceAndAppManagementAssignmentFilter",
    ),
    (
        "PATCH",
        "assignmentFilters/{id}",
        "DeviceConfiguration",
        "Patch DeviceAndAppManagementAssignmentFilter",
    ),
    (
        "DELETE",
        "assignmentFilters/{id}",
        "DeviceConfiguration",
        "Delete DeviceAndAppManagementAssignmentFilter",
    ),
    ("POST", "managedDevices", "Device", "Create ManagedDevice"),
    (
        "PATCH",
        "managedDevices/{id}",
        "Device",
        "Patch ManagedDevice",
    ),
    (
        "DELETE",
        "managedDevices/{id}",
        "Device",
        "Delete ManagedDevice",
    ),
    (
        "POST",
        "managedDevices/{id}/retire",
        "Device",
        "Retire ManagedDevice",
    ),
    (
        "POST",
        "runstate/enrollmentTokens",
        "Enrollment",
        "Create EnrollmentToken",
    ),
    (
        "DELETE",
        "runstate/enrollmentTokens/{id}",
        "Enrollment",
        "Delete EnrollmentToken",
    ),
    ("POST", "users", "UserManagement", "Create User"),
    ("PATCH", "users/{id}", "UserManagement", "Patch User"),
    ("DELETE", "users/{id}", "UserManagement", "Delete User"),
    ("POST", "groups", "GroupManagement", "Create Group"),
    ("PATCH", "groups/{id}", "GroupManagement", "Patch Group"),
    ("DELETE", "groups/{id}", "GroupManagement", "Delete Group"),
    (
        "POST",
        "groups/{id}/members/$ref",
        "GroupManagement",
        "Create GroupMember",
    ),
    (
        "DELETE",
        "groups/{id}/members/{id}/$ref",
        "GroupManagement",
        "Delete GroupMember",
    ),
    (
        "POST",
        "subscriptions",
        "Subscription",
        "Create Subscription",
    ),
    (
        "PATCH",
        "subscriptions/{id}",
        "Subscription",
        "Patch Subscription",
    ),
    (
        "DELETE",
        "subscriptions/{id}",
        "Subscription",
        "Delete Subscription",
    ),
];

/// What leaves none: what is asked by `POST`, where nothing changes; reports, which the history has.
const UNTOLD: &[(&str, &str)] = &[
    ("POST", "{C}/hasPayloadLinks"),
    ("POST", "{C}/{id}/previewAssign"),
    ("POST", "{C}/{id}/previewRunRequest"),
    ("POST", "subscriptions/{id}/reauthorize"),
    ("PATCH", "{C}/{id}/deviceRunStates/{id}"),
    ("PATCH", "{C}/{id}/userRunStates/{id}/deviceRunStates/{id}"),
];

fn short(template: &str) -> &str {
    template
        .strip_prefix("deviceManagement/")
        .unwrap_or(template)
}

/// When an act is tried, so that what the others need is still there.
fn phase(method: &str, template: &str) -> (u8, usize) {
    let depth = template.matches('/').count();
    match method {
        "POST" if template.ends_with("/retire") || template.ends_with("/assign") => (3, 0),
        "POST" => (0, 0),
        "PATCH" => (1, 0),
        // Before `assign` takes the assignments away, and the deepest first.
        _ if depth > 3 => (2, 100 - depth),
        _ => (4, 100 - depth),
    }
}

#[tokio::test]
async fn every_act_leaves_one_event_that_says_what_it_was() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    // Of shell scripts, where these have the path.
    let mut all = routes(&entity::MODEL);
    all.sort_by_key(|route| route.collection == Some("deviceShellScripts"));
    let routes: BTreeMap<String, Route> = all
        .into_iter()
        .map(|route| (route.template.clone(), route))
        .collect();
    let mut rows: Vec<_> = TABLE
        .iter()
        .filter(|row| row.method != "GET" && !row.permissions.is_empty())
        // The other names of actions are the same acts.
        .filter(|row| !row.template.contains("microsoft.graph.") && !row.template.contains("/runstate."))
        .collect();
    rows.sort_by_key(|row| phase(row.method, row.template));
    let mut tried = 0;
    for row in rows {
        let (method, template) = (row.method, short(row.template));
        let route = routes
            .get(row.template)
            .unwrap_or_else(|| panic!("{}", row.template));
        let path = format!("/beta/{}", world.path(route));
        let mut body = body(&route.path);
        if template == "groups/{id}/members/$ref" {
            let member = server.create("/users", &new_user()).await;
            body = json!({ "@odata.id": link("users", &member) });
        }
        let before = count(&server).await;
        let id = format!("00000000-0000-4000-8000-{tried:012}");
        let request = server
            .request(Method::from_bytes(method.as_bytes()).unwrap(), &path)
            .token(&server.token)
            .header("client-request-id", &id);
        let request = match method {
            "DELETE" => request,
            "PATCH" => request.json(&json!({})),
            _ => request.json(&body),
        };
        request.send().await.expect(row.status);
        let new = events_after(&server, before).await;
        if UNTOLD.contains(&(method, template)) {
            assert_eq!(new.len(), 0, "{template}");
            continue;
        }
        let expected = EXPECTED
            .iter()
            .find(|(of, at, _, _)| *of == method && *at == template);
        let (_, _, category, name) = expected.unwrap_or_else(|| panic!("{method} {template}"));
        let [event] = new.as_slice() else {
            panic!("{method} {template}: {new:?}")
        };
        assert_eq!(event["activityType"], **name, "{method} {template}");
        assert_eq!(event["category"], **category, "{method} {template}");
        assert_eq!(event["activityResult"], "Success");
        assert_eq!(event["correlationId"], id);
        let resource = &event["resources"][0]["resourceId"];
        assert!(resource.is_string(), "{method} {template}: {event}");
        let is_part = template.starts_with("{C}/{id}/")
            && !template.ends_with("assign")
            && !template.ends_with("rollBack");
        if is_part {
            let script = &event["resources"][1];
            assert_eq!(script["auditResourceType"], "DeviceShellScript", "{event}");
            assert!(script["displayName"].is_string(), "{event}");
        }
        tried += 1;
    }
    assert_eq!(tried, EXPECTED.len());
    let heads = server.audit().audit_heads(None).await.unwrap();
    let [head] = heads.as_slice() else {
        panic!("{heads:?}")
    };
    let verified = server.audit().audit_verify(&head.tenant_id, &heads).await;
    assert_eq!(verified.unwrap().fault, None);
    // What the function lists is what there was.
    let page = server
        .read("/deviceManagement/auditEvents/getAuditCategories")
        .await;
    let categories = page["value"].as_array().unwrap();
    for (_, _, category, name) in EXPECTED {
        assert!(categories.contains(&json!(category)), "{category}");
        let of =
            format!("/deviceManagement/auditEvents/getAuditActivityTypes(category='{category}')");
        let types = server.read(&of).await;
        assert!(
            types["value"].as_array().unwrap().contains(&json!(name)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn what_is_refused_by_the_data_leaves_no_event() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let script = format!(
        "/deviceManagement/deviceShellScripts/{}",
        server.shell_script("S").await
    );
    let before = count(&server).await;
    let nowhere = "/deviceManagement/deviceShellScripts/nowhere";
    server.patch(nowhere, &json!({})).send().await.expect(404);
    server.delete(nowhere).send().await.expect(404);
    server
        .post(&format!("{nowhere}/assign"), &json!({}))
        .send()
        .await
        .expect(404);
    server
        .post(&format!("{script}/rollBack"), &json!({ "number": 9 }))
        .send()
        .await
        .expect(404);
    server
        .patch(&script, &json!({ "displayName": 1 }))
        .send()
        .await
        .expect(400);
    let stale = server.delete(&script).header("If-Match", "W/\"99\"");
    stale.send().await.expect(412);
    let taken = json!({ "id": world.device, "deviceName": "x" });
    server
        .post("/deviceManagement/managedDevices", &taken)
        .send()
        .await
        .expect(409);
    let member = json!({ "@odata.id": link("users", &world.user) });
    let members = format!("/groups/{}/members/$ref", world.group);
    server.post(&members, &member).send().await.expect(409);
    assert_eq!(count(&server).await, before);
}

#[tokio::test]
async fn reads_and_reports_leave_no_event() {
    let fleet = crate::fleet::Fleet::start().await;
    let before = count(&fleet.server).await;
    fleet
        .report(&crate::fleet::ended("r1", "success"))
        .await
        .expect(200);
    fleet.seen(&fleet.assigned()).await;
    let inventory = format!(
        "/beta/deviceManagement/managedDevices/{}/reportInventory",
        fleet.device
    );
    let told = json!({ "device": { "osVersion": "13" }, "loggedOnUsers": [] });
    let request = fleet
        .server
        .request(Method::POST, &inventory)
        .token(&fleet.token);
    request.json(&told).send().await.expect(204);
    fleet
        .server
        .read("/deviceManagement/deviceShellScripts")
        .await;
    // Nor does an administrator's report: the history has it.
    let body = crate::fleet::ended("r2", "fail");
    let report = fleet.server.patch(&fleet.state(), &body);
    report.send().await.expect(200);
    assert_eq!(count(&fleet.server).await, before);
}

/// An act without its event must be impossible, and the reverse.
#[tokio::test]
async fn an_act_whose_event_cannot_be_added_is_not_done() {
    let server = TestServer::start().await;
    let script = server.shell_script("Before").await;
    let path = format!("/deviceManagement/deviceShellScripts/{script}");
    server.sabotage("ALTER TABLE audit_event RENAME TO hidden");
    server
        .patch(&path, &json!({ "displayName": "After" }))
        .send()
        .await
        .expect(500);
    server.delete(&path).send().await.expect(500);
    server.post("/users", &new_user()).send().await.expect(500);
    server.sabotage("ALTER TABLE hidden RENAME TO audit_event");
    assert_eq!(server.read(&path).await["displayName"], "Before");
    assert_eq!(server.ids("/users").await, [""; 0]);
    assert_eq!(count(&server).await, 1);
    let heads = server.audit().audit_heads(None).await.unwrap();
    let verified = server
        .audit()
        .audit_verify(&heads[0].tenant_id, &heads)
        .await;
    assert_eq!(verified.unwrap().head.sequence, 1);
}

/// All of a batch go into one chain, side by side.
#[tokio::test]
async fn acts_at_the_same_time_stand_one_behind_the_other() {
    let server = TestServer::start().await;
    let requests: Vec<_> = (0..20)
        .map(|at| {
            json!({ "id": at, "method": "POST", "url": "/users", "body": new_user(),
                "headers": { "Content-Type": "application/json" } })
        })
        .collect();
    let responses = server.batch(&json!(requests)).await;
    let created = responses
        .values()
        .filter(|response| response["status"] == 201);
    assert_eq!(created.count(), 20, "{responses:?}");
    assert_eq!(count(&server).await, 20);
    let heads = server.audit().audit_heads(None).await.unwrap();
    let verified = server
        .audit()
        .audit_verify(&heads[0].tenant_id, &heads)
        .await
        .unwrap();
    assert_eq!((verified.fault, verified.head.sequence), (None, 20));
}
