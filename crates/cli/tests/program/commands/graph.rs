//! A service that is Graph's and not ours: without the namespace `runstate`, without counts and
//! filters of run states, with throttling and pages.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Done, Json};
use crate::start::runstate;

#[derive(Clone, Default)]
struct Graph {
    requests: Arc<AtomicUsize>,
}

fn refuse(message: &str) -> Response {
    let error = json!({ "error": { "code": "BadRequest", "message": message } });
    (StatusCode::BAD_REQUEST, Json(error)).into_response()
}

async fn answer(State(graph): State<Graph>, request: Request) -> Response {
    if request.headers()["authorization"] != "Bearer real" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // Every third request comes too early.
    if graph.requests.fetch_add(1, Ordering::Relaxed) % 3 == 0 {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response();
    }
    let path = request
        .uri()
        .path()
        .trim_start_matches("/beta/deviceManagement/");
    let query = request.uri().query().unwrap_or_default();
    let state = |number: u8, state: &str| {
        json!({
            "id": format!("s:{number}"), "runState": state, "errorCode": 0,
            "managedDevice": { "id": number.to_string(), "deviceName": format!("d{number}") },
        })
    };
    let body: Value = match (request.method(), path) {
        (&Method::GET, "deviceShellScripts") => {
            json!({ "value": [{ "id": "s", "displayName": "Real" }] })
        }
        (&Method::GET, "deviceManagementScripts" | "deviceCustomAttributeShellScripts") => {
            json!({ "value": [] })
        }
        (&Method::GET, "deviceShellScripts/s/deviceRunStates") if query.contains("filter") => {
            return refuse("Filter is not supported.");
        }
        (&Method::GET, "deviceShellScripts/s/deviceRunStates") => {
            if query.contains("skiptoken") {
                json!({ "value": [state(3, "fail")] })
            } else {
                // Its own name, which is not the one that it is reached by.
                let next = "https://graph.microsoft.com/beta/deviceManagement/deviceShellScripts/s/\
                            deviceRunStates?$skiptoken=2";
                json!({
                    "value": [state(1, "success"), state(2, "fail")],
                    "@odata.nextLink": next,
                })
            }
        }
        (_, path) => {
            let segment = path.rsplit('/').next().unwrap();
            return refuse(&format!("Resource not found for the segment '{segment}'."));
        }
    };
    Json(body).into_response()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_graph_has_works_and_what_it_has_not_is_said() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/beta", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(Graph::default());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let give = |arguments: &[&str]| {
        let mut command = runstate();
        command
            .args(arguments)
            .args(["--server", &url, "--token", "real"]);
        tokio::task::block_in_place(move || Done::of(command.output().unwrap()))
    };

    let listed = give(&["script", "list"]).good();
    assert!(listed.starts_with("Real\tshell\t"), "{listed}");
    let failed = give(&["results", "Real", "--failed"]).good();
    let devices: Vec<&str> = failed
        .lines()
        .map(|line| line.split('\t').next().unwrap())
        .collect();
    assert_eq!(devices, ["d2", "d3"]);
    let watched = give(&["watch", "Real", "--interval", "1"]).good();
    assert!(
        watched.contains("3 devices reported, 2 failed"),
        "{watched}"
    );
    let run = give(&["script", "run", "Real"]);
    assert_eq!(run.status, 1);
    assert!(
        run.stderr.contains("Microsoft Graph has none"),
        "{}",
        run.stderr
    );
}
