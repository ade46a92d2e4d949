//! Registering an application: its id, and its secret, which only the person who asked ever sees.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runstate_store::issuer::{Application, ApplicationKey, HashedSecret};

use crate::random::{self, RandomError};

/// An application as it is to be stored, with the secret that is not.
pub struct Registered {
    /// To be given to [`IssuerStore::application_add`].
    ///
    /// [`IssuerStore::application_add`]: runstate_store::issuer::IssuerStore::application_add
    pub application: Application,
    /// The secret; `None` if the application has a key instead.
    pub secret: Option<String>,
}

/// A new application of a tenant. With a public key it gets no secret: a private key that never
/// leaves its owner is the better proof, and a secret beside it would undo that.
///
/// # Errors
/// [`RandomError`] when there is no randomness for the id or the secret.
pub fn register(
    tenant_id: &str,
    display_name: &str,
    permissions: Vec<String>,
    public_keys: Vec<ApplicationKey>,
) -> Result<Registered, RandomError> {
    let secret = if public_keys.is_empty() {
        Some(URL_SAFE_NO_PAD.encode(random::bytes::<32>()?))
    } else {
        None
    };
    let application = Application {
        tenant_id: tenant_id.to_lowercase(),
        client_id: random::guid()?,
        display_name: display_name.to_owned(),
        permissions,
        secrets: secret
            .iter()
            .map(|secret| HashedSecret::new(secret, None))
            .collect(),
        public_keys,
        device_id: None,
    };
    Ok(Registered {
        application,
        secret,
    })
}
