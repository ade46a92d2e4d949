//! An issuer's keys by OpenID Connect Discovery 1.0.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::brief;
use super::jwk::JwkSet;
use super::keys::{KeySource, Keys, usable_keys};
use super::trust::{TrustedIssuer, is_safe_address};
use crate::tls_client;

/// How long one document may take, connection and all.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest document that is read. Entra's are about 20 KiB.
const MAX_DOCUMENT: usize = 1024 * 1024;

/// An HTTP client for small JSON documents, over TLS with the system's root certificates.
#[derive(Clone)]
pub(crate) struct JsonClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl JsonClient {
    /// Reads the system's root certificates (or those of `SSL_CERT_FILE`).
    ///
    /// # Errors
    /// When `rustls` won't have the configuration.
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls_client::config()?)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// The document at `url`. Redirections are not followed: an issuer's metadata says where its
    /// keys are, and nothing else does.
    pub(super) async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, String> {
        self.send(Request::get(url), url, Full::default()).await
    }

    /// The document that answers a form sent to `url`. Who asks may stand in `authorization`.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        form: String,
        authorization: Option<String>,
    ) -> Result<T, String> {
        let mut request =
            Request::post(url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        self.send(request, url, Full::from(form)).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: http::request::Builder,
        url: &str,
        body: Full<Bytes>,
    ) -> Result<T, String> {
        let fail = |what: &str| format!("{}: {what}", brief(url));
        if !is_safe_address(url) {
            return Err(fail("neither https nor on this machine"));
        }
        let request = request
            .header(header::ACCEPT, "application/json")
            .body(body)
            .map_err(|_| fail("not an address"))?;
        let fetch = async {
            let response = self.0.request(request).await.map_err(|error| {
                use std::error::Error;
                let source = error.source().map(ToString::to_string).unwrap_or_default();
                fail(&format!("{error}: {source}"))
            })?;
            if response.status() != StatusCode::OK {
                return Err(fail(&format!("status {}", response.status())));
            }
            let body = Limited::new(response.into_body(), MAX_DOCUMENT);
            let body = body
                .collect()
                .await
                .map_err(|_| fail("could not be read to its end"))?;
            serde_json::from_slice(&body.to_bytes()).map_err(|_| fail("not the JSON expected"))
        };
        tokio::time::timeout(TIMEOUT, fetch)
            .await
            .unwrap_or_else(|_| Err(fail("timed out")))
    }
}

/// The keys that an issuer publishes.
pub(crate) struct Discovery {
    pub(crate) client: JsonClient,
    pub(crate) issuer: TrustedIssuer,
}

/// What is read of an issuer's metadata (OpenID Connect Discovery 1.0, 3).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

#[async_trait]
impl KeySource for Discovery {
    async fn fetch(&self) -> Result<Keys, String> {
        let metadata: Metadata = self.client.get(&self.issuer.metadata_url).await?;
        // OpenID Connect Discovery 1.0, 4.3: the names must be the same, or else one issuer could
        // pass for another.
        if metadata.issuer != self.issuer.issuer {
            return Err(format!(
                "its metadata names the issuer {}",
                brief(&metadata.issuer)
            ));
        }
        let set: JwkSet = self.client.get(&metadata.jwks_uri).await?;
        Ok(usable_keys(set.keys))
    }
}
