//! The HTTP server: who calls, what they may do, and how it is answered.

pub mod auth;
pub mod base_url;
pub mod listen;
pub mod random;
