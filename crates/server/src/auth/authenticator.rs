//! From the `Authorization` header to a caller.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use runstate_graph::clock::Clock;
use runstate_graph::permit::Caller;

use super::claims::{Claims, seconds};
use super::discovery::{Discovery, JsonClient};
use super::error::{AuthError, Refusal, brief};
use super::issuer::BuiltinIssuer;
use super::jws::Compact;
use super::keys::{KeyError, KeySet, KeyTimes, PublishedKey};
use super::trust::TrustedIssuer;
use super::verified::{TokenHash, VerifiedTokens, token_hash};

/// How long the keys of an issuer elsewhere are kept.
pub(super) const DISCOVERED: KeyTimes = KeyTimes {
    max_age: Duration::from_secs(3600),
    max_stale: Duration::from_secs(24 * 3600),
    min_interval: Duration::from_secs(30),
};

/// How long the built-in issuer's keys are kept. They are in our own store, so asking costs
/// little; and another process that uses the same store may add one at any time.
const BUILT_IN: KeyTimes = KeyTimes {
    min_interval: Duration::from_secs(1),
    ..DISCOVERED
};

/// A verified token is believed without another look for so long (in seconds), even if it lives
/// longer: a key that its issuer withdraws is then honoured for at most two hours.
const MAX_REMEMBERED: f64 = 3600.0;

/// How many verified tokens are remembered; about 200 bytes each.
const REMEMBERED_TOKENS: usize = 1 << 17;

/// Tells who is calling, from a bearer token (RFC 6750).
pub struct Authenticator {
    clock: Arc<dyn Clock>,
    builtin: Option<(Arc<BuiltinIssuer>, KeySet)>,
    trusted: Vec<(TrustedIssuer, KeySet)>,
    verified: VerifiedTokens,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let trusted: Vec<_> = self
            .trusted
            .iter()
            .map(|(issuer, _)| &issuer.issuer)
            .collect();
        f.debug_struct("Authenticator")
            .field("builtin", &self.builtin.is_some())
            .field("trusted", &trusted)
            .finish_non_exhaustive()
    }
}

/// A token that is refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Why.
    pub(crate) error: AuthError,
    /// Whose it is, where it is signed as it should be.
    pub(crate) caller: Option<Box<Caller>>,
}

impl Refused {
    /// A token whose signature is right.
    fn whose(
        error: AuthError,
        tenant: Result<String, AuthError>,
        claims: Claims,
        devices: bool,
    ) -> Self {
        let caller = tenant.and_then(|tenant| claims.into_caller(tenant, devices));
        let caller = caller.ok().map(Box::new);
        Self { error, caller }
    }
}

impl From<AuthError> for Refused {
    fn from(error: AuthError) -> Self {
        Self {
            error,
            caller: None,
        }
    }
}

impl Authenticator {
    /// An authenticator that trusts the built-in issuer, if there is one, and `trusted`. Asks
    /// nobody yet: keys are fetched when the first token needs them.
    ///
    /// # Errors
    /// When TLS towards the issuers can't be set up.
    pub fn new(
        clock: Arc<dyn Clock>,
        builtin: Option<Arc<BuiltinIssuer>>,
        trusted: Vec<TrustedIssuer>,
    ) -> Result<Self, rustls::Error> {
        let keys = |source, times| KeySet::new(source, clock.clone(), times);
        let builtin = builtin.map(|issuer| {
            let source = Arc::new(issuer.key_source());
            (issuer, keys(source, BUILT_IN))
        });
        let trusted = if trusted.is_empty() {
            // Without issuers elsewhere, the system's root certificates need not be read.
            Vec::new()
        } else {
            let client = JsonClient::new()?;
            let with_keys = |issuer: TrustedIssuer| {
                let client = client.clone();
                let source = Arc::new(Discovery {
                    client,
                    issuer: issuer.clone(),
                });
                (issuer, keys(source, DISCOVERED))
            };
            trusted.into_iter().map(with_keys).collect()
        };
        let verified = VerifiedTokens::new(REMEMBERED_TOKENS);
        Ok(Self {
            clock,
            builtin,
            trusted,
            verified,
        })
    }

    /// The caller that the request's `Authorization` header names.
    ///
    /// # Errors
    /// [`AuthError::Refused`] with the reason, or [`AuthError::Unavailable`] when the issuer's
    /// keys are needed and can't be had.
    pub async fn authenticate(
        &self,
        authorization: Option<&HeaderValue>,
    ) -> Result<Arc<Caller>, AuthError> {
        let caller = self.identify(authorization).await;
        caller.map_err(|refused| refused.error)
    }

    /// [`Authenticator::authenticate`], which says of a refusal whose the token is, where it is known.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn identify(
        &self,
        authorization: Option<&HeaderValue>,
    ) -> Result<Arc<Caller>, Refused> {
        let token = bearer_token(authorization)?;
        let hash = token_hash(token);
        if let Some(caller) = self.verified.get(&hash, seconds(self.clock.now())) {
            return Ok(caller);
        }
        self.verify(token, hash).await
    }

    /// Verifies a token that isn't remembered, and remembers it.
    async fn verify(&self, token: &str, hash: TokenHash) -> Result<Arc<Caller>, Refused> {
        let compact = Compact::parse(token).map_err(refused)?;
        let claims: Claims = compact.claims().map_err(refused)?;
        let Some(iss) = claims.iss.as_deref() else {
            return Err(AuthError::refused(Refusal::UnknownIssuer, "no iss").into());
        };
        let now = self.clock.now();
        let (caller, end) = if let Some((issuer, keys)) = &self.builtin
            && issuer.is_named(iss)
        {
            signed_by(&compact, keys, iss).await?;
            // The issuer's clock is this server's: no leeway.
            let good = claims.check_time(now, 0);
            if let Err(error) = good.and_then(|()| claims.check_audience(issuer.audiences())) {
                let tenant = issuer.tenant(&claims);
                return Err(Refused::whose(error, tenant, claims, true));
            }
            let tenant = issuer.tenant(&claims)?;
            let end = claims.end(0);
            (claims.into_caller(tenant, true)?, end)
        } else if let Some((issuer, keys)) =
            self.trusted.iter().find(|(issuer, _)| issuer.is_named(iss))
        {
            let key = signed_by(&compact, keys, &issuer.issuer).await?;
            let claimed = |name: &str| {
                let all: serde_json::Map<String, serde_json::Value> = compact.claims().ok()?;
                all.get(name)?.as_str().map(str::to_owned)
            };
            let good = claims.check_time(now, issuer.leeway);
            let good = good.and_then(|()| claims.check_audience(&issuer.audiences));
            let tenant = issuer.tenant(&claims, claimed, key.issuer.as_deref());
            if let Err(error) = good {
                return Err(Refused::whose(error, tenant, claims, false));
            }
            let tenant = tenant?;
            let end = claims.end(issuer.leeway);
            (claims.into_caller(tenant, false)?, end)
        } else {
            return Err(
                AuthError::refused(Refusal::UnknownIssuer, format!("iss {}", brief(iss))).into(),
            );
        };
        let caller = Arc::new(caller);
        let end = end.min(seconds(now) + MAX_REMEMBERED);
        self.verified.insert(hash, caller.clone(), end);
        Ok(caller)
    }
}

/// Checks that the token is signed by the key it names, and that the issuer has that key.
pub(super) async fn signed_by(
    compact: &Compact<'_>,
    keys: &KeySet,
    issuer: &str,
) -> Result<PublishedKey, AuthError> {
    let Some(kid) = compact.kid.as_deref() else {
        return Err(AuthError::refused(Refusal::NoKeyId, "no kid"));
    };
    let key = keys.get(kid).await.map_err(|error| match error {
        KeyError::Unknown => AuthError::refused(Refusal::UnknownKey, format!("kid {}", brief(kid))),
        KeyError::Unavailable {
            detail,
            retry_after,
        } => AuthError::Unavailable {
            issuer: issuer.to_owned(),
            detail,
            retry_after,
        },
    })?;
    if key.algorithm.is_some_and(|only| only != compact.algorithm) {
        let detail = format!("{:?}", compact.algorithm);
        return Err(AuthError::refused(Refusal::AlgorithmMismatch, detail));
    }
    compact.verify(&key.key).map_err(refused)?;
    Ok(key)
}

fn refused((refusal, detail): (Refusal, String)) -> AuthError {
    AuthError::Refused { refusal, detail }
}

/// The token in an `Authorization` header (RFC 6750, 2.1; RFC 9110, 11.4).
pub(super) fn bearer_token(authorization: Option<&HeaderValue>) -> Result<&str, AuthError> {
    let empty = || AuthError::refused(Refusal::NoToken, "");
    let value = authorization.ok_or_else(empty)?;
    let value = value
        .to_str()
        .map_err(|_| AuthError::refused(Refusal::Malformed, "not ASCII"))?;
    let value = value.trim();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.is_empty() {
        return Err(empty());
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AuthError::refused(Refusal::NotBearer, ""));
    }
    let token = token.trim_start();
    if token.is_empty() {
        Err(empty())
    } else {
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_read_without_regard_to_case() {
        for header in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(
                bearer_token(Some(&HeaderValue::from_static(header))).unwrap(),
                "abc"
            );
        }
    }

    #[test]
    fn headers_without_a_token_are_told_apart() {
        let refusal = |header: Option<&'static str>| {
            let header = header.map(HeaderValue::from_static);
            match bearer_token(header.as_ref()).unwrap_err() {
                AuthError::Refused { refusal, .. } => refusal,
                other => panic!("{other}"),
            }
        };
        assert_eq!(refusal(None), Refusal::NoToken);
        assert_eq!(refusal(Some("")), Refusal::NoToken);
        assert_eq!(refusal(Some("Bearer")), Refusal::NoToken);
        assert_eq!(refusal(Some("Bearer ")), Refusal::NoToken);
        assert_eq!(refusal(Some("Basic YTpi")), Refusal::NotBearer);
    }
}
