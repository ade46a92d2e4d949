//! Members of groups and the links to them.

use runstate_testkit::TestServer;
use serde_json::{Value, json};

async fn group(server: &TestServer, name: &str) -> String {
    server
        .create("/groups", &json!({ "displayName": name }))
        .await
}

async fn user(server: &TestServer, name: &str) -> String {
    server
        .create("/users", &json!({ "displayName": name }))
        .await
}

/// The names at a path, sorted.
async fn names(server: &TestServer, path: &str) -> Vec<String> {
    let list = server.read(path).await;
    let name = |entity: &Value| {
        let name = entity["displayName"]
            .as_str()
            .or(entity["deviceName"].as_str());
        name.unwrap_or_else(|| panic!("no name: {entity}"))
            .to_owned()
    };
    let mut names: Vec<String> = list["value"].as_array().unwrap().iter().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn members_are_added_listed_and_removed() {
    let server = TestServer::start().await;
    let macs = group(&server, "Macs").await;
    let nested = group(&server, "Nested").await;
    let ada = user(&server, "Ada").await;
    let device = server
        .create(
            "/deviceManagement/managedDevices",
            &json!({ "deviceName": "LAP-1" }),
        )
        .await;
    let members = format!("/groups/{macs}/members");
    let links = format!("{members}/$ref");
    for link in [
        format!("{}/directoryObjects/{ada}", server.root()),
        format!("https://graph.microsoft.com/v1.0/groups('{nested}')"),
        format!("managedDevices/{device}"),
    ] {
        let body = json!({ "@odata.id": link });
        let reply = server.post(&links, &body).send().await.expect(204);
        assert!(reply.body.is_empty());
    }

    let listed = server
        .get(&format!("{members}?$orderby=displayName,id"))
        .send()
        .await
        .expect(200);
    insta::assert_snapshot!("members", listed.shown());
    let referenced = server.read(&links).await;
    let mut referenced: Vec<&str> = referenced["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["@odata.id"].as_str().unwrap())
        .collect();
    referenced.sort_unstable();
    let mut expected = [
        ("users", &ada),
        ("groups", &nested),
        ("deviceManagement/managedDevices", &device),
    ]
    .map(|(set, id)| format!("{}/{set}('{id}')", server.root()));
    expected.sort();
    assert_eq!(referenced, expected);
    for link in referenced {
        server.read(link).await;
    }
    assert_eq!(
        server.get(&format!("{members}/$count")).send().await.text(),
        "3"
    );

    server
        .delete(&format!("{members}/{ada}/$ref"))
        .send()
        .await
        .expect(204);
    server
        .delete(&format!("{members}/{ada}/$ref"))
        .send()
        .await
        .expect(404);
    assert_eq!(server.ids(&members).await.len(), 2);
    // The user itself is not gone.
    server
        .get(&format!("/users/{ada}"))
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn a_member_is_answered_with_the_properties_of_what_it_is() {
    let server = TestServer::start().await;
    let user = json!({ "displayName": "Ada", "userPrincipalName": "ada@contoso.example" });
    let device =
        json!({ "deviceName": "LAP-1", "operatingSystem": "macOS", "roleScopeTagIds": ["0"] });
    let group = json!({ "displayName": "Nested", "description": "d", "groupTypes": ["Unified"] });
    let mut expected = Vec::new();
    for (collection, body) in [
        ("/users", user),
        ("/deviceManagement/managedDevices", device),
        ("/groups", group),
    ] {
        let id = server.create(collection, &body).await;
        let mut entity = server.read(&format!("{collection}/{id}")).await;
        entity.as_object_mut().unwrap().remove("@odata.context");
        expected.push(entity);
    }
    expected.sort_by_key(|entity| entity["id"].to_string());
    let links = expected
        .iter()
        .map(|entity| format!("directoryObjects/{}", entity["id"].as_str().unwrap()));
    let body = json!({ "displayName": "All", "members@odata.bind": links.collect::<Vec<_>>() });
    let all = server.create("/groups", &body).await;
    let without_type = |entities: &Value| -> Vec<Value> {
        let mut entities = entities.as_array().unwrap().clone();
        for entity in &mut entities {
            entity.as_object_mut().unwrap().remove("@odata.type");
        }
        entities
    };
    let listed = server.read(&format!("/groups/{all}/members")).await;
    assert_eq!(without_type(&listed["value"]), expected);
    let transitive = server
        .read(&format!("/groups/{all}/transitiveMembers"))
        .await;
    assert_eq!(without_type(&transitive["value"]), expected);
    let expanded = server.read(&format!("/groups/{all}?$expand=members")).await;
    assert_eq!(without_type(&expanded["members"]), expected);
    for entity in &expected {
        let path = format!("/groups/{all}/members/{}", entity["id"].as_str().unwrap());
        let mut one = server.read(&path).await;
        for annotation in ["@odata.context", "@odata.type"] {
            one.as_object_mut().unwrap().remove(annotation);
        }
        assert_eq!(&one, entity);
    }
}

#[tokio::test]
async fn a_member_is_added_once_and_must_exist() {
    let server = TestServer::start().await;
    let macs = group(&server, "Macs").await;
    let ada = user(&server, "Ada").await;
    let links = format!("/groups/{macs}/members/$ref");
    let add = |link: Value| server.post(&links, &json!({ "@odata.id": link })).send();
    add(json!(format!("{}/users/{ada}", server.root())))
        .await
        .expect(204);
    // Graph refuses a second time with 400.
    let again = add(json!(format!("{}/users/{ada}", server.root()))).await;
    assert!(
        matches!(again.status.as_u16(), 400 | 409),
        "{}",
        again.text()
    );
    let absent = add(json!("https://x/beta/users/absent")).await;
    assert!(
        matches!(absent.status.as_u16(), 400 | 404),
        "{}",
        absent.text()
    );
    for wrong in [
        json!("nothing"),
        json!(7),
        json!(null),
        json!("https://x/beta/users"),
    ] {
        add(wrong).await.expect(400);
    }
    server.post(&links, &json!({})).send().await.expect(400);
    server
        .post(
            "/groups/absent/members/$ref",
            &json!({ "@odata.id": format!("users/{ada}") }),
        )
        .send()
        .await
        .expect(404);
    assert_eq!(
        names(&server, &format!("/groups/{macs}/members")).await,
        ["Ada"]
    );
}

#[tokio::test]
async fn transitive_members_are_found_once_by_whatever_way() {
    let server = TestServer::start().await;
    let (outer, middle, inner) = (
        group(&server, "Outer").await,
        group(&server, "Middle").await,
        group(&server, "Inner").await,
    );
    let (ada, bob) = (user(&server, "Ada").await, user(&server, "Bob").await);
    let add = async |group: &str, member: &str| {
        let body = json!({ "@odata.id": format!("{}/directoryObjects/{member}", server.root()) });
        let path = format!("/groups/{group}/members/$ref");
        server.post(&path, &body).send().await
    };
    for (group, member) in [
        (&outer, &middle),
        (&middle, &inner),
        (&inner, &ada),
        (&middle, &ada),
        (&outer, &bob),
    ] {
        add(group, member).await.expect(204);
    }
    for member in [&outer, &middle, &inner] {
        // No group contains itself, however far down.
        add(&inner, member).await.expect(400);
    }
    let all = format!("/groups/{outer}/transitiveMembers");
    assert_eq!(
        names(&server, &all).await,
        ["Ada", "Bob", "Inner", "Middle"]
    );
    assert_eq!(
        server.get(&format!("{all}/$count")).send().await.text(),
        "4"
    );
    let members = format!("/groups/{outer}/members");
    assert_eq!(names(&server, &members).await, ["Bob", "Middle"]);
    let filtered = format!("{all}?$filter=startswith(displayName,'A')");
    assert_eq!(names(&server, &filtered).await, ["Ada"]);
}

#[tokio::test]
async fn what_is_deleted_is_no_member_any_more() {
    let server = TestServer::start().await;
    let ada = user(&server, "Ada").await;
    let body = json!({ "displayName": "Macs", "members@odata.bind": [format!("users/{ada}")] });
    let macs = server.create("/groups", &body).await;
    assert_eq!(
        names(&server, &format!("/groups/{macs}/members")).await,
        ["Ada"]
    );
    server
        .delete(&format!("/users/{ada}"))
        .send()
        .await
        .expect(204);
    assert!(
        server
            .ids(&format!("/groups/{macs}/members"))
            .await
            .is_empty()
    );
    assert_eq!(
        server
            .get(&format!("/groups/{macs}/members/$count"))
            .send()
            .await
            .text(),
        "0"
    );
}

#[tokio::test]
async fn the_links_are_paged() {
    let server = TestServer::builder().page_size(2).start().await;
    let mut users = Vec::new();
    for i in 0..5 {
        users.push(user(&server, &format!("U{i}")).await);
    }
    let links: Vec<String> = users.iter().map(|id| format!("users/{id}")).collect();
    let macs = server
        .create(
            "/groups",
            &json!({ "displayName": "Macs", "members@odata.bind": links }),
        )
        .await;
    for path in ["members", "transitiveMembers"] {
        let mut found = server.all_ids(&format!("/groups/{macs}/{path}")).await;
        found.sort();
        users.sort();
        assert_eq!(found, users, "{path}");
    }
    let mut seen = 0;
    let mut next = Some(format!("/groups/{macs}/members/$ref"));
    while let Some(path) = next {
        let page = server.read(&path).await;
        seen += page["value"].as_array().unwrap().len();
        next = page["@odata.nextLink"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, 5);
    // What is expanded has a link to the rest of it as well.
    let group = server
        .read(&format!(
            "/groups/{macs}?$expand=members($top=2;$select=id)"
        ))
        .await;
    let mut expanded: Vec<String> = group["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].as_str().unwrap().to_owned())
        .collect();
    let next = group["members@odata.nextLink"]
        .as_str()
        .expect("a link to the rest")
        .to_owned();
    expanded.extend(server.all_ids(&next).await);
    expanded.sort();
    assert_eq!(expanded, users);
}
