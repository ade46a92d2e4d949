//! Who asks for a token, and with what proof (RFC 6749, 2.3).

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use runstate_store::issuer::Application;

use super::error::OAuthError;
use super::{BuiltinIssuer, assertion};

/// The only type of assertion there is (RFC 7523, 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The parameters of a token request.
pub(super) struct Form(HashMap<String, String>);

impl Form {
    /// Reads a body. A parameter without a value counts as left out, and none may be there twice
    /// (RFC 6749, 3.2).
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, OAuthError> {
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = content_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default();
        if !essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return Err(OAuthError::BadBody);
        }
        let mut parameters = HashMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            if value.is_empty() {
                continue;
            }
            if parameters
                .insert(name.to_string(), value.into_owned())
                .is_some()
            {
                return Err(OAuthError::DuplicateParameter(name.into_owned()));
            }
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of a parameter that must be there.
    pub(super) fn need(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or(OAuthError::MissingParameter(name))
    }
}

/// What a client presents to prove who it is.
enum Proof {
    Secret(String),
    Assertion(String),
}

/// Whether the request uses HTTP Basic.
pub(super) fn is_basic(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.split(' ').next())
        .is_some_and(|s| s.eq_ignore_ascii_case("basic"))
}

/// The application that asks, once it has proved that it is the one.
pub(super) async fn authenticate(
    issuer: &BuiltinIssuer,
    tenant_id: &str,
    headers: &HeaderMap,
    form: &Form,
    base_url: &str,
) -> Result<Application, OAuthError> {
    let (client_id, proof) = presented(headers, form)?;
    let client_id = client_id.to_lowercase();
    let found = issuer
        .store
        .application_get(tenant_id, &client_id)
        .await
        .map_err(|error| {
            tracing::error!(%error, "the application can't be looked up");
            OAuthError::Transient
        })?;
    let Some(application) = found else {
        return Err(OAuthError::UnknownClient {
            client_id,
            tenant_id: tenant_id.to_owned(),
        });
    };
    match proof {
        Proof::Secret(secret) => check_secret(issuer, &application, &secret)?,
        Proof::Assertion(text) => {
            assertion::check(issuer, &application, &text, base_url).await?;
        }
    }
    Ok(application)
}

/// The client id and the proof in a request, of which there must be exactly one.
fn presented(headers: &HeaderMap, form: &Form) -> Result<(String, Proof), OAuthError> {
    let basic = if is_basic(headers) {
        Some(basic_credentials(headers)?)
    } else {
        None
    };
    let secret = form.get("client_secret");
    let assertion = form.get("client_assertion");
    match (basic, secret, assertion) {
        (Some((client_id, secret)), None, None) => {
            if form
                .get("client_id")
                .is_some_and(|id| !id.eq_ignore_ascii_case(&client_id))
            {
                return Err(OAuthError::TwoCredentials);
            }
            Ok((client_id, Proof::Secret(secret)))
        }
        (None, Some(secret), None) => Ok((
            form.need("client_id")?.to_owned(),
            Proof::Secret(secret.to_owned()),
        )),
        (None, None, Some(assertion)) => {
            if form.need("client_assertion_type")? != ASSERTION_TYPE {
                return Err(OAuthError::AssertionMalformed(
                    "unknown 'client_assertion_type'",
                ));
            }
            // RFC 7521, 4.2: `client_id` may be left out, for the assertion names the client.
            let client_id = match form.get("client_id") {
                Some(client_id) => client_id.to_owned(),
                None => assertion::claimed_client(assertion)?,
            };
            Ok((client_id, Proof::Assertion(assertion.to_owned())))
        }
        (None, None, None) => {
            form.need("client_id")?;
            Err(OAuthError::NoCredential)
        }
        _ => Err(OAuthError::TwoCredentials),
    }
}

/// The client id and secret in HTTP Basic, each form-urlencoded first (RFC 6749, 2.3.1).
fn basic_credentials(headers: &HeaderMap) -> Result<(String, String), OAuthError> {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let encoded = value
        .and_then(|value| value.split_once(' '))
        .map(|(_, encoded)| encoded.trim());
    let decoded = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or(OAuthError::NoCredential)?;
    let (client_id, secret) = text.split_once(':').ok_or(OAuthError::NoCredential)?;
    let decode = |text: &str| {
        // Only the value of a pair without a name is wanted: `=` itself comes percent-encoded.
        let mut pairs = form_urlencoded::parse(text.as_bytes());
        pairs
            .next()
            .map(|(name, _)| name.into_owned())
            .unwrap_or_default()
    };
    Ok((decode(client_id), decode(secret)))
}

/// Whether `secret` is one of the application's, and still good.
fn check_secret(
    issuer: &BuiltinIssuer,
    application: &Application,
    secret: &str,
) -> Result<(), OAuthError> {
    let now = issuer.clock.now();
    let mut matching = application
        .secrets
        .iter()
        .filter(|known| known.matches(secret))
        .peekable();
    if matching.peek().is_none() {
        return Err(OAuthError::WrongSecret);
    }
    if matching.any(|known| known.is_current(now)) {
        Ok(())
    } else {
        Err(OAuthError::ExpiredSecret)
    }
}
