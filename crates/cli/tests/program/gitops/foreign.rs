//! A service that is not ours, with the habits of Microsoft Graph: no versions, no older form of
//! assignments, empty text for null, properties that we do not know, and no leave to see groups.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{files, shell};
use crate::{
    commands::{Done, Json},
    start::runstate,
};

/// The scripts by their paths, and how many writes are still let through.
#[derive(Default)]
struct Tenant {
    scripts: BTreeMap<String, Value>,
    writes: usize,
}

type Graph = Arc<Mutex<Tenant>>;

fn refuse(status: StatusCode, message: &str) -> Response {
    (
        status,
        Json(json!({ "error": { "code": "X", "message": message } })),
    )
        .into_response()
}

async fn answer(State(graph): State<Graph>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let path = parts.uri.path().trim_start_matches("/beta/").to_owned();
    let query = parts.uri.query().unwrap_or_default();
    let mut tenant = graph.lock().unwrap();
    if parts.method != Method::GET {
        let Some(left) = tenant.writes.checked_sub(1) else {
            return refuse(StatusCode::UNAUTHORIZED, "Lifetime validation failed.");
        };
        tenant.writes = left;
    }
    if path.starts_with("groups") {
        return refuse(StatusCode::FORBIDDEN, "Insufficient privileges.");
    }
    if !path.starts_with("deviceManagement/device") {
        return refuse(
            StatusCode::BAD_REQUEST,
            "Resource not found for the segment.",
        );
    }
    if query.contains("groupAssignments") {
        return refuse(
            StatusCode::BAD_REQUEST,
            "Could not find a property named 'groupAssignments'.",
        );
    }
    match (parts.method, path.matches('/').count()) {
        (Method::GET, 1) => {
            let all = tenant
                .scripts
                .iter()
                .filter(|(at, _)| at.starts_with(&format!("{path}/")));
            Json(json!({ "value": all.map(|(_, script)| script.clone()).collect::<Vec<_>>() }))
                .into_response()
        }
        (Method::GET, 2) => match tenant.scripts.get(&path) {
            Some(script) => Json(script.clone()).into_response(),
            None => refuse(StatusCode::NOT_FOUND, "No such script."),
        },
        (Method::POST, 1) => {
            let mut script = body;
            let id = format!("id-{}", tenant.scripts.len());
            script["id"] = json!(id);
            script["isGlobalScript"] = json!(false);
            script["highestAvailableVersion"] = json!(0);
            script["description"] = json!("");
            script["roleScopeTagIds"] = json!(["0"]);
            script["assignments"] = json!([]);
            tenant
                .scripts
                .insert(format!("{path}/{id}"), script.clone());
            (StatusCode::CREATED, Json(script)).into_response()
        }
        (Method::POST, _) => {
            let path = path.trim_end_matches("/assign");
            let mut all = body["deviceManagementScriptAssignments"].clone();
            for one in all.as_array_mut().unwrap() {
                let target = one["target"].as_object_mut().unwrap();
                target
                    .entry("deviceAndAppManagementAssignmentFilterType")
                    .or_insert(json!("none"));
                target
                    .entry("deviceAndAppManagementAssignmentFilterId")
                    .or_insert(Value::Null);
            }
            tenant.scripts.get_mut(path).unwrap()["assignments"] = all;
            StatusCode::OK.into_response()
        }
        (Method::PATCH, _) => {
            let script = tenant.scripts.get_mut(&path).unwrap();
            for (name, value) in body.as_object().unwrap() {
                script[name] = value.clone();
            }
            Json(script.clone()).into_response()
        }
        _ => {
            tenant.scripts.remove(&path);
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_the_habits_of_graph_is_served_too() {
    let graph = Graph::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(graph.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("in")).unwrap();
    std::fs::write(at("in/x.sh"), "echo x\n").unwrap();
    for name in ["a", "b", "c"] {
        let more = "description: null\nassignments:\n- target: group\n  groupId: some-group\n";
        std::fs::write(at(&format!("in/{name}.yaml")), shell(name, "x.sh", more)).unwrap();
    }
    let give = |arguments: &[&str]| {
        let mut command = runstate();
        command
            .args(arguments)
            .args(["--server", &url, "--token", "t"])
            .current_dir(folder.path());
        Done::of(command.output().unwrap())
    };

    // The token ends after the first script and the making of the second: that is said, and the rest is
    // not tried.
    graph.lock().unwrap().writes = 3;
    let failed = give(&["apply", "in", "--yes"]);
    assert_eq!(failed.status, 5, "{}", failed.stderr);
    let told = &failed.stderr;
    assert!(told.contains("1 of 3 changes were made"), "{told}");
    assert!(
        told.contains(
            "create shell script \"b\": it was created, but not assigned: the server refuses (401)"
        ),
        "{told}"
    );
    assert!(
        told.contains("create shell script \"c\": not tried"),
        "{told}"
    );

    // With a new one it goes on where it was.
    graph.lock().unwrap().writes = 100;
    let done = give(&["apply", "in", "--yes"]).good();
    assert!(
        done.contains("0 to delete, 1 unchanged") && done.ends_with("done: 2 changes\n"),
        "{done}"
    );
    give(&["apply", "in", "--check", "--prune"]).good();

    let told = give(&["export", "out"]).good();
    assert!(
        told.contains("note: groups are written by their ids, for the server refuses (403)"),
        "{told}"
    );
    let files = files(&at("out"));
    assert_eq!(files.len(), 6);
    let front = String::from_utf8(files["shell/a.yaml"].clone()).unwrap();
    assert!(
        front.ends_with("assignments:\n- target: group\n  groupId: some-group\n"),
        "{front}"
    );
    give(&["apply", "out", "--check", "--prune"]).good();
    server.abort();
}
