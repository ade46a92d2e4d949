//! HTTP: a request is parsed, permitted, taken to the store, answered. Names no backend.
//!
//! Read in this order: [`App`] (the parts of a server) and [`router`]; `edge` (bodies in, headers
//! out), `dispatch` (path, permit, act), `routes` (the acts); [`negotiate`] and [`batch`] (headers and
//! batches, read); [`auth`] (who is calling); [`inside`] (the API without HTTP); [`notify`] (who is told
//! of changes).

mod app;
pub mod auth;
pub mod base_url;
pub mod batch;
pub mod denials;
mod dispatch;
mod edge;
mod exchange;
mod facts;
mod failure;
pub mod inside;
pub mod limits;
pub mod listen;
pub mod maintenance;
pub mod negotiate;
pub mod notify;
pub mod random;
mod routes;
mod tls_client;
pub mod watch;

pub use app::{App, CHECK_IN_INTERVAL, router};
pub use edge::refuse;
