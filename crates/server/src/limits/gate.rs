//! Somebody else's word on the requests of a batch. Whole requests can be met before they come to the
//! router; those within a batch are seen only once it is taken apart.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use runstate_graph::error::Error;

/// Whoever may hold up or refuse a request of a batch before it is counted and run.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Lets the request through, now or later.
    ///
    /// # Errors
    ///
    /// What it is refused with instead.
    async fn pass(&self, arrival: Arrival<'_>) -> Result<(), Refusal>;
}

/// A request of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Its id within the batch.
    pub id: &'a str,
    /// Its method.
    pub method: &'a Method,
    /// The API version of the batch, as it stands in paths.
    pub version: &'a str,
    /// The path behind the version, still percent-encoded.
    pub path: &'a str,
    /// The query string, still percent-encoded; empty where there is none.
    pub query: &'a str,
    /// Its own headers, not those of the batch.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a Bytes,
}

/// What a request is refused with.
#[derive(Debug)]
pub struct Refusal {
    /// Status, code and message.
    pub error: Error,
    /// After how many seconds to try again.
    pub retry_after: Option<u64>,
}
