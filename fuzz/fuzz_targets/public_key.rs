//! Public keys in files: what is read is written and read again as the same.
#![no_main]

use base64::{Engine, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use runstate_server::auth::public_key::application_key;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        survives(text);
    }
    // Most of what is wrong with DER is behind base64, so it is put there.
    for label in ["PUBLIC KEY", "CERTIFICATE"] {
        let base64 = STANDARD.encode(bytes);
        survives(&format!(
            "-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n"
        ));
    }
});

fn survives(text: &str) {
    if let Ok(key) = application_key(text) {
        assert_eq!(application_key(&key.jwk), Ok(key));
    }
}
