//! Errors of the token endpoint, written as the Microsoft identity platform writes them, since
//! MSAL shows them to people and reads the numbers.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use time::OffsetDateTime;

use super::super::error::brief;
use super::json_body;
use crate::random;

/// Why no token was issued. The numbers are Entra's (Microsoft identity platform,
/// "Microsoft Entra authentication and authorization error codes").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OAuthError {
    BadTenant(String),
    BadBody,
    SlowBody,
    DuplicateParameter(String),
    MissingParameter(&'static str),
    UnsupportedGrant(String),
    BadScope(String),
    UnknownClient {
        client_id: String,
        tenant_id: String,
    },
    NoCredential,
    TwoCredentials,
    WrongSecret,
    ExpiredSecret,
    AssertionMalformed(&'static str),
    AssertionSignature,
    AssertionAudience,
    AssertionTime,
    AssertionSubject,
    AssertionReplayed,
    NoInteractiveSignIn,
    UnknownInstance,
    Transient,
}

impl OAuthError {
    /// Status, RFC 6749's `error`, and Entra's number.
    fn parts(&self) -> (StatusCode, &'static str, u32) {
        use StatusCode as Status;
        match self {
            Self::BadTenant(_) => (Status::BAD_REQUEST, "invalid_request", 90002),
            Self::BadBody => (Status::BAD_REQUEST, "invalid_request", 9_000_411),
            Self::SlowBody => (Status::REQUEST_TIMEOUT, "invalid_request", 9_000_411),
            Self::DuplicateParameter(_) => (Status::BAD_REQUEST, "invalid_request", 9_000_411),
            Self::MissingParameter(_) => (Status::BAD_REQUEST, "invalid_request", 900_144),
            Self::UnsupportedGrant(_) => (Status::BAD_REQUEST, "unsupported_grant_type", 70003),
            Self::BadScope(_) => (Status::BAD_REQUEST, "invalid_scope", 1_002_012),
            Self::UnknownClient { .. } => (Status::BAD_REQUEST, "unauthorized_client", 700_016),
            Self::NoCredential => (Status::UNAUTHORIZED, "invalid_client", 7_000_216),
            Self::TwoCredentials => (Status::BAD_REQUEST, "invalid_request", 9_000_411),
            Self::WrongSecret => (Status::UNAUTHORIZED, "invalid_client", 7_000_215),
            Self::ExpiredSecret => (Status::UNAUTHORIZED, "invalid_client", 7_000_222),
            Self::AssertionMalformed(_) => (Status::UNAUTHORIZED, "invalid_client", 50027),
            Self::AssertionSignature => (Status::UNAUTHORIZED, "invalid_client", 700_027),
            Self::AssertionAudience => (Status::UNAUTHORIZED, "invalid_client", 700_023),
            Self::AssertionTime => (Status::UNAUTHORIZED, "invalid_client", 700_024),
            Self::AssertionSubject => (Status::UNAUTHORIZED, "invalid_client", 700_021),
            Self::AssertionReplayed => (Status::UNAUTHORIZED, "invalid_client", 50027),
            Self::NoInteractiveSignIn => {
                (Status::BAD_REQUEST, "unsupported_response_type", 700_016)
            }
            Self::UnknownInstance => (Status::BAD_REQUEST, "invalid_instance", 50049),
            Self::Transient => (
                Status::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                90033,
            ),
        }
    }

    /// What a person reads.
    fn text(&self) -> String {
        match self {
            Self::BadTenant(tenant) => format!("Tenant '{}' not found.", brief(tenant)),
            Self::BadBody => "The request is not properly formatted: the body must be \
                              application/x-www-form-urlencoded."
                .into(),
            Self::SlowBody => "The request body took too long to arrive.".into(),
            Self::DuplicateParameter(name) => format!(
                "The request is not properly formatted. The parameter '{}' is duplicated.",
                brief(name)
            ),
            Self::MissingParameter(name) => {
                format!("The request body must contain the following parameter: '{name}'.")
            }
            Self::UnsupportedGrant(grant) => format!(
                "The app requested an unsupported grant type '{}'. This issuer has \
                 'client_credentials'.",
                brief(grant)
            ),
            Self::BadScope(scope) => format!(
                "The provided value for scope {} is not valid. Client credential flows must have \
                 a scope value with /.default suffixed to the resource identifier (application \
                 ID URI).",
                brief(scope)
            ),
            Self::UnknownClient {
                client_id,
                tenant_id,
            } => format!(
                "Application with identifier '{}' was not found in the directory '{}'.",
                brief(client_id),
                brief(tenant_id)
            ),
            Self::NoCredential => "'client_assertion' or 'client_secret' is required for the \
                                   'client_credentials' grant type."
                .into(),
            Self::TwoCredentials => {
                "The request must not use more than one way of client authentication.".into()
            }
            Self::WrongSecret => "Invalid client secret provided. Ensure the secret being sent \
                                  in the request is the client secret value, not the client \
                                  secret ID."
                .into(),
            Self::ExpiredSecret => "The provided client secret keys are expired.".into(),
            Self::AssertionMalformed(what) => {
                format!("The client assertion is invalid or malformed: {what}.")
            }
            Self::AssertionSignature => "Client assertion failed signature validation.".into(),
            Self::AssertionAudience => {
                "Client assertion audience claim does not match Realm issuer.".into()
            }
            Self::AssertionTime => {
                "Client assertion is not within its valid time range, or it is valid for longer \
                 than one hour."
                    .into()
            }
            Self::AssertionSubject => "Client assertion application identifier doesn't match \
                                       'client_id' parameter."
                .into(),
            Self::AssertionReplayed => {
                "The client assertion is invalid: its 'jti' has been used already.".into()
            }
            Self::NoInteractiveSignIn => "This issuer has no interactive sign-in.".into(),
            Self::UnknownInstance => "Unknown or invalid instance.".into(),
            Self::Transient => "A transient error has occurred. Please try again.".into(),
        }
    }

    /// The answer. `correlation_id` is the caller's `client-request-id`, if it sent one; `basic`
    /// tells whether the client used HTTP Basic, which is then challenged (RFC 6749, 5.2).
    pub(super) fn into_response(
        self,
        now: OffsetDateTime,
        correlation_id: Option<String>,
        basic: bool,
    ) -> Response {
        let (status, error, number) = self.parts();
        let fresh = || random::guid().unwrap_or_default();
        let trace_id = fresh();
        let correlation_id = correlation_id.unwrap_or_else(fresh);
        let timestamp = timestamp(now);
        let text = self.text();
        tracing::info!(%trace_id, %correlation_id, error, number, "no token issued: {text}");
        let description = format!(
            "AADSTS{number}: {text} Trace ID: {trace_id} Correlation ID: {correlation_id} \
             Timestamp: {timestamp}"
        );
        let body = json!({
            "error": error,
            "error_description": description,
            "error_codes": [number],
            "timestamp": timestamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
        });
        let mut response = (status, super::token::NOT_STORED, json_body(body)).into_response();
        if basic && status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"runstate\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// A moment as Entra writes it: `2026-01-31 12:00:00Z`.
fn timestamp(now: OffsetDateTime) -> String {
    let now = now.to_offset(time::UtcOffset::UTC);
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second) = now.to_hms();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}
