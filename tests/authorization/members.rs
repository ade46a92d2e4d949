//! Whoever may read a group learns the type and the id of its members; all else needs leave to read
//! that kind of member, and what may not be read may not be asked about.

use http::Method;
use runstate_server::auth::issuer::Subject;
use runstate_testkit::{TENANT, TestServer, encode};
use serde_json::{Value, json};

use crate::world::link;

const MEMBERS: &str = "GroupMember.Read.All";
const GROUPS: &str = "Group.ReadWrite.All";
const USERS: &str = "User.Read.All";
const DEVICES: &str = "DeviceManagementManagedDevices.Read.All";
const DIRECTORY: &str = "Directory.Read.All";

/// Sets of permissions, with the types of member that each shows whole.
const CALLERS: &[(&[&str], &[&str])] = &[
    (&[MEMBERS], &["group"]),
    (&[GROUPS], &["group"]),
    (&[MEMBERS, USERS], &["group", "user"]),
    (&[MEMBERS, DEVICES], &["group", "managedDevice"]),
    (&[DIRECTORY], &["group", "user"]),
    (
        &[MEMBERS, USERS, DEVICES],
        &["group", "user", "managedDevice"],
    ),
    (&[DIRECTORY, DEVICES], &["group", "user", "managedDevice"]),
];

/// A group with a member of each type.
struct Fixture {
    group: String,
    members: Vec<String>,
}

impl Fixture {
    async fn make(server: &TestServer) -> Self {
        let user = json!({
            "displayName": "Ada", "userPrincipalName": "ada@example.com", "mail": "ada@example.com",
        });
        let user = server.create("/users", &user).await;
        let device = json!({
            "deviceName": "lab-01", "serialNumber": "C02", "isEncrypted": true, "roleScopeTagIds": ["7"],
        });
        let devices = "/deviceManagement/managedDevices";
        let device = server.create(devices, &device).await;
        let inner = json!({ "displayName": "Inner", "groupTypes": ["Unified"] });
        let inner = server.create("/groups", &inner).await;
        let links = [
            link("users", &user),
            link("deviceManagement/managedDevices", &device),
            link("groups", &inner),
        ];
        let group = json!({ "displayName": "Outer", "members@odata.bind": links });
        Self {
            group: server.create("/groups", &group).await,
            members: vec![user, device, inner],
        }
    }

    /// Every path that answers with members.
    fn reads(&self) -> Vec<String> {
        let group = format!("/groups/{}", self.group);
        let mut reads = vec![
            "/groups?$expand=members".to_owned(),
            format!(
                "/groups?$expand=members($select=displayName)&$filter=id%20eq%20'{}'",
                self.group
            ),
            format!("{group}?$expand=members"),
            format!("{group}?$expand=members&$select=id"),
            format!("{group}/members?$select=id,displayName"),
        ];
        for members in ["members", "transitiveMembers"] {
            reads.push(format!("{group}/{members}"));
            let one = self.members.iter();
            reads.extend(one.map(|id| format!("{group}/{members}/{id}")));
        }
        reads
    }
}

fn subjects() -> [Subject; 2] {
    let user_id = "33333333-3333-4333-8333-333333333333".to_owned();
    [Subject::User { user_id }, Subject::Application]
}

/// What `whole`, an answer to a caller who sees everything, is to one who sees these types.
fn seen(whole: &Value, types: &[&str]) -> Value {
    match whole {
        Value::Array(items) => items.iter().map(|item| seen(item, types)).collect(),
        Value::Object(members) => {
            let ty = members.get("@odata.type").and_then(Value::as_str);
            let ty = ty.and_then(|ty| ty.strip_prefix("#microsoft.graph."));
            // Only a member has its type told: everything else is of the type declared for it.
            let is_hidden = ty.is_some_and(|ty| !types.contains(&ty));
            let member = |(name, value): (&String, &Value)| {
                let value = match value {
                    value if !is_hidden => seen(value, types),
                    value if name == "id" || name.starts_with('@') => value.clone(),
                    Value::Array(_) => json!([]),
                    _ => Value::Null,
                };
                (name.clone(), value)
            };
            members.iter().map(member).collect()
        }
        value => value.clone(),
    }
}

async fn get(server: &TestServer, token: &str, path: &str) -> Value {
    let get = server.request(Method::GET, &format!("/beta{path}"));
    get.token(token).send().await.expect(200).json()
}

#[tokio::test]
async fn a_member_shows_its_type_and_id_alone_to_who_may_not_read_it() {
    let server = TestServer::start().await;
    let fixture = Fixture::make(&server).await;
    let reads = fixture.reads();
    for (permissions, types) in CALLERS {
        for subject in subjects() {
            let token = server.token_for(TENANT, subject, permissions);
            for path in &reads {
                let whole = server.read(path).await;
                let expected = seen(&whole, types);
                let body = get(&server, &token, path).await;
                assert_eq!(body, expected, "{permissions:?} {path}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_hidden_is_all_but_type_and_id() {
    let server = TestServer::start().await;
    let fixture = Fixture::make(&server).await;
    let token = server.delegated(&[MEMBERS]);
    let path = format!("/groups/{}/members", fixture.group);
    let list = get(&server, &token, &path).await;
    let expanded = get(&server, &token, "/groups?$expand=members").await;
    let text = format!("{list}{expanded}");
    for value in ["Ada", "ada@", "lab-01", "C02", "\"7\""] {
        assert!(!text.contains(value), "{value} in {text}");
    }
    for (id, ty) in fixture
        .members
        .iter()
        .zip(["user", "managedDevice", "group"])
    {
        let member = get(&server, &token, &format!("{path}/{id}")).await;
        assert_eq!(member["id"], *id);
        assert_eq!(member["@odata.type"], format!("#microsoft.graph.{ty}"));
    }
    let device = get(&server, &token, &format!("{path}/{}", fixture.members[1])).await;
    assert_eq!(device["serialNumber"], Value::Null);
    assert_eq!(device["isEncrypted"], Value::Null);
    assert_eq!(device["roleScopeTagIds"], json!([]));
}

#[tokio::test]
async fn a_batch_shows_no_more_of_members() {
    let server = TestServer::start().await;
    let fixture = Fixture::make(&server).await;
    let reads = fixture.reads();
    let requests = reads.iter().enumerate();
    let requests: Vec<Value> = requests
        .map(|(id, url)| json!({ "id": id.to_string(), "method": "GET", "url": url }))
        .collect();
    for (permissions, types) in CALLERS {
        let token = server.delegated(permissions);
        let batch = server.request(Method::POST, "/beta/$batch").token(&token);
        let batch = batch.json(&json!({ "requests": requests }));
        let reply = batch.send().await.expect(200).json();
        let responses = reply["responses"].as_array().unwrap();
        assert_eq!(responses.len(), reads.len());
        for response in responses {
            let id: usize = response["id"].as_str().unwrap().parse().unwrap();
            let whole = server.read(&reads[id]).await;
            let expected = seen(&whole, types);
            assert_eq!(response["body"], expected, "{permissions:?} {}", reads[id]);
        }
    }
}

#[tokio::test]
async fn the_answer_to_a_write_shows_no_more_of_members() {
    let server = TestServer::start().await;
    let fixture = Fixture::make(&server).await;
    let token = server.delegated(&[GROUPS]);
    let bind = json!({
        "displayName": "New", "members@odata.bind": [link("users", &fixture.members[0])],
    });
    let post = server.request(Method::POST, "/beta/groups?$expand=members");
    let created = post.token(&token).json(&bind).send().await.expect(201);
    let path = format!("/beta/groups/{}?$expand=members", fixture.group);
    let patch = server.request(Method::PATCH, &path).token(&token);
    let patch = patch.json(&json!({ "description": "Changed" }));
    let updated = patch.send().await.expect(200);
    for (reply, count) in [(created, 1), (updated, 3)] {
        let body = reply.json();
        assert_eq!(body["members"].as_array().unwrap().len(), count);
        assert!(!reply.text().contains("Ada"), "{}", reply.text());
        assert_eq!(body["members"], seen(&body["members"], &["group"]));
    }
}

/// Queries, with the permissions that each needs besides that to read groups.
#[rustfmt::skip]
const PROBES: &[(&str, &str, &[&str])] = &[
    ("/groups", "$filter=members/any()", &[]),
    ("/groups", "$filter=members/any(m:m/id eq 'x')", &[]),
    ("/groups", "$filter=displayName eq 'Outer' and members/all(m:m/id ne 'x')", &[]),
    ("/groups", "$search=Outer", &[]),
    ("/groups", "$expand=members($filter=id ne 'x';$orderby=id)", &[]),
    ("/groups", "$filter=members/any(m:startswith(m/microsoft.graph.user/mail,'a'))", &[USERS]),
    ("/groups", "$filter=members/any(m:m/microsoft.graph.user/accountEnabled)", &[USERS]),
    ("/groups", "$filter=not members/any(m:m/microsoft.graph.user/mail in ('a','b'))", &[USERS]),
    ("/groups", "$filter=members/any(m:m/microsoft.graph.managedDevice/serialNumber eq 'C02')", &[DEVICES]),
    ("/groups", "$filter=members/any(m:m/microsoft.graph.managedDevice/roleScopeTagIds/any(t:t eq '7'))", &[DEVICES]),
    ("/groups", "$filter=members/any(m:m/microsoft.graph.group/description eq null)", &[]),
    ("/groups", "$filter=members/any(m:m/displayName eq 'Ada')", &[USERS, DEVICES]),
    ("/groups", "$filter=members/any(m:'x' lt tolower(m/displayName))", &[USERS, DEVICES]),
    ("/groups", "$expand=members($filter=startswith(displayName,'A'))", &[USERS, DEVICES]),
    ("/groups", "$expand=members($filter=microsoft.graph.user/mail eq 'x')", &[USERS]),
    ("/groups", "$expand=members($orderby=displayName)", &[USERS, DEVICES]),
    ("/groups", "$expand=members($orderby=microsoft.graph.managedDevice/serialNumber)", &[DEVICES]),
    ("/groups", "$expand=members($search=Ada)", &[USERS, DEVICES]),
    ("members", "$filter=id eq 'x'", &[]),
    ("members", "$orderby=id desc", &[]),
    ("members", "$select=displayName", &[]),
    ("members", "$filter=displayName eq 'Ada'", &[USERS, DEVICES]),
    ("members", "$filter=$it/displayName eq 'Ada'", &[USERS, DEVICES]),
    ("members", "$filter=microsoft.graph.directoryObject/displayName eq 'Ada'", &[USERS, DEVICES]),
    ("members", "$filter=microsoft.graph.user/mail eq 'x'", &[USERS]),
    ("members", "$filter=microsoft.graph.user/mail eq 'x' or microsoft.graph.managedDevice/isEncrypted", &[USERS, DEVICES]),
    ("members", "$orderby=displayName", &[USERS, DEVICES]),
    ("members", "$orderby=id,length(displayName) desc", &[USERS, DEVICES]),
    ("members", "$orderby=microsoft.graph.user/mail", &[USERS]),
    ("members", "$search=Ada", &[USERS, DEVICES]),
    ("members", "$search=\"displayName:Ada\"", &[USERS, DEVICES]),
    ("members/$ref", "$filter=displayName eq 'Ada'", &[USERS, DEVICES]),
    ("members/$ref", "$orderby=displayName", &[USERS, DEVICES]),
    ("transitiveMembers", "$filter=displayName eq 'Ada'", &[USERS, DEVICES]),
    ("transitiveMembers", "$filter=microsoft.graph.user/mail eq 'x'", &[USERS]),
    ("transitiveMembers", "$orderby=displayName", &[USERS, DEVICES]),
    ("transitiveMembers", "$search=Ada", &[USERS, DEVICES]),
];

#[tokio::test]
async fn what_may_not_be_read_of_a_member_may_not_be_asked_about() {
    let server = TestServer::start().await;
    let fixture = Fixture::make(&server).await;
    let sets: [&[&str]; 4] = [
        &[MEMBERS],
        &[MEMBERS, USERS],
        &[MEMBERS, DEVICES],
        &[MEMBERS, USERS, DEVICES],
    ];
    for permissions in sets {
        for subject in subjects() {
            let token = server.token_for(TENANT, subject, permissions);
            let mut requests = Vec::new();
            for (collection, query, needed) in PROBES {
                let is_enough = needed.iter().all(|name| permissions.contains(name));
                let expected = if is_enough { 200 } else { 403 };
                let collection = if collection.starts_with('/') {
                    (*collection).to_owned()
                } else {
                    format!("/groups/{}/{collection}", fixture.group)
                };
                let (option, value) = query.split_once('=').unwrap();
                let query = format!("{option}={}", encode(value));
                requests.push((format!("{collection}?{query}"), expected));
                let counted = ["$filter", "$search"].contains(&option);
                if counted && !collection.ends_with("$ref") {
                    requests.push((format!("{collection}/$count?{query}"), expected));
                }
            }
            for (path, expected) in &requests {
                let get = server.request(Method::GET, &format!("/beta{path}"));
                let reply = get.token(&token).send().await;
                let text = reply.text();
                assert_eq!(reply.status, *expected, "{permissions:?} {path} {text}");
            }
            for twenty in requests.chunks(20) {
                let items = twenty.iter().enumerate().map(
                    |(id, (url, _))| json!({ "id": id.to_string(), "method": "GET", "url": url }),
                );
                let batch = json!({ "requests": items.collect::<Vec<_>>() });
                let post = server.request(Method::POST, "/beta/$batch").token(&token);
                let reply = post.json(&batch).send().await.expect(200).json();
                for response in reply["responses"].as_array().unwrap() {
                    let id: usize = response["id"].as_str().unwrap().parse().unwrap();
                    let (path, expected) = &twenty[id];
                    assert_eq!(response["status"], *expected, "{permissions:?} {path}");
                }
            }
        }
    }
}
