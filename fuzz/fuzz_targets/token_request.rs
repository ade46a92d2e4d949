//! The token endpoint: nobody gets a token without the secret or a signature, nor twice for one
//! assertion, and whatever comes is answered.
//!
//! An input is the `Authorization` header, the header and the claims of an assertion, one a line, and
//! then the form. The application's own key signs the assertion, since no input guesses a signature;
//! without a header there is none.
#![no_main]

#[path = "shared/issuer.rs"]
mod issuer;

use std::sync::{Arc, LazyLock};

use axum::{Router, body::Body};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{HeaderValue, Request, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use ring::signature::{Ed25519KeyPair, KeyPair};
use runstate_server::auth::{issuer::router, public_key::application_key};
use runstate_store::issuer::{Application, HashedSecret};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const SECRET: &str = "secret";
const SEED: [u8; 32] = [8; 32];

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (authorization, head, claims, form) = (line(), line(), line(), line());
    let Ok(authorization) = HeaderValue::from_bytes(authorization) else {
        return;
    };
    let mut body = form.to_vec();
    if !head.is_empty() {
        body.extend(b"&client_assertion=");
        body.extend(assertion(head, claims).bytes());
    }
    let status = ask(&authorization, &body);
    if status == StatusCode::OK {
        if head.is_empty() {
            assert!(tells_secret(&authorization, &body));
        } else {
            assert_eq!(ask(&authorization, &body), StatusCode::UNAUTHORIZED);
        }
    }
});

/// The status of the answer to a request.
fn ask(authorization: &HeaderValue, body: &[u8]) -> StatusCode {
    let mut request = Request::post("/t/oauth2/v2.0/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if !authorization.is_empty() {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let request = request.body(Body::from(body.to_vec())).expect("a request");
    let answer = WORLD.router.clone().oneshot(request);
    let status = WORLD.runtime.block_on(answer).expect("no failure").status();
    let expected = [
        StatusCode::OK,
        StatusCode::BAD_REQUEST,
        StatusCode::UNAUTHORIZED,
    ];
    assert!(expected.contains(&status), "{status}");
    status
}

/// An assertion with a good signature.
fn assertion(head: &[u8], claims: &[u8]) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(head), encode(claims));
    let signature = WORLD.key.sign(signed.as_bytes());
    format!("{signed}.{}", encode(signature.as_ref()))
}

/// Whether the secret is somewhere in the form or in HTTP Basic.
fn tells_secret(authorization: &HeaderValue, body: &[u8]) -> bool {
    let basic = authorization.to_str().ok().and_then(|value| {
        let (_, encoded) = value.split_once(' ')?;
        STANDARD.decode(encoded.trim()).ok()
    });
    [basic.unwrap_or_default(), body.to_vec()]
        .iter()
        .any(|bytes| decoded(bytes).contains(SECRET))
}

/// The text, with what is percent-encoded as it is meant.
fn decoded(bytes: &[u8]) -> String {
    let mut plain = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        rest = after;
        match (first, code) {
            (b'%', Some(code)) => {
                plain.push(code);
                rest = &after[2..];
            }
            (byte, _) => plain.push(*byte),
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

struct World {
    runtime: Runtime,
    router: Router,
    key: Ed25519KeyPair,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = issuer::runtime();
    let key = issuer::key(SEED);
    let x = URL_SAFE_NO_PAD.encode(key.public_key());
    let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
    let application = |client_id: &str| Application {
        tenant_id: "t".to_owned(),
        client_id: client_id.to_owned(),
        display_name: client_id.to_owned(),
        permissions: vec!["A".to_owned()],
        secrets: Vec::new(),
        public_keys: Vec::new(),
        device_id: None,
    };
    let with_secret = Application {
        secrets: vec![HashedSecret::new(SECRET, None)],
        ..application("a")
    };
    let with_key = Application {
        public_keys: vec![application_key(&jwk).expect("a key")],
        ..application("b")
    };
    let builtin = issuer::open(&runtime, [7; 32], vec![with_secret, with_key]);
    World {
        runtime,
        router: router(Arc::new(builtin)),
        key,
    }
});
