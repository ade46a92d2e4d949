//! The one place where the agent asks for randomness.

use crate::Error;

/// `N` bytes from the system's generator.
#[expect(
    clippy::disallowed_methods,
    reason = "keys must not be guessed, and a fleet must not move in step; asked here and nowhere else"
)]
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

/// A number from 0 up to 1, excluded. Without randomness 0, which is no reason to stop.
pub(crate) fn fraction() -> f64 {
    let bytes = bytes::<4>().unwrap_or_default();
    f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}
