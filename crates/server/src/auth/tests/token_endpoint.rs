//! The token endpoint and the documents beside it, asked as clients ask.

use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Request, StatusCode, header};
use runstate_graph::permit::CallerKind;
use runstate_store::issuer::{HashedSecret, IssuerStore};
use serde_json::Value;
use tower::ServiceExt;

use super::super::issuer::{register, router};
use super::support::{Builtin, START, TENANT, present};

/// Status, headers and JSON of an answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) json: Value,
}

impl Answer {
    /// The number in `error_codes`, after a look at the rest of the error.
    pub(super) fn number(&self) -> u64 {
        let json = &self.json;
        let number = json["error_codes"][0]
            .as_u64()
            .unwrap_or_else(|| panic!("{json}"));
        let description = json["error_description"].as_str().unwrap();
        assert!(
            description.starts_with(&format!("AADSTS{number}: ")),
            "{description}"
        );
        for member in ["trace_id", "correlation_id"] {
            assert!(
                uuid::Uuid::try_parse(json[member].as_str().unwrap()).is_ok(),
                "{json}"
            );
        }
        assert_eq!(json["timestamp"], "2027-01-15 08:00:00Z");
        assert_eq!(self.headers[header::CACHE_CONTROL], "no-store");
        number
    }
}

async fn send(builtin: &Builtin, request: Request<Body>) -> Answer {
    let response = router(builtin.issuer.clone())
        .oneshot(request)
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let json = serde_json::from_slice(&body).unwrap_or_default();
    Answer {
        status: parts.status,
        headers: parts.headers,
        json,
    }
}

fn token_request() -> http::request::Builder {
    token_request_at("localhost")
}

fn token_request_at(host: &str) -> http::request::Builder {
    Request::post(format!("/{TENANT}/oauth2/v2.0/token"))
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

fn encode(form: &[(&str, &str)]) -> Body {
    let mut text = form_urlencoded::Serializer::new(String::new());
    Body::from(text.extend_pairs(form).finish())
}

pub(super) async fn ask(builtin: &Builtin, form: &[(&str, &str)]) -> Answer {
    ask_at("localhost", builtin, form).await
}

/// As [`ask`], of a server that the client calls `host`.
pub(super) async fn ask_at(host: &str, builtin: &Builtin, form: &[(&str, &str)]) -> Answer {
    send(builtin, token_request_at(host).body(encode(form)).unwrap()).await
}

async fn get(builtin: &Builtin, path: &str) -> Answer {
    let request = Request::get(path).header(header::HOST, "runstate.test:8443");
    send(builtin, request.body(Body::empty()).unwrap()).await
}

/// The client id and secret of a new application.
async fn application(builtin: &Builtin) -> (String, String) {
    let permissions = vec!["A.ReadWrite.All".to_owned()];
    let registered = register(TENANT, "App", permissions, vec![]).unwrap();
    let client_id = registered.application.client_id.clone();
    builtin
        .store
        .application_add(registered.application)
        .await
        .unwrap();
    (client_id, registered.secret.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_not_waited_for() {
    let builtin = Builtin::open().await;
    let never = futures_util::stream::pending::<Result<&[u8], std::convert::Infallible>>();
    let request = token_request().body(Body::from_stream(never)).unwrap();
    let answer = send(&builtin, request).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer.json["error"], "invalid_request");
}

const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const SCOPE: (&str, &str) = ("scope", "https://graph.microsoft.com/.default");

#[tokio::test]
async fn a_secret_gets_a_token_that_this_server_accepts() {
    let builtin = Builtin::open().await;
    let (client_id, secret) = application(&builtin).await;
    let upper = client_id.to_uppercase();
    for id in [&client_id, &upper] {
        let form = [GRANT, SCOPE, ("client_id", id), ("client_secret", &secret)];
        let answer = ask(&builtin, &form).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer.json["token_type"], "Bearer");
        assert_eq!(answer.json["expires_in"], 3599);
        assert_eq!(answer.json["ext_expires_in"], 3599);
        let token = answer.json["access_token"].as_str().unwrap();
        let caller = present(&builtin.authenticator, token).await.unwrap();
        assert_eq!(caller.kind, CallerKind::Application);
        assert_eq!(caller.tenant_id, TENANT);
        assert_eq!(caller.permissions, ["A.ReadWrite.All"]);
        assert_eq!(caller.client_id.as_ref(), Some(&client_id));
    }
}

#[tokio::test]
async fn a_secret_may_come_by_http_basic() {
    let builtin = Builtin::open().await;
    let (client_id, secret) = application(&builtin).await;
    let basic = |secret: &str| {
        let encoded = STANDARD.encode(format!("{client_id}:{secret}"));
        let form = [GRANT, SCOPE];
        token_request()
            .header(header::AUTHORIZATION, format!("Basic {encoded}"))
            .body(encode(&form))
            .unwrap()
    };
    let answer = send(&builtin, basic(&secret)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
    let answer = send(&builtin, basic("wrong")).await;
    assert_eq!(
        (answer.status, answer.number()),
        (StatusCode::UNAUTHORIZED, 7_000_215)
    );
    assert_eq!(
        answer.headers[header::WWW_AUTHENTICATE],
        "Basic realm=\"runstate\""
    );
}

#[tokio::test]
async fn each_mistake_has_its_own_number() {
    let builtin = Builtin::open().await;
    let (client_id, secret) = application(&builtin).await;
    let id = ("client_id", client_id.as_str());
    let right = ("client_secret", secret.as_str());
    let wrong = ("client_secret", "wrong");
    let stranger = ("client_id", "00000000-0000-0000-0000-000000000000");
    let assertion = ("client_assertion", "a.b.c");
    let password = ("grant_type", "password");
    let bad = StatusCode::BAD_REQUEST;
    let unauthorized = StatusCode::UNAUTHORIZED;
    type Case<'a> = (&'a [(&'a str, &'a str)], StatusCode, &'a str, u64);
    let cases: &[Case<'_>] = &[
        (&[SCOPE, id, right], bad, "invalid_request", 900_144),
        (&[GRANT, id, right], bad, "invalid_request", 900_144),
        (&[GRANT, SCOPE, right], bad, "invalid_request", 900_144),
        (&[GRANT, SCOPE], bad, "invalid_request", 900_144),
        (
            &[GRANT, SCOPE, id, right, id],
            bad,
            "invalid_request",
            9_000_411,
        ),
        (
            &[GRANT, SCOPE, id, right, assertion],
            bad,
            "invalid_request",
            9_000_411,
        ),
        (
            &[password, SCOPE, id, right],
            bad,
            "unsupported_grant_type",
            70003,
        ),
        (
            &[GRANT, ("scope", "User.Read"), id, right],
            bad,
            "invalid_scope",
            1_002_012,
        ),
        (
            &[GRANT, ("scope", "/.default"), id, right],
            bad,
            "invalid_scope",
            1_002_012,
        ),
        (
            &[GRANT, ("scope", "x y/.default"), id, right],
            bad,
            "invalid_scope",
            1_002_012,
        ),
        (
            &[GRANT, SCOPE, stranger, right],
            bad,
            "unauthorized_client",
            700_016,
        ),
        (
            &[GRANT, SCOPE, id],
            unauthorized,
            "invalid_client",
            7_000_216,
        ),
        (
            &[GRANT, SCOPE, id, ("client_secret", "")],
            unauthorized,
            "invalid_client",
            7_000_216,
        ),
        (
            &[GRANT, SCOPE, id, wrong],
            unauthorized,
            "invalid_client",
            7_000_215,
        ),
    ];
    for (form, status, error, number) in cases {
        let answer = ask(&builtin, form).await;
        assert_eq!(
            (answer.status, answer.number()),
            (*status, *number),
            "{form:?}"
        );
        assert_eq!(answer.json["error"], *error, "{form:?}");
        let text = answer.json.to_string();
        assert!(!text.contains(&secret), "an error tells the secret: {text}");
    }
}

#[tokio::test]
async fn a_body_of_another_kind_is_refused() {
    let builtin = Builtin::open().await;
    let request = Request::post(format!("/{TENANT}/oauth2/v2.0/token"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from("{}"));
    let answer = send(&builtin, request.unwrap()).await;
    assert_eq!(
        (answer.status, answer.number()),
        (StatusCode::BAD_REQUEST, 9_000_411)
    );
    let large = token_request()
        .body(Body::from(vec![b'a'; 100_000]))
        .unwrap();
    let answer = send(&builtin, large).await;
    assert_eq!(
        (answer.status, answer.number()),
        (StatusCode::BAD_REQUEST, 9_000_411)
    );
}

#[tokio::test]
async fn an_application_of_another_tenant_does_not_exist() {
    let builtin = Builtin::open().await;
    let (client_id, secret) = application(&builtin).await;
    let form = [
        GRANT,
        SCOPE,
        ("client_id", &client_id),
        ("client_secret", &secret),
    ];
    let request = Request::post("/another/oauth2/v2.0/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(encode(&form));
    assert_eq!(send(&builtin, request.unwrap()).await.number(), 700_016);
    let request = Request::post("/a%20b/oauth2/v2.0/token").body(Body::empty());
    assert_eq!(send(&builtin, request.unwrap()).await.number(), 90002);
}

#[tokio::test]
async fn an_expired_secret_is_told_apart_from_a_wrong_one() {
    let builtin = Builtin::open().await;
    let mut registered = register(TENANT, "App", vec![], vec![]).unwrap();
    let secret = registered.secret.unwrap();
    let client_id = registered.application.client_id.clone();
    let end = UNIX_EPOCH + Duration::from_secs(START);
    registered.application.secrets = vec![HashedSecret::new(&secret, Some(end))];
    builtin
        .store
        .application_add(registered.application)
        .await
        .unwrap();
    let form = [
        GRANT,
        SCOPE,
        ("client_id", &client_id),
        ("client_secret", &secret),
    ];
    assert_eq!(ask(&builtin, &form).await.number(), 7_000_222);
}

#[tokio::test]
async fn a_store_that_is_away_is_a_503() {
    let builtin = Builtin::open().await;
    let (client_id, secret) = application(&builtin).await;
    builtin.store.broken.store(true, Ordering::SeqCst);
    let form = [
        GRANT,
        SCOPE,
        ("client_id", &client_id),
        ("client_secret", &secret),
    ];
    let answer = ask(&builtin, &form).await;
    assert_eq!(
        (answer.status, answer.number()),
        (StatusCode::SERVICE_UNAVAILABLE, 90033)
    );
    assert!(
        !answer.json.to_string().contains("a test broke it"),
        "internals leak"
    );
}

#[tokio::test]
async fn the_callers_request_id_is_the_correlation_id() {
    let builtin = Builtin::open().await;
    let id = "7f3c7a2e-3c69-4e55-8d8c-0f3a1a2b3c4d";
    let with = |id: &str| {
        token_request()
            .header("client-request-id", id)
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(send(&builtin, with(id)).await.json["correlation_id"], id);
    let answer = send(&builtin, with("<script>")).await;
    answer.number();
    assert!(!answer.json.to_string().contains('<'));
}

#[tokio::test]
async fn the_metadata_leads_to_the_other_pages() {
    let builtin = Builtin::open().await;
    let base = "http://runstate.test:8443/t";
    for path in [
        "/T/v2.0/.well-known/openid-configuration",
        "/t/.well-known/openid-configuration",
    ] {
        let answer = get(&builtin, path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json["issuer"], format!("{base}/v2.0"));
        assert_eq!(
            answer.json["token_endpoint"],
            format!("{base}/oauth2/v2.0/token")
        );
        assert_eq!(
            answer.json["authorization_endpoint"],
            format!("{base}/oauth2/v2.0/authorize")
        );
        assert_eq!(
            answer.json["jwks_uri"],
            format!("{base}/discovery/v2.0/keys")
        );
    }
    let answer = get(&builtin, "/t/oauth2/v2.0/authorize?client_id=x").await;
    assert_eq!(answer.json["error"], "unsupported_response_type");
}

#[tokio::test]
async fn the_keys_are_public_and_verify_a_token() {
    let builtin = Builtin::open().await;
    let answer = get(&builtin, "/t/discovery/v2.0/keys").await;
    let key = &answer.json["keys"][0];
    assert_eq!(key["kid"], builtin.store_kid().await.as_str());
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&"OKP".into(), &"Ed25519".into())
    );
    assert!(key["d"].is_null());

    // Another server that trusts this one by discovery believes its tokens.
    let foreign = super::support::ForeignIssuer::start(vec![key.clone()]).await;
    foreign.name(&foreign.url);
    let token = builtin
        .forge(|claims| claims["iss"] = foreign.url.clone().into())
        .await;
    let config = super::super::IssuerConfig {
        audiences: vec![super::super::issuer::AUDIENCE.into()],
        tenant: Some(TENANT.into()),
        ..foreign.config()
    };
    let elsewhere = super::support::trusting(&builtin.clock, config);
    assert!(present(&elsewhere, &token).await.is_ok());
}

#[tokio::test]
async fn instance_discovery_knows_this_host_only() {
    let builtin = Builtin::open().await;
    let asked = "/common/discovery/instance?api-version=1.1&authorization_endpoint=";
    let own = get(
        &builtin,
        &format!("{asked}https://runstate.test/T/oauth2/v2.0/authorize"),
    )
    .await;
    assert_eq!(
        own.json["tenant_discovery_endpoint"],
        "http://runstate.test:8443/t/v2.0/.well-known/openid-configuration"
    );
    assert_eq!(own.json["metadata"][0]["aliases"][0], "runstate.test");
    let other = get(&builtin, &format!("{asked}https://evil.example/t/oauth2")).await;
    assert_eq!(
        (other.number(), &other.json["error"]),
        (50049, &"invalid_instance".into())
    );
    assert_eq!(
        get(&builtin, "/common/discovery/instance").await.number(),
        900_144
    );
}
