//! `GET …/$count`.

use runstate_testkit::{SCRIPTS, TestServer, encode};
use serde_json::json;

#[tokio::test]
async fn every_collection_is_counted() {
    let server = TestServer::start().await;
    let mut collections = Vec::new();
    // To no device, which would get a run state by it.
    let to = json!({ "target": { "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g" } });
    for collection in SCRIPTS {
        let script = server.script(collection, "Counted").await;
        let one = format!("/deviceManagement/{collection}/{script}");
        server.create(&format!("{one}/assignments"), &to).await;
        server
            .create(
                &format!("{one}/groupAssignments"),
                &json!({ "targetGroupId": "g" }),
            )
            .await;
        server
            .create(&format!("{one}/deviceRunStates"), &json!({ "id": "d" }))
            .await;
        server
            .create(&format!("{one}/userRunStates"), &json!({ "id": "u" }))
            .await;
        server
            .create(
                &format!("{one}/userRunStates/u/deviceRunStates"),
                &json!({ "id": "n" }),
            )
            .await;
        collections.push(format!("/deviceManagement/{collection}"));
        for below in [
            "assignments",
            "groupAssignments",
            "deviceRunStates",
            "userRunStates",
            "userRunStates/u/deviceRunStates",
        ] {
            collections.push(format!("{one}/{below}"));
        }
    }
    let ada = server
        .create("/users", &json!({ "displayName": "Ada" }))
        .await;
    let device = json!({ "deviceName": "a", "userId": ada });
    let device = server
        .create("/deviceManagement/managedDevices", &device)
        .await;
    let body = json!({ "displayName": "g", "members@odata.bind": [format!("users/{ada}")] });
    let group = server.create("/groups", &body).await;
    for path in ["/users", "/groups", "/deviceManagement/managedDevices"] {
        collections.push(path.to_owned());
    }
    collections.push(format!("/deviceManagement/managedDevices/{device}/users"));
    collections.push(format!("/groups/{group}/members"));
    collections.push(format!("/groups/{group}/transitiveMembers"));
    for path in collections {
        let reply = server
            .get(&format!("{path}/$count"))
            .send()
            .await
            .expect(200);
        assert_eq!(reply.text(), "1", "{path}");
        assert_eq!(reply.header("content-type"), "text/plain", "{path}");
        let listed = server.read(&format!("{path}?$count=true&$top=0")).await;
        assert_eq!(listed["@odata.count"], 1, "{path}");
        assert_eq!(listed["value"], json!([]), "{path}");
    }
}

#[tokio::test]
async fn only_filter_and_search_apply() {
    let server = TestServer::start().await;
    for name in ["Disk", "Disk 2", "Other"] {
        server.shell_script(name).await;
    }
    let count = "/deviceManagement/deviceShellScripts/$count";
    let filter = encode("startswith(displayName,'Disk')");
    for (options, expected) in [
        (format!("$filter={filter}"), "2"),
        ("$search=disk".to_owned(), "2"),
        ("$search=%22disk%202%22".to_owned(), "1"),
        (format!("$filter={filter}&$search=2"), "1"),
        ("$filter=false".to_owned(), "0"),
    ] {
        let reply = server
            .get(&format!("{count}?{options}"))
            .send()
            .await
            .expect(200);
        assert_eq!(reply.text(), expected, "{options}");
    }
    for option in [
        "$top=1",
        "$skip=1",
        "$orderby=id",
        "$select=id",
        "$expand=assignments",
        "$count=true",
    ] {
        let reply = server
            .get(&format!("{count}?{option}"))
            .send()
            .await
            .expect(400);
        let (name, _) = option.split_once('=').unwrap();
        assert!(
            reply.message().contains(name),
            "{option}: {}",
            reply.message()
        );
    }
    // Of one entity there is no count.
    let script = server
        .ids("/deviceManagement/deviceShellScripts")
        .await
        .remove(0);
    let reply = server
        .get(&format!(
            "/deviceManagement/deviceShellScripts/{script}/$count"
        ))
        .send()
        .await;
    assert!(
        matches!(reply.status.as_u16(), 400 | 404 | 405),
        "{}",
        reply.text()
    );
}
