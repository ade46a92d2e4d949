//! Who is calling: bearer tokens, the issuers that are trusted, and the built-in issuer.
//!
//! Read in this order: [`authenticator`](Authenticator) (from the header to the caller), `jws`
//! and `jwk` (signatures), `trust` (which issuer may speak for which tenant), `keys` and
//! `discovery` (where keys come from), `claims` (what a token says), then [`issuer`]; and
//! `relying_party` (how people sign in). What a
//! caller may do is no matter of this module: see `runstate_graph::permit`.

mod authenticator;
mod claims;
mod discovery;
mod error;
pub mod issuer;
mod jwk;
mod jws;
mod keys;
pub mod public_key;
mod relying_party;
mod trust;
mod verified;

#[cfg(test)]
mod tests;

pub use authenticator::Authenticator;
pub use error::{AuthError, Refusal};
pub use relying_party::{
    Begun, RelyingParty, Returned, SignInConfig, SignInConfigError, SignInError, SignedIn,
};
pub use trust::{IssuerConfig, IssuerConfigError, TrustedIssuer};
