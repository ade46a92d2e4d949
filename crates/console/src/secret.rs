//! Secrets that people carry: in the cookie of a session, and in a link that signs in.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use runstate_server::random::{self, RandomError};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// A secret of 256 random bits and the tenant that it is of, by which the store finds its hash.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) tenant_id: String,
    secret: String,
}

/// How long the random part is in base64url.
const LENGTH: usize = 43;

impl Secret {
    /// A new one.
    pub(crate) fn new(tenant_id: &str) -> Result<Self, RandomError> {
        Ok(Self {
            tenant_id: tenant_id.to_owned(),
            secret: URL_SAFE_NO_PAD.encode(random::bytes::<32>()?),
        })
    }

    /// Reads what [`Secret::text`] wrote; none for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (secret, tenant) = text.split_once('.')?;
        let tenant = URL_SAFE_NO_PAD.decode(tenant).ok()?;
        let is_ours = secret.len() == LENGTH && URL_SAFE_NO_PAD.decode(secret).is_ok();
        is_ours.then_some(Self {
            tenant_id: String::from_utf8(tenant).ok()?,
            secret: secret.to_owned(),
        })
    }

    /// The whole of it, of characters that need no escape in cookies and URLs.
    pub(crate) fn text(&self) -> String {
        format!(
            "{}.{}",
            self.secret,
            URL_SAFE_NO_PAD.encode(&self.tenant_id)
        )
    }

    /// What the store knows it by.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_bytes()).into()
    }

    /// What every form of the session carries. It follows from the secret and does not give it away, so
    /// a page that does not see the cookie cannot know it, and nothing has to be remembered for it.
    pub(crate) fn form_token(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"runstate console form\0");
        hash.update(self.secret.as_bytes());
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }

    /// Whether a form carries [`Secret::form_token`]. Takes the same time for every wrong one.
    pub(crate) fn is_form_token(&self, token: &str) -> bool {
        self.form_token().as_bytes().ct_eq(token.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_was_written() {
        let secret = Secret::new("example.org").unwrap();
        assert!(Secret::parse(&secret.text()).unwrap() == secret);
        let other = Secret::new("example.org").unwrap();
        assert_ne!(secret.hash(), other.hash());
        assert!(secret.is_form_token(&secret.form_token()));
        assert!(!secret.is_form_token(&other.form_token()));
    }

    #[test]
    fn what_is_none_is_not_read() {
        let good = Secret::new("t").unwrap().text();
        for bad in ["", ".", "a.b", &good[1..], &good.replace('.', ""), "é.dA"] {
            assert!(Secret::parse(bad).is_none(), "{bad}");
        }
    }
}
