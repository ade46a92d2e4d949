//! `$skiptoken`: only what was written as a token, for this key and this query, is read as one.
#![no_main]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use ring::hmac;
use runstate_store::query::skip_token::{decode, encode};

const KEY: [u8; 32] = [7; 32];
const FINGERPRINT: [u8; 32] = [9; 32];

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        canonical(text);
    }
    // No input guesses a tag, so this one has the right one already.
    let signed = [FINGERPRINT.as_slice(), bytes].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &KEY), &signed);
    let token = [&tag.as_ref()[..16], bytes].concat();
    canonical(&URL_SAFE_NO_PAD.encode(token));
});

/// What is read as a token is what is written for it, and nothing near it is one.
fn canonical(token: &str) {
    let Ok(keyset) = decode(&KEY, &FINGERPRINT, token) else {
        return;
    };
    assert_eq!(encode(&KEY, &FINGERPRINT, &keyset), token);
    assert!(decode(&[8; 32], &FINGERPRINT, token).is_err());
    assert!(decode(&KEY, &[8; 32], token).is_err());
    for at in 0..token.len() {
        let mut other = token.to_owned().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).expect("ASCII");
        assert!(decode(&KEY, &FINGERPRINT, &other).is_err());
        assert!(decode(&KEY, &FINGERPRINT, &token[..at]).is_err());
    }
}
