//! The whole table, tried out: what is observed must be what [`super::table`] says, for all there is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use http::Method;
use runstate_graph::{entity, permit::rules::RULES};
use runstate_odata::edm::Model;
use runstate_server::auth::issuer::Subject;
use runstate_testkit::{Reply, TENANT, TestServer};

use super::{
    surface::{Route, routes},
    table::{ALL, Row, TABLE},
};
use crate::world::{World, body, link, new_user};

const OTHER_TENANT: &str = "44444444-4444-4444-8444-444444444444";
/// The tenant of every personal Microsoft account (Microsoft identity platform, claim `tid`).
const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PATCH,
    Method::PUT,
    Method::DELETE,
];

/// The columns of the matrix: callers, most of them several tokens whose answers must be the same.
const COLUMNS: [&str; 11] = [
    "none",         // no token
    "nothing",      // a token without permissions
    "wrong",        // all permissions but those that are enough
    "read",         // all permissions to read
    "write",        // all permissions to change
    "delegated",    // each permission that is enough, alone, for a user
    "app",          // and for an application
    "personal",     // a personal account with all permissions
    "tenant",       // another tenant's user with all permissions
    "device",       // the device that the run states are of
    "other-device", // another device
];

/// A kind of caller, and what to send for it.
struct Caller {
    /// The column of the matrix.
    name: &'static str,
    token: Option<String>,
    expected: u16,
}

/// Tokens, each made once: signing costs more than the rest of a request.
struct Tokens<'a> {
    server: &'a TestServer,
    made: HashMap<String, String>,
}

impl Tokens<'_> {
    fn of(&mut self, tenant: &str, subject: Subject, permissions: &[&str]) -> String {
        let key = format!("{tenant} {subject:?} {permissions:?}");
        let make = || self.server.token_for(tenant, subject, permissions);
        self.made.entry(key).or_insert_with(make).clone()
    }
}

fn row(route: &Route, method: &Method) -> Option<&'static Row> {
    let is = |row: &&Row| row.template == route.template && row.method == method.as_str();
    TABLE.iter().find(is)
}

fn user() -> Subject {
    let user_id = "33333333-3333-4333-8333-333333333333".to_owned();
    Subject::User { user_id }
}

fn device(device_id: &str) -> Subject {
    let device_id = device_id.to_owned();
    Subject::Device { device_id }
}

/// Everybody who might ask for `row`, with what each must get.
fn callers(
    tokens: &mut Tokens<'_>,
    world: &World,
    row: Option<&Row>,
    route: &Route,
) -> Vec<Caller> {
    let accepted = row.map_or(&[][..], |row| row.permissions);
    let others: Vec<&str> = (ALL.into_iter())
        .filter(|name| !accepted.contains(name))
        .chain([
            "DeviceManagementConfiguration",
            "Files.ReadWrite.All",
            ".default",
        ])
        .collect();
    let status = row.map_or(405, |row| row.status);
    let refused = if row.is_some() { 403 } else { 405 };
    let is_keyed = route.template.contains("{id}");
    let mut callers = Vec::new();
    let mut add = |name, token: String, expected| {
        callers.push(Caller {
            name,
            token: Some(token),
            expected,
        });
    };
    let mut token = |tenant, subject, permissions: &[&str]| tokens.of(tenant, subject, permissions);
    let both = [("delegated", user()), ("app", Subject::Application)];
    for (_, subject) in &both {
        // Every permission but those that are enough.
        add("wrong", token(TENANT, subject.clone(), &others), refused);
        add("nothing", token(TENANT, subject.clone(), &[]), refused);
        add(
            "personal",
            token(PERSONAL_TENANT, subject.clone(), &ALL),
            refused,
        );
    }
    for permission in accepted {
        for (name, subject) in &both {
            add(name, token(TENANT, subject.clone(), &[permission]), status);
        }
    }
    for (name, suffix) in [("read", ".Read.All"), ("write", ".ReadWrite.All")] {
        let these: Vec<&str> = ALL
            .into_iter()
            .filter(|name| name.ends_with(suffix))
            .collect();
        let enough = accepted.iter().any(|name| name.ends_with(suffix));
        let expected = if enough { status } else { refused };
        for (_, subject) in &both {
            add(name, token(TENANT, subject.clone(), &these), expected);
        }
    }
    // To another tenant nothing here is there; what has no key in its path is its own.
    let elsewhere = if row.is_some() && accepted.is_empty() {
        refused
    } else if row.is_some() && is_keyed {
        404
    } else {
        status
    };
    add("tenant", token(OTHER_TENANT, user(), &ALL), elsewhere);
    // What a device may is in its identity: permissions in its token add nothing.
    let own = row.is_some_and(|row| row.own_device);
    for permissions in [&[][..], &ALL[..]] {
        let expected = if own { status } else { refused };
        let this = token(TENANT, device(&world.device), permissions);
        add("device", this, expected);
        let other = token(TENANT, device("another"), permissions);
        add("other-device", other, if own { 404 } else { refused });
        let elsewhere = token(OTHER_TENANT, device(&world.device), permissions);
        add(
            "device of tenant",
            elsewhere,
            if own { 404 } else { refused },
        );
    }
    callers.push(Caller {
        name: "none",
        token: None,
        expected: 401,
    });
    callers
}

/// Asks with a body that would do. A `DELETE` carries an `If-Match` that no entity has, so that 412
/// tells that it would have been done, and what the others ask for is still there.
async fn ask(
    server: &TestServer,
    world: &World,
    (base, route, method): (&str, &Route, &Method),
    token: Option<&str>,
) -> Reply {
    let path = format!("/{base}/{}", world.path(route));
    let mut request = server.request(method.clone(), &path);
    if let Some(token) = token {
        request = request.token(token);
    }
    let body = match *method {
        Method::POST if route.template == "groups/{id}/members/$ref" => {
            let member = server.create("/users", &new_user()).await;
            serde_json::json!({ "@odata.id": link("directoryObjects", &member) })
        }
        Method::POST => body(&route.path),
        Method::PATCH | Method::PUT => serde_json::json!({}),
        _ => {
            if *method == Method::DELETE {
                request = request.header("If-Match", "W/\"999999999\"");
            }
            return request.send().await;
        }
    };
    request.json(&body).send().await
}

/// Tries one method of one route with everybody, and returns its line of the matrix.
async fn line(
    server: &TestServer,
    world: &World,
    tokens: &mut Tokens<'_>,
    (base, route, method): (&str, &Route, &Method),
) -> String {
    let row = row(route, method);
    let removes_member = route.template == "groups/{id}/members/{id}/$ref";
    let mut seen: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    for caller in callers(tokens, world, row, route) {
        let token = caller.token.as_deref();
        let reply = ask(server, world, (base, route, method), token).await;
        let mut status = reply.status.as_u16();
        if status == 412 && *method == Method::DELETE {
            status = 204;
        } else if status == 204 && removes_member {
            let again = serde_json::json!({ "@odata.id": link("users", &world.user) });
            let members = format!("/groups/{}/members/$ref", world.group);
            server.post(&members, &again).send().await.expect(204);
        }
        assert_eq!(
            status,
            caller.expected,
            "{method} {} by {}: {}",
            route.path,
            caller.name,
            reply.text()
        );
        if status >= 400 && *method != Method::HEAD {
            check_envelope(&reply);
        }
        seen.entry(caller.name).or_default().insert(status);
    }
    let Some(row) = row else {
        return String::new();
    };
    let shown = COLUMNS.map(|name| {
        let statuses = seen.get(name).into_iter().flatten().map(u16::to_string);
        let width = name.len().max(3);
        format!("{:<width$}", statuses.collect::<Vec<_>>().join("/"))
    });
    let names = row.permissions.join(" ").replace("DeviceManagement", "");
    let names = names
        .replace(".Read.All", ".R")
        .replace(".ReadWrite.All", ".RW");
    let method = method.as_str();
    format!(
        "{method:<6} {}\n    {}  {names}",
        route.template,
        shown.join(" ")
    )
}

fn check_envelope(reply: &Reply) {
    let error = &reply.json()["error"];
    assert!(error["code"].is_string(), "{}", reply.text());
    assert!(error["message"].is_string(), "{}", reply.text());
    let ids = &error["innerError"];
    assert_eq!(ids["request-id"], reply.header("request-id"));
    assert_eq!(ids["client-request-id"], reply.header("client-request-id"));
}

/// The lines of all routes of a schema, by template and method. What is below each script collection
/// is tried beside the others, each on a server of its own.
async fn matrix(base: &'static str, model: &'static Model) -> BTreeMap<(String, String), String> {
    let mut parts: BTreeMap<Option<&str>, Vec<Route>> = BTreeMap::new();
    for route in routes(model) {
        parts.entry(route.collection).or_default().push(route);
    }
    let parts: Vec<_> = (parts.into_values())
        .map(|routes| tokio::spawn(part(base, routes)))
        .collect();
    let mut lines = BTreeMap::new();
    for part in parts {
        for (key, line) in part.await.unwrap() {
            // The three script collections have the same rules.
            let first = lines.entry(key).or_insert_with(|| line.clone());
            assert_eq!(*first, line, "the collections differ");
        }
    }
    lines
}

async fn part(base: &str, mut routes: Vec<Route>) -> Vec<((String, String), String)> {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    // `assign` replaces the assignments and `retire` ends what the device may, so they come last.
    routes.sort_by_key(|route| route.path.ends_with("assign") || route.path.ends_with("retire"));
    let mut tokens = Tokens {
        server: &server,
        made: HashMap::new(),
    };
    let mut lines = Vec::new();
    for route in routes {
        for method in &METHODS {
            let line = line(&server, &world, &mut tokens, (base, &route, method)).await;
            if !line.is_empty() {
                lines.push(((route.template.clone(), method.to_string()), line));
            }
        }
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_by_every_method_for_every_caller() {
    let lines = matrix("beta", &entity::MODEL).await;
    assert_eq!(lines.len(), TABLE.len(), "each row of the table once");
    let lines: Vec<String> = lines.into_values().collect();
    let columns = COLUMNS.map(|name| format!("{name:<3}")).join(" ");
    insta::assert_snapshot!(format!(
        "    {columns}  what is enough\n\n{}",
        lines.join("\n")
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_below_v1_has_the_same_rules() {
    let lines = matrix("v1.0", &entity::MODEL_V1).await;
    let beta_only = [
        "{C}",
        "assignmentFilters",
        "assignedScripts",
        "reportInventory",
        "retire",
        "runstate",
        "subscriptions",
    ];
    let is_there = |row: &&Row| !beta_only.iter().any(|name| row.template.contains(name));
    assert_eq!(lines.len(), TABLE.iter().filter(is_there).count());
}

#[tokio::test]
async fn what_is_served_is_in_the_table_and_nothing_else() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let mut untried: BTreeSet<(String, String)> = TABLE
        .iter()
        .map(|row| (row.template.to_owned(), row.method.to_owned()))
        .collect();
    for route in routes(&entity::MODEL) {
        // A method that there is not is refused, with those that there are.
        let path = format!("/beta/{}", world.path(&route));
        let reply = server.request(Method::PUT, &path).token(&server.token);
        let reply = reply.send().await.expect(405);
        let allowed: BTreeSet<&str> = reply
            .header("allow")
            .split(", ")
            .filter(|method| !method.is_empty())
            .collect();
        let rows = TABLE.iter().filter(|row| row.template == route.template);
        let tabled: BTreeSet<&str> = rows.map(|row| row.method).collect();
        assert_eq!(allowed, tabled, "{}", route.template);
        for method in tabled {
            untried.remove(&(route.template.clone(), method.to_owned()));
        }
    }
    assert_eq!(
        untried,
        BTreeSet::new(),
        "rows that no route of the schema has"
    );
}

#[test]
fn every_rule_of_the_server_has_a_route() {
    let served: Vec<Route> = routes(&entity::MODEL);
    let mut paths = BTreeSet::new();
    for rule in RULES {
        assert!(paths.insert(rule.path), "{} has two rules", rule.path);
        let route = served.iter().find(|route| route.template == rule.path);
        assert!(route.is_some(), "{} leads nowhere", rule.path);
        let methods = TABLE.iter().filter(|row| row.template == rule.path);
        let writes = methods.clone().any(|row| row.method != "GET");
        let reads = methods.clone().any(|row| row.method == "GET");
        assert!(
            writes || rule.writes.is_empty(),
            "{}: nothing to write",
            rule.path
        );
        assert!(
            reads || rule.reads.is_empty(),
            "{}: nothing to read",
            rule.path
        );
    }
}

#[test]
fn the_server_knows_no_permission_that_the_table_does_not() {
    let known = RULES
        .iter()
        .flat_map(|rule| rule.reads.iter().chain(rule.writes));
    let known: BTreeSet<&str> = known.copied().collect();
    assert_eq!(known, ALL.into_iter().collect());
}
