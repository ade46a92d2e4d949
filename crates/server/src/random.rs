//! The one place where this crate asks for randomness.

use ring::rand::{SecureRandom, SystemRandom};

/// The operating system had no randomness to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct RandomError;

/// `N` bytes from the operating system's generator, fit for keys and secrets.
///
/// # Errors
/// [`RandomError`] when the operating system has none, which on Linux happens only very early
/// in the boot.
#[expect(
    clippy::disallowed_methods,
    reason = "ids, keys and secrets must not be guessed, so here and nowhere else the system is asked"
)]
pub fn bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| RandomError)?;
    Ok(bytes)
}

/// A new GUID (RFC 9562, version 4).
///
/// # Errors
/// As [`bytes()`].
pub fn guid() -> Result<String, RandomError> {
    let guid = uuid::Builder::from_random_bytes(bytes()?).into_uuid();
    Ok(guid.to_string())
}
