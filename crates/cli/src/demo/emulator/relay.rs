//! The way of a request through the stand-in: noted, met by its fault or handed to the server behind.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use runstate_graph::{clock::Clock, error::Error};
use runstate_odata::edm::DateTimeOffset;
use runstate_server::{
    limits::{Arrival, Gate, Refusal},
    random, refuse,
};
use serde::Deserialize;
use serde_json::json;
use tower_service::Service;

use super::{
    Emulator,
    clock::{HandedClock, http_date},
    fault::{Answer, Fault, Faults, Outcome, Stage},
    instance::Instance,
    log::{Arrived, Log},
};

tokio::task_local! {
    /// The number of the request that is being answered: its batch, for those within one.
    static NUMBER: u64;
}

/// Answers every request that is not for the stand-in itself.
pub(super) async fn relay(State(emulator): State<Arc<Emulator>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let number = emulator.log.begin(&Arrived {
        time: written(&emulator.clock),
        method: &parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &[],
        batch: None,
    });
    let answered = answer(&emulator, number, parts, body).await;
    let Some(mut response) = answered else {
        return dropped();
    };
    emulator.log.status(number, response.status().as_u16());
    // Clients that compare their time with the server's compare it with the one it goes by.
    if let Ok(date) = HeaderValue::from_str(&http_date(emulator.clock.now())) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// The answer; none where the connection is to end instead.
async fn answer(
    emulator: &Arc<Emulator>,
    number: u64,
    parts: Parts,
    body: Body,
) -> Option<Response> {
    let instance = emulator.current();
    let patience = emulator.faults.patience();
    let path = parts.uri.path().to_owned();
    let met = emulator
        .faults
        .meet(&parts.method, &path, &parts.headers, false);
    let client_request_id = parts.headers.get("client-request-id").cloned();
    let id = client_request_id.as_ref();
    let fault = match met {
        Ok(fault) => fault,
        Err(wrong) => {
            let error = Error::bad_request(format!("The header Emulator-Fault: {wrong}."));
            return Some(refuse(&instance.app, id, error, None));
        }
    };
    let body = if is_api(&path) {
        noted(emulator, number, body)
    } else {
        body
    };
    let instead = match &fault {
        None => None,
        Some(fault) => {
            emulator.log.fault(number, &fault.id);
            patience.hold(fault).await;
            fault.outcome.clone()
        }
    };
    let Some(outcome) = instead else {
        return Some(serve(emulator, &instance, number, parts, body).await);
    };
    if fault.is_some_and(|fault| fault.stage == Stage::After) {
        serve(emulator, &instance, number, parts, body).await;
    } else {
        // As a client that writes all of its request before it reads expects (RFC 9112, 9.6).
        let reading = body.collect();
        let _ = tokio::time::timeout(instance.app.limits.body_timeout, reading).await;
    }
    match outcome {
        Outcome::Dropped => None,
        Outcome::Answered(answer) if is_api(&path) => {
            let retry_after = answer.retry_after;
            Some(refuse(&instance.app, id, error(answer), retry_after))
        }
        Outcome::Answered(answer) => Some(plain(emulator, answer)),
    }
}

/// Has the server answer; looks into the answer to a batch for what became of each request.
async fn serve(
    emulator: &Emulator,
    instance: &Instance,
    number: u64,
    parts: Parts,
    body: Body,
) -> Response {
    let is_batch = parts
        .uri
        .path()
        .to_ascii_lowercase()
        .trim_end_matches('/')
        .ends_with("/$batch");
    let called = instance
        .router
        .clone()
        .call(Request::from_parts(parts, body));
    let response = match NUMBER.scope(number, called).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if !is_batch || response.status() != StatusCode::OK {
        return response;
    }
    let (head, body) = response.into_parts();
    // The server has written it whole already.
    let bytes = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    note_batch(&emulator.log, number, &bytes);
    Response::from_parts(head, Body::from(bytes))
}

/// Notes the statuses in the answer to a batch.
fn note_batch(log: &Log, number: u64, answer: &[u8]) {
    #[derive(Deserialize)]
    struct Answers {
        responses: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        id: String,
        status: u16,
    }
    let answers = serde_json::from_slice::<Answers>(answer);
    for One { id, status } in answers.into_iter().flat_map(|answers| answers.responses) {
        log.status_in_batch(number, &id, status);
    }
}

/// The body, noted as it is read.
fn noted(emulator: &Arc<Emulator>, number: u64, body: Body) -> Body {
    let emulator = Arc::clone(emulator);
    Body::new(body.map_frame(move |frame| {
        if let Some(data) = frame.data_ref() {
            emulator.log.body(number, data);
        }
        frame
    }))
}

/// Whether the path is one of the API, whose errors come in Graph's envelope.
fn is_api(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    first.is_some_and(|first| {
        ["beta", "v1.0"]
            .iter()
            .any(|version| first.eq_ignore_ascii_case(version))
    })
}

fn error(answer: Answer) -> Error {
    Error {
        status: answer.status,
        code: answer.code.into(),
        message: answer.message,
    }
}

/// A fault of another page than the API's: in the words of the token endpoint, which MSAL reads.
fn plain(emulator: &Emulator, answer: Answer) -> Response {
    let id = || random::guid().unwrap_or_default();
    let body = json!({
        "error": match answer.status {
            500.. | 429 => "temporarily_unavailable",
            _ => "invalid_request",
        },
        "error_description": format!("AADSTS90033: {}", answer.message),
        "error_codes": [90033],
        "timestamp": written(&emulator.clock),
        "trace_id": id(),
        "correlation_id": id(),
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.extend(
        answer
            .retry_after
            .map(|seconds| (header::RETRY_AFTER, seconds.into())),
    );
    response
}

/// What ends the connection before a byte of an answer is sent: a body that fails at once. Over HTTP/2
/// it is the stream that is reset.
fn dropped() -> Response {
    let failed = futures_util::stream::once(async {
        Err::<Bytes, _>(std::io::Error::other("cut off, as was asked for"))
    });
    Response::new(Body::from_stream(failed))
}

fn written(clock: &HandedClock) -> String {
    DateTimeOffset::from_system_time(clock.now()).to_string()
}

/// Meets the requests within batches.
pub(super) struct BatchGate {
    pub(super) clock: Arc<HandedClock>,
    pub(super) faults: Arc<Faults>,
    pub(super) log: Arc<Log>,
}

impl BatchGate {
    fn meet(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Option<Fault>, Refusal> {
        let met = self.faults.meet(method, path, headers, true);
        met.map_err(|wrong| Refusal {
            error: Error::bad_request(format!("The header Emulator-Fault: {wrong}.")),
            retry_after: None,
        })
    }
}

#[async_trait]
impl Gate for BatchGate {
    async fn pass(&self, arrival: Arrival<'_>) -> Result<(), Refusal> {
        let path = format!("/{}{}", arrival.version, arrival.path);
        let batch = NUMBER.try_with(|number| *number).unwrap_or_default();
        let number = self.log.begin(&Arrived {
            time: written(&self.clock),
            method: arrival.method,
            path: path.clone(),
            query: arrival.query,
            headers: arrival.headers,
            body: arrival.body,
            batch: Some((batch, arrival.id)),
        });
        let patience = self.faults.patience();
        let Some(fault) = self.meet(arrival.method, &path, arrival.headers)? else {
            return Ok(());
        };
        self.log.fault(number, &fault.id);
        patience.hold(&fault).await;
        match fault.outcome {
            Some(Outcome::Answered(answer)) => Err(Refusal {
                retry_after: answer.retry_after,
                error: error(answer),
            }),
            // What concerns a connection is not for a request within a batch.
            Some(Outcome::Dropped) | None => Ok(()),
        }
    }
}
