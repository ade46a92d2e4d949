//! Which issuers are trusted, for which audience, and for which tenants.
//!
//! The last is the one that is easily forgotten. An issuer writes any `tid` it likes into its
//! tokens, so a server that believed it would let the Keycloak of one tenant make tokens for
//! every other. Here an issuer is trusted for stated tenants, and a token that names another is
//! refused. Only an issuer whose own name holds the tenant (`…/{tenantid}/v2.0`, as Entra's does)
//! may be trusted for all of its tenants, since a token's `iss` then binds its `tid`.

use serde::Deserialize;

use super::claims::Claims;
use super::error::{AuthError, Refusal, brief};

/// Stands for the token's `tid` in the name of a multi-tenant issuer.
const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// A trusted issuer as an administrator writes it down, each member in kebab case.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct IssuerConfig {
    /// The issuer's name, as it stands in `iss`. May hold `{tenantid}`, for Entra's multi-tenant
    /// tokens: `https://login.microsoftonline.com/{tenantid}/v2.0`.
    pub issuer: String,
    /// The audiences accepted in `aud`: what this server is called at the issuer.
    pub audiences: Vec<String>,
    /// Every token of this issuer belongs to this tenant. For issuers that know no `tid`.
    pub tenant: Option<String>,
    /// The tenants that this issuer may name. May be left out only if `issuer` holds `{tenantid}`.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// The claim that names the tenant; `tid` unless told otherwise.
    pub tenant_claim: Option<String>,
    /// Where the issuer describes itself, if not at `{issuer}/.well-known/openid-configuration`.
    /// With `{tenantid}` in the issuer, `common` stands in its place there.
    pub metadata_url: Option<String>,
    /// How many seconds the issuer's clock may be off; 60 unless told otherwise, at most 600.
    pub leeway: Option<u32>,
}

/// Why an issuer can't be trusted as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("issuer {issuer}: {reason}")]
pub struct IssuerConfigError {
    issuer: String,
    reason: &'static str,
}

/// An issuer that is trusted, and how far.
#[derive(Debug, Clone)]
pub struct TrustedIssuer {
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) metadata_url: String,
    pub(crate) leeway: u32,
    tenants: TenantRule,
}

/// How a token's tenant is found, and which ones its issuer may speak for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum TenantRule {
    /// All tokens belong to this one.
    Fixed(String),
    /// The claim `name` tells, and must be among `allowed`.
    Claimed { name: String, allowed: Vec<String> },
    /// `tid` tells, and `iss` must be the issuer's name with `tid` put in; `allowed` bounds it
    /// further unless it is empty.
    InIssuer { allowed: Vec<String> },
}

impl TrustedIssuer {
    /// Checks what an administrator wrote.
    ///
    /// # Errors
    /// When the issuer would be trusted for more than was said, or can't be used: no audience, no
    /// tenant, or an address that is neither `https` nor on this machine.
    pub fn new(config: IssuerConfig) -> Result<Self, IssuerConfigError> {
        let IssuerConfig {
            issuer,
            audiences,
            tenant,
            tenants,
            tenant_claim,
            ..
        } = config;
        let refuse = |reason| {
            Err(IssuerConfigError {
                issuer: brief(&issuer),
                reason,
            })
        };
        if !is_safe_address(&issuer) {
            return refuse("must be an https address (http only on this machine)");
        }
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            return refuse("needs an audience: tokens made for other services must be refused");
        }
        let allowed: Vec<String> = tenants.iter().map(|id| id.to_lowercase()).collect();
        let in_issuer = issuer.matches(TENANT_PLACEHOLDER).count();
        let tenants = match (tenant, tenant_claim, in_issuer) {
            (_, _, 2..) => return refuse("may hold {tenantid} once only"),
            (Some(_), Some(_), _) => return refuse("has both a tenant and a tenant claim"),
            (Some(_), None, _) if !allowed.is_empty() => {
                return refuse("has both a tenant and a list of tenants");
            }
            (Some(_), _, 1) | (_, Some(_), 1) => {
                return refuse("holds {tenantid}, so its tenant comes from tid");
            }
            (None, None, 1) => TenantRule::InIssuer { allowed },
            (Some(tenant), None, _) if !tenant.is_empty() => {
                TenantRule::Fixed(tenant.to_lowercase())
            }
            (None, name, _) if !allowed.is_empty() => TenantRule::Claimed {
                name: name.unwrap_or_else(|| "tid".to_owned()),
                allowed,
            },
            _ => return refuse("needs a tenant, or the list of tenants that it may name"),
        };
        let metadata_url = config.metadata_url.unwrap_or_else(|| {
            let base = issuer
                .trim_end_matches('/')
                .replace(TENANT_PLACEHOLDER, "common");
            format!("{base}/.well-known/openid-configuration")
        });
        if !is_safe_address(&metadata_url) {
            return refuse("its metadata must be at an https address (http only on this machine)");
        }
        let leeway = config.leeway.unwrap_or(60);
        if leeway > 600 {
            return refuse("a leeway above 600 seconds would keep expired tokens alive");
        }
        Ok(Self {
            issuer,
            audiences,
            metadata_url,
            leeway,
            tenants,
        })
    }

    /// Whether a token's `iss` could be this issuer's. [`TrustedIssuer::tenant`] decides.
    pub(crate) fn is_named(&self, iss: &str) -> bool {
        match self.issuer.split_once(TENANT_PLACEHOLDER) {
            None => self.issuer == iss,
            Some((before, after)) => iss
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(|tenant| !tenant.is_empty() && !tenant.contains('/')),
        }
    }

    /// The tenant of a token whose signature was found good.
    ///
    /// `claimed` looks up a claim by its name; `key_issuer` is the issuer that the signing key
    /// itself was published for, where the issuer says that (Entra does).
    pub(crate) fn tenant(
        &self,
        claims: &Claims,
        claimed: impl Fn(&str) -> Option<String>,
        key_issuer: Option<&str>,
    ) -> Result<String, AuthError> {
        let missing = |name: &str| AuthError::refused(Refusal::MissingTenant, format!("no {name}"));
        let foreign = |tenant: &str| {
            let detail = format!("tenant {} of issuer {}", brief(tenant), self.issuer);
            Err(AuthError::refused(Refusal::ForeignTenant, detail))
        };
        match &self.tenants {
            TenantRule::Fixed(tenant) => match &claims.tid {
                Some(tid) if !tid.eq_ignore_ascii_case(tenant) => foreign(tid),
                _ => Ok(tenant.clone()),
            },
            TenantRule::Claimed { name, allowed } => {
                let tenant = claimed(name).filter(|id| !id.is_empty());
                let tenant = tenant.ok_or_else(|| missing(name))?.to_lowercase();
                if allowed.contains(&tenant) {
                    Ok(tenant)
                } else {
                    foreign(&tenant)
                }
            }
            TenantRule::InIssuer { allowed } => {
                let tid = claims.tid.as_ref().filter(|id| !id.is_empty());
                let tid = tid.ok_or_else(|| missing("tid"))?;
                let named = |template: &str| {
                    claims.iss.as_deref() == Some(&*template.replace(TENANT_PLACEHOLDER, tid))
                };
                if !named(&self.issuer) {
                    return foreign(tid);
                }
                // Entra publishes the keys of personal accounts beside those of organizations; a
                // key of the one must not sign for the other.
                if key_issuer.is_some_and(|template| !named(template)) {
                    return foreign(tid);
                }
                let tenant = tid.to_lowercase();
                if allowed.is_empty() || allowed.contains(&tenant) {
                    Ok(tenant)
                } else {
                    foreign(tid)
                }
            }
        }
    }
}

/// Whether keys may be fetched from `address`: over TLS, or from this machine itself.
pub(crate) fn is_safe_address(address: &str) -> bool {
    // A placeholder is no URI character; any tenant will do for looking at scheme and host.
    let address = address.replace(TENANT_PLACEHOLDER, "common");
    let Ok(uri) = address.parse::<http::Uri>() else {
        return false;
    };
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) => !host.is_empty(),
        (Some("http"), Some(host)) => matches!(host, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(issuer: &str) -> IssuerConfig {
        IssuerConfig {
            issuer: issuer.into(),
            audiences: vec!["api".into()],
            ..IssuerConfig::default()
        }
    }

    fn reason(config: IssuerConfig) -> &'static str {
        TrustedIssuer::new(config).unwrap_err().reason
    }

    #[test]
    fn an_issuer_without_tenants_is_not_trusted() {
        assert!(reason(config("https://keycloak/realms/a")).starts_with("needs a tenant"));
    }

    #[test]
    fn an_issuer_without_an_audience_is_not_trusted() {
        let config = IssuerConfig {
            audiences: vec![],
            ..config("https://i/{tenantid}/v2.0")
        };
        assert!(reason(config).starts_with("needs an audience"));
    }

    #[test]
    fn an_issuer_without_tls_is_trusted_on_this_machine_only() {
        let fixed = |issuer| IssuerConfig {
            tenant: Some("t".into()),
            ..config(issuer)
        };
        assert!(reason(fixed("http://keycloak/realms/a")).starts_with("must be an https"));
        assert!(TrustedIssuer::new(fixed("http://127.0.0.1:8080/realms/a")).is_ok());
        assert!(TrustedIssuer::new(fixed("http://[::1]:8080/realms/a")).is_ok());
    }

    #[test]
    fn a_tenant_is_said_in_one_way_only() {
        let both = IssuerConfig {
            tenant: Some("a".into()),
            tenants: vec!["b".into()],
            ..config("https://i")
        };
        assert!(reason(both).starts_with("has both"));
        let fixed = IssuerConfig {
            tenant: Some("a".into()),
            ..config("https://i/{tenantid}")
        };
        assert!(reason(fixed).starts_with("holds {tenantid}"));
    }

    #[test]
    fn settings_are_in_kebab_case_and_none_is_passed_over() {
        let table = serde_json::json!({
            "issuer": "https://i", "audiences": ["a"], "tenants": ["t"], "tenant-claim": "org",
            "metadata-url": "https://m", "leeway": 5,
        });
        let config: IssuerConfig = serde_json::from_value(table).unwrap();
        let trusted = TrustedIssuer::new(config).unwrap();
        assert_eq!(
            (trusted.metadata_url.as_str(), trusted.leeway),
            ("https://m", 5)
        );
        let misspelt = serde_json::json!({"issuer": "https://i", "audiences": [], "tenents": []});
        assert!(serde_json::from_value::<IssuerConfig>(misspelt).is_err());
    }

    #[test]
    fn entra_describes_its_multi_tenant_issuer_under_common() {
        let trusted =
            TrustedIssuer::new(config("https://login.microsoftonline.com/{tenantid}/v2.0"))
                .unwrap();
        assert_eq!(
            trusted.metadata_url,
            "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration"
        );
        assert!(trusted.is_named("https://login.microsoftonline.com/abc/v2.0"));
        assert!(!trusted.is_named("https://login.microsoftonline.com//v2.0"));
        assert!(!trusted.is_named("https://login.microsoftonline.com/a/b/v2.0"));
        assert!(!trusted.is_named("https://evil.example/abc/v2.0"));
    }
}
