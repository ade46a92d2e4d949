//! Enrolment: OAuth 2.0 Dynamic Client Registration (RFC 7591) with a key made on the device.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Error, StateDir, facts,
    http::{Http, Request, TIME},
    identity::Identity,
    server::ServerError,
};

/// What a device is enrolled with.
#[derive(Debug, Clone)]
pub struct Enrollment {
    /// The server's URL.
    pub server: String,
    /// The enrolment token.
    pub token: String,
    /// The `userPrincipalName` of the primary user.
    pub user_principal_name: Option<String>,
    /// The device's name, where it is not the machine's own.
    pub device_name: Option<String>,
    /// A PEM file of authorities to trust beside the system's.
    pub ca: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Client {
    client_id: String,
    tenant_id: String,
    issuer: String,
    token_endpoint: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Enrols this device and answers its id. The key is written first: where the answer is lost, the same
/// command enrols the same device once more.
///
/// # Errors
/// Where the folder holds an identity already, or the server refuses or cannot be reached.
pub async fn enroll(state: &StateDir, enrollment: &Enrollment) -> Result<String, Error> {
    if state.has_identity() {
        return Err(Error::Enrolled {
            path: state.path().to_owned(),
        });
    }
    state.create()?;
    let _lock = state.lock()?;
    let key = state.key_or_new()?;
    let ca = match &enrollment.ca {
        Some(ca) => Some(ca.canonicalize().map_err(|error| Error::file(ca, error))?),
        None => None,
    };
    let http = Http::new(ca.as_deref())?;
    let server = enrollment.server.trim_end_matches('/').to_owned();
    let server = server
        .strip_suffix("/beta")
        .map_or(server.clone(), str::to_owned);
    let mut device = facts::device(enrollment.device_name.as_deref());
    if let Some(principal) = &enrollment.user_principal_name {
        device.insert("userPrincipalName".to_owned(), json!(principal));
    }
    let body = json!({
        "client_name": device.get("deviceName"),
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["client_credentials"],
        "jwks": { "keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "kid": key.kid(), "x": key.x(),
        }]},
        "device": device,
        "logged_on_users": facts::logged_on_users().await,
    });
    let client = register(&http, &server, &enrollment.token, &body).await?;
    let identity = Identity {
        server,
        tenant_id: client.tenant_id,
        device_id: client.client_id.clone(),
        token_endpoint: client.token_endpoint,
        issuer: client.issuer,
        user_principal_name: enrollment.user_principal_name.clone(),
        device_name: enrollment.device_name.clone(),
        ca,
    };
    state.set_identity(&identity)?;
    Ok(client.client_id)
}

/// How often a server that is busy is asked, and how long is waited at most in between.
const TRIES: u32 = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(30);

async fn register(http: &Http, server: &str, token: &str, body: &Value) -> Result<Client, Error> {
    let url = format!("{server}/oauth2/v2.0/register");
    let authorization = format!("Bearer {token}");
    let (_keep, mut stop) = tokio::sync::watch::channel(false);
    let mut back_off = crate::delay::BackOff::default();
    for tried in 1.. {
        let request = Request {
            method: Method::POST,
            url: &url,
            headers: &[
                ("authorization", &authorization),
                ("content-type", "application/json"),
            ],
            body: Bytes::from(body.to_string()),
            time: TIME,
        };
        let reply = http.send(request).await.map_err(ServerError::Unreachable)?;
        if reply.status == StatusCode::CREATED {
            return serde_json::from_slice(&reply.body).map_err(|_| {
                ServerError::Unexpected("a registration in a form that is not known".to_owned())
                    .into()
            });
        }
        let error = match serde_json::from_slice::<Refusal>(&reply.body) {
            Ok(Refusal {
                error,
                error_description,
            }) if reply.status.is_client_error() => ServerError::Refused {
                status: reply.status.as_u16(),
                message: format!("{error}: {error_description}"),
            },
            _ => ServerError::of(&reply),
        };
        if error.is_final() || error.retry_after().is_none() || tried >= TRIES {
            return Err(error.into());
        }
        let wait = back_off.next(LONGEST_WAIT, error.retry_after());
        crate::delay::pause(wait, &mut stop).await;
    }
    Err(ServerError::Unexpected("nothing".to_owned()).into())
}
