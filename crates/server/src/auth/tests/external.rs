//! Issuers elsewhere: discovery, rotation, outage, and the bounds of what they are trusted for.

use runstate_graph::permit::CallerKind;
use serde_json::{Value, json};

use super::super::{AuthError, IssuerConfig, Refusal};
use super::support::{ForeignIssuer, HandClock, TestKey, present, refusal, trusting};

fn header(kid: &str) -> Value {
    json!({"alg": "EdDSA", "kid": kid})
}

#[tokio::test]
async fn every_algorithm_is_accepted_with_its_own_kind_of_key() {
    let keys = [
        (TestKey::ed25519(1), vec!["EdDSA"]),
        (TestKey::p256(), vec!["ES256"]),
        (TestKey::p384(), vec!["ES384"]),
        (
            TestKey::rsa(),
            vec!["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        ),
    ];
    let published = keys.iter().map(|(key, _)| key.jwk(&key.kid())).collect();
    let foreign = ForeignIssuer::start(published).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    let claims = foreign.claims(&clock);
    let every = [
        "EdDSA", "ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    ];
    for (key, own) in &keys {
        for algorithm in every {
            let token = key.sign(&json!({"alg": algorithm, "kid": key.kid()}), &claims);
            if own.contains(&algorithm) {
                let caller = present(&authenticator, &token).await.unwrap();
                assert_eq!(caller.tenant_id, "a", "{algorithm}");
                assert_eq!(caller.permissions, ["A", "B"]);
                assert_eq!(caller.client_id.as_deref(), Some("client"));
            } else {
                let found = refusal(&authenticator, &token).await;
                assert_eq!(found, Refusal::AlgorithmMismatch, "{algorithm}");
            }
        }
    }
    assert_eq!(foreign.fetches(), 1);
}

#[tokio::test]
async fn a_key_published_for_one_algorithm_is_not_used_for_another() {
    let key = TestKey::rsa();
    let mut jwk = key.jwk("k");
    jwk["alg"] = json!("RS256");
    let foreign = ForeignIssuer::start(vec![jwk]).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    let claims = foreign.claims(&clock);
    let token = key.sign(&json!({"alg": "PS256", "kid": "k"}), &claims);
    assert_eq!(
        refusal(&authenticator, &token).await,
        Refusal::AlgorithmMismatch
    );
}

#[tokio::test]
async fn keys_that_cannot_be_used_do_not_spoil_the_others() {
    let key = TestKey::ed25519(1);
    let odd = vec![
        json!(7),
        json!({"kty": "oct", "k": "AA"}),
        json!({"kty": "new"}),
        key.jwk("k"),
    ];
    let foreign = ForeignIssuer::start(odd).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    let token = key.sign(&header("k"), &foreign.claims(&clock));
    assert!(present(&authenticator, &token).await.is_ok());
}

#[tokio::test]
async fn a_rotated_key_is_fetched_and_random_ones_are_not() {
    let (old, new) = (TestKey::ed25519(1), TestKey::ed25519(2));
    let foreign = ForeignIssuer::start(vec![old.jwk("old")]).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    let claims = foreign.claims(&clock);
    assert!(
        present(&authenticator, &old.sign(&header("old"), &claims))
            .await
            .is_ok()
    );
    assert_eq!(foreign.fetches(), 1);
    foreign.publish(vec![old.jwk("old"), new.jwk("new")]);
    assert!(
        present(&authenticator, &new.sign(&header("new"), &claims))
            .await
            .is_ok(),
        "a key that comes into use just after a fetch is known at once"
    );
    assert_eq!(foreign.fetches(), 2);

    for number in 0..100 {
        let token = old.sign(&header(&format!("random{number}")), &claims);
        assert_eq!(refusal(&authenticator, &token).await, Refusal::UnknownKey);
    }
    assert_eq!(
        foreign.fetches(),
        3,
        "random key ids must not make us hammer the issuer"
    );

    let newest = TestKey::ed25519(3);
    foreign.publish(vec![old.jwk("old"), newest.jwk("newest")]);
    clock.advance(30);
    assert!(
        present(&authenticator, &newest.sign(&header("newest"), &claims))
            .await
            .is_ok()
    );
    assert_eq!(foreign.fetches(), 4);
}

#[tokio::test]
async fn a_withdrawn_key_is_no_longer_good_after_an_hour() {
    let key = TestKey::ed25519(1);
    let foreign = ForeignIssuer::start(vec![key.jwk("k")]).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    let mut claims = foreign.claims(&clock);
    claims["exp"] = json!(clock.seconds() + 100_000);
    let token = key.sign(&header("k"), &claims);
    assert!(present(&authenticator, &token).await.is_ok());
    foreign.publish(vec![]);
    clock.advance(3600);
    assert_eq!(refusal(&authenticator, &token).await, Refusal::UnknownKey);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_no_refusal_and_known_keys_carry_on() {
    let key = TestKey::ed25519(1);
    let foreign = ForeignIssuer::start(vec![key.jwk("k")]).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    foreign.set_down(true);
    let token = key.sign(&header("k"), &foreign.claims(&clock));
    let error = present(&authenticator, &token).await.unwrap_err();
    assert!(matches!(error, AuthError::Unavailable { .. }), "{error}");

    foreign.set_down(false);
    let error = present(&authenticator, &token).await.unwrap_err();
    assert!(
        matches!(error, AuthError::Unavailable { .. }),
        "asked again at once: {error}"
    );
    clock.advance(5);
    assert!(present(&authenticator, &token).await.is_ok());

    // An outage of some hours does no harm while the keys are known …
    foreign.set_down(true);
    clock.advance(2 * 3600);
    let token = key.sign(&header("k"), &foreign.claims(&clock));
    assert!(present(&authenticator, &token).await.is_ok());
    // … but they are not good for ever.
    clock.advance(24 * 3600);
    let token = key.sign(&header("k"), &foreign.claims(&clock));
    let error = present(&authenticator, &token).await.unwrap_err();
    assert!(matches!(error, AuthError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn an_issuer_that_nobody_listens_for_is_unavailable() {
    let key = TestKey::ed25519(1);
    let clock = HandClock::new();
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let config = IssuerConfig {
        issuer: url.clone(),
        audiences: vec!["api".into()],
        tenant: Some("a".into()),
        ..IssuerConfig::default()
    };
    let authenticator = trusting(&clock, config);
    let token = key.sign(&header("k"), &json!({"iss": url}));
    let error = present(&authenticator, &token).await.unwrap_err();
    assert!(matches!(error, AuthError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn metadata_of_another_name_is_not_believed() {
    let key = TestKey::ed25519(1);
    let foreign = ForeignIssuer::start(vec![key.jwk("k")]).await;
    foreign.name("https://another.example");
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    let token = key.sign(&header("k"), &foreign.claims(&clock));
    let error = present(&authenticator, &token).await.unwrap_err();
    assert!(error.to_string().contains("another.example"), "{error}");
}

#[tokio::test]
async fn keys_are_not_fetched_in_the_clear_from_elsewhere() {
    let key = TestKey::ed25519(1);
    let foreign = ForeignIssuer::start(vec![key.jwk("k")]).await;
    foreign.keys_at("http://keys.example/keys");
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    let token = key.sign(&header("k"), &foreign.claims(&clock));
    let error = present(&authenticator, &token).await.unwrap_err();
    assert!(error.to_string().contains("neither https"), "{error}");
}

#[tokio::test]
async fn the_leeway_is_that_of_the_issuer() {
    let key = TestKey::ed25519(1);
    let foreign = ForeignIssuer::start(vec![key.jwk("k")]).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    let with = |claim: &str, offset: i64| {
        let mut claims = foreign.claims(&clock);
        claims[claim] = json!(clock.seconds() + offset);
        key.sign(&header("k"), &claims)
    };
    assert!(present(&authenticator, &with("exp", -59)).await.is_ok());
    assert_eq!(
        refusal(&authenticator, &with("exp", -60)).await,
        Refusal::Expired
    );
    assert!(present(&authenticator, &with("nbf", 60)).await.is_ok());
    assert_eq!(
        refusal(&authenticator, &with("nbf", 61)).await,
        Refusal::NotYetValid
    );
}

#[tokio::test]
async fn an_audience_of_another_service_is_refused() {
    let key = TestKey::ed25519(1);
    let foreign = ForeignIssuer::start(vec![key.jwk("k")]).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    let mut claims = foreign.claims(&clock);
    claims["aud"] = json!("another");
    assert_eq!(
        refusal(&authenticator, &key.sign(&header("k"), &claims)).await,
        Refusal::WrongAudience
    );
    claims["aud"] = json!(["another", "api"]);
    assert!(
        present(&authenticator, &key.sign(&header("k"), &claims))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_keycloak_of_one_tenant_makes_no_tokens_for_another() {
    let key = TestKey::ed25519(1);
    let foreign = ForeignIssuer::start(vec![key.jwk("k")]).await;
    let clock = HandClock::new();
    let mut claims = foreign.claims(&clock);
    claims["tid"] = json!("B");
    claims["org"] = json!("B");
    let token = key.sign(&header("k"), &claims);

    let fixed = trusting(&clock, foreign.config());
    assert_eq!(refusal(&fixed, &token).await, Refusal::ForeignTenant);

    let listed = |claim: Option<&str>, tenants: &[&str]| IssuerConfig {
        tenant: None,
        tenants: tenants.iter().map(|id| (*id).to_owned()).collect(),
        tenant_claim: claim.map(str::to_owned),
        ..foreign.config()
    };
    for claim in [None, Some("org")] {
        let other = trusting(&clock, listed(claim, &["a"]));
        assert_eq!(refusal(&other, &token).await, Refusal::ForeignTenant);
        let own = trusting(&clock, listed(claim, &["A", "B"]));
        assert_eq!(present(&own, &token).await.unwrap().tenant_id, "b");
    }
}

#[tokio::test]
async fn a_missing_tenant_is_refused_unless_it_is_fixed() {
    let key = TestKey::ed25519(1);
    let foreign = ForeignIssuer::start(vec![key.jwk("k")]).await;
    let clock = HandClock::new();
    let token = key.sign(&header("k"), &foreign.claims(&clock));
    let listed = IssuerConfig {
        tenant: None,
        tenants: vec!["a".into()],
        ..foreign.config()
    };
    assert_eq!(
        refusal(&trusting(&clock, listed), &token).await,
        Refusal::MissingTenant
    );
    assert_eq!(
        present(&trusting(&clock, foreign.config()), &token)
            .await
            .unwrap()
            .tenant_id,
        "a"
    );
}

/// An issuer with the tenant in its name, as Entra has it.
async fn multi_tenant(key: &TestKey, key_issuer: Option<&str>) -> (ForeignIssuer, IssuerConfig) {
    let foreign = ForeignIssuer::start(vec![]).await;
    let template = format!("{}/{{tenantid}}/v2.0", foreign.url);
    foreign.name(&template);
    let mut jwk = key.jwk("k");
    if let Some(path) = key_issuer {
        jwk["issuer"] = json!(format!("{}{path}", foreign.url));
    }
    foreign.publish(vec![jwk]);
    let config = IssuerConfig {
        issuer: template,
        tenant: None,
        ..foreign.config()
    };
    (foreign, config)
}

#[tokio::test]
async fn a_multi_tenant_issuer_binds_the_tenant_to_its_name() {
    let key = TestKey::ed25519(1);
    let (foreign, config) = multi_tenant(&key, Some("/{tenantid}/v2.0")).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, config);
    let token = |in_name: &str, tid: Value| {
        let mut claims = foreign.claims(&clock);
        claims["iss"] = json!(format!("{}/{in_name}/v2.0", foreign.url));
        claims["tid"] = tid;
        key.sign(&header("k"), &claims)
    };
    let good = present(&authenticator, &token("t1", json!("t1")))
        .await
        .unwrap();
    assert_eq!(good.tenant_id, "t1");
    let cases = [
        (token("t1", json!("t2")), Refusal::ForeignTenant),
        (token("t1", json!(null)), Refusal::MissingTenant),
        (token("t1/x", json!("t1/x")), Refusal::UnknownIssuer),
    ];
    for (token, expected) in cases {
        assert_eq!(refusal(&authenticator, &token).await, expected);
    }
}

#[tokio::test]
async fn a_multi_tenant_issuer_may_be_bounded_to_some_tenants() {
    let key = TestKey::ed25519(1);
    let (foreign, config) = multi_tenant(&key, None).await;
    let clock = HandClock::new();
    let authenticator = trusting(
        &clock,
        IssuerConfig {
            tenants: vec!["T1".into()],
            ..config
        },
    );
    let token = |tenant: &str| {
        let mut claims = foreign.claims(&clock);
        claims["iss"] = json!(format!("{}/{tenant}/v2.0", foreign.url));
        claims["tid"] = json!(tenant);
        key.sign(&header("k"), &claims)
    };
    assert!(present(&authenticator, &token("t1")).await.is_ok());
    assert_eq!(
        refusal(&authenticator, &token("t2")).await,
        Refusal::ForeignTenant
    );
}

#[tokio::test]
async fn a_key_of_one_tenant_of_the_issuer_signs_for_no_other() {
    let key = TestKey::ed25519(1);
    let (foreign, config) = multi_tenant(&key, Some("/personal/v2.0")).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, config);
    let token = |tenant: &str| {
        let mut claims = foreign.claims(&clock);
        claims["iss"] = json!(format!("{}/{tenant}/v2.0", foreign.url));
        claims["tid"] = json!(tenant);
        key.sign(&header("k"), &claims)
    };
    assert!(present(&authenticator, &token("personal")).await.is_ok());
    assert_eq!(
        refusal(&authenticator, &token("t1")).await,
        Refusal::ForeignTenant
    );
}

#[tokio::test]
async fn a_foreign_issuer_names_no_devices() {
    let key = TestKey::ed25519(1);
    let foreign = ForeignIssuer::start(vec![key.jwk("k")]).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    let mut claims = foreign.claims(&clock);
    claims["idtyp"] = json!("device");
    claims["deviceid"] = json!("d");
    let caller = present(&authenticator, &key.sign(&header("k"), &claims))
        .await
        .unwrap();
    assert_eq!(
        caller.kind,
        CallerKind::Delegated {
            user_id: "user".into()
        }
    );
}

#[tokio::test]
async fn permissions_are_found_where_keycloak_puts_them() {
    let key = TestKey::ed25519(1);
    let foreign = ForeignIssuer::start(vec![key.jwk("k")]).await;
    let clock = HandClock::new();
    let authenticator = trusting(&clock, foreign.config());
    let mut claims = foreign.claims(&clock);
    claims["scp"] = json!(null);
    claims["scope"] = json!("openid A");
    let caller = present(&authenticator, &key.sign(&header("k"), &claims))
        .await
        .unwrap();
    assert_eq!(caller.permissions, ["openid", "A"]);
    assert!(matches!(caller.kind, CallerKind::Delegated { .. }));
    claims["roles"] = json!(["R"]);
    let caller = present(&authenticator, &key.sign(&header("k"), &claims))
        .await
        .unwrap();
    assert_eq!(caller.permissions, ["R"]);
    assert_eq!(caller.kind, CallerKind::Application);
}

#[tokio::test]
async fn a_hundred_requests_cause_one_fetch() {
    let key = TestKey::ed25519(1);
    let foreign = ForeignIssuer::start(vec![key.jwk("k")]).await;
    let clock = HandClock::new();
    let authenticator = std::sync::Arc::new(trusting(&clock, foreign.config()));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100 {
        let mut claims = foreign.claims(&clock);
        claims["jti"] = json!(number);
        let token = key.sign(&header("k"), &claims);
        let authenticator = authenticator.clone();
        tasks.spawn(async move { present(&authenticator, &token).await.is_ok() });
    }
    assert!(tasks.join_all().await.into_iter().all(|good| good));
    assert_eq!(foreign.fetches(), 1);
}
