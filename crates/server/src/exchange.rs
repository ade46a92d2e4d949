//! A request and its answer, whether they came over HTTP or within a batch.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use runstate_graph::{
    error::{Context, Error},
    json::write::{Format, Metadata},
    permit::{Caller, Denied, Origin},
};
use runstate_odata::edm::DateTimeOffset;

/// A request below the service root, from whichever way it came.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// Which schema it speaks of.
    pub(crate) version: Version,
    /// The URL of the service root: links in the answer begin with it. No slash at its end.
    pub(crate) root: &'a str,
    /// The path behind the version, still percent-encoded.
    pub(crate) path: &'a str,
    /// The query string, still percent-encoded; empty where there is none.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
    /// None where no token is needed.
    pub(crate) caller: Option<&'a Caller>,
    /// What the audit tells of it.
    pub(crate) origin: &'a Origin,
    /// Whether it is part of a batch, in which there is no other.
    pub(crate) in_batch: bool,
}

/// The API version in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// `/beta`: all there is.
    Beta,
    /// `/v1.0`: all but the script collections, as in Graph.
    V1,
}

impl Version {
    /// Its name in paths.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Beta => "beta",
            Self::V1 => "v1.0",
        }
    }
}

/// The ids by which people find a request in a log.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub(crate) request_id: String,
    pub(crate) client_request_id: String,
    /// When the request came.
    pub(crate) time: SystemTime,
}

/// An answer, before the headers that all have in common.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Body,
}

/// The body of an answer, by its media type.
#[derive(Debug)]
pub(crate) enum Body {
    None,
    Json(Vec<u8>, Format),
    Text(String),
    Xml(Bytes),
}

/// A refusal, with the headers that go with it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, body: Body) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }

    pub(crate) fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, Body::None)
    }

    pub(crate) fn json(status: StatusCode, bytes: Vec<u8>, format: Format) -> Self {
        Self::new(status, Body::Json(bytes, format))
    }

    /// Adds a header; one whose value no header can hold is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

impl Body {
    /// The `Content-Type`, in the words of Graph.
    pub(crate) fn content_type(&self) -> Option<HeaderValue> {
        // By far the most frequent one is written out.
        const MINIMAL: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
        match self {
            Self::None => None,
            Self::Json(_, format) if *format == Format::default() => {
                Some(HeaderValue::from_static(MINIMAL))
            }
            Self::Json(_, format) => {
                let metadata = match format.metadata {
                    Metadata::None => "none",
                    Metadata::Minimal => "minimal",
                    Metadata::Full => "full",
                };
                let text = MINIMAL
                    .replace("metadata=minimal", &format!("metadata={metadata}"))
                    .replace("=false", &format!("={}", format.ieee754_compatible));
                HeaderValue::from_str(&text).ok()
            }
            Self::Text(_) => Some(HeaderValue::from_static("text/plain")),
            Self::Xml(_) => Some(HeaderValue::from_static("application/xml")),
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::Json(bytes, _) => bytes.into(),
            Self::Text(text) => text.into(),
            Self::Xml(bytes) => bytes,
        }
    }
}

impl Failure {
    /// The answer that tells of it.
    pub(crate) fn into_answer(self, ids: &Ids) -> Answer {
        let date = DateTimeOffset::from_system_time(ids.time).to_string();
        let context = Context {
            // Graph writes it without fraction and offset: `2026-01-31T12:00:00`, in UTC.
            date: date.get(..19).unwrap_or_default(),
            request_id: &ids.request_id,
            client_request_id: &ids.client_request_id,
        };
        let body = Body::Json(self.error.envelope(context), Format::default());
        // Every error's status is one of a fixed list.
        let status =
            StatusCode::from_u16(self.error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Answer {
            status,
            headers: self.headers,
            body,
        }
    }

    /// Adds a header; one whose value no header can hold is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Asks the client to wait.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.with(header::RETRY_AFTER, &seconds.max(1).to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            headers: Vec::new(),
        }
    }
}

impl From<runstate_odata::Error> for Failure {
    fn from(error: runstate_odata::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        Error::from(denied).into()
    }
}
