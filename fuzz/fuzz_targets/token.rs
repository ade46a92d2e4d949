//! Bearer tokens: only what the issuer's key has signed, for this audience, tenant and time, is good.
//!
//! An input is `Authorization: ` and a whole header, or the header, payload and signature of a JSON
//! Web Signature, one a line, which are put together here. Without the third line the issuer's own
//! key signs, since no input guesses a signature.
#![no_main]

#[path = "shared/issuer.rs"]
mod issuer;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use issuer::{KID, NOW, Stopped};
use libfuzzer_sys::fuzz_target;
use ring::signature::Ed25519KeyPair;
use runstate_graph::permit::Caller;
use runstate_server::auth::{AuthError, Authenticator, issuer::AUDIENCE};
use serde_json::{Value, value::RawValue};
use tokio::runtime::Runtime;

const SEED: [u8; 32] = [7; 32];

fuzz_target!(|bytes: &[u8]| {
    if let Some(header) = bytes.strip_prefix(b"Authorization: ") {
        if let Ok(header) = HeaderValue::from_bytes(header) {
            assert!(authenticate(&header).is_err());
        }
        return;
    }
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let (Some(header), Some(payload)) = (lines.next(), lines.next()) else {
        return;
    };
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(header), encode(payload));
    let forged = lines.next();
    let signature = match forged {
        Some(signature) => encode(signature),
        None => encode(WORLD.key.sign(signed.as_bytes()).as_ref()),
    };
    let token = format!("Bearer {signed}.{signature}");
    let token = HeaderValue::from_str(&token).expect("base64 and dots");
    let first = authenticate(&token).ok();
    if let Some(caller) = &first {
        assert!(forged.is_none());
        deserved(header, payload, caller);
    }
    // Remembered, it is the same.
    assert_eq!(authenticate(&token).ok(), first);
});

/// The token of that header and payload, with a good signature, may name the caller.
fn deserved(header: &[u8], payload: &[u8], caller: &Caller) {
    let header = members(header);
    assert_eq!(member(&header, "alg"), "EdDSA");
    assert_eq!(member(&header, "kid"), KID);
    assert!(!header.contains_key("crit"));
    let claims = members(payload);
    let tenant = member(&claims, "tid");
    let tenant = tenant.as_str().expect("a tenant");
    assert_eq!(member(&claims, "iss"), format!("urn:runstate:{tenant}"));
    assert!(!tenant.is_empty());
    assert_eq!(caller.tenant_id, tenant.to_lowercase());
    let audience = match member(&claims, "aud") {
        Value::Array(several) => several.iter().any(|one| one == AUDIENCE),
        one => one == AUDIENCE,
    };
    assert!(audience);
    let now = NOW as f64;
    assert!(member(&claims, "exp").as_f64().expect("an end") > now);
    assert!(
        member(&claims, "nbf")
            .as_f64()
            .is_none_or(|begin| begin <= now)
    );
}

/// The members of an object, unread: what a verifier passes over may be more than a `Value` can hold,
/// such as half a surrogate pair.
fn members(json: &[u8]) -> HashMap<String, Box<RawValue>> {
    serde_json::from_slice(json).expect("an object")
}

fn member(members: &HashMap<String, Box<RawValue>>, name: &str) -> Value {
    let value = members
        .get(name)
        .map(|value| serde_json::from_str(value.get()));
    value.map_or(Value::Null, |value| value.expect("a value"))
}

fn authenticate(header: &HeaderValue) -> Result<Arc<Caller>, AuthError> {
    WORLD
        .runtime
        .block_on(WORLD.authenticator.authenticate(Some(header)))
}

struct World {
    runtime: Runtime,
    authenticator: Authenticator,
    key: Ed25519KeyPair,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = issuer::runtime();
    let builtin = Arc::new(issuer::open(&runtime, SEED, Vec::new()));
    let authenticator = Authenticator::new(Arc::new(Stopped), Some(builtin), Vec::new());
    World {
        runtime,
        authenticator: authenticator.expect("no TLS is needed"),
        key: issuer::key(SEED),
    }
});
