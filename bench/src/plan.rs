//! How much of everything is done.

use std::time::Duration;

/// The sizes of a run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Run states in the small, the middle and the large file.
    pub(crate) small: u64,
    pub(crate) middle: u64,
    pub(crate) large: u64,
    /// How often the contenders take turns, for how long each time, and before it without counting.
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
    pub(crate) warm: Duration,
    /// How long Runstate and raw SQLite are loaded on the large file; raw SQLite half of its time
    /// before Runstate and half after.
    pub(crate) sustained: Duration,
    pub(crate) raw: Duration,
    pub(crate) sustained_warm: Duration,
    /// Bursts, and how many writes are in each.
    pub(crate) bursts: usize,
    pub(crate) burst: u64,
    /// How often a page is asked for in a round, and a summary.
    pub(crate) pages: usize,
    /// Rows in a page of which the hundredth is asked for; smaller where there are fewer rows.
    pub(crate) top: usize,
    pub(crate) paced: Duration,
    pub(crate) fleet: Duration,
    pub(crate) kills: u64,
}

impl Plan {
    pub(crate) fn full() -> Self {
        Self {
            small: 10_000,
            middle: 100_000,
            large: 10_000_000,
            rounds: 7,
            round: Duration::from_secs(5),
            warm: Duration::from_secs(1),
            sustained: Duration::from_secs(600),
            raw: Duration::from_secs(120),
            sustained_warm: Duration::from_secs(20),
            bursts: 10,
            burst: 100_000,
            pages: 100,
            top: 100,
            paced: Duration::from_secs(10),
            fleet: Duration::from_secs(20),
            kills: 5,
        }
    }

    /// Less than two minutes.
    pub(crate) fn quick() -> Self {
        Self {
            large: 100_000,
            rounds: 3,
            round: Duration::from_millis(1_500),
            warm: Duration::from_millis(300),
            sustained: Duration::from_secs(10),
            raw: Duration::from_secs(6),
            sustained_warm: Duration::from_secs(1),
            bursts: 3,
            burst: 20_000,
            pages: 30,
            top: 10,
            paced: Duration::from_secs(2),
            fleet: Duration::from_secs(8),
            kills: 1,
            ..Self::full()
        }
    }

    /// Whether everything runs at all.
    pub(crate) fn smoke() -> Self {
        Self {
            small: 1_000,
            middle: 2_000,
            large: 12_000,
            rounds: 1,
            round: Duration::from_millis(200),
            warm: Duration::from_millis(50),
            sustained: Duration::from_millis(300),
            raw: Duration::from_millis(200),
            sustained_warm: Duration::from_millis(50),
            bursts: 1,
            burst: 200,
            pages: 3,
            top: 1,
            paced: Duration::from_millis(300),
            fleet: Duration::from_millis(500),
            kills: 1,
        }
    }
}
