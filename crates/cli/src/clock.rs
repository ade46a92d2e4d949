//! The system's clock, read here and nowhere else.

use std::time::SystemTime;

use runstate_graph::clock::Clock;

/// The system's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the program reads the clock"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
