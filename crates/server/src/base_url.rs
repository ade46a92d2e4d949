//! Where the server is reached: the base of every absolute link that it writes.

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
