//! `POST /$batch`: up to twenty requests in one (OData JSON 19, as Graph serves it).

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use http::StatusCode;
use runstate_graph::{error::Error, json::write::Format};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    App,
    batch::{Batch, Item},
    dispatch::dispatch,
    edge,
    exchange::{Answer, Body, Failure, Request},
    negotiate,
};

#[derive(Serialize)]
struct Response {
    id: String,
    status: u16,
    headers: HashMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
}

/// Answers every request of a batch. Those that depend on none run side by side; one that depends
/// on others runs after them, and is not run at all where one of them failed.
pub(super) async fn batch(app: &App, request: &Request<'_>) -> Result<Answer, Failure> {
    if request.in_batch {
        return Err(Error::bad_request("A batch cannot hold another.").into());
    }
    negotiate::content_is_json(request.headers)?;
    let format = negotiate::format(request.headers, None)?;
    let mut statuses: HashMap<String, u16> = HashMap::new();
    let mut responses = Vec::new();
    for round in Batch::parse(&request.body)?.rounds {
        let answers = round
            .into_iter()
            .map(|item| answer(app, request, item, &statuses));
        for response in join_all(answers).await {
            statuses.insert(response.id.clone(), response.status);
            responses.push(response);
        }
    }
    #[derive(Serialize)]
    struct Responses {
        responses: Vec<Response>,
    }
    let body = serde_json::to_vec(&Responses { responses })
        .map_err(|_| Error::internal("The answers of the batch could not be written."))?;
    Ok(Answer::json(StatusCode::OK, body, Format { ..format }))
}

async fn answer(
    app: &App,
    outer: &Request<'_>,
    item: Item,
    statuses: &HashMap<String, u16>,
) -> Response {
    let ids = edge::ids(app, None);
    let failed = item
        .depends_on
        .iter()
        .find(|id| statuses.get(*id).is_none_or(|s| *s >= 400));
    let answer = match failed {
        Some(id) => Err(Error::failed_dependency(format!(
            "The request was not run because the request '{id}', on which it depends, failed."
        ))
        .into()),
        None => run(app, outer, &item).await,
    };
    response(
        item.id,
        answer.unwrap_or_else(|failure| failure.into_answer(&ids)),
    )
}

/// Runs one request of a batch with the caller of the whole.
async fn run(app: &App, outer: &Request<'_>, item: &Item) -> Result<Answer, Failure> {
    let parts = item.parts(outer.version.name())?;
    let request = Request {
        method: parts.method,
        version: outer.version,
        root: outer.root,
        path: &parts.path,
        query: parts.query,
        body: parts.body,
        headers: &parts.headers,
        caller: outer.caller,
        in_batch: true,
    };
    app.limits.admit(&request)?;
    // A batch may not hold a batch, so this is as deep as it gets.
    Box::pin(dispatch(app, &request)).await
}

fn response(id: String, answer: Answer) -> Response {
    let mut headers: HashMap<String, String> = HashMap::new();
    for (name, value) in &answer.headers {
        if let Ok(value) = value.to_str() {
            headers.insert(canonical(name.as_str()), value.to_owned());
        }
    }
    if let Some(content_type) = answer.body.content_type() {
        headers.insert("Content-Type".to_owned(), content_type);
    }
    let status = answer.status.as_u16();
    let raw = |text: String| RawValue::from_string(text).ok();
    let body = match answer.body {
        Body::None => None,
        Body::Json(bytes, _) => String::from_utf8(bytes).ok().and_then(raw),
        other => raw(format!("\"{}\"", STANDARD.encode(other.into_bytes()))),
    };
    Response {
        id,
        status,
        headers,
        body,
    }
}

/// `retry-after` as `Retry-After`: names in a batch are compared as they are written by some clients.
fn canonical(name: &str) -> String {
    let capitalise = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('-')
        .map(capitalise)
        .collect::<Vec<_>>()
        .join("-")
}
