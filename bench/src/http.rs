//! One connection to a contender over loopback, kept alive, and one request on it after another.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;

use crate::failure::{Context, Outcome, fail};

/// A request that can be sent on any connection.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// The path and the query.
    pub(crate) path: String,
    pub(crate) token: Option<HeaderValue>,
    /// One header more.
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    /// What the answer must be.
    pub(crate) expected: StatusCode,
    /// How many answers the body must hold, where the request is a batch.
    pub(crate) batch: usize,
}

impl Call {
    pub(crate) fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            token: None,
            header: None,
            body: Bytes::new(),
            expected: StatusCode::OK,
            batch: 0,
        }
    }
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = tokio::net::TcpStream::connect(address).await;
        let stream = stream.context(address)?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the connection; whoever sends hears of it.
        tokio::spawn(connection);
        let host = HeaderValue::from_str(&address.to_string())?;
        Ok(Self { sender, host })
    }

    /// Sends a request and reads the answer, whatever it is. Fails where none comes.
    pub(crate) async fn send(&mut self, call: Call) -> Result<Answer, hyper::Error> {
        let json = !call.body.is_empty();
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = call.method;
        // Paths are made here and are right; one that were not would be answered with 400 or 404.
        *request.uri_mut() = call.path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        if let Some(token) = call.token {
            headers.insert(AUTHORIZATION, token);
        }
        if json {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some((name, value)) = call.header {
            headers.insert(name, value);
        }
        self.sender.ready().await?;
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await?.to_bytes(),
        })
    }

    /// As [`Connection::send`], but fails where the answer is not the one that is expected.
    pub(crate) async fn ask(&mut self, call: Call) -> Outcome<Answer> {
        let (expected, batch) = (call.expected, call.batch);
        let shown = format!("{} {}", call.method, call.path);
        let answer = self.send(call).await.context(&shown)?;
        answer.check(expected, batch).context(&shown)?;
        Ok(answer)
    }
}

impl Answer {
    fn check(&self, expected: StatusCode, batch: usize) -> Outcome {
        let text = String::from_utf8_lossy(&self.body);
        let right = self.status == expected
            && (batch == 0 || text.matches("\"status\":200").count() == batch);
        if right {
            return Ok(());
        }
        let text: String = text.chars().take(600).collect();
        fail(format!("unexpected answer {}: {text}", self.status))
    }

    /// The text of a header; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}
