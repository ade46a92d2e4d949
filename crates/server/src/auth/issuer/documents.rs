//! The documents by which clients find their way: metadata, keys, instance discovery.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::Uri;
use http::uri::PathAndQuery;
use serde_json::json;

use super::error::OAuthError;
use super::token::correlation_id;
use super::{BuiltinIssuer, json_body, tenant_id};
use crate::listen::Connection;

/// `GET /{tenant}/v2.0/.well-known/openid-configuration` (OpenID Connect Discovery 1.0, 3).
pub(super) async fn metadata(
    State(issuer): State<Arc<BuiltinIssuer>>,
    Path(tenant): Path<String>,
    request: Request,
) -> Response {
    let Some(tenant) = tenant_id(&tenant) else {
        return refuse(&issuer, &request, OAuthError::BadTenant(tenant));
    };
    let base = base_url(&issuer, &request);
    json_body(json!({
        "issuer": format!("{base}/{tenant}/v2.0"),
        "authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/{tenant}/oauth2/v2.0/token"),
        "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
        // RFC 8414, 2: where devices register.
        "registration_endpoint": format!("{base}/oauth2/v2.0/register"),
        "grant_types_supported": ["client_credentials"],
        // Required members that describe interactive sign-in: there is none.
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported":
            ["EdDSA", "ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
    }))
    .into_response()
}

/// `GET /{tenant}/discovery/v2.0/keys` (RFC 7517, 5).
pub(super) async fn keys(
    State(issuer): State<Arc<BuiltinIssuer>>,
    Path(tenant): Path<String>,
    request: Request,
) -> Response {
    if tenant_id(&tenant).is_none() {
        return refuse(&issuer, &request, OAuthError::BadTenant(tenant));
    }
    match issuer.jwks().await {
        Ok(keys) => json_body(json!({ "keys": keys })).into_response(),
        Err(error) => {
            tracing::error!(%error, "the keys can't be read");
            refuse(&issuer, &request, OAuthError::Transient)
        }
    }
}

/// `GET /{tenant}/oauth2/v2.0/authorize`: says that nobody can sign in here.
///
/// Clients insist on an `authorization_endpoint` in the metadata even if they never use it.
pub(super) async fn authorize(
    State(issuer): State<Arc<BuiltinIssuer>>,
    request: Request,
) -> Response {
    refuse(&issuer, &request, OAuthError::NoInteractiveSignIn)
}

/// `GET /common/discovery/instance?authorization_endpoint=…`: whether an authority is known. MSAL
/// asks it of `login.microsoftonline.com` unless it is told to ask here, or not at all.
pub(super) async fn instance(
    State(issuer): State<Arc<BuiltinIssuer>>,
    request: Request,
) -> Response {
    let base = base_url(&issuer, &request);
    let query = request.uri().query().unwrap_or_default();
    let asked = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "authorization_endpoint")
        .map(|(_, value)| value.into_owned());
    let Some(asked) = asked else {
        let error = OAuthError::MissingParameter("authorization_endpoint");
        return refuse(&issuer, &request, error);
    };
    // MSAL writes no port, whatever the authority's is: the host alone is compared.
    let host_of = |url: &str| Some(url.parse::<Uri>().ok()?.host()?.to_lowercase());
    let path: Option<PathAndQuery> = asked
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.path_and_query().cloned());
    let tenant = path
        .as_ref()
        .and_then(|path| path.path().split('/').nth(1))
        .and_then(tenant_id);
    match (host_of(&base), tenant) {
        (Some(host), Some(tenant)) if host_of(&asked).as_ref() == Some(&host) => json_body(json!({
            "tenant_discovery_endpoint":
                format!("{base}/{tenant}/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{
                "preferred_network": host, "preferred_cache": host, "aliases": [host],
            }],
        }))
        .into_response(),
        _ => refuse(&issuer, &request, OAuthError::UnknownInstance),
    }
}

fn base_url(issuer: &BuiltinIssuer, request: &Request) -> String {
    let tls = Connection::of(request.extensions()).tls;
    issuer
        .base_url
        .of_request(request.uri(), request.headers(), tls)
}

fn refuse(issuer: &BuiltinIssuer, request: &Request, error: OAuthError) -> Response {
    error.into_response(
        issuer.clock.now().into(),
        correlation_id(request.headers()),
        false,
    )
}
