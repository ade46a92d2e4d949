//! The built-in issuer of tokens, so that nothing else is needed: an OAuth 2.0 token endpoint for
//! client credentials, and the documents that MSAL and other clients look for, at the paths where
//! the Microsoft identity platform has them.

mod assertion;
mod client;
mod documents;
mod enrollment;
mod error;
mod registration;
mod token;

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use http::header;
use ring::signature::Ed25519KeyPair;
use runstate_graph::clock::Clock;
use runstate_store::issuer::{IssuerStore, SigningKey};
use serde_json::{Map, Value};

use super::claims::{Claims, seconds};
use super::error::{AuthError, Refusal, brief};
use super::jwk::{Jwk, PublicKey};
use super::jws;
use super::keys::{KeySource, Keys, PublishedKey};
use crate::base_url::BaseUrl;
use crate::random::{self, RandomError};

pub use registration::{Registered, register};

/// The audience of the tokens that the built-in issuer makes: this server's API.
pub const AUDIENCE: &str = "api://runstate";

/// Before the tenant, the issuer's name where no public URL is configured. It doesn't follow the
/// request's host, so that a token stays good under every name by which the server is reached.
const LOCAL_ISSUER: &str = "urn:runstate:";

/// How long a token from the token endpoint lives, in seconds.
const LIFETIME: i64 = 3600;

/// The largest body of a token request, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Why the issuer can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] runstate_store::Error),
    /// There was no randomness for a key.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A signing key in the store is none.
    #[error("the signing key {0} in the store can't be read")]
    Key(String),
}

/// Whom a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A signed-in user: the permissions become `scp`.
    User {
        /// The user's object id.
        user_id: String,
    },
    /// An application by itself: the permissions become `roles`.
    Application,
    /// A managed device.
    Device {
        /// The managed device's id.
        device_id: String,
    },
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The tenant.
    pub tenant_id: String,
    /// Whom it is for.
    pub subject: Subject,
    /// The permission names.
    pub permissions: Vec<String>,
    /// The client that asked for it.
    pub client_id: String,
    /// How many seconds it is good for. Negative: it has expired, to try a refusal by hand.
    pub expires_in: i64,
}

/// The built-in issuer.
pub struct BuiltinIssuer {
    store: Arc<dyn IssuerStore>,
    clock: Arc<dyn Clock>,
    base_url: BaseUrl,
    kid: String,
    key: Ed25519KeyPair,
    audiences: [String; 1],
}

impl std::fmt::Debug for BuiltinIssuer {
    /// Leaves the key out, so that no log can hold it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuiltinIssuer")
            .field("base_url", &self.base_url)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl BuiltinIssuer {
    /// Opens the issuer that keeps its keys in `store`. The first time, it makes one.
    ///
    /// # Errors
    /// When the store fails, or a key in it can't be read.
    pub async fn open(
        store: Arc<dyn IssuerStore>,
        clock: Arc<dyn Clock>,
        base_url: BaseUrl,
    ) -> Result<Self, IssuerError> {
        if store.signing_keys().await?.is_empty() {
            store
                .signing_key_add(new_signing_key(clock.as_ref())?)
                .await?;
        }
        // Read again: if another process made a key at the same moment, both are there now, and
        // both processes choose the same one.
        let youngest = store.signing_keys().await?.pop();
        let youngest = youngest.ok_or_else(|| IssuerError::Key("that was just made".into()))?;
        let key = key_pair(&youngest).ok_or_else(|| IssuerError::Key(youngest.kid.clone()))?;
        let audiences = [AUDIENCE.to_owned()];
        let kid = youngest.kid;
        Ok(Self {
            store,
            clock,
            base_url,
            kid,
            key,
            audiences,
        })
    }

    /// A signed token.
    ///
    /// # Errors
    /// [`RandomError`] when there is no randomness for its `jti`.
    pub fn issue(&self, grant: &Grant) -> Result<String, RandomError> {
        let tenant = grant.tenant_id.to_lowercase();
        let now = seconds(self.clock.now()) as i64;
        let expires = now.saturating_add(grant.expires_in);
        // A token made expired was valid once, as real ones were: `exp` is never before `nbf`.
        let begins = now.min(expires);
        let id = random::guid()?;
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", self.name_of(&tenant).into());
        set("aud", AUDIENCE.into());
        set("tid", tenant.into());
        set("iat", begins.into());
        set("nbf", begins.into());
        set("exp", expires.into());
        set("jti", id.into());
        set("ver", "2.0".into());
        set("azp", grant.client_id.clone().into());
        set("appid", grant.client_id.clone().into());
        let (idtyp, subject) = match &grant.subject {
            Subject::User { user_id } => ("user", user_id),
            Subject::Application => ("app", &grant.client_id),
            Subject::Device { device_id } => ("device", device_id),
        };
        set("idtyp", idtyp.into());
        set("oid", subject.clone().into());
        set("sub", subject.clone().into());
        match &grant.subject {
            Subject::User { .. } => {
                set("scp", grant.permissions.join(" ").into());
            }
            Subject::Application => {
                set("roles", grant.permissions.clone().into());
            }
            Subject::Device { device_id } => {
                set("roles", grant.permissions.clone().into());
                set("deviceid", device_id.clone().into());
            }
        }
        Ok(jws::sign(&self.kid, &claims, &self.key))
    }

    /// The issuer's name in the tokens of a tenant.
    fn name_of(&self, tenant: &str) -> String {
        match self.base_url.get() {
            Some(url) => format!("{url}/{tenant}/v2.0"),
            None => format!("{LOCAL_ISSUER}{tenant}"),
        }
    }

    /// Whether `iss` could be this issuer's name. [`BuiltinIssuer::tenant`] decides.
    pub(crate) fn is_named(&self, iss: &str) -> bool {
        iss.starts_with(LOCAL_ISSUER)
            || self.base_url.get().is_some_and(|url| {
                // Of another host, this is the beginning: `https://h` and `https://h.example`.
                iss.strip_prefix(url)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .is_some_and(|rest| rest.ends_with("/v2.0"))
            })
    }

    /// The tenant of a token that this issuer signed. The local name is good even where a public
    /// URL is configured, because `runstate token` knows no URL.
    pub(crate) fn tenant(&self, claims: &Claims) -> Result<String, AuthError> {
        let tid = claims.tid.as_deref().filter(|id| !id.is_empty());
        let tid = tid.ok_or_else(|| AuthError::refused(Refusal::MissingTenant, "no tid"))?;
        let iss = claims.iss.as_deref().unwrap_or_default();
        if iss == self.name_of(tid) || iss.strip_prefix(LOCAL_ISSUER) == Some(tid) {
            return Ok(tid.to_lowercase());
        }
        let detail = format!("tenant {} of issuer {}", brief(tid), brief(iss));
        Err(AuthError::refused(Refusal::ForeignTenant, detail))
    }

    /// The audiences of its tokens.
    pub(crate) fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// Where the authenticator gets this issuer's keys.
    pub(crate) fn key_source(&self) -> impl KeySource + use<> {
        StoredKeys(self.store.clone())
    }

    /// The public keys, all that still verify.
    async fn jwks(&self) -> Result<Vec<Jwk>, runstate_store::Error> {
        let keys = self.store.signing_keys().await?;
        Ok(keys
            .iter()
            .filter_map(|key| Some(public_key(key)?.to_jwk()))
            .collect())
    }
}

/// The issuer's pages: token endpoint, discovery documents, keys. All lie outside `/beta`.
pub fn router(issuer: Arc<BuiltinIssuer>) -> Router {
    Router::new()
        .route("/oauth2/v2.0/register", post(enrollment::register))
        .route("/{tenant}/oauth2/v2.0/token", post(token::token))
        .route("/{tenant}/oauth2/v2.0/authorize", get(documents::authorize))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(documents::metadata),
        )
        .route(
            "/{tenant}/.well-known/openid-configuration",
            get(documents::metadata),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(documents::keys))
        .route("/common/discovery/instance", get(documents::instance))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(issuer)
}

/// The built-in issuer's keys, as the authenticator sees them.
struct StoredKeys(Arc<dyn IssuerStore>);

#[async_trait]
impl KeySource for StoredKeys {
    async fn fetch(&self) -> Result<Keys, String> {
        let keys = self
            .0
            .signing_keys()
            .await
            .map_err(|error| error.to_string())?;
        let published = |key: SigningKey| {
            let public = public_key(&key)?;
            let algorithm = Some(jws::Algorithm::EdDsa);
            Some((
                key.kid,
                PublishedKey {
                    key: public,
                    algorithm,
                    issuer: None,
                },
            ))
        };
        Ok(keys.into_iter().filter_map(published).collect())
    }
}

/// A new Ed25519 key.
fn new_signing_key(clock: &dyn Clock) -> Result<SigningKey, IssuerError> {
    let private_key = jws::ed25519_pkcs8(&random::bytes()?);
    // In whole seconds, as the store keeps it.
    let now = clock
        .now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let created = UNIX_EPOCH + std::time::Duration::from_secs(now);
    let mut key = SigningKey {
        kid: String::new(),
        algorithm: "EdDSA".to_owned(),
        private_key,
        created,
    };
    let kid = public_key(&key).and_then(|public| public.to_jwk().kid);
    key.kid = kid.ok_or_else(|| IssuerError::Key("that was just made".into()))?;
    Ok(key)
}

/// The key pair of a signing key; `None` if the bytes aren't one.
fn key_pair(key: &SigningKey) -> Option<Ed25519KeyPair> {
    if key.algorithm != "EdDSA" {
        return None;
    }
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&key.private_key).ok()
}

fn public_key(key: &SigningKey) -> Option<PublicKey> {
    jws::ed25519_public(&key_pair(key)?)
}

/// A JSON document as an answer.
fn json_body(value: Value) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
        value.to_string(),
    )
}

/// The tenant in a path, in lower case; `None` if it can't be the name of one. Tenants are GUIDs
/// or domain names.
pub fn tenant_id(text: &str) -> Option<String> {
    let good = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    let fits = (1..=128).contains(&text.len()) && text.chars().all(good);
    // Not `.` and `..`, which a path can't hold.
    (fits && text.contains(|character: char| character != '.')).then(|| text.to_lowercase())
}
