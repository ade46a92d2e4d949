//! Graph's documented limits of rate for Intune's device management.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use runstate_graph::{clock::Clock, permit::Caller};

/// The window over which requests are counted.
const WINDOW: Duration = Duration::from_secs(20);

/// How many requests may be made in one window.
///
/// Source: Graph documentation, "Microsoft Graph service-specific throttling limits", Intune.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    tenant: u32,
    app: u32,
}

const ALL: Allowance = Allowance {
    tenant: 4_000,
    app: 2_000,
};
const WRITES: Allowance = Allowance {
    tenant: 200,
    app: 100,
};

/// Counts requests by tenant and by app, in windows that begin with the first request after the
/// last one ended.
pub struct Throttle {
    clock: Arc<dyn Clock>,
    all: Allowance,
    writes: Allowance,
    windows: Mutex<Windows>,
}

impl Allowance {
    /// So many times as much, and never nothing.
    fn scaled(self, scale: f64) -> Self {
        let times = |count: u32| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a cast of a float is clamped to what the number holds"
            )]
            let scaled = (f64::from(count) * scale).round() as u32;
            scaled.max(1)
        };
        Self {
            tenant: times(self.tenant),
            app: times(self.app),
        }
    }
}

struct Windows {
    ends: SystemTime,
    counts: HashMap<Key, u32>,
}

/// Whose requests of which kind are counted.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    tenant_id: String,
    /// None for the whole tenant.
    client_id: Option<String>,
    writes: bool,
}

impl Throttle {
    /// Graph's limits.
    pub fn graph(clock: Arc<dyn Clock>) -> Self {
        let windows = Windows {
            ends: SystemTime::UNIX_EPOCH,
            counts: HashMap::new(),
        };
        Self {
            clock,
            all: ALL,
            writes: WRITES,
            windows: Mutex::new(windows),
        }
    }

    /// The limits times `scale`, each at least one request.
    pub fn scaled(self, scale: f64) -> Self {
        Self {
            all: self.all.scaled(scale),
            writes: self.writes.scaled(scale),
            ..self
        }
    }

    /// Counts a request; one that is refused is not counted.
    ///
    /// # Errors
    ///
    /// How long to wait, where the tenant or the app has made too many.
    pub(super) fn admit(&self, caller: &Caller, writes: bool) -> Result<(), Duration> {
        let now = self.clock.now();
        // A panic while the lock was held can have left nothing half done: counts are numbers.
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows
            .ends
            .duration_since(now)
            .is_ok_and(|left| !left.is_zero() && left <= WINDOW)
        {
            // Still within the window.
        } else {
            windows.ends = now + WINDOW;
            windows.counts.clear();
        }
        let mut keys = Vec::with_capacity(4);
        let kinds = [(false, self.all), (true, self.writes)];
        for (kind, allowance) in kinds.into_iter().filter(|(kind, _)| writes || !kind) {
            let key = |client_id| Key {
                tenant_id: caller.tenant_id.clone(),
                client_id,
                writes: kind,
            };
            keys.push((key(None), allowance.tenant));
            if let Some(client_id) = &caller.client_id {
                keys.push((key(Some(client_id.clone())), allowance.app));
            }
        }
        let full = |(key, most): &(Key, u32)| windows.counts.get(key).is_some_and(|n| n >= most);
        if keys.iter().any(full) {
            return Err(windows.ends.duration_since(now).unwrap_or_default());
        }
        for (key, _) in keys {
            *windows.counts.entry(key).or_default() += 1;
        }
        Ok(())
    }
}
