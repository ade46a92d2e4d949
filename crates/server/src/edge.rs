//! Where HTTP ends: a request's body is read within its limits, and every answer gets the headers
//! that Graph sends.

use std::{io::Read, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    body::{Body as HttpBody, HttpBody as _},
    extract::State,
    response::Response,
};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Limited};
use runstate_graph::{
    error::Error,
    permit::{Actor, Caller, DenialReason, Origin},
};

use crate::{
    App,
    denials::{Denial, Tenant},
    dispatch::dispatch,
    exchange::{Answer, Failure, Ids, Request, Version},
    failure,
    listen::Connection,
    random, routes,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const ODATA_VERSION: HeaderName = HeaderName::from_static("odata-version");

/// How much of a body that is not wanted is read all the same, in largest bodies.
const DISCARDED_LIMITS: usize = 16;

/// Answers every request that no other route takes.
pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    request: http::Request<HttpBody>,
) -> Response {
    let (parts, mut body) = request.into_parts();
    let ids = ids(&app, parts.headers.get(CLIENT_REQUEST_ID));
    // A panic is a fault of ours; the client is told so much, and the others go on.
    let answer = AssertUnwindSafe(answer(&app, &parts, &mut body, &ids))
        .catch_unwind()
        .await;
    let answer = answer.unwrap_or_else(|_| {
        tracing::error!(
            request_id = ids.request_id,
            "a request made the server panic"
        );
        Err(failure::internal())
    });
    let answer = answer.unwrap_or_else(|failure| failure.into_answer(&ids));
    tracing::debug!(
        method = %parts.method,
        path = parts.uri.path(),
        status = answer.status.as_u16(),
        request_id = ids.request_id,
        "answered"
    );
    let expects = parts.headers.contains_key(header::EXPECT);
    if !body.is_end_stream() && !expects && answer.status != StatusCode::REQUEST_TIMEOUT {
        tokio::spawn(discard(
            body,
            app.limits.body_bytes,
            app.limits.body_timeout,
        ));
    }
    respond(answer, &ids, parts.method == Method::HEAD)
}

/// The answer that refuses a request, with the envelope and the headers that every refusal has: for
/// who stands before the routes and answers in their place. `given` is the client's own id for the
/// request, `retry_after` in seconds.
pub fn refuse(
    app: &App,
    given: Option<&HeaderValue>,
    error: Error,
    retry_after: Option<u64>,
) -> Response {
    let ids = ids(app, given);
    respond(of_gate(error, retry_after).into_answer(&ids), &ids, false)
}

/// The refusal for what a gate reports.
pub(crate) fn of_gate(error: Error, retry_after: Option<u64>) -> Failure {
    let failure = Failure::from(error);
    match retry_after {
        Some(seconds) => failure.retry_after(seconds),
        None => failure,
    }
}

async fn answer(
    app: &App,
    parts: &Parts,
    body: &mut HttpBody,
    ids: &Ids,
) -> Result<Answer, Failure> {
    let tls = Connection::of(&parts.extensions).tls;
    let origin = origin(parts, ids);
    let base = app.base_url.of_request(&parts.uri, &parts.headers, tls);
    let (version, path) = version(parts.uri.path())?;
    let root = format!("{base}/{}", version.name());
    let method = if parts.method == Method::HEAD {
        Method::GET
    } else {
        parts.method.clone()
    };

    let caller = if routes::is_public(&method, path) {
        None
    } else {
        let mut tokens = parts.headers.get_all(header::AUTHORIZATION).iter();
        let token = tokens.next();
        if tokens.next().is_some() {
            // RFC 6750, 2: one token, one way. Which of two is meant nobody can tell.
            let message = "The request has more than one Authorization header.";
            return Err(Error::bad_request(message).into());
        }
        match app.authenticator.identify(token).await {
            Ok(caller) => Some(caller),
            Err(refused) => {
                if let Some(caller) = &refused.caller {
                    let mut actor = Actor::of(caller);
                    actor.origin = origin;
                    let denial = Denial {
                        tenant: Tenant::Id(caller.tenant_id.clone()),
                        actor,
                        reason: DenialReason::Token,
                        method: method.to_string(),
                        path: path.to_owned(),
                    };
                    app.denials.note(denial).await;
                }
                return Err(failure::of_auth(&refused.error, &base));
            }
        }
    };
    let request = Request {
        method,
        version,
        root: &root,
        path,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        // What everybody may ask needs no body, and nobody unknown gets memory for one.
        body: match &caller {
            Some(_) => read(app, &parts.headers, body).await?,
            None => Bytes::new(),
        },
        caller: caller.as_deref().map(|caller: &Caller| caller),
        origin: &origin,
        in_batch: false,
    };
    app.limits.admit(&request)?;
    dispatch(app, &request).await
}

/// What the audit tells of a request. Its id is the client's own where that is a GUID, and else ours.
fn origin(parts: &Parts, ids: &Ids) -> Origin {
    let ids = [&ids.client_request_id, &ids.request_id];
    let guid = ids.into_iter().find(|id| is_guid(id));
    Origin {
        correlation_id: guid.map(|id| id.to_ascii_lowercase()),
        ip_address: Connection::of(&parts.extensions).address(),
    }
}

/// `8-4-4-4-12` hexadecimal digits.
fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The API version in the path, and the path behind it.
fn version(path: &str) -> Result<(Version, &str), Error> {
    let rest = path.strip_prefix('/').unwrap_or(path);
    let end = rest.find('/').unwrap_or(rest.len());
    let (name, path) = rest.split_at(end);
    let version = [Version::Beta, Version::V1]
        .into_iter()
        .find(|version| name.eq_ignore_ascii_case(version.name()));
    let version = version.ok_or_else(|| {
        let shown: String = name.chars().take(64).collect();
        Error::bad_request(format!(
            "Invalid version: '{shown}'. The API is below /beta."
        ))
    })?;
    Ok((version, path))
}

/// Reads on past what was not wanted of a body, so far as a client may go on sending.
///
/// A client that writes all of its request before it reads the answer would otherwise find the
/// connection closed under it, and never see why (RFC 9112, 9.6). One that asked first, with
/// `Expect: 100-continue`, must not be read from: it may send no body after a refusal.
async fn discard(mut body: HttpBody, limit: usize, time: Duration) {
    let reading = async {
        let mut left = limit.saturating_mul(DISCARDED_LIMITS);
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // Either way the connection is done with once the answer is sent.
    let _ = tokio::time::timeout(time, reading).await;
}

/// The body, decompressed, where it keeps within the limits of size and time.
async fn read(app: &App, headers: &HeaderMap, body: &mut HttpBody) -> Result<Bytes, Failure> {
    let limit = app.limits.body_bytes;
    let too_large = || {
        Error::too_large(format!(
            "The request body is larger than the {limit} bytes that are taken."
        ))
    };
    // Where the length is told beforehand, nobody waits for what will not be taken.
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large().into());
    }
    let body = tokio::time::timeout(app.limits.body_timeout, Limited::new(body, limit).collect())
        .await
        .map_err(|_| Error {
            status: 408,
            code: "RequestTimeout".into(),
            message: "The request body took too long to arrive.".to_owned(),
        })?;
    let bytes = match body {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return Err(too_large().into());
        }
        Err(_) => {
            return Err(Error::bad_request("The request body did not arrive whole.").into());
        }
    };
    if !is_gzip(headers)? {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::MultiGzDecoder::new(bytes.as_ref())
        .take(most)
        .read_to_end(&mut plain)
        .map_err(|_| Error::bad_request("The request body is not valid gzip."))?;
    if plain.len() > limit {
        Err(too_large().into())
    } else {
        Ok(plain.into())
    }
}

/// Whether the body is compressed, from `Content-Encoding` (RFC 9110, 8.4): a list, which may come in
/// several headers.
///
/// # Errors
///
/// 415 for any encoding but gzip, and for gzip within gzip.
fn is_gzip(headers: &HeaderMap) -> Result<bool, Error> {
    let mut gzip = 0;
    for value in headers.get_all(header::CONTENT_ENCODING) {
        // A value that is not ASCII names no encoding.
        for encoding in value.to_str().unwrap_or("?").split(',').map(str::trim) {
            match encoding.to_ascii_lowercase().as_str() {
                "" | "identity" => {}
                "gzip" | "x-gzip" => gzip += 1,
                _ => gzip = 2,
            }
        }
    }
    if gzip > 1 {
        let message = "The Content-Encoding of the request must be gzip or identity.";
        return Err(Error::unsupported_media_type(message));
    }
    Ok(gzip == 1)
}

/// Ids and the date for a request; `given` is the client's own id for it.
pub(crate) fn ids(app: &App, given: Option<&HeaderValue>) -> Ids {
    // Without randomness ids are not unique, which is no reason not to answer.
    let request_id = random::request_guid().unwrap_or_default();
    let given = given
        .and_then(|id| id.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= 256);
    let client_request_id = given.unwrap_or(&request_id).to_owned();
    Ids {
        request_id,
        client_request_id,
        time: app.clock.now(),
    }
}

fn respond(answer: Answer, ids: &Ids, head: bool) -> Response {
    let content_type = answer.body.content_type();
    let bytes = answer.body.into_bytes();
    let length = bytes.len();
    let mut response = Response::new(if head {
        HttpBody::empty()
    } else {
        HttpBody::from(bytes)
    });
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(REQUEST_ID, &ids.request_id);
    set(CLIENT_REQUEST_ID, &ids.client_request_id);
    if head && content_type.is_some() && answer.status == StatusCode::OK {
        set(header::CONTENT_LENGTH, &length.to_string());
    }
    headers.insert(ODATA_VERSION, HeaderValue::from_static("4.0"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.extend(content_type.map(|content_type| (header::CONTENT_TYPE, content_type)));
    for (name, value) in answer.headers {
        headers.insert(name, value);
    }
    response
}
