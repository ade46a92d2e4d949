//! What the console remembers: who is signed in, and the links that sign somebody in once.
//!
//! Both are kept by the hash of a secret that was made from 256 bits of randomness, so the store cannot
//! be read for a session; why no slower hash is needed, see [`crate::issuer::HashedSecret`].

use std::time::SystemTime;

use async_trait::async_trait;

use crate::Error;

/// For whom a session is, and with which rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The tenant, in lower case.
    pub tenant_id: String,
    /// The user's object id.
    pub user_id: String,
    /// What the console calls the user.
    pub display_name: String,
    /// The permission names.
    pub permissions: Vec<String>,
}

/// A link that signs in once, or a session: both are a person and an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// SHA-256 of the secret that is in the link or the cookie.
    pub hash: [u8; 32],
    /// Whom it lets in.
    pub person: Person,
    /// The moment from which it is no longer good, in whole seconds.
    pub expires: SystemTime,
}

/// Where the console keeps what it must remember.
///
/// Every function names the tenant, which the link and the cookie do too. `now` is the time by which
/// what has ended is refused, and forgotten.
#[async_trait]
pub trait ConsoleStore: Send + Sync {
    /// Remembers a link.
    ///
    /// # Errors
    /// As every call here: [`Error::Unavailable`] or [`Error::Internal`].
    async fn console_link_add(&self, link: Access, now: SystemTime) -> Result<(), Error>;

    /// Whom the link lets in, without using it.
    async fn console_link_get(
        &self,
        tenant_id: &str,
        hash: [u8; 32],
        now: SystemTime,
    ) -> Result<Option<Person>, Error>;

    /// Uses a link: of several who come with it at once, one gets the person, and it is gone.
    async fn console_link_use(
        &self,
        tenant_id: &str,
        hash: [u8; 32],
        now: SystemTime,
    ) -> Result<Option<Person>, Error>;

    /// Remembers a session.
    async fn console_session_add(&self, session: Access, now: SystemTime) -> Result<(), Error>;

    /// Whose session it is.
    async fn console_session_get(
        &self,
        tenant_id: &str,
        hash: [u8; 32],
        now: SystemTime,
    ) -> Result<Option<Person>, Error>;

    /// Ends a session, where there is one.
    async fn console_session_end(&self, tenant_id: &str, hash: [u8; 32]) -> Result<(), Error>;
}
