//! Tokens of the built-in issuer: those that are good, and every way not to be.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runstate_graph::permit::{Caller, CallerKind, PERSONAL_TENANT};
use serde_json::json;

use super::super::issuer::{BuiltinIssuer, Grant, Subject};
use super::super::{AuthError, Authenticator, Refusal};
use super::support::{Builtin, TENANT, TestKey, present, refusal, unsigned};
use crate::base_url::BaseUrl;

fn user() -> Subject {
    Subject::User {
        user_id: "user".into(),
    }
}

#[tokio::test]
async fn the_three_kinds_of_caller_come_out_as_they_went_in() {
    let builtin = Builtin::open().await;
    let caller = |kind, permissions: &[&str]| Caller {
        tenant_id: TENANT.into(),
        kind,
        permissions: permissions.iter().map(|name| (*name).to_owned()).collect(),
        client_id: Some("client".into()),
    };
    let device = Subject::Device {
        device_id: "d".into(),
    };
    let cases = [
        (
            user(),
            CallerKind::Delegated {
                user_id: "user".into(),
            },
        ),
        (Subject::Application, CallerKind::Application),
        (
            device,
            CallerKind::Device {
                device_id: "d".into(),
            },
        ),
    ];
    for (subject, kind) in cases {
        let token = builtin.token(subject, &["A.Read.All", "B"], 60);
        let found = present(&builtin.authenticator, &token).await.unwrap();
        assert_eq!(*found, caller(kind, &["A.Read.All", "B"]));
    }
}

#[tokio::test]
async fn a_token_without_permissions_is_good() {
    let builtin = Builtin::open().await;
    let token = builtin.token(user(), &[], 60);
    assert!(
        present(&builtin.authenticator, &token)
            .await
            .unwrap()
            .permissions
            .is_empty()
    );
    let token = builtin.forge(|claims| claims["scp"] = json!(null)).await;
    let found = present(&builtin.authenticator, &token).await.unwrap();
    assert_eq!(
        found.kind,
        CallerKind::Delegated {
            user_id: "user".into()
        }
    );
    let change = |claims: &mut serde_json::Value| {
        claims["scp"] = json!(null);
        claims["idtyp"] = json!("app");
    };
    let token = builtin.forge(change).await;
    let found = present(&builtin.authenticator, &token).await.unwrap();
    assert_eq!(found.kind, CallerKind::Application);
}

#[tokio::test]
async fn a_personal_account_is_known_as_one() {
    let builtin = Builtin::open().await;
    let token = builtin.issuer.issue(&Grant {
        tenant_id: PERSONAL_TENANT.into(),
        subject: user(),
        permissions: vec!["A".into()],
        client_id: "client".into(),
        expires_in: 60,
    });
    let found = present(&builtin.authenticator, &token.unwrap())
        .await
        .unwrap();
    assert!(found.is_personal());
}

#[tokio::test]
async fn a_users_roles_are_not_the_applications() {
    let builtin = Builtin::open().await;
    let token = builtin
        .forge(|claims| claims["roles"] = json!(["Admin"]))
        .await;
    let found = present(&builtin.authenticator, &token).await.unwrap();
    assert_eq!(found.permissions, ["A"]);
    assert_eq!(
        found.kind,
        CallerKind::Delegated {
            user_id: "user".into()
        }
    );
}

#[tokio::test]
async fn no_token_is_refused() {
    let builtin = Builtin::open().await;
    let Err(AuthError::Refused { refusal, .. }) = builtin.authenticator.authenticate(None).await
    else {
        panic!("not refused")
    };
    assert_eq!(refusal, Refusal::NoToken);
}

#[tokio::test]
async fn what_is_no_jws_is_malformed() {
    let builtin = Builtin::open().await;
    let good = builtin.token(user(), &[], 60);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (_, payload) = head.split_once('.').unwrap();
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let crit = part(r#"{"alg":"EdDSA","kid":"k","crit":["b64"],"b64":false}"#);
    let null = part(r#"{"alg":"EdDSA","kid":"k","crit":null}"#);
    let first = head.split('.').next().unwrap();
    // In a claim that nobody reads.
    let not_utf8 = URL_SAFE_NO_PAD.encode(b"{\"iss\":\"urn:runstate:t\",\"x\":\"\xff\"}");
    let cases = [
        "x".to_owned(),
        "a.b".to_owned(),
        format!("{good}.x"),
        format!("{good}.x.y"),
        format!("!!.{payload}.{signature}"),
        format!("{}.{payload}.{signature}", part("not json")),
        format!("{}.{payload}.{signature}", part(r#"{"kid":"k"}"#)),
        format!("{crit}.{payload}.{signature}"),
        format!("{null}.{payload}.{signature}"),
        format!("{first}.{not_utf8}.{signature}"),
        format!("{head}.not base64"),
        format!("{first}.{}.{signature}", part("[1]")),
        "a".repeat(17 * 1024),
        format!("{good}="),
    ];
    for token in cases {
        let shown: String = token.chars().take(60).collect();
        assert_eq!(
            refusal(&builtin.authenticator, &token).await,
            Refusal::Malformed,
            "{shown}"
        );
    }
}

#[tokio::test]
async fn claims_of_the_wrong_type_are_malformed_and_not_passed_over() {
    let builtin = Builtin::open().await;
    for (claim, value) in [
        ("exp", json!("4000000000")),
        ("nbf", json!("4000000000")),
        ("aud", json!({"a": 1})),
        ("tid", json!(1)),
        ("roles", json!("Admin")),
        ("exp", json!(null)),
    ] {
        let token = builtin.forge(|claims| claims[claim] = value.clone()).await;
        let found = refusal(&builtin.authenticator, &token).await;
        assert_eq!(found, Refusal::Malformed, "{claim}: {value}");
    }
}

#[tokio::test]
async fn a_claim_that_is_there_twice_is_malformed() {
    let builtin = Builtin::open().await;
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = format!(r#"{{"iss":"urn:runstate:{TENANT}","tid":"a","tid":"{TENANT}"}}"#);
    let token = format!(
        "{}.{}.AAAA",
        part(r#"{"alg":"EdDSA","kid":"k"}"#),
        part(&claims)
    );
    assert_eq!(
        refusal(&builtin.authenticator, &token).await,
        Refusal::Malformed
    );
}

#[tokio::test]
async fn algorithm_none_is_refused() {
    let builtin = Builtin::open().await;
    let claims = json!({"iss": format!("urn:runstate:{TENANT}"), "tid": TENANT});
    for name in ["none", "None", "NONE", "nOnE"] {
        let token = format!("{}.", unsigned(&json!({"alg": name}), &claims));
        assert_eq!(
            refusal(&builtin.authenticator, &token).await,
            Refusal::AlgorithmNone
        );
    }
}

#[tokio::test]
async fn hmac_with_the_public_key_is_refused() {
    let builtin = Builtin::open().await;
    let key = builtin.issuer.key_source();
    let keys = super::super::keys::KeySource::fetch(&key).await.unwrap();
    let (kid, published) = keys.into_iter().next().unwrap();
    let super::super::jwk::PublicKey::Ed25519(public) = published.key else {
        panic!()
    };
    let claims = json!({
        "iss": format!("urn:runstate:{TENANT}"), "aud": super::super::issuer::AUDIENCE,
        "tid": TENANT, "oid": "user", "scp": "A", "exp": builtin.clock.seconds() + 600,
    });
    let signed = unsigned(&json!({"alg": "HS256", "kid": kid}), &claims);
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public);
    let tag = ring::hmac::sign(&secret, signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
    assert_eq!(
        refusal(&builtin.authenticator, &token).await,
        Refusal::AlgorithmSymmetric
    );
}

#[tokio::test]
async fn other_algorithms_and_those_of_other_keys_are_refused() {
    let builtin = Builtin::open().await;
    let kid = builtin.store_kid().await;
    let claims = json!({"iss": format!("urn:runstate:{TENANT}"), "tid": TENANT});
    let with = |alg: &str| {
        format!(
            "{}.AAAA",
            unsigned(&json!({"alg": alg, "kid": kid}), &claims)
        )
    };
    let authenticator = &builtin.authenticator;
    assert_eq!(
        refusal(authenticator, &with("ES256K")).await,
        Refusal::AlgorithmUnsupported
    );
    assert_eq!(
        refusal(authenticator, &with("RS256")).await,
        Refusal::AlgorithmMismatch
    );
}

#[tokio::test]
async fn a_key_that_is_unknown_or_not_named_is_refused() {
    let builtin = Builtin::open().await;
    let stranger = TestKey::ed25519(9);
    let claims = json!({"iss": format!("urn:runstate:{TENANT}"), "tid": TENANT});
    let token = stranger.sign(&json!({"alg": "EdDSA", "kid": stranger.kid()}), &claims);
    assert_eq!(
        refusal(&builtin.authenticator, &token).await,
        Refusal::UnknownKey
    );
    let token = stranger.sign(&json!({"alg": "EdDSA"}), &claims);
    assert_eq!(
        refusal(&builtin.authenticator, &token).await,
        Refusal::NoKeyId
    );
}

#[tokio::test]
async fn a_wrong_signature_is_refused() {
    let builtin = Builtin::open().await;
    let kid = builtin.store_kid().await;
    let stranger = TestKey::ed25519(9);
    let claims = json!({"iss": format!("urn:runstate:{TENANT}"), "tid": TENANT});
    let token = stranger.sign(&json!({"alg": "EdDSA", "kid": kid}), &claims);
    assert_eq!(
        refusal(&builtin.authenticator, &token).await,
        Refusal::BadSignature
    );

    // One token's claims under another's signature.
    let one = builtin.token(user(), &["A"], 60);
    let other = builtin.token(user(), &["B"], 60);
    let signature = other.rsplit('.').next().unwrap();
    let mixed = format!("{}.{signature}", one.rsplit_once('.').unwrap().0);
    assert_eq!(
        refusal(&builtin.authenticator, &mixed).await,
        Refusal::BadSignature
    );
}

#[tokio::test]
async fn a_wrong_issuer_audience_or_tenant_is_refused() {
    let builtin = Builtin::open().await;
    let other = "5c0ee0f5-0000-4e6f-9d5a-3e5c0c9f4a11";
    let cases = [
        (
            "iss",
            json!("https://elsewhere.example"),
            Refusal::UnknownIssuer,
        ),
        ("iss", json!(null), Refusal::UnknownIssuer),
        (
            "iss",
            json!(format!("urn:runstate:{other}")),
            Refusal::ForeignTenant,
        ),
        (
            "aud",
            json!("https://graph.microsoft.com"),
            Refusal::WrongAudience,
        ),
        ("aud", json!(["a", "b"]), Refusal::WrongAudience),
        ("aud", json!(null), Refusal::WrongAudience),
        ("tid", json!(other), Refusal::ForeignTenant),
        ("tid", json!(null), Refusal::MissingTenant),
        ("tid", json!(""), Refusal::MissingTenant),
        ("oid", json!(null), Refusal::MissingSubject),
        ("idtyp", json!("device"), Refusal::MissingSubject),
    ];
    for (claim, value, expected) in cases {
        let token = builtin.forge(|claims| claims[claim] = value.clone()).await;
        let found = refusal(&builtin.authenticator, &token).await;
        assert_eq!(found, expected, "{claim}: {value}");
    }
}

#[tokio::test]
async fn the_built_in_issuer_has_no_leeway() {
    let builtin = Builtin::open().await;
    for expires_in in [-1, 0, -1_000_000] {
        let token = builtin.token(user(), &["A"], expires_in);
        assert_eq!(
            refusal(&builtin.authenticator, &token).await,
            Refusal::Expired
        );
    }
    let now = builtin.clock.seconds();
    let token = builtin.forge(|claims| claims["nbf"] = json!(now + 1)).await;
    assert_eq!(
        refusal(&builtin.authenticator, &token).await,
        Refusal::NotYetValid
    );
    builtin.clock.advance(1);
    assert!(present(&builtin.authenticator, &token).await.is_ok());
}

#[tokio::test]
async fn a_remembered_token_needs_no_store_and_ends_with_its_time() {
    let builtin = Builtin::open().await;
    let token = builtin.token(user(), &["A"], 60);
    let first = present(&builtin.authenticator, &token).await.unwrap();
    builtin.store.broken.store(true, Ordering::SeqCst);
    let second = present(&builtin.authenticator, &token).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    builtin.clock.advance(59);
    assert!(present(&builtin.authenticator, &token).await.is_ok());
    builtin.clock.advance(1);
    assert_eq!(
        refusal(&builtin.authenticator, &token).await,
        Refusal::Expired
    );
}

#[tokio::test]
async fn a_store_that_is_away_is_no_refusal() {
    let builtin = Builtin::open().await;
    builtin.store.broken.store(true, Ordering::SeqCst);
    let token = builtin.token(user(), &["A"], 60);
    let error = present(&builtin.authenticator, &token).await.unwrap_err();
    assert!(matches!(error, AuthError::Unavailable { .. }), "{error}");
    assert_eq!(error.code(), "ServiceUnavailable");
    assert!(error.www_authenticate("https://h").is_none());
}

#[tokio::test]
async fn the_key_outlives_the_process_and_the_public_url_may_change() {
    let builtin = Builtin::open().await;
    let token = builtin.token(user(), &["A"], 60);
    let base_url = BaseUrl::configured("https://graph.example").unwrap();
    let reopened = BuiltinIssuer::open(builtin.store.clone(), builtin.clock.clone(), base_url);
    let reopened = Arc::new(reopened.await.unwrap());
    let authenticator =
        Authenticator::new(builtin.clock.clone(), Some(reopened.clone()), vec![]).unwrap();
    assert!(present(&authenticator, &token).await.is_ok());

    let grant = Grant {
        tenant_id: TENANT.into(),
        subject: user(),
        permissions: vec![],
        client_id: "client".into(),
        expires_in: 60,
    };
    let named = reopened.issue(&grant).unwrap();
    assert!(present(&authenticator, &named).await.is_ok());
    // Another host whose name begins alike is another issuer, which may be trusted by itself.
    assert!(!reopened.is_named("https://graph.example.org/t/v2.0"));
    // A server that isn't known under that URL has no such issuer.
    assert_eq!(
        refusal(&builtin.authenticator, &named).await,
        Refusal::UnknownIssuer
    );
}

#[tokio::test]
async fn nothing_shows_a_key_in_debug_output() {
    let builtin = Builtin::open().await;
    let text = format!("{:?} {:?}", builtin.issuer, builtin.authenticator);
    assert!(
        !text.contains("key:") && !text.contains("private"),
        "{text}"
    );
}
