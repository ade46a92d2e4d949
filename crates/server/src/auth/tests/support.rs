//! What the tests stand on: a clock, a store in memory, keys of every kind, and an issuer that is
//! not ours, served on loopback.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, StatusCode};
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use runstate_graph::clock::Clock;
use runstate_graph::permit::Caller;
use runstate_store::issuer::{Application, Enrolled, Enrollment, IssuerStore, SigningKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::issuer::{BuiltinIssuer, Grant, Subject};
use super::super::jwk::PublicKey;
use super::super::jws::ed25519_pkcs8;
use super::super::{AuthError, Authenticator, IssuerConfig, Refusal, TrustedIssuer};
use crate::base_url::BaseUrl;

/// Where the clock of every test starts.
pub(super) const START: u64 = 1_800_000_000;

pub(super) const TENANT: &str = "0e4ab0f5-7d4c-4e6f-9d5a-3e5c0c9f4a11";

/// A clock turned by hand.
pub(super) struct HandClock(AtomicU64);

impl HandClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(START)))
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn seconds(&self) -> i64 {
        i64::try_from(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

impl Clock for HandClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// The issuer's store, in memory.
#[derive(Default)]
pub(super) struct MemoryStore {
    keys: Mutex<Vec<SigningKey>>,
    applications: Mutex<Vec<Application>>,
    assertions: Mutex<HashSet<[u8; 32]>>,
    pub(super) broken: AtomicBool,
}

impl MemoryStore {
    fn check(&self) -> Result<(), runstate_store::Error> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(runstate_store::Error::Unavailable {
                detail: "a test broke it".into(),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl IssuerStore for MemoryStore {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, runstate_store::Error> {
        self.check()?;
        Ok(self.keys.lock().unwrap().clone())
    }

    async fn signing_key_add(&self, key: SigningKey) -> Result<(), runstate_store::Error> {
        self.check()?;
        self.keys.lock().unwrap().push(key);
        Ok(())
    }

    async fn application_get(
        &self,
        tenant_id: &str,
        client_id: &str,
    ) -> Result<Option<Application>, runstate_store::Error> {
        self.check()?;
        let applications = self.applications.lock().unwrap();
        let found =
            |known: &&Application| known.tenant_id == tenant_id && known.client_id == client_id;
        Ok(applications.iter().find(found).cloned())
    }

    async fn application_add(&self, application: Application) -> Result<(), runstate_store::Error> {
        self.check()?;
        self.applications.lock().unwrap().push(application);
        Ok(())
    }

    async fn application_list(
        &self,
        tenant_id: &str,
    ) -> Result<Vec<Application>, runstate_store::Error> {
        let mut all = self.applications.lock().unwrap().clone();
        all.retain(|known| known.tenant_id == tenant_id);
        Ok(all)
    }

    async fn device_enroll(&self, _: Enrollment) -> Result<Enrolled, runstate_store::Error> {
        self.check()?;
        Err(runstate_store::Error::NotFound {
            resource: "enrollmentToken",
            id: String::new(),
        })
    }

    async fn assertion_use(
        &self,
        hash: [u8; 32],
        _: SystemTime,
        _: SystemTime,
    ) -> Result<bool, runstate_store::Error> {
        self.check()?;
        Ok(self.assertions.lock().unwrap().insert(hash))
    }

    async fn application_delete(
        &self,
        tenant_id: &str,
        client_id: &str,
    ) -> Result<bool, runstate_store::Error> {
        let mut all = self.applications.lock().unwrap();
        let before = all.len();
        all.retain(|known| known.tenant_id != tenant_id || known.client_id != client_id);
        Ok(all.len() < before)
    }
}

/// A key pair that signs in tests.
pub(super) enum TestKey {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl TestKey {
    pub(super) fn ed25519(seed: u8) -> Self {
        let pkcs8 = ed25519_pkcs8(&[seed; 32]);
        Self::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).unwrap())
    }

    pub(super) fn p256() -> Self {
        Self::P256(ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING))
    }

    pub(super) fn p384() -> Self {
        Self::P384(ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING))
    }

    pub(super) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::from_der(include_bytes!("../testdata/rsa.der")).unwrap())
    }

    pub(super) fn public(&self) -> PublicKey {
        match self {
            Self::Ed25519(key) => PublicKey::Ed25519(key.public_key().as_ref().try_into().unwrap()),
            Self::P256(key) => PublicKey::P256(key.public_key().as_ref().to_vec()),
            Self::P384(key) => PublicKey::P384(key.public_key().as_ref().to_vec()),
            Self::Rsa(key) => {
                let parts = signature::RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
                PublicKey::rsa(&parts.n, &parts.e).unwrap()
            }
        }
    }

    /// The public half as an issuer publishes it, with a `kid` of its own choosing.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        let mut jwk = serde_json::to_value(self.public().to_jwk()).unwrap();
        jwk["kid"] = kid.into();
        jwk
    }

    pub(super) fn kid(&self) -> String {
        self.public().to_jwk().kid.unwrap()
    }

    /// A token with this header and these claims, whatever they say.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let algorithm = header["alg"].as_str().unwrap();
        let random = system_random();
        let message = signed.as_bytes();
        let signature = match self {
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::P256(key) | Self::P384(key) => {
                key.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Rsa(key) => {
                let padding: &dyn signature::RsaEncoding = match algorithm {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "`ring` makes and uses ECDSA and RSA keys with its own generator only"
)]
fn system_random() -> SystemRandom {
    SystemRandom::new()
}

fn ecdsa(algorithm: &'static signature::EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = system_random();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap()
}

/// Header and claims of a token, without a signature.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The built-in issuer and what it stands on.
pub(super) struct Builtin {
    pub(super) clock: Arc<HandClock>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) issuer: Arc<BuiltinIssuer>,
    pub(super) authenticator: Authenticator,
}

impl Builtin {
    pub(super) async fn open() -> Self {
        let clock = HandClock::new();
        let store = Arc::new(MemoryStore::default());
        let opened = BuiltinIssuer::open(store.clone(), clock.clone(), BaseUrl::default()).await;
        let issuer = Arc::new(opened.unwrap());
        let authenticator =
            Authenticator::new(clock.clone(), Some(issuer.clone()), vec![]).unwrap();
        Self {
            clock,
            store,
            issuer,
            authenticator,
        }
    }

    pub(super) fn token(&self, subject: Subject, permissions: &[&str], expires_in: i64) -> String {
        let grant = Grant {
            tenant_id: TENANT.to_uppercase(),
            subject,
            permissions: permissions.iter().map(|name| (*name).to_owned()).collect(),
            client_id: "client".into(),
            expires_in,
        };
        self.issuer.issue(&grant).unwrap()
    }

    /// The `kid` of the issuer's key.
    pub(super) async fn store_kid(&self) -> String {
        self.store.signing_keys().await.unwrap().pop().unwrap().kid
    }

    /// A token with claims of the test's own, signed by the issuer's own key.
    pub(super) async fn forge(&self, change: impl FnOnce(&mut Value)) -> String {
        let stored = self.store.signing_keys().await.unwrap().pop().unwrap();
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&stored.private_key).unwrap();
        let now = self.clock.seconds();
        let mut claims = json!({
            "iss": format!("urn:runstate:{TENANT}"), "aud": super::super::issuer::AUDIENCE,
            "tid": TENANT, "oid": "user", "scp": "A", "exp": now + 600, "nbf": now,
        });
        change(&mut claims);
        let header = json!({"alg": "EdDSA", "kid": stored.kid});
        TestKey::Ed25519(key).sign(&header, &claims)
    }
}

/// Presents `token` as a client does.
pub(super) async fn present(
    authenticator: &Authenticator,
    token: &str,
) -> Result<Arc<Caller>, AuthError> {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    authenticator.authenticate(Some(&value)).await
}

/// Presents `token`, which must be refused, and tells why it was.
pub(super) async fn refusal(authenticator: &Authenticator, token: &str) -> Refusal {
    match present(authenticator, token).await {
        Err(AuthError::Refused { refusal, detail }) => {
            let signature = token.rsplit('.').next().unwrap_or_default();
            assert!(
                signature.len() < 8 || !detail.contains(signature),
                "leaks: {detail}"
            );
            refusal
        }
        other => panic!("not refused: {other:?}"),
    }
}

/// An issuer that is not ours, on loopback.
pub(super) struct ForeignIssuer {
    /// Its name, which is also its address.
    pub(super) url: String,
    state: Arc<ForeignState>,
}

#[derive(Default)]
struct ForeignState {
    /// The name in its metadata.
    issuer: Mutex<String>,
    jwks_uri: Mutex<String>,
    keys: Mutex<Vec<Value>>,
    down: AtomicBool,
    fetches: AtomicUsize,
}

impl ForeignIssuer {
    /// Serves an issuer that publishes `keys`.
    pub(super) async fn start(keys: Vec<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(ForeignState {
            issuer: Mutex::new(url.clone()),
            jwks_uri: Mutex::new(format!("{url}/keys")),
            keys: Mutex::new(keys),
            ..ForeignState::default()
        });
        let metadata = {
            let state = state.clone();
            move || async move {
                if state.down.load(Ordering::SeqCst) {
                    return StatusCode::INTERNAL_SERVER_ERROR.into_response();
                }
                state.fetches.fetch_add(1, Ordering::SeqCst);
                let issuer = state.issuer.lock().unwrap().clone();
                let jwks_uri = state.jwks_uri.lock().unwrap().clone();
                json!({"issuer": issuer, "jwks_uri": jwks_uri})
                    .to_string()
                    .into_response()
            }
        };
        let keys = {
            let state = state.clone();
            move || async move { json!({"keys": *state.keys.lock().unwrap()}).to_string() }
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata.clone()))
            .route(
                "/common/v2.0/.well-known/openid-configuration",
                get(metadata),
            )
            .route("/keys", get(keys));
        tokio::spawn(crate::listen::serve(
            listener,
            router,
            None,
            std::future::pending(),
        ));
        Self { url, state }
    }

    pub(super) fn publish(&self, keys: Vec<Value>) {
        *self.state.keys.lock().unwrap() = keys;
    }

    pub(super) fn name(&self, issuer: &str) {
        *self.state.issuer.lock().unwrap() = issuer.to_owned();
    }

    pub(super) fn keys_at(&self, url: &str) {
        *self.state.jwks_uri.lock().unwrap() = url.to_owned();
    }

    pub(super) fn set_down(&self, down: bool) {
        self.state.down.store(down, Ordering::SeqCst);
    }

    /// How often its metadata was fetched.
    pub(super) fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }

    /// As an administrator would trust it, for one fixed tenant.
    pub(super) fn config(&self) -> IssuerConfig {
        IssuerConfig {
            issuer: self.url.clone(),
            audiences: vec!["api".into()],
            tenant: Some("a".into()),
            ..IssuerConfig::default()
        }
    }

    /// Claims that are good at `clock`'s moment.
    pub(super) fn claims(&self, clock: &HandClock) -> Value {
        let now = clock.seconds();
        json!({
            "iss": self.url, "aud": "api", "sub": "user", "scp": "A B", "azp": "client",
            "iat": now, "nbf": now, "exp": now + 600,
        })
    }
}

/// An authenticator that trusts `config` only.
pub(super) fn trusting(clock: &Arc<HandClock>, config: IssuerConfig) -> Authenticator {
    let trusted = TrustedIssuer::new(config).unwrap();
    Authenticator::new(clock.clone(), None, vec![trusted]).unwrap()
}
