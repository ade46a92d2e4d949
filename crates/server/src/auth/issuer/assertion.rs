//! Client authentication by a signed assertion: `private_key_jwt` (RFC 7523, 2.2 and 3).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::digest;
use runstate_store::issuer::Application;
use serde::Deserialize;

use crate::base_url::is_loopback;

use super::super::claims::{Claims, seconds};
use super::super::error::{AuthError, Refusal};
use super::super::jwk::{Jwk, PublicKey};
use super::super::jws::Compact;
use super::BuiltinIssuer;
use super::error::OAuthError;

/// How far a client's clock may be off, in seconds.
const LEEWAY: u32 = 60;

/// The longest that an assertion may still live, in seconds. It bounds what must be remembered to
/// refuse it the second time. MSAL's live ten minutes.
const MAX_LIFETIME: f64 = 3600.0;

/// What an assertion says beside the claims that any token has.
#[derive(Deserialize)]
struct AssertionClaims {
    iss: Option<String>,
    sub: Option<String>,
    jti: Option<String>,
}

/// The client that an assertion says it is from. Not to be believed before [`check`].
pub(super) fn claimed_client(assertion: &str) -> Result<String, OAuthError> {
    let claims: AssertionClaims = parse(assertion)?
        .claims()
        .map_err(|_| OAuthError::AssertionMalformed("its claims"))?;
    claims.sub.ok_or(OAuthError::AssertionMalformed("no 'sub'"))
}

fn parse(assertion: &str) -> Result<Compact<'_>, OAuthError> {
    Compact::parse(assertion).map_err(|(refusal, _)| {
        OAuthError::AssertionMalformed(match refusal {
            Refusal::AlgorithmNone => "'alg' must not be none",
            Refusal::AlgorithmSymmetric => "'alg' must not be symmetric",
            Refusal::AlgorithmUnsupported => "'alg' is not supported",
            _ => "not a JWS in compact serialization",
        })
    })
}

/// Whether `assertion` proves that its sender is `application`. `base_url` is where the request
/// came to.
pub(super) async fn check(
    issuer: &BuiltinIssuer,
    application: &Application,
    assertion: &str,
    base_url: &str,
) -> Result<(), OAuthError> {
    let compact = parse(assertion)?;
    let malformed = |_| OAuthError::AssertionMalformed("its claims");
    let common: Claims = compact.claims().map_err(malformed)?;
    let claims: AssertionClaims = compact.claims().map_err(malformed)?;
    let keys: Vec<PublicKey> = application
        .public_keys
        .iter()
        // MSAL names a certificate (`x5t`) but no `kid`; where there is one, it must fit.
        .filter(|key| compact.kid.as_ref().is_none_or(|kid| *kid == key.kid))
        .filter_map(|key| PublicKey::from_jwk(&serde_json::from_str::<Jwk>(&key.jwk).ok()?))
        .collect();
    if !keys.iter().any(|key| compact.verify(key).is_ok()) {
        return Err(OAuthError::AssertionSignature);
    }
    let client_id = application.client_id.as_str();
    let is_client = |claim: &Option<String>| {
        claim
            .as_ref()
            .is_some_and(|claim| claim.eq_ignore_ascii_case(client_id))
    };
    if !is_client(&claims.iss) || !is_client(&claims.sub) {
        return Err(OAuthError::AssertionSubject);
    }
    let tenant = &application.tenant_id;
    let mut audiences = vec![issuer.name_of(tenant)];
    // Where no public URL is configured, the base is what the request's `Host` says: whoever had
    // an assertion made for another host could say that one.
    if issuer.base_url.get().is_some() || is_loopback(base_url) {
        audiences.push(format!("{base_url}/{tenant}/oauth2/v2.0/token"));
        audiences.push(format!("{base_url}/{tenant}/v2.0"));
    }
    common
        .check_audience(&audiences)
        .map_err(|_| OAuthError::AssertionAudience)?;
    let moment = issuer.clock.now();
    common
        .check_time(moment, LEEWAY)
        .map_err(|error| match error {
            AuthError::Refused {
                refusal: Refusal::Malformed,
                ..
            } => OAuthError::AssertionMalformed("no 'exp'"),
            _ => OAuthError::AssertionTime,
        })?;
    let now = seconds(moment);
    let end = common.end(LEEWAY);
    if end > now + MAX_LIFETIME + f64::from(LEEWAY) {
        return Err(OAuthError::AssertionTime);
    }
    let jti = claims.jti.filter(|jti| !jti.is_empty());
    let jti = jti.ok_or(OAuthError::AssertionMalformed("no 'jti'"))?;
    // Last of all, so that only a good assertion takes up room.
    let hash = hash_of([tenant, client_id, &jti]);
    match issuer.store.assertion_use(hash, moment, instant(end)).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(OAuthError::AssertionReplayed),
        // One that cannot be noted could be used twice.
        Err(_) => Err(OAuthError::Transient),
    }
}

/// What tells an assertion from all others.
fn hash_of(parts: [&str; 3]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        // With their lengths, so that no two triples make the same text.
        context.update(&part.len().to_le_bytes());
        context.update(part.as_bytes());
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Seconds since 1970 as an instant; an hour away at most, so that it always is one.
fn instant(seconds: f64) -> SystemTime {
    let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    UNIX_EPOCH + since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_triples_have_the_same_hash() {
        assert_ne!(hash_of(["t", "c", "j"]), hash_of(["tc", "", "j"]));
        assert_ne!(hash_of(["t", "c", "j"]), hash_of(["t", "cj", ""]));
    }
}
