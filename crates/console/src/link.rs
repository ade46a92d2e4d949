//! A link that signs in once.

use std::time::{Duration, SystemTime};

use runstate_server::random::RandomError;
use runstate_store::{
    Error,
    console::{Access, ConsoleStore, Person},
};

use crate::secret::Secret;

/// For how long a link is good, unless told otherwise.
pub const LINK_LIFETIME: Duration = Duration::from_secs(600);

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// There was no randomness for it.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Makes a link to the console at `base` (no slash at its end) that lets the person in once, until
/// `lifetime` is over.
///
/// # Errors
/// [`LinkError`].
pub async fn new_link(
    store: &dyn ConsoleStore,
    base: &str,
    person: Person,
    now: SystemTime,
    lifetime: Duration,
) -> Result<String, LinkError> {
    let secret = Secret::new(&person.tenant_id)?;
    let link = Access {
        hash: secret.hash(),
        person,
        expires: now.checked_add(lifetime).unwrap_or(now),
    };
    store.console_link_add(link, now).await?;
    Ok(format!("{base}/sign-in/link?token={}", secret.text()))
}
