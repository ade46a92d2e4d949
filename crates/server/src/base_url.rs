//! Where the server is reached: the base of every absolute link that it writes.

use std::net::IpAddr;

use http::{HeaderMap, Uri, header, uri::Authority};

/// The configured public URL, or none: then links follow each request's scheme and host.
///
/// Behind a reverse proxy it must be configured, because `X-Forwarded-…` headers are not trusted:
/// anybody can send them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseUrl(Option<String>);

/// The public URL is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an absolute http or https URL without query: {0}")]
pub struct BaseUrlError(String);

impl BaseUrl {
    /// A fixed public URL, with or without a path.
    ///
    /// # Errors
    /// When `url` is not an absolute `http` or `https` URL, or has a query.
    pub fn configured(url: &str) -> Result<Self, BaseUrlError> {
        let error = || BaseUrlError(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| error())?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        if !known || uri.authority().is_none() || uri.query().is_some() {
            return Err(error());
        }
        Ok(Self(Some(url.trim_end_matches('/').to_owned())))
    }

    /// The configured URL, without a slash at its end.
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The base for links in the answer to a request, without a slash at its end. `tls` tells
    /// whether the request came over TLS.
    ///
    /// A host that isn't one (RFC 9110, 7.2) is answered with `localhost`, so that nothing a
    /// client writes there gets into a document as it is.
    pub fn of_request(&self, uri: &Uri, headers: &HeaderMap, tls: bool) -> String {
        if let Some(url) = &self.0 {
            return url.clone();
        }
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let from_header = || host?.parse::<Authority>().ok();
        let authority = uri
            .authority()
            .cloned()
            .or_else(from_header)
            .filter(|authority| !authority.as_str().contains('@'));
        let scheme = if tls { "https" } else { "http" };
        match authority {
            Some(authority) => format!("{scheme}://{authority}"),
            None => format!("{scheme}://localhost"),
        }
    }
}

/// Whether a base that [`BaseUrl::of_request`] gave is of this machine alone, where the client and
/// the server are one and a `Host` that lies deceives nobody.
pub(crate) fn is_loopback(base: &str) -> bool {
    let host = base.parse::<Uri>().ok().and_then(|uri| {
        uri.host()
            .map(|host| host.trim_matches(['[', ']']).to_owned())
    });
    host.is_some_and(|host| {
        host.eq_ignore_ascii_case("localhost")
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::HOST, http::HeaderValue::from_static(host))])
    }

    #[test]
    fn links_follow_the_host() {
        let uri = Uri::from_static("/beta");
        let base = BaseUrl::default();
        assert_eq!(
            base.of_request(&uri, &headers("h:8443"), true),
            "https://h:8443"
        );
        assert_eq!(
            base.of_request(&uri, &headers("[::1]:80"), false),
            "http://[::1]:80"
        );
    }

    #[test]
    fn a_host_that_is_none_gets_into_no_link() {
        let uri = Uri::from_static("/beta");
        for host in ["a b", "a\"b", "u:p@h", "h/path", ""] {
            let base = BaseUrl::default().of_request(&uri, &headers(host), false);
            assert_eq!(base, "http://localhost", "{host}");
        }
    }

    #[test]
    fn this_machine_alone() {
        for base in ["http://localhost:1", "https://127.0.0.1", "http://[::1]:80"] {
            assert!(is_loopback(base), "{base}");
        }
        for base in [
            "https://evil.example",
            "http://localhost.evil.example",
            "http://10.0.0.1",
        ] {
            assert!(!is_loopback(base), "{base}");
        }
    }

    #[test]
    fn a_configured_url_wins() {
        let base = BaseUrl::configured("https://graph.example/").unwrap();
        let uri = Uri::from_static("/beta");
        assert_eq!(
            base.of_request(&uri, &headers("other"), false),
            "https://graph.example"
        );
        for wrong in ["graph.example", "ftp://h", "https://h/?q", "/path", ""] {
            assert!(BaseUrl::configured(wrong).is_err(), "{wrong}");
        }
    }
}
