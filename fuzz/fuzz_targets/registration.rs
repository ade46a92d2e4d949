//! The registration of devices: whatever comes is answered, and what is enrolled is well described.
//!
//! An input is a body; the enrolment token beside it is good, since no input guesses one.
#![no_main]

#[path = "shared/issuer.rs"]
mod issuer;

use std::sync::{Arc, LazyLock};

use axum::{Router, body::Body};
use http::{Request, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use runstate_server::auth::issuer::router;
use tokio::runtime::Runtime;
use tower::ServiceExt;

fuzz_target!(|bytes: &[u8]| {
    let request = Request::post("/oauth2/v2.0/register")
        .header(header::AUTHORIZATION, "Bearer token")
        .body(Body::from(bytes.to_vec()))
        .expect("a request");
    let (runtime, router) = &*WORLD;
    let answer = router.clone().oneshot(request);
    let status = runtime.block_on(answer).expect("no failure").status();
    let expected = [StatusCode::CREATED, StatusCode::BAD_REQUEST];
    assert!(expected.contains(&status), "{status}");
});

static WORLD: LazyLock<(Runtime, Router)> = LazyLock::new(|| {
    let runtime = issuer::runtime();
    let builtin = issuer::open(&runtime, [7; 32], Vec::new());
    (runtime, router(Arc::new(builtin)))
});
