//! An issuer that signs people in, as OpenID Connect has it.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, Uri};
use ring::{
    digest,
    signature::{Ed25519KeyPair, KeyPair},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What the provider does next; a test changes it to have it misbehave.
#[derive(Debug, Clone)]
pub(super) struct Behaviour {
    /// The person's permissions, as words of `scp`.
    pub(super) scp: String,
    /// `aud` of the access token.
    pub(super) audience: String,
    /// `aud` of the ID token.
    pub(super) id_audience: String,
    /// In the place of the nonce that was sent.
    pub(super) nonce: Option<String>,
    /// `tid` of the access token.
    pub(super) tenant: String,
    /// Says no.
    pub(super) refuse: bool,
    /// Signs ID tokens with another key.
    pub(super) forge: bool,
}

/// The provider.
pub(super) struct Provider {
    pub(super) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    url: String,
    secret: String,
    behaviour: Mutex<Behaviour>,
    /// What each code stands for: the query of the request, decoded.
    codes: Mutex<Vec<(String, Pairs)>>,
}

pub(super) const CLIENT: &str = "runstate-console";
pub(super) const SECRET: &str = "a secret: with odd/characters";
pub(super) const TENANT: &str = runstate_testkit::TENANT;

/// When the test clock begins, and a day on.
const NOW: u64 = 1_769_860_800;

/// Names and values of a query or a form.
type Pairs = Vec<(String, String)>;

fn pairs(text: &str) -> Pairs {
    form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    let found = pairs.iter().find(|(key, _)| key == name);
    found.map_or("", |(_, value)| value)
}

impl Provider {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            url: url.clone(),
            secret: SECRET.to_owned(),
            behaviour: Mutex::new(Behaviour {
                scp: "DeviceManagementConfiguration.Read.All".to_owned(),
                audience: "api://runstate".to_owned(),
                id_audience: CLIENT.to_owned(),
                nonce: None,
                tenant: TENANT.to_owned(),
                refuse: false,
                forge: false,
            }),
            codes: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(Arc::clone(&shared));
        let forever = std::future::pending();
        tokio::spawn(runstate_server::listen::serve(
            listener, router, None, forever,
        ));
        Self { url, shared }
    }

    pub(super) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.behaviour.lock().unwrap());
    }
}

fn key(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

async fn metadata(State(shared): State<Arc<Shared>>) -> String {
    let url = &shared.url;
    json!({
        "issuer": url, "jwks_uri": format!("{url}/keys"),
        "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
    })
    .to_string()
}

async fn keys() -> String {
    let x = URL_SAFE_NO_PAD.encode(key(1).public_key());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k" }] }).to_string()
}

/// The person is known and agrees at once.
async fn authorize(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let asked = pairs(uri.query().unwrap_or_default());
    let back = |query: &str| {
        let (to, state) = (value(&asked, "redirect_uri"), value(&asked, "state"));
        Redirect::to(&format!("{to}?{query}&state={state}")).into_response()
    };
    if shared.behaviour.lock().unwrap().refuse {
        return back("error=access_denied&error_description=Not+%3Cb%3Etoday%3C%2Fb%3E");
    }
    let mut codes = shared.codes.lock().unwrap();
    let code = format!("code-{}", codes.len());
    codes.push((code.clone(), asked.clone()));
    back(&format!("code={code}"))
}

async fn token(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    let form = pairs(&body);
    // RFC 6749, 2.3.1: each half encoded as in a form.
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let basic = format!("{}:{}", encode(CLIENT), encode(&shared.secret));
    let basic = format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(basic)
    );
    let mut codes = shared.codes.lock().unwrap();
    let at = codes
        .iter()
        .position(|(code, _)| code == value(&form, "code"));
    let Some(at) = at.filter(|_| headers.get("authorization").is_some_and(|a| *a == *basic)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // A code is good once.
    let (_, asked) = codes.remove(at);
    let verifier = value(&form, "code_verifier");
    let challenge = digest::digest(&digest::SHA256, verifier.as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(challenge);
    let same = |name: &str| value(&form, name) == value(&asked, name);
    if challenge != value(&asked, "code_challenge")
        || value(&asked, "code_challenge_method") != "S256"
        || !same("redirect_uri")
        || !same("client_id")
    {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let behaviour = shared.behaviour.lock().unwrap().clone();
    let nonce = behaviour.nonce.clone();
    let common = json!({
        "iss": shared.url, "sub": "subject", "oid": "ada-oid", "iat": NOW, "nbf": NOW, "exp": NOW + 86_400,
    });
    let with = |more: Value| {
        let mut claims = common.clone();
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    let id = with(json!({
        "aud": behaviour.id_audience, "tid": TENANT, "name": "Ada <Lovelace>",
        "nonce": nonce.as_deref().unwrap_or(value(&asked, "nonce")),
    }));
    let access = with(json!({
        "aud": behaviour.audience, "tid": behaviour.tenant, "scp": behaviour.scp,
    }));
    let id_key = key(if behaviour.forge { 2 } else { 1 });
    json!({
        "token_type": "Bearer", "id_token": sign(&id_key, &id), "access_token": sign(&key(1), &access),
    })
    .to_string()
    .into_response()
}

fn sign(key: &Ed25519KeyPair, claims: &Value) -> String {
    let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = json!({ "alg": "EdDSA", "kid": "k" });
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}
