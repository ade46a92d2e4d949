//! `POST /{tenant}/oauth2/v2.0/token`: the client credentials grant (RFC 6749, 4.4).

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use serde_json::json;

use super::client::{Form, authenticate, is_basic};
use super::error::OAuthError;
use super::{BuiltinIssuer, Grant, LIFETIME, MAX_BODY, Subject, json_body, tenant_id};
use crate::limits::BODY_TIMEOUT;
use crate::listen::Connection;

/// RFC 6749, 5.1: what holds a token is never cached.
pub(super) const NOT_STORED: [(HeaderName, &str); 2] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::PRAGMA, "no-cache"),
];

/// Answers a token request.
pub(super) async fn token(
    State(issuer): State<Arc<BuiltinIssuer>>,
    Path(tenant): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let tls = Connection::of(&parts.extensions).tls;
    let base_url = issuer.base_url.of_request(&parts.uri, &parts.headers, tls);
    let body = axum::body::to_bytes(body, MAX_BODY);
    let result = match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => answer(&issuer, &tenant, &parts.headers, &body, &base_url).await,
        Ok(Err(_)) => Err(OAuthError::BadBody),
        Err(_) => Err(OAuthError::SlowBody),
    };
    match result {
        Ok(token) => {
            // One second less than it lives, as Entra does it: the client counts from later on.
            let expires_in = LIFETIME - 1;
            let body = json!({
                "token_type": "Bearer",
                "expires_in": expires_in,
                "ext_expires_in": expires_in,
                "access_token": token,
            });
            (NOT_STORED, json_body(body)).into_response()
        }
        Err(error) => {
            let now = issuer.clock.now().into();
            error.into_response(
                now,
                correlation_id(&parts.headers),
                is_basic(&parts.headers),
            )
        }
    }
}

async fn answer(
    issuer: &BuiltinIssuer,
    tenant: &str,
    headers: &HeaderMap,
    body: &Bytes,
    base_url: &str,
) -> Result<String, OAuthError> {
    let tenant_id = tenant_id(tenant).ok_or_else(|| OAuthError::BadTenant(tenant.to_owned()))?;
    let form = Form::parse(headers, body)?;
    match form.need("grant_type")? {
        "client_credentials" => {}
        other => return Err(OAuthError::UnsupportedGrant(other.to_owned())),
    }
    // The resource may be any: clients that are made for Graph ask for Graph's, and there is only
    // one resource here.
    let scope = form.need("scope")?;
    let resource = scope.strip_suffix("/.default").unwrap_or_default();
    if resource.is_empty() || scope.contains(char::is_whitespace) {
        return Err(OAuthError::BadScope(scope.to_owned()));
    }
    let application = authenticate(issuer, &tenant_id, headers, &form, base_url).await?;
    let grant = Grant {
        tenant_id,
        subject: match application.device_id {
            Some(device_id) => Subject::Device { device_id },
            None => Subject::Application,
        },
        permissions: application.permissions,
        client_id: application.client_id,
        expires_in: LIFETIME,
    };
    issuer.issue(&grant).map_err(|error| {
        tracing::error!(%error, "no token can be made");
        OAuthError::Transient
    })
}

/// The `client-request-id` that MSAL sends, if it is a GUID.
pub(super) fn correlation_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("client-request-id")?.to_str().ok()?;
    uuid::Uuid::try_parse(value).ok().map(|id| id.to_string())
}
