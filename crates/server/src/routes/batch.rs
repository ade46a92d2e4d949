//! `POST /$batch`: up to twenty requests in one (OData JSON 19, as Graph serves it).

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use http::{StatusCode, header};
use runstate_graph::error::Error;

use crate::{
    App,
    batch::{Batch, Item},
    dispatch::dispatch,
    edge,
    exchange::{Answer, Body, Failure, Request},
    negotiate,
};

/// The answer to one request of a batch.
struct Response {
    id: String,
    answer: Answer,
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
            statuses.insert(response.id.clone(), response.answer.status.as_u16());
            responses.push(response);
        }
    }
    Ok(Answer::json(StatusCode::OK, write(&responses)?, format))
}

/// The body of the answer. Bodies in JSON go into it as they are, for we have just written them.
fn write(responses: &[Response]) -> Result<Vec<u8>, Error> {
    let mut out = b"{\"responses\":[".to_vec();
    for (at, response) in responses.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_one(&mut out, response)
            .map_err(|_| Error::internal("The answers of the batch could not be written."))?;
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}

fn write_one(out: &mut Vec<u8>, response: &Response) -> serde_json::Result<()> {
    let Response { id, answer } = response;
    out.extend_from_slice(b"{\"id\":");
    serde_json::to_writer(&mut *out, id)?;
    out.extend_from_slice(b",\"status\":");
    serde_json::to_writer(&mut *out, &answer.status.as_u16())?;
    out.extend_from_slice(b",\"headers\":{");
    let content_type = answer.body.content_type();
    let content_type = content_type
        .iter()
        .map(|value| (&header::CONTENT_TYPE, value));
    let headers = answer.headers.iter().map(|(name, value)| (name, value));
    let mut first = true;
    for (name, value) in headers.chain(content_type) {
        let Ok(value) = value.to_str() else { continue };
        if !std::mem::replace(&mut first, false) {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, &canonical(name.as_str()))?;
        out.push(b':');
        serde_json::to_writer(&mut *out, value)?;
    }
    out.push(b'}');
    match &answer.body {
        Body::None => {}
        Body::Json(bytes, _) => {
            out.extend_from_slice(b",\"body\":");
            out.extend_from_slice(bytes);
        }
        Body::Text(text) => write_encoded(out, text.as_bytes()),
        Body::Xml(bytes) => write_encoded(out, bytes),
    }
    out.push(b'}');
    Ok(())
}

/// A body that is not JSON, as base64 in a string.
fn write_encoded(out: &mut Vec<u8>, body: &[u8]) {
    out.extend_from_slice(b",\"body\":\"");
    out.extend_from_slice(STANDARD.encode(body).as_bytes());
    out.push(b'"');
}

async fn answer(
    app: &App,
    outer: &Request<'_>,
    item: Item,
    statuses: &HashMap<String, u16>,
) -> Response {
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
    Response {
        id: item.id,
        answer: answer.unwrap_or_else(|failure| failure.into_answer(&edge::ids(app, None))),
    }
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
        origin: outer.origin,
        in_batch: true,
    };
    app.limits.pass(&item.id, &request).await?;
    app.limits.admit(&request)?;
    // A batch may not hold a batch, so this is as deep as it gets.
    Box::pin(dispatch(app, &request)).await
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
