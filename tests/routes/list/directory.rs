//! Devices, users, groups and assignment filters.

use runstate_testkit::{TestServer, encode};
use serde_json::{Value, json};

/// The values of `property` in the list at `path`, in its order.
async fn values(server: &TestServer, path: &str, property: &str) -> Vec<String> {
    let list = server.read(path).await;
    let value = |entity: &Value| entity[property].as_str().unwrap().to_owned();
    list["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(value)
        .collect()
}

#[tokio::test]
async fn devices() {
    let server = TestServer::start().await;
    let ada = server
        .create("/users", &json!({ "displayName": "Ada" }))
        .await;
    for (name, os, bytes, encrypted, synced) in [
        (
            "LAP-1",
            "macOS",
            9_007_199_254_740_993_i64,
            json!(true),
            "2026-01-01T00:00:00Z",
        ),
        (
            "LAP-2",
            "Windows",
            9_007_199_254_740_992,
            json!(false),
            "2026-01-02T00:00:00+02:00",
        ),
        ("SRV-1", "Linux", 1, json!(null), "2026-01-01T23:00:00Z"),
    ] {
        let body = json!({
            "deviceName": name, "operatingSystem": os, "totalStorageSpaceInBytes": bytes,
            "isEncrypted": encrypted, "lastSyncDateTime": synced, "userId": if os == "macOS" { json!(ada) } else { json!(null) },
            "complianceState": if os == "Linux" { "noncompliant" } else { "compliant" }, "roleScopeTagIds": [os],
        });
        server
            .create("/deviceManagement/managedDevices", &body)
            .await;
    }
    for (filter, expected) in [
        ("totalStorageSpaceInBytes gt 9007199254740992", "LAP-1"),
        ("isEncrypted", "LAP-1"),
        ("isEncrypted eq false", "LAP-2"),
        ("isEncrypted eq null", "SRV-1"),
        ("isEncrypted ne true", "LAP-2 SRV-1"),
        (
            "complianceState eq 'compliant' and startswith(deviceName,'LAP')",
            "LAP-1 LAP-2",
        ),
        ("operatingSystem in ('Linux','macOS')", "LAP-1 SRV-1"),
        ("users/any(u:u/displayName eq 'Ada')", "LAP-1"),
        ("not users/any()", "LAP-2 SRV-1"),
        ("roleScopeTagIds/any(t:t eq 'Linux')", "SRV-1"),
        ("lastSyncDateTime lt 2026-01-01T22:30:00Z", "LAP-1 LAP-2"),
    ] {
        let path = format!(
            "/deviceManagement/managedDevices?$orderby=deviceName&$filter={}",
            encode(filter)
        );
        assert_eq!(
            values(&server, &path, "deviceName").await.join(" "),
            expected,
            "{filter}"
        );
    }
    for (orderby, expected) in [
        ("lastSyncDateTime desc", "SRV-1 LAP-2 LAP-1"),
        ("isEncrypted,deviceName", "SRV-1 LAP-2 LAP-1"),
        ("isEncrypted desc", "LAP-1 LAP-2 SRV-1"),
        ("totalStorageSpaceInBytes desc", "LAP-1 LAP-2 SRV-1"),
    ] {
        let path = format!(
            "/deviceManagement/managedDevices?$orderby={}",
            encode(orderby)
        );
        assert_eq!(
            values(&server, &path, "deviceName").await.join(" "),
            expected,
            "{orderby}"
        );
    }
    let found = values(
        &server,
        "/deviceManagement/managedDevices?$search=lap&$select=deviceName&$orderby=deviceName",
        "deviceName",
    );
    assert_eq!(found.await, ["LAP-1", "LAP-2"]);
}

#[tokio::test]
async fn users_and_groups() {
    let server = TestServer::start().await;
    let mut users = Vec::new();
    for name in ["Ada", "Bob", "Łukasz"] {
        let body = json!({ "displayName": name, "userPrincipalName": format!("{name}@contoso.example"), "accountEnabled": name != "Bob" });
        users.push(server.create("/users", &body).await);
    }
    let all: Vec<String> = users.iter().map(|id| format!("users/{id}")).collect();
    for (name, members) in [("All", &all[..]), ("First", &all[..1]), ("None", &[])] {
        let body = json!({ "displayName": name, "securityEnabled": true, "groupTypes": [], "members@odata.bind": members });
        server.create("/groups", &body).await;
    }
    for (path, filter, expected) in [
        ("/users", "accountEnabled", "Ada Łukasz"),
        ("/users", "startswith(userPrincipalName,'Bob@')", "Bob"),
        ("/users", "tolower(displayName) eq 'łukasz'", "Łukasz"),
        ("/groups", "members/any()", "All First"),
        ("/groups", "members/any(m:m/displayName eq 'Bob')", "All"),
        (
            "/groups",
            "members/any(m:m/microsoft.graph.user/accountEnabled eq false)",
            "All",
        ),
        (
            "/groups",
            "members/all(m:m/displayName eq 'Ada')",
            "First None",
        ),
        (
            "/groups",
            "displayName eq 'None' or displayName eq 'All'",
            "All None",
        ),
    ] {
        let path = format!("{path}?$orderby=displayName&$filter={}", encode(filter));
        assert_eq!(
            values(&server, &path, "displayName").await.join(" "),
            expected,
            "{filter}"
        );
    }
    let groups = server.read("/groups?$expand=members($select=displayName;$orderby=displayName desc;$top=2)&$orderby=displayName&$select=displayName".replace(' ', "%20").as_str()).await;
    let names: Vec<Value> = groups["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            group["members"]
                .as_array()
                .unwrap()
                .iter()
                .map(|member| member["displayName"].clone())
                .collect()
        })
        .collect();
    assert_eq!(names, [json!(["Łukasz", "Bob"]), json!(["Ada"]), json!([])]);
}

#[tokio::test]
async fn assignment_filters() {
    let server = TestServer::start().await;
    let filters = "/deviceManagement/assignmentFilters";
    let body = json!({ "displayName": "Macs", "platform": "macOS", "rule": "(device.model -eq \"Mac\")", "roleScopeTags": ["0"] });
    let created = server.post(filters, &body).send().await.expect(201).json();
    let path = format!("{filters}/{}", created["id"].as_str().unwrap());
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&created[name], value);
    }
    server
        .patch(&path, &json!({ "displayName": "All Macs" }))
        .send()
        .await
        .expect(200);
    assert_eq!(
        values(
            &server,
            &format!("{filters}?$filter=platform%20eq%20'macOS'"),
            "displayName"
        )
        .await,
        ["All Macs"]
    );
    assert_eq!(
        server.get(&format!("{filters}/$count")).send().await.text(),
        "1"
    );
    server.delete(&path).send().await.expect(204);
    server.get(&path).send().await.expect(404);
}
