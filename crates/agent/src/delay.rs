//! How long to wait: jitter, back-off, and an end at any time.

use std::time::Duration;

use tokio::sync::watch;

use crate::random;

/// Says when the agent is to stop.
pub(crate) type Stop = watch::Receiver<bool>;

/// Waits so long, or until the agent is to stop; says whether it is.
pub(crate) async fn pause(time: Duration, stop: &mut Stop) -> bool {
    // A sender that is gone can ask for nothing any more; then only the time counts.
    let asked = async {
        if stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::time::timeout(time, asked).await.is_ok()
}

/// Somewhere between nothing and all of a time.
pub(crate) fn within(time: Duration) -> Duration {
    time.mul_f64(random::fraction())
}

/// The time, or up to a tenth less, so that a fleet does not move in step.
pub(crate) fn jittered(time: Duration) -> Duration {
    time - within(time / 10)
}

/// The waits after one failure after the other: they double, each half of it by chance.
#[derive(Debug, Default)]
pub(crate) struct BackOff {
    failures: u32,
}

impl BackOff {
    /// The first wait.
    const FIRST: Duration = Duration::from_secs(2);

    /// How long to wait after one more failure, at most about `most`; at least as long as the server
    /// asked.
    pub(crate) fn next(&mut self, most: Duration, asked: Option<Duration>) -> Duration {
        let time = Self::FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(most);
        self.failures = self.failures.saturating_add(1);
        let time = time / 2 + within(time / 2);
        match asked {
            // A little more than asked, each a little differently.
            Some(asked) => asked.max(time) + within(asked / 10),
            None => time,
        }
    }

    /// All is well again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_heed_the_server() {
        let mut back_off = BackOff::default();
        let most = Duration::from_secs(60);
        let waits: Vec<_> = (0..40).map(|_| back_off.next(most, None)).collect();
        assert!(waits[0] >= BackOff::FIRST / 2 && waits[0] <= BackOff::FIRST);
        assert!(waits[1] > BackOff::FIRST / 2);
        assert!(waits.iter().all(|wait| *wait <= most));
        assert!(waits[39] >= most / 2);
        let asked = Duration::from_secs(600);
        assert!(back_off.next(most, Some(asked)) >= asked);
        back_off.reset();
        assert!(back_off.next(most, None) <= BackOff::FIRST);
    }

    #[test]
    fn jitter_only_takes_away() {
        let time = Duration::from_secs(900);
        for _ in 0..100 {
            let jittered = jittered(time);
            assert!(jittered <= time && jittered >= time * 9 / 10);
        }
    }

    #[tokio::test]
    async fn a_pause_ends_when_the_agent_is_to_stop() {
        let (stop, mut stopped) = watch::channel(false);
        assert!(!pause(Duration::ZERO, &mut stopped).await);
        stop.send_replace(true);
        assert!(pause(Duration::MAX, &mut stopped).await);
    }
}
