//! The one place where this crate asks for randomness.

use std::cell::RefCell;

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

/// How many GUIDs of requests are made of one call into the system.
const AT_ONCE: usize = 128;

thread_local! {
    /// Random bytes that are not used yet, for ids that need only differ.
    static SPARE: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
}

/// A new GUID for what has to be told apart and needs no secrecy, such as requests: the system is
/// asked for many at once.
///
/// # Errors
/// As [`bytes()`].
pub(crate) fn request_guid() -> Result<String, RandomError> {
    let bytes = SPARE.with_borrow_mut(|spare| {
        if spare.is_empty() {
            let fresh = bytes::<{ 16 * AT_ONCE }>()?;
            spare.extend(fresh.as_chunks().0);
        }
        spare.pop().ok_or(RandomError)
    })?;
    Ok(written(bytes))
}

fn written(random: [u8; 16]) -> String {
    uuid::Builder::from_random_bytes(random)
        .into_uuid()
        .to_string()
}

/// A new GUID (RFC 9562, version 4).
///
/// # Errors
/// As [`bytes()`].
pub fn guid() -> Result<String, RandomError> {
    Ok(written(bytes()?))
}

/// Where the ids of new entities come from: [`guid`], but for those who have to know beforehand which
/// they will be.
pub type NewIds = std::sync::Arc<dyn Fn() -> Result<String, RandomError> + Send + Sync>;
