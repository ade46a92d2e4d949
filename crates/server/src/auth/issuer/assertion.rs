//! Client authentication by a signed assertion: `private_key_jwt` (RFC 7523, 2.2 and 3).

use runstate_store::issuer::Application;
use serde::Deserialize;

use crate::base_url::is_loopback;

use super::super::claims::{Claims, seconds};
use super::super::error::{AuthError, Refusal};
use super::super::jwk::{Jwk, PublicKey};
use super::super::jws::Compact;
use super::BuiltinIssuer;
use super::error::OAuthError;
use super::replay::Remembered;

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
pub(super) fn check(
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
    let now = issuer.clock.now();
    common
        .check_time(now, LEEWAY)
        .map_err(|error| match error {
            AuthError::Refused {
                refusal: Refusal::Malformed,
                ..
            } => OAuthError::AssertionMalformed("no 'exp'"),
            _ => OAuthError::AssertionTime,
        })?;
    let now = seconds(now);
    let end = common.end(LEEWAY);
    if end > now + MAX_LIFETIME + f64::from(LEEWAY) {
        return Err(OAuthError::AssertionTime);
    }
    let jti = claims.jti.filter(|jti| !jti.is_empty());
    let jti = jti.ok_or(OAuthError::AssertionMalformed("no 'jti'"))?;
    // Last of all, so that only a good assertion takes up room.
    match issuer.seen.remember((tenant, client_id, &jti), now, end) {
        Remembered::First => Ok(()),
        Remembered::Again => Err(OAuthError::AssertionReplayed),
        Remembered::Full => Err(OAuthError::Transient),
    }
}
