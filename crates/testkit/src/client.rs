//! Requests by hand, and whole answers.

use std::{fmt::Write as _, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A client over plain HTTP that keeps connections.
#[derive(Debug, Clone)]
pub struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    /// A client without connections.
    pub fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// A request to an absolute URL.
    pub fn request(&self, method: Method, url: &str) -> Send<'_> {
        let request = http::Request::builder().method(method).uri(url);
        Send {
            client: &self.0,
            request,
            body: Bytes::new(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

/// A request being put together: `server.get("/beta/…").token(t).send().await`.
#[must_use = "a request is not sent until `send`"]
pub struct Send<'a> {
    client: &'a Client<HttpConnector, Full<Bytes>>,
    request: http::request::Builder,
    body: Bytes,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Send<'_> {
    /// Adds `Authorization: Bearer …`.
    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Sends JSON.
    pub fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    /// Sends bytes of which nothing is said.
    pub fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends any bytes.
    pub fn raw(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("Content-Type", content_type)
    }

    /// Sends it, and waits for the whole answer.
    pub async fn send(self) -> Reply {
        self.try_send().await.expect("an answer")
    }

    /// As [`Send::send`], with nothing where the connection is cut off before the answer is whole.
    pub async fn try_send(self) -> Option<Reply> {
        let request = self
            .request
            .body(Full::new(self.body))
            .expect("a request that is one");
        let answer = self.client.request(request).await.ok()?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }
}

/// Sends bytes as they are over a connection of their own, which need not be HTTP nor whole, and reads
/// one answer.
pub(crate) async fn send_bytes(address: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let written = stream.write_all(request).await;
    written.expect("a server that reads on, though it may have refused already");
    let mut answer = Vec::new();
    let mut head = None;
    loop {
        if head.is_none() {
            let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
            head = end.map(|end| (end + 4, read_head(answer.get(..end).unwrap_or_default())));
        }
        if let Some((start, (status, headers))) = &head {
            let length = headers.get("content-length").and_then(|n| n.to_str().ok());
            let length: usize = length.and_then(|n| n.parse().ok()).unwrap_or_default();
            if let Some(body) = answer.get(*start..*start + length) {
                return Reply {
                    status: *status,
                    headers: headers.clone(),
                    body: Bytes::copy_from_slice(body),
                };
            }
        }
        let read = stream.read_buf(&mut answer).await.expect("an answer");
        assert_ne!(read, 0, "the answer ended early: {answer:?}");
    }
}

fn read_head(head: &[u8]) -> (StatusCode, HeaderMap) {
    let head = std::str::from_utf8(head).expect("a head in ASCII");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.and_then(|status| status.parse().ok());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name: http::HeaderName = name.parse().expect("a header's name");
        headers.append(name, value.trim().parse().expect("a header's value"));
    }
    (status.expect("a status"), headers)
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {:?}", self.status, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The whole answer for a snapshot: status, headers, and the body (JSON indented). What differs
    /// from run to run is named instead: the address, and each GUID by the order in which it occurs.
    pub fn shown(&self) -> String {
        let mut shown = format!("{}\n", self.status);
        let mut names: Vec<_> = self.headers.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        for name in names
            .into_iter()
            .filter(|name| !matches!(*name, "date" | "content-length"))
        {
            let _ = writeln!(shown, "{name}: {}", self.header(name));
        }
        let body = match serde_json::from_slice::<serde_json::Value>(&self.body) {
            Ok(json) => serde_json::to_string_pretty(&json).unwrap_or_default(),
            Err(_) => self.text(),
        };
        let _ = write!(shown, "\n{body}");
        name_guids(&name_addresses(&shown))
    }

    /// A header's value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// `error.code` of an envelope.
    pub fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// `error.message` of an envelope.
    pub fn message(&self) -> String {
        self.json()["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The same, where the status is the one expected.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

/// `127.0.0.1:` with its port as `HOST`.
fn name_addresses(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |named, part| {
        format!(
            "{named}HOST{}",
            part.trim_start_matches(|c: char| c.is_ascii_digit())
        )
    })
}

/// GUIDs as `GUID-1`, `GUID-2` …, in the order in which they first occur; those that tests choose
/// (of one digit in their first group) stay.
fn name_guids(text: &str) -> String {
    let is_guid = |word: &str| {
        let lengths = word.split('-').map(str::len);
        word.chars().all(|c| c.is_ascii_hexdigit() || c == '-') && lengths.eq([8, 4, 4, 4, 12])
    };
    let mut seen: Vec<String> = Vec::new();
    let mut named = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_hexdigit() && c != '-')
            .unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let chosen = word
            .get(..8)
            .is_some_and(|w| w.chars().all(|c| w.starts_with(c)));
        if is_guid(word) && !chosen {
            let position = seen
                .iter()
                .position(|guid| guid == word)
                .unwrap_or_else(|| {
                    seen.push(word.to_owned());
                    seen.len() - 1
                });
            let _ = write!(named, "GUID-{}", position + 1);
        } else {
            named.push_str(word);
        }
        let mut tail = tail.chars();
        named.extend(tail.next());
        rest = tail.as_str();
    }
    named
}
