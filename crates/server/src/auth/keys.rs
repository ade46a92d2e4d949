//! The keys of one issuer: fetched, kept for a while, and fetched again when a token names one
//! that isn't known.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use runstate_graph::clock::Clock;

use super::jwk::{Jwk, PublicKey};
use super::jws::Algorithm;

/// A key as an issuer publishes it.
#[derive(Debug, Clone)]
pub(crate) struct PublishedKey {
    pub(crate) key: PublicKey,
    /// The only algorithm it is for, if the issuer says so.
    pub(crate) algorithm: Option<Algorithm>,
    /// The issuer it is for, if it says so (Entra does).
    pub(crate) issuer: Option<String>,
}

/// An issuer's keys by their `kid`.
pub(crate) type Keys = HashMap<String, PublishedKey>;

/// Where keys come from.
#[async_trait]
pub(crate) trait KeySource: Send + Sync {
    /// All keys in force, or what the log needs to know.
    async fn fetch(&self) -> Result<Keys, String>;
}

/// How long keys are kept, and how often their source may be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyTimes {
    /// After this, they are fetched again.
    pub(crate) max_age: Duration,
    /// As long as fetching fails, keys of this age are still good.
    pub(crate) max_stale: Duration,
    /// The least time between two fetches, but for [`EARLY`] ones, so that tokens with random
    /// `kid`s can't make this server hammer the issuer.
    pub(crate) min_interval: Duration,
}

/// How many fetches may come before the interval is over: a key that an issuer begins to use just
/// after a fetch should not be unknown until then.
const EARLY: u8 = 2;

/// The least time between two fetches after one that failed: a short outage should end soon.
const RETRY: Duration = Duration::from_secs(5);

/// Why a key can't be had.
#[derive(Debug)]
pub(crate) enum KeyError {
    /// The issuer has none of this `kid`.
    Unknown,
    /// The issuer can't be asked; try again after a while.
    Unavailable {
        detail: String,
        retry_after: Duration,
    },
}

/// The keys of one issuer.
pub(crate) struct KeySet {
    source: Arc<dyn KeySource>,
    clock: Arc<dyn Clock>,
    times: KeyTimes,
    state: Arc<RwLock<State>>,
    /// Held while fetching, so that a hundred requests with a new `kid` cause one fetch.
    fetching: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone, Default)]
struct State {
    keys: Arc<Keys>,
    fetched: Option<SystemTime>,
    attempted: Option<SystemTime>,
    /// How many fetches have come early, since the latest one that did not.
    early: u8,
    /// How many fetches there have been.
    fetches: u64,
    /// Why the latest attempt failed, if it did.
    failure: Option<String>,
}

impl KeySet {
    pub(crate) fn new(source: Arc<dyn KeySource>, clock: Arc<dyn Clock>, times: KeyTimes) -> Self {
        Self {
            source,
            clock,
            times,
            state: Arc::default(),
            fetching: Arc::default(),
        }
    }

    /// The key `kid`, fetched if need be.
    pub(crate) async fn get(&self, kid: &str) -> Result<PublishedKey, KeyError> {
        let state = self.state();
        let known = state.keys.get(kid);
        if let Some(key) = known
            && self.is_younger(state.fetched, self.times.max_age)
        {
            return Ok(key.clone());
        }
        // While somebody else fetches, a known key goes on being good: nobody waits for it.
        let fetching = match (known, Arc::clone(&self.fetching).try_lock_owned()) {
            (_, Ok(guard)) => guard,
            (Some(key), Err(_)) if self.is_younger(state.fetched, self.times.max_stale) => {
                return Ok(key.clone());
            }
            (_, Err(_)) => Arc::clone(&self.fetching).lock_owned().await,
        };
        let before = state.fetches;
        let mut state = self.state();
        let interval = match state.failure {
            Some(_) => self.times.min_interval.min(RETRY),
            None => self.times.min_interval,
        };
        let fetched_meanwhile = state.fetches != before;
        let rested = !self.is_younger(state.attempted, interval);
        if !fetched_meanwhile && (rested || state.failure.is_none() && state.early < EARLY) {
            state.early = if rested { 0 } else { state.early + 1 };
            // In a task of its own: if the fetch ended with the request that asked for it, clients
            // that go away could make this server ask the issuer as often as they like.
            let (source, clock) = (Arc::clone(&self.source), Arc::clone(&self.clock));
            let kept = Arc::clone(&self.state);
            let fetch = tokio::spawn(async move {
                let state = fetch(source.as_ref(), clock.as_ref(), state).await;
                // Replaced whole, so a panic elsewhere can't have left half of it.
                *kept.write().unwrap_or_else(PoisonError::into_inner) = state.clone();
                drop(fetching);
                state
            });
            state = fetch.await.map_err(|error| KeyError::Unavailable {
                detail: error.to_string(),
                retry_after: interval,
            })?;
        }
        match (state.keys.get(kid), state.failure) {
            (Some(key), _) if self.is_younger(state.fetched, self.times.max_stale) => {
                Ok(key.clone())
            }
            (_, Some(detail)) => Err(KeyError::Unavailable {
                detail,
                retry_after: interval,
            }),
            (_, None) => Err(KeyError::Unknown),
        }
    }

    fn state(&self) -> State {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether `then` is less than `age` ago. A moment in the future, after the clock was set
    /// back, is not: better one fetch too many than none for long.
    fn is_younger(&self, then: Option<SystemTime>, age: Duration) -> bool {
        then.and_then(|then| self.clock.now().duration_since(then).ok())
            .is_some_and(|elapsed| elapsed < age)
    }
}

/// Asks the source; the state after that.
async fn fetch(source: &dyn KeySource, clock: &dyn Clock, mut state: State) -> State {
    state.attempted = Some(clock.now());
    state.fetches = state.fetches.wrapping_add(1);
    match source.fetch().await {
        Ok(keys) => {
            state.keys = Arc::new(keys);
            state.fetched = Some(clock.now());
            state.failure = None;
        }
        Err(detail) => state.failure = Some(detail),
    }
    state
}

/// The usable keys among `jwks`; the others are passed over, as RFC 7517, 5 wants.
pub(crate) fn usable_keys(jwks: Vec<serde_json::Value>) -> Keys {
    let usable = |value: serde_json::Value| {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let key = PublicKey::from_jwk(&jwk)?;
        let algorithm = match &jwk.alg {
            Some(name) => Some(Algorithm::from_name(name).ok()?),
            None => None,
        };
        Some((
            jwk.kid?,
            PublishedKey {
                key,
                algorithm,
                issuer: jwk.issuer,
            },
        ))
    };
    jwks.into_iter().filter_map(usable).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// A source that has no keys, and says so only when it is let go.
    #[derive(Default)]
    struct Slow {
        fetches: AtomicUsize,
        let_go: Notify,
    }

    #[async_trait]
    impl KeySource for Slow {
        async fn fetch(&self) -> Result<Keys, String> {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            self.let_go.notified().await;
            Ok(Keys::new())
        }
    }

    /// A clock that stands still.
    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
    }

    #[tokio::test]
    async fn clients_that_go_away_cause_one_fetch() {
        let source = Arc::new(Slow::default());
        let minute = Duration::from_secs(60);
        let times = KeyTimes {
            max_age: minute,
            max_stale: minute,
            min_interval: minute,
        };
        let keys = KeySet::new(source.clone(), Arc::new(Stopped), times);
        for _ in 0..10 {
            // Goes away when everybody else has had a turn.
            tokio::select! {
                biased;
                _ = keys.get("k") => panic!("nothing was let go"),
                () = tokio::task::yield_now() => {}
            }
        }
        source.let_go.notify_one();
        assert!(matches!(keys.get("k").await, Err(KeyError::Unknown)));
        assert_eq!(source.fetches.load(Ordering::SeqCst), 1);
    }
}
