//! A server's parts, and the routes that lead into them.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use runstate_graph::clock::Clock;
use runstate_store::AnyStore;

use crate::{
    auth::{
        Authenticator,
        issuer::{self, BuiltinIssuer},
    },
    base_url::BaseUrl,
    edge,
    limits::Limits,
    random::NewIds,
    watch::Watchers,
};

/// After how long at most a device comes back, unless told otherwise.
pub const CHECK_IN_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// All that answering a request takes.
pub struct App {
    /// What is remembered.
    pub store: Arc<dyn AnyStore>,
    /// Who is calling.
    pub authenticator: Authenticator,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where the ids of new entities come from.
    pub new_ids: NewIds,
    /// Where the server is reached.
    pub base_url: BaseUrl,
    /// How much is taken.
    pub limits: Limits,
    /// The devices that wait for something to run.
    pub watchers: Arc<Watchers>,
    /// After how long at most a device comes back.
    pub check_in_interval: Duration,
}

/// The routes of a server: the API below `/beta` and `/v1.0`, the built-in issuer, and what tells
/// whether it is alive (`/healthz`) and ready (`/readyz`).
pub fn router(app: Arc<App>, issuer: Arc<BuiltinIssuer>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(edge::handle)
        .with_state(app)
        .merge(issuer::router(issuer))
}

/// Ready when the store can be read and written.
async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    match app.store.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the store is not ready\n")
        }
    }
}
