//! The API from within the process: what the console asks goes the way of every other request, past the
//! same limits, rules and checks, in the name of whoever is signed in.

use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Method, StatusCode};
use runstate_graph::permit::{Caller, Origin};

use crate::{
    App,
    dispatch::dispatch,
    edge,
    exchange::{Request, Version},
    failure,
};

/// A request to the API below `/beta`.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// The path below `/beta`, percent-encoded, with a slash at its beginning.
    pub path: &'a str,
    /// The query string, percent-encoded; empty where there is none.
    pub query: &'a str,
    /// The headers; whoever calls is no header's to say.
    pub headers: HeaderMap,
    /// The body; empty where there is none.
    pub body: Bytes,
    /// The address that whoever calls has, for the audit.
    pub ip_address: Option<String>,
}

/// An answer of the API.
#[derive(Debug, Clone)]
pub struct Told {
    /// The status.
    pub status: StatusCode,
    /// The headers that are this answer's alone, such as `ETag`.
    pub headers: HeaderMap,
    /// The body: JSON, or the text of a count.
    pub body: Bytes,
}

/// Asks the API for `caller`. `base` is the URL by which the server is reached, without a slash at its
/// end: links in the answer begin with it.
pub async fn ask(app: &App, caller: &Caller, base: &str, ask: Ask<'_>) -> Told {
    let ids = edge::ids(app, None);
    let root = format!("{base}/{}", Version::Beta.name());
    let origin = Origin {
        correlation_id: Some(ids.request_id.clone()),
        ip_address: ask.ip_address,
    };
    let request = Request {
        method: ask.method,
        version: Version::Beta,
        root: &root,
        path: ask.path,
        query: ask.query,
        headers: &ask.headers,
        body: ask.body,
        caller: Some(caller),
        origin: &origin,
        in_batch: false,
    };
    let answer = async {
        app.limits.admit(&request)?;
        dispatch(app, &request).await
    };
    let answer = AssertUnwindSafe(answer).catch_unwind().await;
    let answer = answer.unwrap_or_else(|_| {
        tracing::error!(
            request_id = ids.request_id,
            "a request made the server panic"
        );
        Err(failure::internal())
    });
    let answer = answer.unwrap_or_else(|failure| failure.into_answer(&ids));
    Told {
        status: answer.status,
        headers: answer.headers.into_iter().collect(),
        body: answer.body.into_bytes(),
    }
}
