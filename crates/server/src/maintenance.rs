//! What has to be done now and then, whoever asks for what.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crate::App;

/// How long from one time to the next.
const INTERVAL: Duration = Duration::from_secs(3600);

/// At once, and then every hour while the server lives: notes how results stand, finishes what a crash
/// has interrupted, and removes from the history what is older than `history`. Needs a tokio runtime.
pub fn start(app: &Arc<App>, history: Duration) {
    tokio::spawn(maintain(Arc::downgrade(app), history));
}

async fn maintain(app: Weak<App>, history: Duration) {
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        interval.tick().await;
        let Some(app) = app.upgrade() else {
            return;
        };
        let before = app.clock.now().checked_sub(history);
        let before = before.unwrap_or(std::time::SystemTime::UNIX_EPOCH);
        if let Err(error) = app.store.outcomes_sample().await {
            tracing::error!(%error, "how results stand could not be noted");
        }
        if let Err(error) = app.store.maintain(before).await {
            tracing::error!(%error, "maintenance failed and is tried again in an hour");
        }
    }
}
