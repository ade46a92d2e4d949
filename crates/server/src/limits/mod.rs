//! How much a client may send, and how often.

mod gate;
mod throttle;

use std::{sync::Arc, time::Duration};

pub use gate::{Arrival, Gate, Refusal};
use http::Method;
use runstate_graph::{clock::Clock, error::Error};
pub use throttle::Throttle;

use crate::{
    edge::of_gate,
    exchange::{Failure, Request},
    routes::Service,
};

/// How long a body may take to arrive, unless told otherwise.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The limits of a server.
pub struct Limits {
    /// The largest body, in bytes, after any compression is undone. Graph takes 4 MiB.
    pub body_bytes: usize,
    /// The most entities in one page of a collection.
    pub page_size: u32,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How many requests a tenant and an app may make; none for no limit.
    pub throttle: Option<Throttle>,
    /// Who else is asked about each request of a batch; none in most servers.
    pub gate: Option<Arc<dyn Gate>>,
}

impl Limits {
    /// Graph's limits of size, and no limit of rate.
    pub fn new() -> Self {
        Self {
            body_bytes: 4 * 1024 * 1024,
            page_size: 1000,
            body_timeout: BODY_TIMEOUT,
            throttle: None,
            gate: None,
        }
    }

    /// Graph's limits of rate too.
    pub fn throttled(self, clock: Arc<dyn Clock>) -> Self {
        self.throttled_by(clock, 1.0)
    }

    /// Graph's limits of rate, each times `scale`, so that a test meets them after a few requests.
    pub fn throttled_by(self, clock: Arc<dyn Clock>, scale: f64) -> Self {
        Self {
            throttle: Some(Throttle::graph(clock).scaled(scale)),
            ..self
        }
    }

    /// Asks the gate about a request of a batch.
    ///
    /// # Errors
    ///
    /// What the gate refuses it with.
    pub(crate) async fn pass(&self, id: &str, request: &Request<'_>) -> Result<(), Failure> {
        let Some(gate) = &self.gate else {
            return Ok(());
        };
        let arrival = Arrival {
            id,
            method: &request.method,
            version: request.version.name(),
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: &request.body,
        };
        let passed = gate.pass(arrival).await;
        passed.map_err(|Refusal { error, retry_after }| of_gate(error, retry_after))
    }

    /// Counts a request against its tenant and app.
    ///
    /// # Errors
    ///
    /// 429 with `Retry-After` where either has made too many.
    pub(crate) fn admit(&self, request: &Request<'_>) -> Result<(), Failure> {
        let (Some(throttle), Some(caller)) = (&self.throttle, request.caller) else {
            return Ok(());
        };
        // A batch is counted by what it holds.
        if Service::at(request.path) == Some(Service::Batch) && !request.in_batch {
            return Ok(());
        }
        let writes = !matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
        throttle.admit(caller, writes).map_err(|wait| {
            let message = "Too many requests were made; wait for as long as Retry-After says.";
            // Rounded up, so that whoever waits so long is let in.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Failure::from(Error::too_many_requests(message)).retry_after(seconds)
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
