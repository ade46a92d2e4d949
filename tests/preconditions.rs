//! Versions: `ETag`, `If-Match`, `If-None-Match`, and `Prefer`, on the four routes of the update of a
//! device run state and on what else has versions.

use http::Method;
use runstate_testkit::{Reply, TestServer};
use serde_json::{Value, json};

use crate::world::World;

/// The four routes of the specification.
const ROUTES: [&str; 4] = [
    "/deviceManagement/deviceShellScripts/{id}/deviceRunStates/{id}",
    "/deviceManagement/deviceManagementScripts/{id}/deviceRunStates/{id}",
    "/deviceManagement/deviceCustomAttributeShellScripts/{id}/deviceRunStates/{id}",
    "/deviceManagement/deviceManagementScripts/{id}/userRunStates/{id}/deviceRunStates/{id}",
];

/// What else is changed by `PATCH` and removed by `DELETE`, with a change.
fn others() -> Vec<(&'static str, Value)> {
    let groups = json!({ "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g" });
    let script = "/deviceManagement/deviceShellScripts/{id}";
    vec![
        (
            "/deviceManagement/deviceShellScripts/{id}/assignments/{id}",
            json!({ "target": groups }),
        ),
        (
            "/deviceManagement/deviceShellScripts/{id}/userRunStates/{id}",
            json!({ "errorDeviceCount": 5 }),
        ),
        (script, json!({ "description": "changed" })),
        (
            "/deviceManagement/managedDevices/{id}",
            json!({ "notes": "changed" }),
        ),
        ("/groups/{id}", json!({ "description": "changed" })),
        ("/users/{id}", json!({ "department": "changed" })),
    ]
}

fn all() -> Vec<(&'static str, Value)> {
    let change = json!({ "runState": "success", "errorCode": 1 });
    let mut all = ROUTES.map(|route| (route, change.clone())).to_vec();
    all.extend(others());
    all
}

async fn get(server: &TestServer, path: &str) -> Reply {
    server.get(path).send().await.expect(200)
}

async fn patch(server: &TestServer, path: &str, change: &Value, tag: &str) -> Reply {
    server
        .patch(path, change)
        .header("If-Match", tag)
        .send()
        .await
}

#[tokio::test]
async fn a_version_is_told_by_every_answer_and_grows_with_every_change() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    for (route, change) in all() {
        let path = world.fill(route);
        let first = get(&server, &path).await;
        let tag = first.header("etag").to_owned();
        assert!(
            tag.starts_with("W/\"") && tag.ends_with('"'),
            "{route}: {tag}"
        );
        assert_eq!(get(&server, &path).await.header("etag"), tag, "{route}");
        let changed = server.patch(&path, &change).send().await.expect(200);
        assert_ne!(changed.header("etag"), tag, "{route}");
        let read = get(&server, &path).await;
        assert_eq!(read.header("etag"), changed.header("etag"), "{route}");
        for (name, value) in change.as_object().unwrap() {
            let stored = &read.json()[name];
            assert!(
                stored == value || stored.is_object(),
                "{route}: {name} is {stored}"
            );
        }
    }
}

#[tokio::test]
async fn if_match_lets_through_the_version_that_is_there_and_no_other() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    for (route, change) in all() {
        let path = world.fill(route);
        let before = get(&server, &path).await;
        let tag = before.header("etag").to_owned();
        let other = "W/\"4711\"";
        for (wrong, status) in [
            (other.to_owned(), 412),
            (format!("{other}, W/\"4712\""), 412),
            ("\"\"".to_owned(), 412),
            ("W/\"nonsense\"".to_owned(), 412),
            ("nonsense".to_owned(), 400),
            ("4711".to_owned(), 400),
            ("W/\"".to_owned(), 400),
        ] {
            let reply = patch(&server, &path, &change, &wrong).await;
            assert_eq!(reply.status, status, "{route} {wrong}");
            let delete = server.delete(&path).header("If-Match", &wrong).send().await;
            assert_eq!(delete.status, status, "{route} {wrong}");
        }
        let after = get(&server, &path).await;
        assert_eq!(after.header("etag"), tag, "{route}");
        assert_eq!(after.json(), before.json(), "{route}");

        let strong = |tag: &str| tag.trim_start_matches("W/").to_owned();
        let reply = patch(&server, &path, &change, &tag).await.expect(200);
        let tag = strong(reply.header("etag"));
        let reply = patch(&server, &path, &change, &tag).await.expect(200);
        let tag = format!("{other} , {}", reply.header("etag"));
        patch(&server, &path, &change, &tag).await.expect(200);
        patch(&server, &path, &change, "*").await.expect(200);
        // The version that was right a moment ago is right no more.
        patch(&server, &path, &change, &tag).await.expect(412);
    }
}

#[tokio::test]
async fn if_none_match_keeps_a_write_from_the_versions_that_it_names() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    for (route, change) in all() {
        let path = world.fill(route);
        let before = get(&server, &path).await;
        let tag = before.header("etag").to_owned();
        for same in [&tag, "*", &format!("W/\"4711\", {tag}")] {
            for request in [server.patch(&path, &change), server.delete(&path)] {
                request
                    .header("If-None-Match", same)
                    .send()
                    .await
                    .expect(412);
            }
            let both = server.patch(&path, &change).header("If-Match", &tag);
            both.header("If-None-Match", same).send().await.expect(412);
        }
        let wrong = server.patch(&path, &change).header("If-None-Match", "x");
        wrong.send().await.expect(400);
        assert_eq!(get(&server, &path).await.json(), before.json(), "{route}");
        let other = server
            .patch(&path, &change)
            .header("If-None-Match", "W/\"4711\"");
        let reply = other.header("If-Match", &tag).send().await.expect(200);
        assert_ne!(reply.header("etag"), tag);
    }
}

#[tokio::test]
async fn if_match_of_nothing_is_not_found() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    for route in ROUTES {
        let path = world.fill(route);
        let missing = format!("{}/missing", path.rsplit_once('/').unwrap().0);
        for tag in ["*", "W/\"1\""] {
            patch(&server, &missing, &json!({}), tag).await.expect(404);
        }
        server
            .delete(&missing)
            .header("If-Match", "*")
            .send()
            .await
            .expect(404);
    }
}

#[tokio::test]
async fn a_delete_of_the_right_version_deletes() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    for (route, _) in all() {
        // A script takes all that it contains with it, so what is in it came before.
        let path = world.fill(route);
        let tag = get(&server, &path).await.header("etag").to_owned();
        let reply = server
            .delete(&path)
            .header("If-Match", &tag)
            .send()
            .await
            .expect(204);
        assert!(reply.body.is_empty());
        server.get(&path).send().await.expect(404);
        server.delete(&path).send().await.expect(404);
    }
}

#[tokio::test]
async fn one_of_two_writers_of_the_same_version_is_refused() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    for route in ROUTES {
        let path = world.fill(route);
        let tag = get(&server, &path).await.header("etag").to_owned();
        let (first, second) = (json!({ "errorCode": 1 }), json!({ "errorCode": 2 }));
        let (one, two) = tokio::join!(
            patch(&server, &path, &first, &tag),
            patch(&server, &path, &second, &tag)
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "{route}");
        let winner = if one.status == 200 { 1 } else { 2 };
        assert_eq!(get(&server, &path).await.json()["errorCode"], winner);
    }
}

#[tokio::test]
async fn what_the_client_has_already_is_not_sent_again() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    for (route, change) in all() {
        let path = world.fill(route);
        let tag = get(&server, &path).await.header("etag").to_owned();
        let ask = async |tag: &str| server.get(&path).header("If-None-Match", tag).send().await;
        for same in [
            tag.clone(),
            tag.replace("W/", ""),
            format!("W/\"4711\", {tag}"),
            "*".to_owned(),
        ] {
            let reply = ask(&same).await.expect(304);
            assert!(reply.body.is_empty(), "{route}");
            assert_eq!(reply.header("etag"), tag, "{route}");
        }
        ask("W/\"4711\"").await.expect(200);
        ask("nonsense").await.expect(400);
        server.patch(&path, &change).send().await.expect(200);
        let reply = ask(&tag).await.expect(200);
        assert_ne!(reply.header("etag"), tag, "{route}");
    }
}

#[tokio::test]
async fn not_modified() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let path = world.fill(ROUTES[0]);
    let reply = server.get(&path).header("If-None-Match", "*").send().await;
    insta::assert_snapshot!(reply.expect(304).shown());
}

#[tokio::test]
async fn a_minimal_answer_is_none_and_the_change_is_done() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let mut shown = Vec::new();
    for route in ROUTES {
        let path = world.fill(route);
        let change = json!({ "runState": "scriptError", "errorCode": -9 });
        let reply = server
            .patch(&path, &change)
            .header("Prefer", "return=minimal")
            .send()
            .await;
        let reply = reply.expect(204);
        assert!(reply.body.is_empty());
        let read = get(&server, &path).await;
        assert_eq!(read.header("etag"), reply.header("etag"));
        assert_eq!(read.json()["runState"], "scriptError");
        assert_eq!(read.json()["errorCode"], -9);
        shown.push(format!("PATCH {route}\n{}", reply.shown().trim_end()));

        // A refusal is told all the same.
        let wrong = server.patch(&path, &json!({ "errorCode": "x" }));
        let wrong = wrong
            .header("Prefer", "return=minimal")
            .send()
            .await
            .expect(400);
        assert_eq!(wrong.code(), "BadRequest");

        for prefer in [
            "return=representation",
            "respond-async, return=representation",
            "RETURN=\"representation\"",
        ] {
            let reply = server
                .patch(&path, &json!({}))
                .header("Prefer", prefer)
                .send()
                .await;
            let reply = reply.expect(200);
            assert_eq!(reply.header("preference-applied"), "return=representation");
            assert_eq!(reply.json()["errorCode"], -9);
        }
        for prefer in ["return=nothing", "nonsense", "return", ""] {
            let reply = server
                .patch(&path, &json!({}))
                .header("Prefer", prefer)
                .send()
                .await;
            assert_eq!(
                reply.expect(200).header("preference-applied"),
                "",
                "{prefer}"
            );
        }
    }
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[tokio::test]
async fn a_minimal_answer_to_a_post_says_where_the_new_one_is() {
    let server = TestServer::start().await;
    let script = server.shell_script("x").await;
    let states = format!("/beta/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    let post = server.request(Method::POST, &states).token(&server.token);
    let post = post
        .json(&json!({ "id": "a/b" }))
        .header("Prefer", "return=minimal");
    let reply = post.send().await.expect(204);
    insta::assert_snapshot!(reply.shown());
    let location = reply.header("location").to_owned();
    assert_eq!(get(&server, &location).await.json()["id"], "a/b");
}
