//! Tenants are separate, and so are scripts, collections, users and devices: what is another's is not
//! there.

use http::Method;
use runstate_server::auth::issuer::Subject;
use runstate_testkit::{Reply, TENANT, TestServer, WRITES};
use serde_json::{Value, json};

use crate::{
    authorization::surface::SCRIPT_COLLECTIONS,
    world::{World, link},
};

const OTHER: &str = "44444444-4444-4444-8444-444444444444";
const SCRIPTS: &str = "/deviceManagement/deviceShellScripts";
const DEVICES: &str = "/deviceManagement/managedDevices";

/// One tenant's way to a server.
struct Tenant<'a> {
    server: &'a TestServer,
    token: String,
}

impl<'a> Tenant<'a> {
    fn new(server: &'a TestServer, tenant_id: &str) -> Self {
        let token = server.token_for(tenant_id, Subject::Application, WRITES);
        Self { server, token }
    }

    async fn get(&self, path: &str) -> Reply {
        let request = self.server.request(Method::GET, &format!("/beta{path}"));
        request.token(&self.token).send().await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Reply {
        let request = self.server.request(method, &format!("/beta{path}"));
        request.token(&self.token).json(body).send().await
    }

    async fn create(&self, path: &str, body: Value) -> String {
        let reply = self.send(Method::POST, path, &body).await.expect(201);
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    /// How many a collection says it holds, in both ways, and how many it shows.
    async fn count(&self, path: &str, query: &str) -> (String, Value, usize) {
        let query = query.replace(' ', "%20").replace('"', "%22");
        let bare = self
            .get(&format!("{path}/$count?{query}"))
            .await
            .expect(200);
        let list = self.get(&format!("{path}?{query}&$count=true")).await;
        let list = list.expect(200).json();
        let shown = list["value"].as_array().unwrap().len();
        (bare.text(), list["@odata.count"].clone(), shown)
    }
}

fn none() -> (String, Value, usize) {
    ("0".to_owned(), json!(0), 0)
}

#[tokio::test]
async fn to_another_tenant_every_collection_is_empty() {
    let server = TestServer::start().await;
    World::make(&server).await;
    let other = Tenant::new(&server, OTHER);
    let mut roots: Vec<String> = (SCRIPT_COLLECTIONS.iter())
        .map(|name| format!("/deviceManagement/{name}"))
        .collect();
    let others = [
        DEVICES,
        "/users",
        "/groups",
        "/deviceManagement/assignmentFilters",
    ];
    roots.extend(others.map(str::to_owned));
    for root in &roots {
        let here = Tenant::new(&server, TENANT);
        assert_eq!(here.count(root, "").await, ("1".to_owned(), json!(1), 1));
        for query in ["", "$filter=id ne 'x'", "$search=\"lab\""] {
            assert_eq!(other.count(root, query).await, none(), "{root}?{query}");
        }
    }
    for query in [
        "$filter=deviceRunStates/any()",
        "$filter=deviceRunStates/any(s:s/managedDevice/deviceName eq 'lab-01')",
        "$filter=userRunStates/any(u:u/deviceRunStates/any())",
        "$filter=assignments/any()",
        "$filter=assignments/all(a:a/id eq 'x')",
    ] {
        assert_eq!(other.count(SCRIPTS, query).await, none(), "{query}");
    }
}

#[tokio::test]
async fn ids_of_another_tenant_lead_nowhere_where_a_body_names_them() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let other = Tenant::new(&server, OTHER);
    let script = other.create(SCRIPTS, json!({ "displayName": "B" })).await;
    let states = format!("{SCRIPTS}/{script}/deviceRunStates");

    let bind = json!({ "managedDevice@odata.bind": link("deviceManagement/managedDevices", &world.device) });
    let reply = other.send(Method::POST, &states, &bind).await;
    assert!(
        reply
            .expect(400)
            .message()
            .contains("managedDevice@odata.bind")
    );
    assert_eq!(other.count(&states, "").await, none());

    let members = json!({ "displayName": "B", "members@odata.bind": [link("users", &world.user)] });
    let reply = other.send(Method::POST, "/groups", &members).await;
    assert!(
        (400..=404).contains(&reply.status.as_u16()),
        "{}",
        reply.text()
    );
    assert_eq!(other.count("/groups", "").await, none());

    let group = other.create("/groups", json!({ "displayName": "B" })).await;
    for object in [&world.user, &world.device, &world.group] {
        let link = json!({ "@odata.id": link("directoryObjects", object) });
        let path = format!("/groups/{group}/members/$ref");
        other.send(Method::POST, &path, &link).await.expect(404);
    }
    assert_eq!(
        other.count(&format!("/groups/{group}/members"), "").await,
        none()
    );
}

#[tokio::test]
async fn the_same_ids_in_two_tenants_are_two_things() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let (here, other) = (Tenant::new(&server, TENANT), Tenant::new(&server, OTHER));
    let script = other.create(SCRIPTS, json!({ "displayName": "B" })).await;
    let states = format!("{SCRIPTS}/{script}/deviceRunStates");

    // The id says which device the state is of; the other tenant has no such device.
    let id = format!("{script}:{}", world.device);
    assert_eq!(other.create(&states, json!({ "id": id })).await, id);
    other
        .get(&format!("{states}/{id}/managedDevice"))
        .await
        .expect(404);
    other
        .get(&format!("{states}/{id}/managedDevice/users"))
        .await
        .expect(404);
    let expanded = other.get(&format!("{states}?$expand=managedDevice")).await;
    assert_eq!(
        expanded.expect(200).json()["value"][0]["managedDevice"],
        Value::Null
    );
    for filter in [
        "$filter=managedDevice/deviceName eq 'lab-01'",
        "$filter=managedDevice/id ne null",
        "$filter=managedDevice/users/any()",
    ] {
        assert_eq!(other.count(&states, filter).await, none(), "{filter}");
    }

    // A device that says it is that user's has no user either.
    let named = json!({ "id": "b-device", "userId": world.user });
    other.create(DEVICES, named).await;
    let users = format!("{DEVICES}/b-device/users");
    assert_eq!(other.count(&users, "").await, none());
    let owned = "$filter=users/any()";
    assert_eq!(other.count(DEVICES, owned).await, none());

    // A device with the id of the other tenant's user is not that group's member, and when it goes
    // it takes no member with it.
    let members = format!("/groups/{}/members", world.group);
    let before = here.get(&members).await.expect(200).json()["value"].clone();
    assert_eq!(before[0]["@odata.type"], "#microsoft.graph.user");
    other.create(DEVICES, json!({ "id": world.user })).await;
    assert_eq!(here.get(&members).await.json()["value"], before);
    let delete = format!("{DEVICES}/{}", world.user);
    other
        .send(Method::DELETE, &delete, &Value::Null)
        .await
        .expect(204);
    assert_eq!(here.get(&members).await.json()["value"], before);
    assert_eq!(here.get(&format!("{members}/$count")).await.text(), "1");

    // And a device of the same id is only its own tenant's.
    other
        .create(DEVICES, json!({ "id": world.device, "deviceName": "b" }))
        .await;
    let name = |reply: Reply| reply.expect(200).json()["deviceName"].clone();
    let path = format!("{DEVICES}/{}", world.device);
    assert_eq!(name(here.get(&path).await), "lab-01");
    assert_eq!(name(other.get(&path).await), "b");
    let device = format!("{states}/{id}/managedDevice");
    assert_eq!(name(other.get(&device).await), "b");
}

#[tokio::test]
async fn members_of_members_are_of_the_same_tenant() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let other = Tenant::new(&server, OTHER);
    // A device may have any id: this one has that of the first tenant's group, which has a member.
    other.create(DEVICES, json!({ "id": world.group })).await;
    // And this one that of the member.
    other.create(DEVICES, json!({ "id": world.user })).await;
    let members = [link("directoryObjects", &world.group)];
    let group = json!({ "displayName": "B", "members@odata.bind": members });
    let group = other.create("/groups", group).await;
    for members in ["members", "transitiveMembers"] {
        let path = format!("/groups/{group}/{members}");
        assert_eq!(other.count(&path, "").await, ("1".to_owned(), json!(1), 1));
        let list = other.get(&path).await.expect(200).json();
        assert_eq!(
            list["value"][0]["@odata.type"],
            "#microsoft.graph.managedDevice"
        );
        let user = format!("{path}/{}", world.user);
        other.get(&user).await.expect(404);
    }
    let by_member = format!("$filter=members/any(m:m/id eq '{}')", world.user);
    assert_eq!(other.count("/groups", &by_member).await, none());
}

#[tokio::test]
async fn a_tenant_is_the_same_in_any_case() {
    let server = TestServer::start().await;
    let (lower, upper) = (
        "abcdefab-cdef-4abc-8def-abcdefabcdef",
        "ABCDEFAB-CDEF-4ABC-8DEF-ABCDEFABCDEF",
    );
    let (one, same) = (Tenant::new(&server, lower), Tenant::new(&server, upper));
    let script = one.create(SCRIPTS, json!({ "displayName": "x" })).await;
    same.get(&format!("{SCRIPTS}/{script}")).await.expect(200);
    assert_eq!(same.count(SCRIPTS, "").await, one.count(SCRIPTS, "").await);
    // Nor does a personal account get in by its case.
    let personal = Tenant::new(&server, "9188040D-6C67-4C5B-B112-36A304B66DAD");
    personal.get(SCRIPTS).await.expect(403);
}

#[tokio::test]
async fn payload_links_and_pages_of_another_tenant_tell_nothing() {
    let server = TestServer::builder().page_size(1).start().await;
    let world = World::make(&server).await;
    let (here, other) = (Tenant::new(&server, TENANT), Tenant::new(&server, OTHER));
    let root = "/deviceManagement/deviceManagementScripts";
    let path = format!("{root}/{{id}}");
    let id = world.fill(&path).rsplit('/').next().unwrap().to_owned();
    let asked = json!({ "payloadIds": [id] });
    let path = format!("{root}/hasPayloadLinks");
    for (tenant, expected) in [(&here, true), (&other, false)] {
        let reply = tenant.send(Method::POST, &path, &asked).await;
        assert_eq!(reply.expect(200).json()["value"][0]["hasLink"], expected);
    }

    here.create("/groups", json!({ "displayName": "second" }))
        .await;
    let page = here.get("/groups").await.expect(200).json();
    let next = page["@odata.nextLink"].as_str().unwrap();
    let next = next.split("/beta").nth(1).unwrap();
    let reply = other.get(next).await;
    if reply.status == 200 {
        assert_eq!(reply.json()["value"], json!([]));
    } else {
        reply.expect(400);
    }
}

#[tokio::test]
async fn a_state_is_found_below_its_own_script_and_user_alone() {
    let server = TestServer::start().await;
    let here = Tenant::new(&server, TENANT);
    let mut scripts = Vec::new();
    for collection in [
        SCRIPT_COLLECTIONS[0],
        SCRIPT_COLLECTIONS[1],
        SCRIPT_COLLECTIONS[1],
    ] {
        let root = format!("/deviceManagement/{collection}");
        let id = here.create(&root, json!({ "displayName": "x" })).await;
        scripts.push((root, id));
    }
    let (root, script) = &scripts[1];
    let script = format!("{root}/{script}");
    here.create(&format!("{script}/deviceRunStates"), json!({ "id": "s" }))
        .await;
    let users = format!("{script}/userRunStates");
    for user in ["u", "v"] {
        here.create(&users, json!({ "id": user })).await;
    }
    here.create(&format!("{users}/u/deviceRunStates"), json!({ "id": "n" }))
        .await;

    let other_script = format!("{}/{}", scripts[2].0, scripts[2].1);
    let other_kind = format!("{}/{}", scripts[0].0, scripts[0].1);
    // The script's own id below another collection is no script at all.
    let mistaken = format!("{}/{}", scripts[0].0, scripts[1].1);
    let mut wrong: Vec<String> = Vec::new();
    for script in [&other_script, &other_kind, &mistaken] {
        wrong.push(format!("{script}/deviceRunStates/s"));
        wrong.push(format!("{script}/userRunStates/u"));
        wrong.push(format!("{script}/userRunStates/u/deviceRunStates/n"));
    }
    wrong.push(format!("{users}/u/deviceRunStates/s"));
    wrong.push(format!("{users}/v/deviceRunStates/n"));
    wrong.push(format!("{users}/missing/deviceRunStates/n"));
    wrong.push(format!("{script}/deviceRunStates/n"));
    wrong.push(format!("{script}/deviceRunStates/S"));
    let right = [
        format!("{script}/deviceRunStates/s"),
        format!("{users}/u"),
        format!("{users}/u/deviceRunStates/n"),
    ];
    let mut before = Vec::new();
    for path in &right {
        before.push(here.get(path).await.expect(200).json());
    }
    for path in &wrong {
        here.get(path).await.expect(404);
        here.send(Method::PATCH, path, &json!({})).await.expect(404);
        here.send(Method::DELETE, path, &Value::Null)
            .await
            .expect(404);
        let device = server.request(Method::PATCH, &format!("/beta{path}"));
        let device = device
            .token(&server.device("d"))
            .json(&json!({}))
            .send()
            .await;
        let status = device.status.as_u16();
        assert!(status == 404 || status == 403, "{path}: {}", device.text());
    }
    for (path, before) in right.iter().zip(before) {
        assert_eq!(here.get(path).await.expect(200).json(), before);
    }
}

#[tokio::test]
async fn a_device_updates_its_own_states_and_nothing_else() {
    let server = TestServer::start().await;
    let here = Tenant::new(&server, TENANT);
    for device in ["d", "e"] {
        here.create(DEVICES, json!({ "id": device, "deviceName": device }))
            .await;
    }
    let script = here.create(SCRIPTS, json!({ "displayName": "x" })).await;
    let script = format!("{SCRIPTS}/{script}");
    let states = format!("{script}/deviceRunStates");
    let users = format!("{script}/userRunStates");
    here.create(&users, json!({ "id": "u" })).await;
    let nested = format!("{users}/u/deviceRunStates");
    for states in [&states, &nested] {
        for (id, device) in [("of-d", Some("d")), ("of-e", Some("e")), ("of-none", None)] {
            let mut body = json!({ "id": id });
            if let Some(device) = device {
                body["managedDevice@odata.bind"] = json!(link("managedDevices", device));
            }
            here.create(states, body).await;
        }
    }
    let token = server.device("d");
    let report = async |path: &str, body: &Value| {
        let request = server.request(Method::PATCH, &format!("/beta{path}"));
        request.token(&token).json(body).send().await
    };
    let body = json!({ "runState": "success", "errorCode": 1 });
    for states in [&states, &nested] {
        let reply = report(&format!("{states}/of-d"), &body).await.expect(200);
        assert_eq!(reply.json()["runState"], "success");
        for other in ["of-e", "of-none", "missing"] {
            let path = format!("{states}/{other}");
            report(&path, &body).await.expect(404);
            if other != "missing" {
                assert_eq!(here.get(&path).await.json()["errorCode"], 0);
            }
        }
        // It cannot give its state to another, nor take another's.
        let bind = json!({ "managedDevice@odata.bind": link("managedDevices", "e") });
        report(&format!("{states}/of-d"), &bind).await.expect(400);
        // A foreign id and a missing one answer alike, but for the id.
        let foreign = report(&format!("{states}/of-e"), &body).await.message();
        let missing = report(&format!("{states}/miss"), &body).await.message();
        assert_eq!(foreign.replace("of-e", ""), missing.replace("miss", ""));
    }
    // A batch is as good as the requests in it.
    let item = |id: &str, path: String| {
        json!({ "id": id, "method": "PATCH", "url": path, "body": { "errorCode": 5 },
            "headers": { "Content-Type": "application/json" } })
    };
    let batch = json!({ "requests": [
        item("own", format!("{states}/of-d")), item("other", format!("{states}/of-e")),
    ] });
    let request = server.request(Method::POST, "/beta/$batch").token(&token);
    let reply = request.json(&batch).send().await.expect(200).json();
    for response in reply["responses"].as_array().unwrap() {
        let status = if response["id"] == "own" { 200 } else { 404 };
        assert_eq!(response["status"], status, "{response}");
    }
    for path in [
        &script,
        &users,
        &format!("{users}/u"),
        &format!("{script}/runSummary"),
    ] {
        let reply = report(path, &json!({})).await;
        let expected = if path == &users { 405 } else { 403 };
        assert_eq!(reply.status, expected, "{path}: {}", reply.text());
    }
    for (method, path) in [
        (Method::GET, format!("{states}/of-d")),
        (Method::DELETE, format!("{states}/of-d")),
        (Method::POST, states.clone()),
        (Method::GET, format!("{DEVICES}/d")),
        (Method::PATCH, format!("{DEVICES}/d")),
        (Method::GET, SCRIPTS.to_owned()),
    ] {
        let request = server.request(method.clone(), &format!("/beta{path}"));
        let reply = request.token(&token).json(&json!({})).send().await;
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.text());
        assert_eq!(reply.code(), "Forbidden");
    }
}
