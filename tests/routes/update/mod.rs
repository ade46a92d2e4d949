//! `PATCH` of one entity.

mod others;
mod run_state;
