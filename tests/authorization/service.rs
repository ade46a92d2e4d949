//! What is not an entity's: the service document, the schema, the batch; and whether a batch asks of
//! each request what the request alone would be asked.

use http::Method;
use runstate_graph::entity;
use runstate_server::auth::issuer::Subject;
use runstate_testkit::TestServer;
use serde_json::{Value, json};

use super::{
    surface::routes,
    table::{ALL, TABLE},
};
use crate::world::{World, body};

const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

#[tokio::test]
async fn the_schema_is_public_and_nothing_else_is() {
    let server = TestServer::start().await;
    for version in ["beta", "v1.0"] {
        for (path, method, without, with) in [
            ("", Method::GET, 200, 200),
            ("/", Method::GET, 200, 200),
            ("/$metadata", Method::GET, 200, 200),
            ("/", Method::POST, 401, 405),
            ("/$metadata", Method::DELETE, 401, 405),
            ("/$batch", Method::GET, 401, 405),
            ("/$batch", Method::POST, 401, 400),
            ("/$batch", Method::PUT, 401, 405),
            ("/$batch/", Method::POST, 401, 400),
            ("/$metadata/x", Method::GET, 401, 400),
            ("/deviceManagement", Method::GET, 401, 200),
            ("/nothing", Method::GET, 401, 400),
        ] {
            let path = format!("/{version}{path}");
            let reply = server.request(method.clone(), &path).send().await;
            assert_eq!(reply.status, without, "{method} {path} without a token");
            let reply = server.request(method.clone(), &path).token(&server.token);
            let reply = reply.send().await;
            assert_eq!(reply.status, with, "{method} {path} {}", reply.text());
        }
    }
}

/// A request of a batch.
fn item(id: usize, method: &Method, url: &str, body: Option<Value>) -> Value {
    let mut item = json!({ "id": id.to_string(), "method": method.as_str(), "url": url });
    if let Some(body) = body {
        item["headers"] = json!({ "Content-Type": "application/json" });
        item["body"] = body;
    }
    item
}

#[tokio::test]
async fn a_batch_refuses_each_request_as_it_would_be_refused_alone() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let user = |permissions: &[&str]| server.delegated(permissions);
    let other = "44444444-4444-4444-8444-444444444444";
    let app = |tenant: &str| server.token_for(tenant, Subject::Application, &ALL);
    let device = server.device("another");
    // Callers who may change nothing that is here, with the status for what there is to ask for.
    let callers = [
        (user(&[]), 403),
        (app(PERSONAL_TENANT), 403),
        (device, 403),
        (app(other), 404),
    ];
    for (token, refused) in &callers {
        let mut asked = Vec::new();
        for route in routes(&entity::MODEL) {
            for row in TABLE.iter().filter(|row| row.template == route.template) {
                let is_keyed = route.template.contains("{id}");
                if *refused == 404 && !is_keyed {
                    continue;
                }
                // To a device, another's state is not there; what only a device may is refused to
                // all others, whatever they name.
                let or = match *refused {
                    403 if row.own_device => 404,
                    404 if row.permissions.is_empty() => 403,
                    other => other,
                };
                let method: Method = row.method.parse().unwrap();
                let body =
                    (matches!(method, Method::POST | Method::PATCH)).then(|| body(&route.path));
                asked.push((method, format!("/{}", world.path(&route)), body, or));
            }
        }
        for twenty in asked.chunks(20) {
            let items = twenty.iter().enumerate();
            let items =
                items.map(|(id, (method, url, body, _))| item(id, method, url, body.clone()));
            let batch = json!({ "requests": items.collect::<Vec<_>>() });
            let reply = server.request(Method::POST, "/beta/$batch").token(token);
            let responses = reply.json(&batch).send().await.expect(200).json();
            let responses = responses["responses"].as_array().unwrap().clone();
            assert_eq!(responses.len(), twenty.len());
            for response in responses {
                let id: usize = response["id"].as_str().unwrap().parse().unwrap();
                let (method, url, _, or) = &twenty[id];
                let status = response["status"].as_u64().unwrap();
                let is_right = status == *refused || status == *or;
                assert!(is_right, "{method} {url} {response}");
                assert!(response["body"]["error"]["code"].is_string(), "{response}");
            }
        }
    }
}

#[tokio::test]
async fn a_batch_lets_through_what_is_permitted_and_nothing_besides() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let token = server.delegated(&["DeviceManagementScripts.ReadWrite.All"]);
    let state = "/deviceManagement/deviceShellScripts/{id}/deviceRunStates/{id}";
    let requests = [
        (Method::GET, "/deviceManagement/deviceShellScripts/{id}"),
        (Method::PATCH, "/deviceManagement/deviceShellScripts/{id}"),
        (Method::GET, state),
        (Method::PATCH, state),
        (Method::GET, "/users"),
    ];
    let items = requests.iter().enumerate().map(|(id, (method, path))| {
        let body = (*method == Method::PATCH).then(|| json!({}));
        item(id, method, &world.fill(path), body)
    });
    let batch = json!({ "requests": items.collect::<Vec<_>>() });
    let reply = server.request(Method::POST, "/beta/$batch").token(&token);
    let reply = reply.json(&batch).send().await.expect(200).json();
    let mut statuses: Vec<(String, u64)> = Vec::new();
    for response in reply["responses"].as_array().unwrap() {
        let id = response["id"].as_str().unwrap().to_owned();
        statuses.push((id, response["status"].as_u64().unwrap()));
    }
    statuses.sort();
    let statuses: Vec<u64> = statuses.into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, [200, 200, 200, 403, 403]);
}
