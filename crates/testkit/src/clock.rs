//! A clock that is turned by hand.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use runstate_graph::clock::Clock;

/// A clock that stands still until it is turned. It begins at 2026-01-31T12:00:00Z.
pub struct HandClock(Mutex<SystemTime>);

impl HandClock {
    /// A clock at its beginning.
    pub fn new() -> Self {
        Self(Mutex::new(
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_769_860_800),
        ))
    }

    /// Turns it forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().expect("no holder panics") += by;
    }
}

impl Default for HandClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for HandClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().expect("no holder panics")
    }
}
