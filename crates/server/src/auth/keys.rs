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
    /// The least time between two fetches, so that tokens with random `kid`s can't make this
    /// server hammer the issuer.
    pub(crate) min_interval: Duration,
}

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
    source: Box<dyn KeySource>,
    clock: Arc<dyn Clock>,
    times: KeyTimes,
    state: RwLock<State>,
    /// Held while fetching, so that a hundred requests with a new `kid` cause one fetch.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct State {
    keys: Arc<Keys>,
    fetched: Option<SystemTime>,
    attempted: Option<SystemTime>,
    /// Why the latest attempt failed, if it did.
    failure: Option<String>,
}

impl KeySet {
    pub(crate) fn new(source: Box<dyn KeySource>, clock: Arc<dyn Clock>, times: KeyTimes) -> Self {
        let fetching = tokio::sync::Mutex::new(());
        Self {
            source,
            clock,
            times,
            state: RwLock::default(),
            fetching,
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
        let _fetching = match (known, self.fetching.try_lock()) {
            (_, Ok(guard)) => guard,
            (Some(key), Err(_)) if self.is_younger(state.fetched, self.times.max_stale) => {
                return Ok(key.clone());
            }
            (_, Err(_)) => self.fetching.lock().await,
        };
        let mut state = self.state();
        let interval = match state.failure {
            Some(_) => self.times.min_interval.min(RETRY),
            None => self.times.min_interval,
        };
        let fetched_meanwhile =
            state.keys.contains_key(kid) && self.is_younger(state.fetched, self.times.max_age);
        if !fetched_meanwhile && !self.is_younger(state.attempted, interval) {
            state = self.fetch(state).await;
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

    /// Asks the source, and remembers what came of it.
    async fn fetch(&self, mut state: State) -> State {
        state.attempted = Some(self.clock.now());
        match self.source.fetch().await {
            Ok(keys) => {
                state.keys = Arc::new(keys);
                state.fetched = Some(self.clock.now());
                state.failure = None;
            }
            Err(detail) => state.failure = Some(detail),
        }
        // The state is replaced whole, so a panic elsewhere can't have left half of it.
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state.clone();
        state
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
