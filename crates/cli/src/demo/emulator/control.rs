//! The pages by which the stand-in is told what to do. Whoever may use them can make it forget and lie,
//! so they are for this machine alone, and for who has the token.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    middleware::{self, Next},
    response::Response,
    routing::{delete, get, post},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use runstate_server::listen::Connection;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::{
    Emulator,
    clock::Change,
    fault::{List, Rule},
    log::Wanted,
};

/// The largest body that is read.
const MOST_BYTES: usize = 1024 * 1024;

/// The pages, below `/emulator`.
pub(super) fn router(emulator: &Arc<Emulator>) -> Router<Arc<Emulator>> {
    let guarded = middleware::from_fn_with_state(Arc::clone(emulator), guard);
    Router::new()
        .route("/", get(overview))
        .route("/reset", post(reset))
        .route("/clock", get(clock).put(clock_set))
        .route(
            "/faults",
            get(faults)
                .put(faults_replace)
                .post(fault_add)
                .delete(faults_remove),
        )
        .route("/faults/{id}", delete(fault_remove))
        .route("/requests", get(requests).delete(requests_clear))
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "there is no such page") })
        .method_not_allowed_fallback(|| async {
            refusal(
                StatusCode::METHOD_NOT_ALLOWED,
                "the page has no such method",
            )
        })
        .layer(guarded)
}

/// Lets in who comes from this machine and has the token.
async fn guard(State(emulator): State<Arc<Emulator>>, request: Request, next: Next) -> Response {
    let peer = Connection::of(request.extensions()).peer.ip();
    if !peer.to_canonical().is_loopback() {
        return refusal(
            StatusCode::FORBIDDEN,
            "these pages are for this machine alone",
        );
    }
    let given = request.headers().get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let known = given.is_some_and(|given| given.ct_eq(emulator.token.as_bytes()).into());
    if !known {
        let mut refusal = refusal(
            StatusCode::UNAUTHORIZED,
            "send 'Authorization: Bearer TOKEN' with the controlToken of the ready file",
        );
        let challenge = HeaderValue::from_static("Bearer");
        refusal
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
        return refusal;
    }
    next.run(request).await
}

async fn overview(State(emulator): State<Arc<Emulator>>) -> Response {
    told(&emulator.overview())
}

async fn reset(State(emulator): State<Arc<Emulator>>) -> Response {
    match emulator.reset().await {
        Ok(()) => told(&emulator.overview()),
        Err(error) => {
            tracing::error!(%error, "the stand-in cannot be reset");
            refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!("no reset: {error}"),
            )
        }
    }
}

async fn clock(State(emulator): State<Arc<Emulator>>) -> Response {
    told(&emulator.clock.shown())
}

async fn clock_set(State(emulator): State<Arc<Emulator>>, request: Request) -> Response {
    let change = match read::<Change>(request).await {
        Ok(change) => change,
        Err(refusal) => return refusal,
    };
    match emulator.clock.change(&change) {
        Ok(()) => told(&emulator.clock.shown()),
        Err(wrong) => refusal(StatusCode::BAD_REQUEST, &wrong),
    }
}

async fn faults(State(emulator): State<Arc<Emulator>>) -> Response {
    told(&json!({ "faults": emulator.faults.list() }))
}

async fn faults_replace(State(emulator): State<Arc<Emulator>>, request: Request) -> Response {
    let list = match read::<List>(request).await {
        Ok(list) => list,
        Err(refusal) => return refusal,
    };
    match emulator.faults.replace(list) {
        Ok(()) => told(&json!({ "faults": emulator.faults.list() })),
        Err(wrong) => refusal(StatusCode::BAD_REQUEST, &wrong),
    }
}

async fn fault_add(State(emulator): State<Arc<Emulator>>, request: Request) -> Response {
    let rule = match read::<Rule>(request).await {
        Ok(rule) => rule,
        Err(refusal) => return refusal,
    };
    match emulator.faults.add(rule) {
        Ok(rule) => {
            let mut response = told(&rule);
            *response.status_mut() = StatusCode::CREATED;
            response
        }
        Err(wrong) => refusal(StatusCode::BAD_REQUEST, &wrong),
    }
}

async fn faults_remove(State(emulator): State<Arc<Emulator>>) -> StatusCode {
    emulator.faults.remove(None);
    StatusCode::NO_CONTENT
}

async fn fault_remove(State(emulator): State<Arc<Emulator>>, Path(id): Path<String>) -> Response {
    match emulator.faults.remove(Some(&id)) {
        true => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        false => refusal(StatusCode::NOT_FOUND, "there is no rule of that id"),
    }
}

async fn requests(State(emulator): State<Arc<Emulator>>, request: Request) -> Response {
    match Wanted::of_query(request.uri().query().unwrap_or_default()) {
        Ok(wanted) => told(&emulator.log.find(&wanted)),
        Err(wrong) => refusal(StatusCode::BAD_REQUEST, &wrong),
    }
}

async fn requests_clear(State(emulator): State<Arc<Emulator>>) -> StatusCode {
    emulator.log.clear();
    StatusCode::NO_CONTENT
}

/// The body of a request, in JSON whatever it calls itself.
async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Response> {
    let body = Limited::new(request.into_body(), MOST_BYTES)
        .collect()
        .await;
    let body: Bytes = match body {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            return Err(refusal(
                StatusCode::BAD_REQUEST,
                "the body is too large, or not whole",
            ));
        }
    };
    serde_json::from_slice(&body)
        .map_err(|error| refusal(StatusCode::BAD_REQUEST, &format!("the body: {error}")))
}

fn told(what: &impl Serialize) -> Response {
    match serde_json::to_value(what) {
        Ok(value) => json_response(StatusCode::OK, &value),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn refusal(status: StatusCode, message: &str) -> Response {
    let code = status
        .canonical_reason()
        .unwrap_or_default()
        .replace(' ', "");
    json_response(
        status,
        &json!({ "error": { "code": code, "message": message } }),
    )
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(format!("{value:#}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
