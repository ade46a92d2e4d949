//! What has to be done now and then, whoever asks for what.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crate::App;

/// How long from one time to the next.
const INTERVAL: Duration = Duration::from_secs(3600);

/// How long denials wait at most, when their minute is over, until the audit is told of them.
const DENIALS: Duration = Duration::from_secs(60);

/// For how long things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Runs in the history.
    pub history: Duration,
    /// Events in the audit; none: for ever.
    pub audit: Option<Duration>,
}

/// At once, and then every hour while the server lives: notes how results stand, finishes what a crash has interrupted, and
/// removes what is older than it is kept. Needs a tokio runtime.
pub fn start(app: &Arc<App>, kept: Kept) {
    tokio::spawn(maintain(Arc::downgrade(app), kept));
    tokio::spawn(tell_of_denials(Arc::downgrade(app)));
}

async fn tell_of_denials(app: Weak<App>) {
    let mut interval = tokio::time::interval(DENIALS);
    loop {
        interval.tick().await;
        let Some(app) = app.upgrade() else {
            return;
        };
        app.denials.flush().await;
    }
}

async fn maintain(app: Weak<App>, kept: Kept) {
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        interval.tick().await;
        let Some(app) = app.upgrade() else {
            return;
        };
        let before = |age: Duration| {
            let before = app.clock.now().checked_sub(age);
            before.unwrap_or(std::time::SystemTime::UNIX_EPOCH)
        };
        if let Err(error) = app.store.outcomes_sample().await {
            tracing::error!(%error, "how results stand could not be noted");
        }
        if let Err(error) = app.store.maintain(before(kept.history)).await {
            tracing::error!(%error, "maintenance failed and is tried again in an hour");
        }
        if let Some(age) = kept.audit
            && let Err(error) = app.denials.expire(before(age)).await
        {
            tracing::error!(%error, "old events of the audit stay and are removed in an hour");
        }
    }
}
