//! HTTP: a request is parsed, permitted, taken to the store, answered. Names no backend.
//!
//! Read in this order: [`App`] (the parts of a server) and [`router`]; `edge` (bodies in, headers
//! out), `dispatch` (path, permit, act), `routes` (the acts); [`negotiate`] and [`batch`] (headers and
//! batches, read); [`auth`] (who is calling).

mod app;
pub mod auth;
pub mod base_url;
pub mod batch;
mod dispatch;
mod edge;
mod exchange;
mod facts;
mod failure;
pub mod limits;
pub mod listen;
pub mod maintenance;
pub mod negotiate;
pub mod random;
mod routes;
pub mod watch;

pub use app::{App, CHECK_IN_INTERVAL, router};
pub use edge::refuse;
