//! The claims of an access token, and the caller they name.

use std::time::{SystemTime, UNIX_EPOCH};

use runstate_graph::permit::{Caller, CallerKind};
use serde::Deserialize;

use super::error::{AuthError, Refusal};

/// The claims that are read (RFC 7519, 4.1; Microsoft identity platform, "Access token claims
/// reference"). A claim of the wrong type makes the whole token malformed.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    aud: Option<Audience>,
    exp: Option<f64>,
    nbf: Option<f64>,
    pub(crate) tid: Option<String>,
    oid: Option<String>,
    sub: Option<String>,
    /// Entra's delegated permissions, separated by spaces.
    scp: Option<String>,
    /// RFC 9068's name for the same, which Keycloak uses.
    scope: Option<String>,
    roles: Option<Vec<String>>,
    idtyp: Option<String>,
    deviceid: Option<String>,
    azp: Option<String>,
    appid: Option<String>,
}

/// RFC 7519, 4.1.3: one audience, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    /// Refuses a token outside its time. `leeway` is how many seconds the issuer's clock may be
    /// off. A token without `exp` is refused: it would be good for ever.
    pub(crate) fn check_time(&self, now: SystemTime, leeway: u32) -> Result<(), AuthError> {
        let now = seconds(now);
        let leeway = f64::from(leeway);
        let Some(exp) = self.exp else {
            return Err(AuthError::refused(Refusal::Malformed, "no exp"));
        };
        if now >= exp + leeway {
            return Err(AuthError::refused(
                Refusal::Expired,
                format!("exp {exp}, now {now}"),
            ));
        }
        match self.nbf {
            Some(nbf) if now + leeway < nbf => Err(AuthError::refused(
                Refusal::NotYetValid,
                format!("nbf {nbf}, now {now}"),
            )),
            _ => Ok(()),
        }
    }

    /// Refuses a token for another service.
    pub(crate) fn check_audience(&self, accepted: &[String]) -> Result<(), AuthError> {
        let named = match &self.aud {
            None => [].as_slice(),
            Some(Audience::One(one)) => std::slice::from_ref(one),
            Some(Audience::Several(several)) => several,
        };
        if named.iter().any(|audience| accepted.contains(audience)) {
            return Ok(());
        }
        let named: Vec<_> = named
            .iter()
            .take(5)
            .map(|text| super::error::brief(text))
            .collect();
        Err(AuthError::refused(
            Refusal::WrongAudience,
            format!("aud {named:?}"),
        ))
    }

    /// The moment from which the token is no longer accepted.
    pub(crate) fn end(&self, leeway: u32) -> f64 {
        self.exp.unwrap_or(0.0) + f64::from(leeway)
    }

    /// The caller. `tenant_id` comes from the issuer's rule, not from here, and `devices` tells
    /// whether the issuer may name devices.
    pub(crate) fn into_caller(self, tenant_id: String, devices: bool) -> Result<Caller, AuthError> {
        let missing = |what| AuthError::refused(Refusal::MissingSubject, what);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let client_id = self.azp.or(self.appid);
        let user_id = self.oid.or(self.sub);
        if devices && self.idtyp.as_deref() == Some("device") {
            let device_id = self.deviceid.ok_or_else(|| missing("no deviceid"))?;
            let kind = CallerKind::Device { device_id };
            let permissions = self.roles.unwrap_or_default();
            return Ok(Caller {
                tenant_id,
                kind,
                permissions,
                client_id,
            });
        }
        // `scp` decides: a user's token may hold `roles` too, which are then the user's, not the
        // application's. `scope` comes last, since Keycloak writes one into every token.
        let (delegated, permissions) = match (self.scp, self.roles, self.scope) {
            (Some(scp), _, _) => (true, words(&scp)),
            (None, Some(roles), _) => (false, roles),
            (None, None, Some(scope)) => (true, words(&scope)),
            // A caller without permissions is told so later, by 403: the token itself is good.
            (None, None, None) => (self.idtyp.as_deref() != Some("app"), Vec::new()),
        };
        let kind = if delegated {
            CallerKind::Delegated {
                user_id: user_id.ok_or_else(|| missing("no oid, no sub"))?,
            }
        } else {
            CallerKind::Application
        };
        Ok(Caller {
            tenant_id,
            kind,
            permissions,
            client_id,
        })
    }
}

/// Seconds since 1970, the NumericDate of RFC 7519, 2. Exact to far below a second for any date
/// that a token can have.
pub(crate) fn seconds(moment: SystemTime) -> f64 {
    moment
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
