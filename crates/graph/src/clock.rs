//! Time as a parameter, so that a test can turn the clock by hand.

use std::time::SystemTime;

/// Where the present moment comes from. The system's clock is read in `cli` only.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> SystemTime;
}
