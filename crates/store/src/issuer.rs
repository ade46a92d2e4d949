//! What the built-in issuer of tokens remembers: its signing keys, and the applications that may
//! ask it for a token.

use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;
use runstate_graph::permit::Origin;
use runstate_odata::edm::Record;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Error;

/// A key with which the built-in issuer signs tokens. All tenants share it, as Entra's do.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The key's id: the RFC 7638 thumbprint of its public half, in base64url.
    pub kid: String,
    /// The JWS algorithm (RFC 7518, RFC 8037); today always `EdDSA`.
    pub algorithm: String,
    /// The private key as PKCS#8 in DER (RFC 5958, RFC 8410).
    pub private_key: Vec<u8>,
    /// When the key was made, in whole seconds. The youngest one signs, all of them verify.
    pub created: SystemTime,
}

impl fmt::Debug for SigningKey {
    /// Leaves the private key out, so that no log can hold it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// An application registered in a tenant: a client of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The tenant, in lower case.
    pub tenant_id: String,
    /// The client id (`appid`), in lower case.
    pub client_id: String,
    /// A name for people.
    pub display_name: String,
    /// The application permissions granted to it: the `roles` of its tokens.
    pub permissions: Vec<String>,
    /// The secrets it may present, any of which will do.
    pub secrets: Vec<HashedSecret>,
    /// The keys with which it may sign an assertion (RFC 7523), any of which will do.
    pub public_keys: Vec<ApplicationKey>,
    /// Where it is the agent of a managed device: that device. Its tokens are the device's.
    pub device_id: Option<String>,
}

/// A device that asks to be enrolled.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrollment {
    /// SHA-256 of the enrolment token that it shows.
    pub token_hash: [u8; 32],
    /// Its public key.
    pub public_key: ApplicationKey,
    /// The managed device that it would be: a new `id`, and the facts that it tells.
    pub device: Record,
    /// The `userPrincipalName` of its primary user, where it has one.
    pub user_principal_name: Option<String>,
    /// The accounts that are logged on.
    pub accounts: Vec<String>,
    /// Where it asks from, for the audit.
    pub origin: Origin,
}

/// A device that is enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The tenant, from the enrolment token.
    pub tenant_id: String,
    /// The managed device's id, which is its client id.
    pub device_id: String,
}

/// A public key of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationKey {
    /// The RFC 7638 thumbprint, in base64url.
    pub kid: String,
    /// The key as a JSON Web Key (RFC 7517), public members only.
    pub jwk: String,
}

/// A client secret at rest.
///
/// SHA-256 without salt or stretching is right here, because secrets are never chosen by people:
/// we make them, from 256 bits of randomness, so there is nothing to guess and no table to
/// prepare. A slow hash would only let anybody keep the token endpoint busy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedSecret {
    /// SHA-256 of the secret's UTF-8 text.
    pub hash: [u8; 32],
    /// The moment from which the secret no longer works, in whole seconds; `None`: it always does.
    pub expires: Option<SystemTime>,
}

impl HashedSecret {
    /// Hashes a secret that was made from 256 bits of randomness.
    pub fn new(secret: &str, expires: Option<SystemTime>) -> Self {
        Self {
            hash: Sha256::digest(secret.as_bytes()).into(),
            expires,
        }
    }

    /// Whether `secret` is the one that was hashed. Takes the same time for every wrong secret.
    pub fn matches(&self, secret: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        self.hash.ct_eq(&presented).into()
    }

    /// Whether the secret still works at `now`.
    pub fn is_current(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// Where the built-in issuer keeps what it must remember.
///
/// Tenant and client ids are compared as they are; callers pass them in lower case.
#[async_trait]
pub trait IssuerStore: Send + Sync {
    /// All signing keys, oldest first.
    ///
    /// # Errors
    /// As every call here: [`Error::Unavailable`] or [`Error::Internal`].
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, Error>;

    /// Remembers a new signing key. A key whose `kid` is known already is left as it is.
    async fn signing_key_add(&self, key: SigningKey) -> Result<(), Error>;

    /// The application `client_id` of a tenant; `None` if that tenant has none of this id.
    async fn application_get(
        &self,
        tenant_id: &str,
        client_id: &str,
    ) -> Result<Option<Application>, Error>;

    /// Remembers a new application; all of it or, on an error, nothing.
    async fn application_add(&self, application: Application) -> Result<(), Error>;

    /// The applications of a tenant, by display name and then client id.
    async fn application_list(&self, tenant_id: &str) -> Result<Vec<Application>, Error>;

    /// Enrols a device: a managed device and an application with its key come to be, the group of the
    /// token gets a member, the token is used once more. A key that is enrolled already is the same
    /// device, and nothing changes.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a token that there is not, [`Error::Conflict`] for one that has
    /// expired or is used up, [`Error::Invalid`] for a user that there is not.
    async fn device_enroll(&self, enrollment: Enrollment) -> Result<Enrolled, Error>;

    /// Notes that an assertion was used, by the hash of what tells it from all others, which is good
    /// until `end`. Returns whether it is the first time. `now` is the time by which others are
    /// forgotten.
    async fn assertion_use(
        &self,
        hash: [u8; 32],
        now: SystemTime,
        end: SystemTime,
    ) -> Result<bool, Error>;

    /// Forgets an application with its secrets and keys. Returns whether there was one.
    async fn application_delete(&self, tenant_id: &str, client_id: &str) -> Result<bool, Error>;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_secret_matches_itself_only() {
        let hashed = HashedSecret::new("correct", None);
        assert!(hashed.matches("correct"));
        assert!(!hashed.matches("correc"));
        assert!(!hashed.matches(""));
    }

    #[test]
    fn a_secret_ends_at_its_moment() {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let hashed = HashedSecret::new("s", Some(end));
        assert!(hashed.is_current(end - Duration::from_secs(1)));
        assert!(!hashed.is_current(end));
        assert!(HashedSecret::new("s", None).is_current(end));
    }

    #[test]
    fn debug_output_keeps_the_private_key_out() {
        let key = SigningKey {
            kid: "k".into(),
            algorithm: "EdDSA".into(),
            private_key: vec![171, 205],
            created: SystemTime::UNIX_EPOCH,
        };
        let text = format!("{key:?}");
        assert!(text.contains("EdDSA") && !text.contains("171"), "{text}");
    }
}
