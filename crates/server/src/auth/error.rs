//! Why a request is not let in: what its client may read, and what the log needs.

use std::time::Duration;

use http::HeaderValue;

/// Why a bearer token was refused. Each reason is told apart in the log; several share what the
/// client reads, since the difference would help only somebody who is guessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No `Authorization` header, or an empty token.
    NoToken,
    /// An `Authorization` header of another scheme.
    NotBearer,
    /// Not a JWS in compact serialization (RFC 7515, 7.1), or its JSON is not what it must be.
    Malformed,
    /// `alg` is `none` (RFC 8725, 3.1).
    AlgorithmNone,
    /// `alg` is an HMAC, which a public key must never be used for (RFC 8725, 2.1).
    AlgorithmSymmetric,
    /// `alg` is one this server doesn't know.
    AlgorithmUnsupported,
    /// `alg` is not one that the key named by `kid` is for.
    AlgorithmMismatch,
    /// The header has no `kid`.
    NoKeyId,
    /// The issuer publishes no key of this `kid`.
    UnknownKey,
    /// `iss` is missing, or names no trusted issuer.
    UnknownIssuer,
    /// The signature doesn't fit.
    BadSignature,
    /// `aud` names another service.
    WrongAudience,
    /// `exp` is past.
    Expired,
    /// `nbf` is still to come.
    NotYetValid,
    /// There is no tenant in it (`tid`, or the claim configured for the issuer).
    MissingTenant,
    /// The issuer is not trusted for the tenant it names.
    ForeignTenant,
    /// It speaks for a user or a device but doesn't say which.
    MissingSubject,
}

impl Refusal {
    /// What the client reads, in the words of Graph.
    pub fn message(self) -> &'static str {
        match self {
            Self::NoToken => "Access token is empty.",
            Self::NotBearer => "The authorization scheme must be Bearer.",
            Self::Malformed | Self::NoKeyId => {
                "JWT is not well formed. The token needs to be in JWS Compact Serialization Format."
            }
            Self::AlgorithmNone | Self::AlgorithmSymmetric | Self::AlgorithmUnsupported => {
                "Access token validation failure. Invalid signing algorithm."
            }
            Self::AlgorithmMismatch | Self::UnknownKey | Self::BadSignature => {
                "Access token validation failure. Invalid signature."
            }
            Self::UnknownIssuer => "Access token validation failure. Invalid issuer.",
            Self::WrongAudience => "Access token validation failure. Invalid audience.",
            Self::Expired | Self::NotYetValid => "Access token has expired or is not yet valid.",
            Self::MissingTenant | Self::ForeignTenant => {
                "Access token validation failure. Invalid tenant."
            }
            Self::MissingSubject => "Access token validation failure. Missing subject.",
        }
    }
}

/// Why a request could not be authenticated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The token is no good: 401 `InvalidAuthenticationToken`.
    #[error("token refused ({refusal:?}): {detail}")]
    Refused {
        /// The reason.
        refusal: Refusal,
        /// What the log needs beside it. Never holds the token, nor any part of a signature.
        detail: String,
    },
    /// The issuer's keys can't be had right now: 503 `ServiceUnavailable`.
    #[error("the keys of issuer {issuer} are unavailable: {detail}")]
    Unavailable {
        /// The issuer, as configured.
        issuer: String,
        /// What the log needs.
        detail: String,
        /// When to try again: the value of `Retry-After`.
        retry_after: Duration,
    },
}

impl AuthError {
    /// A refusal with what the log needs beside the reason.
    pub(crate) fn refused(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self::Refused {
            refusal,
            detail: detail.into(),
        }
    }

    /// The code in Graph's error envelope.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "InvalidAuthenticationToken",
            Self::Unavailable { .. } => "ServiceUnavailable",
        }
    }

    /// The message in Graph's error envelope: all that the client may read.
    pub fn message(&self) -> &'static str {
        match self {
            Self::Refused { refusal, .. } => refusal.message(),
            Self::Unavailable { .. } => {
                "The issuer of the access token cannot be reached. Please try again later."
            }
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750, 3), with the `authorization_uri` that Graph
    /// adds; `None` where there is nothing to ask for. `base_url` is the server's public URL
    /// without a slash at its end.
    pub fn www_authenticate(&self, base_url: &str) -> Option<HeaderValue> {
        let Self::Refused { refusal, .. } = self else {
            return None;
        };
        let mut value = format!(
            r#"Bearer realm="", authorization_uri="{base_url}/common/oauth2/v2.0/authorize""#
        );
        // RFC 6750, 3.1: a request without any token gets no error code.
        if !matches!(refusal, Refusal::NoToken | Refusal::NotBearer) {
            let message = refusal.message();
            value.push_str(&format!(
                r#", error="invalid_token", error_description="{message}""#
            ));
        }
        HeaderValue::from_str(&value).ok()
    }
}

/// Text that came with a request, made fit for a log: escaped, and cut to a length that can't
/// flood it.
pub(crate) fn brief(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_token_is_challenged_without_an_error_code() {
        let error = AuthError::refused(Refusal::NoToken, "");
        assert_eq!(
            error.www_authenticate("https://h").unwrap(),
            r#"Bearer realm="", authorization_uri="https://h/common/oauth2/v2.0/authorize""#
        );
    }

    #[test]
    fn a_bad_token_is_challenged_with_one() {
        let error = AuthError::refused(Refusal::Expired, "");
        let value = error.www_authenticate("https://h").unwrap();
        let expected = r#", error="invalid_token", error_description="Access token has expired or is not yet valid.""#;
        assert!(value.to_str().unwrap().ends_with(expected), "{value:?}");
    }

    #[test]
    fn text_for_the_log_is_escaped_and_short() {
        assert_eq!(brief("a\nb"), "a\\nb");
        assert_eq!(brief(&"x".repeat(500)).len(), 80);
    }
}
