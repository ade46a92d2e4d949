//! What a receiver knows a notification by: an HMAC over its moment and its body.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderName;
use ring::hmac;

/// The header: `t=` the moment of sending in seconds since 1970, `v1=` the HMAC-SHA-256, in
/// hexadecimal, of that number, a full stop and the body. The key is the secret's text.
pub const SIGNATURE: HeaderName = HeaderName::from_static("runstate-signature");

/// The secret of a subscription, derived from its tenant's key: nothing of it is kept.
pub(crate) fn secret(key: &[u8; 32], subscription_id: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let derived = hmac::sign(&key, subscription_id.as_bytes());
    format!("rss_{}", URL_SAFE_NO_PAD.encode(derived.as_ref()))
}

/// The header's value.
pub(super) fn signature(secret: &str, now: SystemTime, body: &[u8]) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    let tag = context.sign();
    let digits: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("t={seconds},v1={digits}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn secrets_differ_by_subscription_and_by_tenant() {
        let one = secret(&[1; 32], "a");
        assert_eq!(one, secret(&[1; 32], "a"));
        assert_ne!(one, secret(&[1; 32], "b"));
        assert_ne!(one, secret(&[2; 32], "a"));
    }

    /// `printf '1000.{}' | openssl dgst -sha256 -hmac rss_x`
    #[test]
    fn a_signature_as_others_make_it() {
        let now = UNIX_EPOCH + Duration::from_millis(1_000_900);
        assert_eq!(
            signature("rss_x", now, b"{}"),
            "t=1000,v1=cffdae4afdcb1829cbb696cd8d40a41268af5eb073af3b8f197911f9f81fa7bc"
        );
    }
}
