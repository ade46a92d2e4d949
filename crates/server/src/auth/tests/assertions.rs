//! Client authentication by `private_key_jwt`.

use runstate_store::issuer::{ApplicationKey, IssuerStore};
use serde_json::{Value, json};

use super::super::issuer::register;
use super::super::public_key::{PublicKeyError, application_key};
use super::support::{Builtin, TENANT, TestKey, present, unsigned};
use super::token_endpoint::{Answer, ask_at};

const ENDPOINT: &str = "http://localhost/0e4ab0f5-7d4c-4e6f-9d5a-3e5c0c9f4a11/oauth2/v2.0/token";

/// An application that has `keys`.
async fn application(builtin: &Builtin, keys: &[&TestKey]) -> String {
    let keys = keys.iter().map(|key| {
        let jwk = key.public().to_jwk();
        ApplicationKey {
            kid: key.kid(),
            jwk: serde_json::to_string(&jwk).unwrap(),
        }
    });
    let registered = register(TENANT, "App", vec!["A".into()], keys.collect()).unwrap();
    assert!(
        registered.secret.is_none(),
        "a secret beside a key would undo it"
    );
    let client_id = registered.application.client_id.clone();
    builtin
        .store
        .application_add(registered.application)
        .await
        .unwrap();
    client_id
}

fn claims(builtin: &Builtin, client_id: &str, jti: &str) -> Value {
    let now = builtin.clock.seconds();
    json!({
        "iss": client_id, "sub": client_id, "aud": ENDPOINT, "jti": jti,
        "iat": now, "nbf": now, "exp": now + 600,
    })
}

/// Asks for a token with an assertion, as MSAL does, or without `client_id`.
async fn ask_with(builtin: &Builtin, client_id: Option<&str>, assertion: &str) -> Answer {
    ask_at_with("localhost", builtin, client_id, assertion).await
}

async fn ask_at_with(
    host: &str,
    builtin: &Builtin,
    client_id: Option<&str>,
    assertion: &str,
) -> Answer {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("scope", "https://graph.microsoft.com/.default"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", assertion),
    ];
    form.extend(client_id.map(|id| ("client_id", id)));
    ask_at(host, builtin, &form).await
}

#[tokio::test]
async fn each_kind_of_key_gets_a_token() {
    let builtin = Builtin::open().await;
    let keys = [
        (TestKey::ed25519(1), "EdDSA"),
        (TestKey::p256(), "ES256"),
        (TestKey::rsa(), "RS256"),
        (TestKey::rsa(), "PS256"),
    ];
    for (number, (key, algorithm)) in keys.iter().enumerate() {
        let client_id = application(&builtin, &[key]).await;
        // With `kid`, as RFC 7515 has it; with `x5t` only, as MSAL does; with the id in `sub`.
        let headers = [
            json!({"alg": algorithm, "kid": key.kid()}),
            json!({"alg": algorithm, "x5t": "x"}),
        ];
        for (other, header) in headers.iter().enumerate() {
            let claims = claims(&builtin, &client_id, &format!("{number} {other}"));
            let named = (other == 0).then_some(client_id.as_str());
            let answer = ask_with(&builtin, named, &key.sign(header, &claims)).await;
            let token = answer.json["access_token"].as_str();
            let token = token.unwrap_or_else(|| panic!("{algorithm}: {}", answer.json));
            let caller = present(&builtin.authenticator, token).await.unwrap();
            assert_eq!(caller.client_id.as_ref(), Some(&client_id));
        }
    }
}

#[tokio::test]
async fn an_assertion_is_good_once() {
    let builtin = Builtin::open().await;
    let key = TestKey::ed25519(1);
    let client_id = application(&builtin, &[&key]).await;
    let header = json!({"alg": "EdDSA"});
    let assertion = key.sign(&header, &claims(&builtin, &client_id, "once"));
    let first = ask_with(&builtin, None, &assertion).await;
    assert!(first.json["access_token"].is_string(), "{}", first.json);
    let again = ask_with(&builtin, None, &assertion).await;
    assert_eq!(again.json["error"], "invalid_client");
    assert!(
        again.json["error_description"]
            .as_str()
            .unwrap()
            .contains("'jti' has been used")
    );
    // Signed anew, it is still the same `jti`.
    let mut claims = claims(&builtin, &client_id, "once");
    claims["exp"] = json!(builtin.clock.seconds() + 300);
    let again = ask_with(&builtin, None, &key.sign(&header, &claims)).await;
    assert!(
        again.json["error_description"]
            .as_str()
            .unwrap()
            .contains("'jti' has been used")
    );
}

#[tokio::test]
async fn a_refused_assertion_does_not_use_up_its_jti() {
    let builtin = Builtin::open().await;
    let (key, stranger) = (TestKey::ed25519(1), TestKey::ed25519(2));
    let client_id = application(&builtin, &[&key]).await;
    let claims = claims(&builtin, &client_id, "j");
    let header = json!({"alg": "EdDSA"});
    let forged = ask_with(&builtin, None, &stranger.sign(&header, &claims)).await;
    assert_eq!(forged.number(), 700_027);
    let answer = ask_with(&builtin, None, &key.sign(&header, &claims)).await;
    assert!(answer.json["access_token"].is_string(), "{}", answer.json);
}

#[tokio::test]
async fn each_mistake_in_an_assertion_has_its_own_number() {
    let builtin = Builtin::open().await;
    let key = TestKey::ed25519(1);
    let client_id = application(&builtin, &[&key]).await;
    let now = builtin.clock.seconds();
    let cases = [
        (
            "aud",
            json!("http://elsewhere/t/oauth2/v2.0/token"),
            700_023,
        ),
        (
            "aud",
            json!("http://localhost/other/oauth2/v2.0/token"),
            700_023,
        ),
        ("aud", json!(null), 700_023),
        ("exp", json!(now - 60), 700_024),
        ("exp", json!(now + 3601 + 60), 700_024),
        ("exp", json!(null), 50027),
        ("exp", json!("soon"), 50027),
        ("nbf", json!(now + 61), 700_024),
        ("iss", json!("another"), 700_021),
        ("sub", json!("another"), 700_021),
        ("sub", json!(null), 700_021),
        ("jti", json!(null), 50027),
        ("jti", json!(""), 50027),
    ];
    for (claim, value, number) in cases {
        let mut claims = claims(&builtin, &client_id, "j");
        claims[claim] = value.clone();
        let assertion = key.sign(&json!({"alg": "EdDSA"}), &claims);
        let answer = ask_with(&builtin, Some(&client_id), &assertion).await;
        assert_eq!(answer.number(), number, "{claim}: {value}");
        assert_eq!(answer.status, http::StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn an_assertion_may_name_the_issuer_as_its_audience() {
    let builtin = Builtin::open().await;
    let key = TestKey::ed25519(1);
    let client_id = application(&builtin, &[&key]).await;
    for audience in [
        format!("http://localhost/{TENANT}/v2.0"),
        format!("urn:runstate:{TENANT}"),
    ] {
        let mut claims = claims(&builtin, &client_id, &audience);
        claims["aud"] = json!([audience]);
        let answer = ask_with(&builtin, None, &key.sign(&json!({"alg": "EdDSA"}), &claims)).await;
        assert!(answer.json["access_token"].is_string(), "{}", answer.json);
    }
}

/// Whoever had an assertion made for a server of his own could send it here and say that this is
/// that server.
#[tokio::test]
async fn a_host_that_anybody_can_claim_is_no_audience() {
    let builtin = Builtin::open().await;
    let key = TestKey::ed25519(1);
    let client_id = application(&builtin, &[&key]).await;
    let mut claims = claims(&builtin, &client_id, "j");
    claims["aud"] = json!(format!("http://evil.example/{TENANT}/oauth2/v2.0/token"));
    let assertion = key.sign(&json!({"alg": "EdDSA"}), &claims);
    let answer = ask_at_with("evil.example", &builtin, Some(&client_id), &assertion).await;
    assert_eq!(answer.status, http::StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn algorithms_that_are_never_right_are_refused() {
    let builtin = Builtin::open().await;
    let key = TestKey::ed25519(1);
    let client_id = application(&builtin, &[&key]).await;
    let claims = claims(&builtin, &client_id, "j");
    for algorithm in ["none", "HS256"] {
        let assertion = format!("{}.AAAA", unsigned(&json!({"alg": algorithm}), &claims));
        assert_eq!(
            ask_with(&builtin, Some(&client_id), &assertion)
                .await
                .number(),
            50027
        );
    }
    let assertion = format!("{}.AAAA", unsigned(&json!({"alg": "RS256"}), &claims));
    assert_eq!(
        ask_with(&builtin, Some(&client_id), &assertion)
            .await
            .number(),
        700_027
    );
    let other_kid = key.sign(&json!({"alg": "EdDSA", "kid": "other"}), &claims);
    assert_eq!(
        ask_with(&builtin, Some(&client_id), &other_kid)
            .await
            .number(),
        700_027
    );
}

#[test]
fn a_public_key_is_read_from_each_form_of_file() {
    let certified = rcgen::generate_simple_self_signed(vec!["app".into()]).unwrap();
    let spki = certified.signing_key.public_key_pem();
    let from_spki = application_key(&spki).unwrap();
    let from_certificate = application_key(&certified.cert.pem()).unwrap();
    assert_eq!(from_spki, from_certificate);
    assert_eq!(application_key(&from_spki.jwk).unwrap(), from_spki);

    for algorithm in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
        assert!(application_key(&pair.public_key_pem()).is_ok());
    }
    let private = certified.signing_key.serialize_pem();
    assert_eq!(application_key(&private), Err(PublicKeyError::Private));
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}"#;
    assert_eq!(application_key(jwk), Err(PublicKeyError::Private));
    assert_eq!(application_key("hello"), Err(PublicKeyError::Form));
    assert_eq!(
        application_key(r#"{"kty":"oct"}"#),
        Err(PublicKeyError::Kind)
    );
}

#[test]
fn an_rsa_key_is_read_from_its_pem() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    // SubjectPublicKeyInfo around the RSAPublicKey that `ring` gives.
    let TestKey::Rsa(pair) = TestKey::rsa() else {
        panic!()
    };
    let rsa = ring::signature::KeyPair::public_key(&pair)
        .as_ref()
        .to_vec();
    let mut der = vec![0x30, 0x82, 0, 0];
    der.extend([
        0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0,
    ]);
    der.extend([0x03, 0x82]);
    der.extend(u16::try_from(rsa.len() + 1).unwrap().to_be_bytes());
    der.push(0);
    der.extend(rsa);
    let length = u16::try_from(der.len() - 4).unwrap().to_be_bytes();
    der[2..4].copy_from_slice(&length);
    let pem = |der: &[u8]| {
        let text = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    };
    let key = application_key(&pem(&der)).unwrap();
    assert_eq!(key.kid, TestKey::rsa().kid());
    // Cut off anywhere, it is no key, and no panic.
    for length in 0..der.len() {
        assert!(application_key(&pem(&der[..length])).is_err(), "{length}");
    }
}
