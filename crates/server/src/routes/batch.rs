//! `POST /$batch`: up to twenty requests in one (OData JSON 19, as Graph serves it).

use std::collections::{HashMap, HashSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use runstate_graph::{error::Error, json::write::Format};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    App,
    dispatch::dispatch,
    edge,
    exchange::{Answer, Body, Failure, Request, Version},
    negotiate,
};

/// The most requests that a batch may hold, as in Graph.
const MOST_REQUESTS: usize = 20;

#[derive(Deserialize)]
struct Batch {
    requests: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(deserialize_with = "id")]
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    body: Option<Box<RawValue>>,
    #[serde(default)]
    depends_on: Vec<String>,
}

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
    let Batch { requests } = serde_json::from_slice(&request.body).map_err(|error| {
        Error::bad_request(format!(
            "The request body is not a batch of requests: {error}."
        ))
    })?;
    check(&requests)?;

    let mut waiting = requests;
    let mut statuses: HashMap<String, u16> = HashMap::new();
    let mut responses = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let (ready, rest): (Vec<Item>, Vec<Item>) = waiting
            .into_iter()
            .partition(|item| item.depends_on.iter().all(|id| statuses.contains_key(id)));
        if ready.is_empty() {
            return Err(Error::internal("A batch waits for what is never run.").into());
        }
        waiting = rest;
        let answered = join_all(
            ready
                .into_iter()
                .map(|item| answer(app, request, item, &statuses)),
        );
        for response in answered.await {
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

/// Checks what concerns the batch as a whole.
fn check(requests: &[Item]) -> Result<(), Error> {
    if requests.is_empty() || requests.len() > MOST_REQUESTS {
        return Err(Error::bad_request(format!(
            "A batch holds 1 to {MOST_REQUESTS} requests, not {}.",
            requests.len()
        )));
    }
    let mut ids = HashSet::new();
    for item in requests {
        if item.id.is_empty() || !ids.insert(item.id.as_str()) {
            let message = format!("The request id '{}' is empty or occurs twice.", item.id);
            return Err(Error::bad_request(message));
        }
    }
    for item in requests {
        if let Some(id) = item.depends_on.iter().find(|id| !ids.contains(id.as_str())) {
            let message = format!(
                "The request '{}' depends on '{id}', which there isn't.",
                item.id
            );
            return Err(Error::bad_request(message));
        }
    }
    // Take away whatever depends only on what was taken away before: a circle stays. This is seen
    // before any request is run, so that a batch that is refused has done nothing.
    let mut done: HashSet<&str> = HashSet::new();
    loop {
        let ready = |item: &&Item| {
            let after = item.depends_on.iter();
            !done.contains(item.id.as_str())
                && after.into_iter().all(|id| done.contains(id.as_str()))
        };
        let ready: Vec<&str> = requests
            .iter()
            .filter(ready)
            .map(|item| item.id.as_str())
            .collect();
        if ready.is_empty() {
            break;
        }
        done.extend(ready);
    }
    if done.len() < requests.len() {
        let message = "The requests depend on one another in a circle.";
        return Err(Error::bad_request(message));
    }
    Ok(())
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
    let method = Method::from_bytes(item.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| Error::bad_request(format!("'{}' is not a method.", item.method)))?;
    let headers = headers(&item.headers)?;
    let (path, query) = split(&item.url, outer.version)?;
    let request = Request {
        method,
        version: outer.version,
        root: outer.root,
        path: &path,
        query,
        body: body(&headers, item.body.as_deref())?,
        headers: &headers,
        caller: outer.caller,
        in_batch: true,
    };
    app.limits.admit(&request)?;
    // A batch may not hold a batch, so this is as deep as it gets.
    Box::pin(dispatch(app, &request)).await
}

/// The path, with a slash at its beginning, and the query of a request's URL: relative to the version,
/// or absolute as the Graph SDK for Python writes it, whatever name the service had there. It must be
/// of the batch's own version.
fn split(url: &str, version: Version) -> Result<(String, &str), Error> {
    let url = url.split('#').next().unwrap_or_default();
    let relative = match url.split_once("://") {
        None => url,
        Some((_, rest)) => {
            let own = match version {
                Version::Beta => "beta",
                Version::V1 => "v1.0",
            };
            let path = rest.split_once('/').map(|(_, path)| path);
            let below = path.and_then(|path| path.split_once('/'));
            let below = below.filter(|(version, _)| version.eq_ignore_ascii_case(own));
            below.map(|(_, path)| path).ok_or_else(|| {
                let shown: String = url.chars().take(128).collect();
                Error::bad_request(format!(
                    "The url '{shown}' must be relative to /{own}, such as /deviceManagement/deviceShellScripts."
                ))
            })?
        }
    };
    let (path, query) = relative.split_once('?').unwrap_or((relative, ""));
    // Links in the answer are made of root and path.
    Ok((format!("/{}", path.trim_start_matches('/')), query))
}

/// The id of a request: a string, or a number as IntuneCD writes it.
fn id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(u64),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}

fn headers(given: &HashMap<String, String>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let malformed = |_| Error::bad_request(format!("The header '{name}' is not one."));
        let header =
            HeaderName::from_bytes(name.as_bytes()).map_err(|e| malformed(e.to_string()))?;
        let value = HeaderValue::from_str(value).map_err(|e| malformed(e.to_string()))?;
        headers.insert(header, value);
    }
    Ok(headers)
}

/// A body that is not JSON comes as base64 in a string.
fn body(headers: &HeaderMap, body: Option<&RawValue>) -> Result<Bytes, Error> {
    let Some(body) = body.map(RawValue::get) else {
        return Ok(Bytes::new());
    };
    if headers.contains_key(header::CONTENT_TYPE) && negotiate::content_is_json(headers).is_err() {
        let text: String = serde_json::from_str(body).map_err(|_| {
            Error::bad_request("A body that is not JSON must be base64 in a string.")
        })?;
        let bytes = STANDARD.decode(text).map_err(|_| {
            Error::bad_request("A body that is not JSON must be base64 in a string.")
        })?;
        return Ok(bytes.into());
    }
    Ok(Bytes::copy_from_slice(body.as_bytes()))
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
