//! The HTTP client of notifications: no redirections, little time, small answers, and only to where
//! [`Destinations`] lets it go, which is asked for every connection.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{
        self,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use tower_service::Service;

use super::Destinations;
use crate::tls_client;

/// The largest answer that is read; a token to be echoed is far shorter.
const LONGEST_ANSWER: usize = 16 * 1024;

/// How long a connection that is not used is kept.
const IDLE: Duration = Duration::from_secs(30);

type Http = legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// Sends notifications.
pub(super) struct Client {
    http: OnceLock<Http>,
    destinations: Destinations,
    timeout: Duration,
}

/// What a receiver answered.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// None where it is longer than is read.
    pub(super) body: Option<Bytes>,
}

/// Why there is no answer. For the log; nobody who makes subscriptions is told what this server finds
/// in its network.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("the URL {0}")]
    Destination(&'static str),
    #[error("no request can be made of it")]
    Malformed,
    #[error("{0}")]
    Http(String),
    #[error("no answer in time")]
    Timeout,
}

impl Client {
    pub(super) fn new(destinations: Destinations, timeout: Duration) -> Self {
        Self {
            http: OnceLock::new(),
            destinations,
            timeout,
        }
    }

    /// Made when it is first used: the system's certificates take a while to read, and most servers
    /// never tell anybody.
    fn http(&self) -> Result<&Http, SendError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let tls = tls_client::config().map_err(|error| SendError::Http(error.to_string()))?;
        Ok(self.http.get_or_init(|| http(self.destinations, tls)))
    }

    /// Posts to a URL; the answer is whole, or too long.
    pub(super) async fn post(
        &self,
        url: &str,
        content_type: &str,
        more: &[(HeaderName, String)],
        body: Bytes,
    ) -> Result<Reply, SendError> {
        // Looked at again, because the settings may have changed since the subscription was made; and
        // an address that is written out asks no resolver.
        let uri = self.destinations.check(url);
        let uri = uri.map_err(SendError::Destination)?;
        let mut request = Request::post(uri)
            .header(header::CONTENT_TYPE, content_type)
            .header(header::USER_AGENT, "Runstate");
        for (name, value) in more {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body));
        let request = request.map_err(|_| SendError::Malformed)?;
        let http = self.http()?;
        let send = async {
            let response = http.request(request).await.map_err(|error| {
                use std::error::Error;
                let source = error.source().map(ToString::to_string).unwrap_or_default();
                SendError::Http(format!("{error}: {source}"))
            })?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await;
            Ok(Reply {
                status: parts.status,
                headers: parts.headers,
                body: body.ok().map(http_body_util::Collected::to_bytes),
            })
        };
        let sent = tokio::time::timeout(self.timeout, send).await;
        sent.unwrap_or(Err(SendError::Timeout))
    }
}

fn http(destinations: Destinations, tls: rustls::ClientConfig) -> Http {
    let mut tcp = HttpConnector::new_with_resolver(Resolver(destinations));
    // What is not TLS is refused by the URL, see `Destinations::check`.
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(2)
        .build(connector)
}

/// The system's resolver, without the addresses that no notification may go to. What it answers is what
/// is connected to: a name cannot come to mean another address in between.
#[derive(Debug, Clone, Copy)]
struct Resolver(Destinations);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let destinations = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let admitted: Vec<_> = found
                .filter(|address| destinations.admits(address.ip()))
                .collect();
            if admitted.is_empty() {
                let what = "the host has no address that a notification may go to";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
            }
            Ok(admitted.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(destinations: Destinations, name: &str) -> io::Result<Vec<SocketAddr>> {
        let name: Name = name.parse().unwrap();
        Ok(Resolver(destinations).call(name).await?.collect())
    }

    /// The name is a public one as far as its spelling tells.
    #[tokio::test]
    async fn a_name_that_leads_here_is_refused_when_it_is_resolved() {
        let refused = resolve(Destinations::default(), "localhost").await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        // Ways to write 127.0.0.1 that are no address to us, and one to the system's resolver.
        for name in ["127.1", "2130706433", "0x7f.1"] {
            assert!(resolve(Destinations::default(), name).await.is_err());
        }
        let here = Destinations {
            loopback: true,
            private: false,
        };
        assert!(!resolve(here, "localhost").await.unwrap().is_empty());
    }
}
