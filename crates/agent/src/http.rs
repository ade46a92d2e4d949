//! HTTP to one server: small requests, whole answers.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::Error;

/// How long an answer may take that is not asked to wait.
pub const TIME: Duration = Duration::from_secs(60);

/// The largest answer that is read: a script of a megabyte in base64, and room.
const LARGEST: usize = 16 * 1024 * 1024;

/// How often a connection that waits is seen to be alive.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A client that keeps its connection.
#[derive(Debug, Clone)]
pub struct Http(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// A request.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: &'a str,
    /// Headers beside `Accept`.
    pub headers: &'a [(&'static str, &'a str)],
    /// The body; empty for none.
    pub body: Bytes,
    /// How long the answer may take.
    pub time: Duration,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Http {
    /// Trusts the system's authorities, or those of `SSL_CERT_FILE`, and those of the PEM file `ca`.
    ///
    /// # Errors
    /// Where that file holds no certificate.
    pub fn new(ca: Option<&Path>) -> Result<Self, Error> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca {
            let bad = |what: String| Error::Tls(format!("{}: {what}", path.display()));
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| bad(error.to_string()))?;
            let (added, _) = roots.add_parsable_certificates(certificates);
            if added == 0 {
                return Err(bad("no certificate in PEM".to_owned()));
            }
        }
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_connect_timeout(Some(Duration::from_secs(20)));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_max_idle_per_host(1);
        Ok(Self(client.build(connector)))
    }

    /// Sends, and reads the whole answer.
    ///
    /// # Errors
    /// A sentence that says why there is none.
    pub async fn send(&self, request: Request<'_>) -> Result<Reply, String> {
        let mut built = http::Request::builder()
            .method(request.method)
            .uri(request.url)
            .header(header::ACCEPT, "application/json");
        for (name, value) in request.headers {
            built = built.header(*name, *value);
        }
        let built = built
            .body(Full::new(request.body))
            .map_err(|error| format!("{}: {error}", request.url))?;
        let exchange = async {
            let response = self.0.request(built).await.map_err(|error| {
                use std::error::Error;
                let source = error.source().map(|source| format!(": {source}"));
                format!("{error}{}", source.unwrap_or_default())
            })?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, LARGEST).collect().await;
            let body = body.map_err(|error| format!("the answer broke off: {error}"))?;
            Ok(Reply {
                status: parts.status,
                headers: parts.headers,
                body: body.to_bytes(),
            })
        };
        tokio::time::timeout(request.time, exchange)
            .await
            .unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }
}

impl Reply {
    /// A header as text.
    pub(crate) fn header(&self, name: &header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Retry-After` in seconds (RFC 9110, 10.2.3); its other form, a date, is not used here.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header(&header::RETRY_AFTER)?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// `Cache-Control: max-age` (RFC 9111, 5.2.2.1).
    pub(crate) fn max_age(&self) -> Option<Duration> {
        let directives = self.header(&header::CACHE_CONTROL)?.split(',');
        let seconds = directives
            .filter_map(|directive| directive.trim().strip_prefix("max-age="))
            .next()?;
        Some(Duration::from_secs(seconds.parse().ok()?))
    }

    /// `Date` in seconds since 1970, in the form that servers write (RFC 9110, 5.6.7).
    pub(crate) fn date(&self) -> Option<i64> {
        let text = self.header(&header::DATE)?;
        let parts: Vec<&str> = text
            .split([' ', ':', ','])
            .filter(|part| !part.is_empty())
            .collect();
        let [_, day, month, year, hour, minute, second, "GMT"] = parts.as_slice() else {
            return None;
        };
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let month = MONTHS.iter().position(|name| name == month)? + 1;
        let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
        let date = time::Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?);
        let clock = time::Time::from_hms(
            hour.parse().ok()?,
            minute.parse().ok()?,
            second.parse().ok()?,
        );
        let moment = time::PrimitiveDateTime::new(date.ok()?, clock.ok()?);
        Some(moment.assume_utc().unix_timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(name: header::HeaderName, value: &'static str) -> Reply {
        let value = header::HeaderValue::from_static(value);
        Reply {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(name, value)]),
            body: Bytes::new(),
        }
    }

    #[test]
    fn headers_are_read_as_servers_write_them() {
        // RFC 9110, 5.6.7.
        let date = reply(header::DATE, "Sun, 06 Nov 1994 08:49:37 GMT").date();
        assert_eq!(date, Some(784_111_777));
        assert_eq!(reply(header::DATE, "Sunday").date(), None);
        let age = reply(header::CACHE_CONTROL, "private, max-age=900").max_age();
        assert_eq!(age, Some(Duration::from_secs(900)));
        assert_eq!(reply(header::CACHE_CONTROL, "no-cache").max_age(), None);
        let after = reply(header::RETRY_AFTER, "7").retry_after();
        assert_eq!(after, Some(Duration::from_secs(7)));
    }
}
