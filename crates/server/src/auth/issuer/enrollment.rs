//! `POST /oauth2/v2.0/register`: a device enrols itself. OAuth 2.0 Dynamic Client Registration
//! (RFC 7591), where the initial access token is an enrolment token, and the client a device that
//! proves itself by `private_key_jwt`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header, request::Parts};
use runstate_graph::entity::MANAGED_DEVICE;
use runstate_graph::json::{Json, read};
use runstate_graph::permit::{Actor, ActorKind, DenialReason, Origin};
use runstate_odata::edm::Value;
use runstate_store::Error;
use runstate_store::issuer::{Enrollment, HashedSecret};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::super::public_key::application_key;
use super::token::NOT_STORED;
use super::{BuiltinIssuer, MAX_BODY, json_body};
use crate::denials::{Denial, Denials, Tenant};
use crate::limits::BODY_TIMEOUT;
use crate::listen::Connection;
use crate::{facts, random};

/// What is read of a registration (RFC 7591, 2). `device` and `logged_on_users` are ours.
#[derive(Deserialize)]
struct Metadata {
    client_name: Option<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    jwks: Option<KeySet>,
    device: Option<Box<RawValue>>,
    logged_on_users: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Box<RawValue>>,
}

/// Why a device is not enrolled: status, `error` (RFC 7591, 3.2.2; RFC 6750, 3.1) and a sentence.
struct Refusal(StatusCode, &'static str, String);

impl Refusal {
    fn metadata(text: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self(status, "invalid_client_metadata", text.into())
    }

    fn token(text: &str) -> Self {
        let status = StatusCode::UNAUTHORIZED;
        Self(status, "invalid_token", text.to_owned())
    }

    fn transient() -> Self {
        let text = "The server cannot enrol devices at the moment; try again later.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self(status, "temporarily_unavailable", text.to_owned())
    }

    fn of_store(error: Error) -> Self {
        match error {
            Error::NotFound { .. } => Self::token("There is no such enrolment token."),
            Error::Conflict { message } => Self::token(&message),
            Error::Invalid { message } => Self::metadata(message),
            error => {
                tracing::error!(%error, "a device cannot be enrolled");
                Self::transient()
            }
        }
    }
}

impl From<runstate_graph::error::Error> for Refusal {
    fn from(error: runstate_graph::error::Error) -> Self {
        Self::metadata(error.message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, error, text) = self;
        let body = json_body(json!({ "error": error, "error_description": text }));
        let mut response = (status, NOT_STORED, body).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// Answers a registration.
pub(super) async fn register(
    State(issuer): State<Arc<BuiltinIssuer>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let tls = Connection::of(&parts.extensions).tls;
    let base_url = issuer.base_url.of_request(&parts.uri, &parts.headers, tls);
    let body = axum::body::to_bytes(body, MAX_BODY);
    let enrolled = match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => enroll(&issuer, &parts, &body, &base_url).await,
        Ok(Err(_)) => Err(Refusal::metadata("The body is too large, or not whole.")),
        Err(_) => Err(Refusal::metadata("The body took too long to arrive.")),
    };
    match enrolled {
        Ok(answer) => (StatusCode::CREATED, NOT_STORED, json_body(answer)).into_response(),
        Err(refusal) => {
            tracing::info!(
                error = refusal.1,
                "a device was not enrolled: {}",
                refusal.2
            );
            refusal.into_response()
        }
    }
}

async fn enroll(
    issuer: &BuiltinIssuer,
    parts: &Parts,
    body: &[u8],
    base_url: &str,
) -> Result<serde_json::Value, Refusal> {
    let authorization = parts.headers.get(header::AUTHORIZATION);
    let token = super::super::authenticator::bearer_token(authorization)
        .map_err(|_| Refusal::token("An enrolment token is needed: Authorization: Bearer …"))?;
    let metadata: Metadata = serde_json::from_slice(body)
        .map_err(|error| Refusal::metadata(format!("The body is not as it should be: {error}.")))?;
    let method = metadata.token_endpoint_auth_method.as_deref();
    if method != Some("private_key_jwt") {
        let text = "'token_endpoint_auth_method' must be 'private_key_jwt'.";
        return Err(Refusal::metadata(text));
    }
    let grants = metadata.grant_types.unwrap_or_default();
    if grants != ["client_credentials"] {
        let text = "'grant_types' must be [\"client_credentials\"].";
        return Err(Refusal::metadata(text));
    }
    let keys = metadata.jwks.map(|set| set.keys).unwrap_or_default();
    let [key] = keys.as_slice() else {
        return Err(Refusal::metadata("'jwks' must hold one key."));
    };
    let public_key = application_key(key.get())
        .map_err(|error| Refusal::metadata(format!("The key in 'jwks': {error}.")))?;

    let device = metadata.device.as_deref();
    let device = device.ok_or_else(|| Refusal::metadata("'device' is missing."))?;
    let (device, principal) = without_principal(told(device)?)?;
    let accounts = metadata.logged_on_users.as_deref().map(told).transpose()?;
    let accounts = facts::accounts("logged_on_users", accounts.as_ref())?;
    let mut record = read::new_record(&MANAGED_DEVICE, facts::of_device(&device)?)?;
    if record.get("operatingSystem").is_null() {
        return Err(Refusal::metadata(
            "'device' must have an 'operatingSystem'.",
        ));
    }
    let name = record.get("deviceName").as_str().map(str::to_owned);
    let name = name
        .or(metadata.client_name)
        .ok_or_else(|| Refusal::metadata("'device' must have a 'deviceName'."))?;
    let id = random::guid().map_err(|_| Refusal::transient())?;
    for (property, value) in [
        ("id", Value::String(id)),
        ("deviceName", Value::String(name.clone())),
        // `managed`, `registered`, `company`.
        ("managementState", Value::Enum(0)),
        ("deviceRegistrationState", Value::Enum(2)),
        ("managedDeviceOwnerType", Value::Enum(1)),
        ("ownerType", Value::Enum(1)),
    ] {
        record.set(property, value);
    }
    let enrollment = Enrollment {
        token_hash: HashedSecret::new(token, None).hash,
        public_key,
        device: record,
        user_principal_name: principal,
        accounts,
        origin: origin(parts),
    };
    let jwk: serde_json::Value =
        serde_json::from_str(&enrollment.public_key.jwk).map_err(|_| Refusal::transient())?;
    let token_hash = enrollment.token_hash;
    let enrolled = match issuer.store.device_enroll(enrollment).await {
        Ok(enrolled) => enrolled,
        Err(error) => {
            // Whoever shows a token that there is not is nobody's.
            if matches!(error, Error::Conflict { .. } | Error::Invalid { .. }) {
                tell_of_denial(parts, token_hash).await;
            }
            return Err(Refusal::of_store(error));
        }
    };
    let tenant = &enrolled.tenant_id;
    tracing::info!(tenant, device = enrolled.device_id, "a device was enrolled");
    Ok(json!({
        "client_id": enrolled.device_id,
        "client_id_issued_at": super::seconds(issuer.clock.now()) as i64,
        "client_name": name,
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["client_credentials"],
        "jwks": { "keys": [jwk] },
        "tenant_id": tenant,
        "issuer": issuer.name_of(tenant),
        "token_endpoint": format!("{base_url}/{tenant}/oauth2/v2.0/token"),
    }))
}

/// Tells the audit of the tenant whose token it is that a device was refused.
async fn tell_of_denial(parts: &Parts, token_hash: [u8; 32]) {
    let Some(denials) = parts.extensions.get::<Arc<Denials>>() else {
        return;
    };
    let denial = Denial {
        tenant: Tenant::EnrollmentToken(token_hash),
        actor: Actor {
            kind: ActorKind::Device,
            origin: origin(parts),
            ..Actor::command()
        },
        reason: DenialReason::Enrollment,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
    };
    denials.note(denial).await;
}

/// Where a device asks from.
fn origin(parts: &Parts) -> Origin {
    Origin {
        correlation_id: None,
        ip_address: Connection::of(&parts.extensions).address(),
    }
}

fn told(raw: &RawValue) -> Result<Json<'_>, runstate_graph::error::Error> {
    Json::parse(raw.get().as_bytes())
}

/// The facts without the primary user's name, which is looked up rather than kept as told.
fn without_principal(device: Json<'_>) -> Result<(Json<'_>, Option<String>), Refusal> {
    let Json::Object(members) = device else {
        return Err(Refusal::metadata("'device' must be an object."));
    };
    let (named, rest): (Vec<_>, Vec<_>) = members
        .into_iter()
        .partition(|(name, _)| name == "userPrincipalName");
    match named.into_iter().next() {
        None | Some((_, Json::Null)) => Ok((Json::Object(rest), None)),
        Some((_, Json::String(principal))) => {
            Ok((Json::Object(rest), Some(principal.into_owned())))
        }
        Some(_) => Err(Refusal::metadata(
            "'device/userPrincipalName' must be a string.",
        )),
    }
}
